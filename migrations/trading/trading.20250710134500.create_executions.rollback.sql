-- Drop trading.executions and every row in it.

DROP TABLE trading.executions;
