ALTER TABLE app.orders ADD COLUMN weight numeric;
