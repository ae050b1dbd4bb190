-- Check the dates of trading that were there before the constraints.
--
-- Readers and writers go on meanwhile. When it fails, a row has an infinite date, and a person must say what is right:
-- SELECT * FROM trading.strategies WHERE NOT (isfinite(created_at) AND isfinite(updated_at));
-- depends: trading.20250901093000.require_finite_dates

ALTER TABLE trading.strategies VALIDATE CONSTRAINT strategies_dates_are_finite;
ALTER TABLE trading.orders VALIDATE CONSTRAINT orders_dates_are_finite;
ALTER TABLE trading.positions VALIDATE CONSTRAINT positions_dates_are_finite;
ALTER TABLE trading.executions VALIDATE CONSTRAINT executions_dates_are_finite;
