-- lint: allow no-primary-key until 2020-01-01: it gets one next week
CREATE TABLE app.a (note text);
