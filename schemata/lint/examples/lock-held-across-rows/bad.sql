ALTER TABLE app.orders ADD COLUMN weight numeric;
UPDATE app.orders SET weight = 1 WHERE state = 'new';
