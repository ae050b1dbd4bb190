-- transactional: false
CREATE INDEX CONCURRENTLY IF NOT EXISTS by_total ON app.orders (total);
