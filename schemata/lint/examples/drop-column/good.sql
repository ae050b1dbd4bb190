-- breaking: nothing reads it since release 12
ALTER TABLE app.customers DROP COLUMN email;
