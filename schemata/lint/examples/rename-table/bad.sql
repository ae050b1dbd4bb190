ALTER TABLE app.customers RENAME TO clients;
