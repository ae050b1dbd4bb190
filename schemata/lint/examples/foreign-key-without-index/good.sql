CREATE TABLE app.a (id bigint PRIMARY KEY, order_id bigint REFERENCES app.orders (id));
CREATE INDEX idx_a_order_id ON app.a (order_id);
