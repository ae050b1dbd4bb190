ALTER TABLE app.orders VALIDATE CONSTRAINT orders_note_not_null;
ALTER TABLE app.orders ALTER COLUMN note SET NOT NULL;
ALTER TABLE app.orders DROP CONSTRAINT orders_note_not_null;
