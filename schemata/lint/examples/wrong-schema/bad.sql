CREATE TABLE other.a (id bigint PRIMARY KEY);
