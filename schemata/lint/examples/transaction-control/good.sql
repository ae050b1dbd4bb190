-- mode: own-transaction
BEGIN;
CREATE TABLE app.a (id bigint PRIMARY KEY);
COMMIT;
