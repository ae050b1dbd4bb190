CREATE TABLE app.a (id bigint PRIMARY KEY, order_id bigint REFERENCES app.orders (id));
