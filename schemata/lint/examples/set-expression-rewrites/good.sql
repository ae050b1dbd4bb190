ALTER TABLE app.orders ADD COLUMN label text;
