-- Make the constraints on the dates of trading those that old rows were never checked for.

ALTER TABLE trading.strategies
    DROP CONSTRAINT IF EXISTS strategies_dates_are_finite,
    ADD CONSTRAINT strategies_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE trading.orders
    DROP CONSTRAINT IF EXISTS orders_dates_are_finite,
    ADD CONSTRAINT orders_dates_are_finite
    CHECK (isfinite(submitted_at) AND isfinite(closed_at) AND isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE trading.positions
    DROP CONSTRAINT IF EXISTS positions_dates_are_finite,
    ADD CONSTRAINT positions_dates_are_finite
    CHECK (isfinite(created_at) AND isfinite(updated_at)) NOT VALID;

ALTER TABLE trading.executions
    DROP CONSTRAINT IF EXISTS executions_dates_are_finite,
    ADD CONSTRAINT executions_dates_are_finite
    CHECK (isfinite(executed_at) AND isfinite(created_at)) NOT VALID;
