-- transactional: false
CREATE INDEX CONCURRENTLY idx_orders_total ON app.orders (total);
