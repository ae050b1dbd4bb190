SET lock_timeout = 0;
ALTER TABLE app.orders ADD COLUMN weight numeric;
