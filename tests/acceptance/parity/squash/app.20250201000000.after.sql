-- After.
-- depends: billing.20250101000004.concurrent app.20250101000002.tables
ALTER TABLE app.people ADD COLUMN more text;
UPDATE app.people SET more = name;
