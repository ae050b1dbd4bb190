ALTER TABLE app.orders SET (autovacuum_enabled = false);
