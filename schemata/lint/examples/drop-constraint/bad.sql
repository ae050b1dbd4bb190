ALTER TABLE app.orders DROP CONSTRAINT orders_total_is_positive;
