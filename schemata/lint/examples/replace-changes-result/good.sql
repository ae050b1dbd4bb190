CREATE VIEW app.new_orders_2 AS SELECT id, total, note FROM app.orders WHERE state = 'new';
