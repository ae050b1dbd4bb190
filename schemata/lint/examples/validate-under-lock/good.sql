ALTER TABLE app.orders VALIDATE CONSTRAINT orders_note_is_not_blank;
