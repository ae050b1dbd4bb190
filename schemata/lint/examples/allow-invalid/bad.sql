-- lint: allow no-primary-key
CREATE TABLE app.a (note text);
