-- Drop trading.orders and every row in it.

DROP TABLE trading.orders;
