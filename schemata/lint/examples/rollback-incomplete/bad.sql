CREATE TABLE app.a (id bigint PRIMARY KEY);
ALTER TABLE app.orders ADD COLUMN a_id bigint;
-- rollback:
DROP TABLE app.a;
