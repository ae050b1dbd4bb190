CREATE TABLE app.notes (id bigint PRIMARY KEY);
REVOKE ALL ON app.notes FROM PUBLIC;
