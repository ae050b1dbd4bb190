-- irreversible: what it removes is removed by law
CREATE TABLE app.a (id bigint PRIMARY KEY);
