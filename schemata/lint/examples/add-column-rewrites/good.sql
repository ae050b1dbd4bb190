ALTER TABLE app.orders ADD COLUMN token uuid;
ALTER TABLE app.orders ALTER COLUMN token SET DEFAULT gen_random_uuid();
