ALTER TABLE app.orders SET (fillfactor = 80);
