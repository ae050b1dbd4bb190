SET LOCAL search_path = '';
CREATE TABLE app.a (id bigint PRIMARY KEY);
