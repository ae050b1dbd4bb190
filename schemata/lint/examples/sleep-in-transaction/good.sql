-- mode: statements
ALTER TABLE app.orders ADD COLUMN IF NOT EXISTS weight numeric;
SELECT pg_sleep(5);
