-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS app.idx_orders_placed_at;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_placed_at ON app.orders (placed_at DESC, id DESC, state);
