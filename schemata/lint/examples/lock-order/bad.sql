ALTER TABLE app.orders ADD COLUMN weight numeric;
ALTER TABLE app.customers ADD COLUMN weight numeric;
