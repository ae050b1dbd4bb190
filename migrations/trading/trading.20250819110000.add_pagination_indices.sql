-- Add the indices of the paginated lists.
--
-- One index for each filter and order of the list endpoints; each ends in the primary key, so that a page
-- after a given row needs no sort. Those that begin with account_id or strategy_id serve foreign keys too.
-- Built concurrently, because the tables are in use; IF NOT EXISTS lets an interrupted run go on.
-- depends: trading.20250708090000.create_strategies trading.20250709103000.create_orders trading.20250710090000.create_positions
-- transactional: false

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_strategies_created_at
    ON trading.strategies (created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_strategies_status_created_at
    ON trading.strategies (status, created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_created_at
    ON trading.orders (created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_account_created_at
    ON trading.orders (account_id, created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_strategy_created_at
    ON trading.orders (strategy_id, created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_positions_created_at
    ON trading.positions (created_at DESC, id DESC);

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_positions_account_created_at
    ON trading.positions (account_id, created_at DESC, id DESC);
