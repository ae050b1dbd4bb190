CREATE TABLE app.a (id bigint PRIMARY KEY);
-- rollback:
-- Nothing to do.
