ALTER TABLE app.customers ADD COLUMN weight numeric;
