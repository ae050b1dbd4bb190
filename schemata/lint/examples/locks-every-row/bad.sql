SELECT id FROM app.orders FOR UPDATE;
