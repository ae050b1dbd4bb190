ALTER TABLE app.orders ADD COLUMN weight numeric NOT NULL;
