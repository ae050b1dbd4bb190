ALTER TABLE app.orders
    DROP CONSTRAINT orders_total_is_positive,
    ADD CONSTRAINT orders_total_is_positive CHECK (total >= 0) NOT VALID;
