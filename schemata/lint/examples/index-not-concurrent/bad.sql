CREATE INDEX idx_orders_total ON app.orders (total);
