-- Drop trading.positions and every row in it.

DROP TABLE trading.positions;
