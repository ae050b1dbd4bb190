-- Tables.
-- depends: app.20250101000001.types
CREATE TABLE app.people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL, extra app.hstore, mood app.mood DEFAULT 'ok', at timestamptz NOT NULL DEFAULT now(),
    share app.percent, born date, old_name text,
    CONSTRAINT people_born_is_sane CHECK (born BETWEEN '1900-01-01' AND '2100-01-01' AND name <> '')
);
CREATE TABLE app.events (id bigserial, day date NOT NULL, what text) PARTITION BY RANGE (day);
CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO app.people (name, old_name) VALUES ('ann', 'x'), ('bob', 'y');
INSERT INTO app.events (day, what) VALUES ('2025-05-05', 'born');
UPDATE app.people SET name = upper(name) WHERE old_name = 'x';
ALTER TABLE app.people DROP COLUMN old_name;
ALTER TABLE app.people ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON app.people FOR SELECT TO squash_reader USING (id BETWEEN 1 AND 5 AND name <> 'x');
GRANT SELECT ON app.people TO squash_reader;
GRANT USAGE ON SCHEMA app TO squash_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO squash_reader;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO squash_writer;
CREATE TABLE app.late (id int);
COMMENT ON SCHEMA app IS 'the app';
SELECT setval('app.people_id_seq', 100);
COPY app.late FROM stdin;
1
2
\.
