ALTER TABLE app.customers SET SCHEMA other;
CREATE VIEW app.customers AS SELECT * FROM other.customers;
