UPDATE app.orders SET note = '' WHERE state = 'new';
ALTER TABLE app.orders ADD COLUMN weight numeric;
