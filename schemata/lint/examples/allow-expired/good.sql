-- lint: allow no-primary-key until 2999-01-01: rows are only ever counted
CREATE TABLE app.a (note text);
