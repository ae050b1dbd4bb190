-- Require that the dates of trading are finite.
--
-- PostgreSQL's date and timestamptz hold infinity and -infinity. Nothing was stored, booked or closed then: such
-- a value is a mistake of who wrote it, and would stand at the head or the end of every list.
-- NOT VALID: new rows are checked at once, old ones by the next migration, without a lock that stops writers.
-- depends: trading.20250708090000.create_strategies trading.20250709103000.create_orders trading.20250710090000.create_positions trading.20250710134500.create_executions

ALTER TABLE trading.strategies
    ADD CONSTRAINT strategies_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE trading.orders
    ADD CONSTRAINT orders_dates_are_finite
    CHECK (isfinite(submitted_at) AND isfinite(closed_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE trading.positions
    ADD CONSTRAINT positions_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE trading.executions
    ADD CONSTRAINT executions_dates_are_finite
    CHECK (isfinite(executed_at) AND isfinite(created_at)) NOT VALID;
