-- transactional: false
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total_placed_at ON app.orders (total, placed_at DESC);
