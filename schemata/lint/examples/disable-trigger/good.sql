ALTER TABLE app.orders ENABLE TRIGGER orders_touch;
