DROP TRIGGER orders_touch ON app.orders;
