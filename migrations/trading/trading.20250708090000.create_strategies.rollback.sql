-- Drop trading.strategies and every row in it.

DROP TABLE trading.strategies;
