UPDATE app.orders SET note = '';
