-- transactional: false
DROP INDEX CONCURRENTLY IF EXISTS app.idx_orders_placed_at;
