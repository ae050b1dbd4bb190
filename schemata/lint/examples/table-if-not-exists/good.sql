-- transactional: false
CREATE TABLE IF NOT EXISTS app.a (id bigint PRIMARY KEY);
