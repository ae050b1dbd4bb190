CREATE OR REPLACE VIEW app.new_orders AS SELECT id, total, note FROM app.orders WHERE state = 'new';
