ALTER TABLE app.orders ADD CONSTRAINT orders_note_is_not_blank CHECK (note <> '') NOT VALID;
