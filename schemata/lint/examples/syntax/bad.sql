CREATE TABEL app.a (id bigint PRIMARY KEY);
