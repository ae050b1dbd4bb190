-- What the examples find when they run: tables that have rows.
CREATE TYPE app.state AS ENUM ('new', 'paid');
CREATE DOMAIN app.code AS text;
CREATE TABLE app.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(50) NOT NULL,
    email text
);
CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES app.customers (id),
    total numeric(10, 2),
    note varchar(50),
    state app.state NOT NULL DEFAULT 'new',
    placed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT orders_total_is_positive CHECK (total > 0)
);
ALTER TABLE app.orders ADD CONSTRAINT orders_note_not_null CHECK (note IS NOT NULL) NOT VALID;
CREATE INDEX idx_orders_customer_id ON app.orders (customer_id);
CREATE INDEX idx_orders_placed_at ON app.orders (placed_at DESC, id DESC);
CREATE VIEW app.new_orders AS SELECT id, total FROM app.orders WHERE state = 'new';
CREATE MATERIALIZED VIEW app.totals AS SELECT customer_id, sum(total) AS total FROM app.orders GROUP BY customer_id;
CREATE UNIQUE INDEX idx_totals_customer_id ON app.totals (customer_id);
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER orders_touch BEFORE UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TABLE app.events (id bigint NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE app.events_2026 (id bigint NOT NULL, at date NOT NULL, PRIMARY KEY (id, at));
CREATE TABLE app.logs (id bigint NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE app.logs_rest PARTITION OF app.logs DEFAULT;
