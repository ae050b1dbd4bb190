-- Let the dates of trading be infinite again.

ALTER TABLE trading.executions DROP CONSTRAINT IF EXISTS executions_dates_are_finite;
ALTER TABLE trading.positions DROP CONSTRAINT IF EXISTS positions_dates_are_finite;
ALTER TABLE trading.orders DROP CONSTRAINT IF EXISTS orders_dates_are_finite;
ALTER TABLE trading.strategies DROP CONSTRAINT IF EXISTS strategies_dates_are_finite;
