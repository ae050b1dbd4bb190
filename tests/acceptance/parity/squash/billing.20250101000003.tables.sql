-- Billing.
-- depends: app.20250101000002.tables
CREATE TABLE billing.invoices (id int PRIMARY KEY, person bigint REFERENCES app.people (id), total numeric(10,2));
INSERT INTO billing.invoices SELECT id, id, 10 FROM app.people;
CREATE VIEW billing.big AS SELECT i.id, p.name FROM billing.invoices i JOIN app.people p ON p.id = i.person WHERE i.total BETWEEN 1 AND 100 AND p.name <> '';
CREATE MATERIALIZED VIEW billing.totals AS SELECT person, sum(total) AS total FROM billing.invoices GROUP BY 1;
CREATE UNIQUE INDEX ON billing.totals (person);
CREATE INDEX invoices_some ON billing.invoices (total) WHERE total BETWEEN 5 AND 6 AND id > 3;
CREATE FUNCTION billing.double(x int) RETURNS int LANGUAGE sql IMMUTABLE RETURN x * 2;
CREATE FUNCTION billing.audit() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watch_it ON ddl_command_end EXECUTE FUNCTION billing.audit();
CREATE PUBLICATION pub FOR TABLE app.people, billing.invoices;
CREATE SCHEMA IF NOT EXISTS side;
CREATE TABLE side.notes (id int PRIMARY KEY, invoice int REFERENCES billing.invoices);
CREATE STATISTICS billing.st ON id, person FROM billing.invoices;
SET timezone = 'UTC';
CREATE TEMP TABLE scratch AS SELECT 1 AS i;
INSERT INTO billing.invoices SELECT 1000 + i, NULL, 5 FROM scratch;
DROP TABLE scratch;
