SELECT setval('app.orders_id_seq', (SELECT max(id) FROM app.orders));
