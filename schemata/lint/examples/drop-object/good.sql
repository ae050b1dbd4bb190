DROP VIEW app.new_orders;
CREATE VIEW app.new_orders AS SELECT id, total, state FROM app.orders WHERE state = 'new';
