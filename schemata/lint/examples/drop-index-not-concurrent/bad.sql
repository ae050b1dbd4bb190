DROP INDEX app.idx_orders_placed_at;
