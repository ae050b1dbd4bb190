SELECT id FROM app.orders WHERE id = 5 FOR UPDATE;
