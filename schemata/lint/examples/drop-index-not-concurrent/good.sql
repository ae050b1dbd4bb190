-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS app.idx_orders_customer_id;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_customer_id ON app.orders (customer_id, state);
