-- transactional: false
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_placed ON app.orders (placed_at DESC);
