SELECT setval('app.orders_id_seq', 1);
