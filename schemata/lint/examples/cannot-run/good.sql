INSERT INTO app.customers (name) VALUES ('Ada');
