ALTER TABLE app.customers SET SCHEMA other;
