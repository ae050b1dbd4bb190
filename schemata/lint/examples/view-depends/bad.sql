ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(12, 2);
