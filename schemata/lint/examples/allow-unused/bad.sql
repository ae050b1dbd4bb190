-- lint: allow no-primary-key: rows are only ever counted
CREATE TABLE app.a (id bigint PRIMARY KEY);
