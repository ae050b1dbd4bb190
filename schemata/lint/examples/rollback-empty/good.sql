CREATE TABLE app.a (id bigint PRIMARY KEY);
-- rollback:
DROP TABLE app.a;
