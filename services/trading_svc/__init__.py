"""trading-svc: strategies, orders and positions, in SQL as it is written here."""
