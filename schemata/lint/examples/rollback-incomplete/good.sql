CREATE TABLE app.a (id bigint PRIMARY KEY);
ALTER TABLE app.orders ADD COLUMN a_id bigint;
-- rollback:
ALTER TABLE app.orders DROP COLUMN a_id;
DROP TABLE app.a;
