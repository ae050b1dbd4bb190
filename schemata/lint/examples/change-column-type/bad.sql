ALTER TABLE app.orders ALTER COLUMN customer_id TYPE numeric;
