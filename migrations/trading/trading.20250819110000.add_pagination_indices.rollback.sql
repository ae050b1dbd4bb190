-- Drop the indices of the paginated lists; the lists still answer, slowly.
-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS trading.idx_positions_account_created_at;
DROP INDEX CONCURRENTLY IF EXISTS trading.idx_positions_created_at;
DROP INDEX CONCURRENTLY IF EXISTS trading.idx_orders_strategy_created_at;
DROP INDEX CONCURRENTLY IF EXISTS trading.idx_orders_account_created_at;
DROP INDEX CONCURRENTLY IF EXISTS trading.idx_orders_created_at;
DROP INDEX CONCURRENTLY IF EXISTS trading.idx_strategies_status_created_at;
DROP INDEX CONCURRENTLY IF EXISTS trading.idx_strategies_created_at;
