ALTER TABLE app.orders ADD COLUMN weight numeric;
SELECT pg_sleep(5);
