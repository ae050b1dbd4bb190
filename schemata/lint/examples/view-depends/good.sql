DROP MATERIALIZED VIEW app.totals;
DROP VIEW app.new_orders;
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(12, 2);
CREATE VIEW app.new_orders AS SELECT id, total FROM app.orders WHERE state = 'new';
CREATE MATERIALIZED VIEW app.totals AS SELECT customer_id, sum(total) AS total FROM app.orders GROUP BY customer_id;
