SET search_path = app, public;
CREATE TABLE app.a (id bigint PRIMARY KEY);
