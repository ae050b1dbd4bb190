UPDATE app.orders SET note = '' WHERE note IS NULL;
