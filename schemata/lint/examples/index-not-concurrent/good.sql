-- transactional: false
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total ON app.orders (total);
