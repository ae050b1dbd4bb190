ALTER TABLE app.orders ALTER COLUMN note SET EXPRESSION AS (state::text);
