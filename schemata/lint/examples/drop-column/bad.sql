ALTER TABLE app.customers DROP COLUMN email;
