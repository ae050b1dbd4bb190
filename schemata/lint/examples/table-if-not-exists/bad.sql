-- transactional: false
CREATE TABLE app.a (id bigint PRIMARY KEY);
