-- Types.
CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA app;
CREATE EXTENSION pg_trgm SCHEMA billing;
DO $$ BEGIN CREATE TYPE app.mood AS ENUM ('sad', 'ok'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
CREATE DOMAIN app.percent AS int CHECK (VALUE BETWEEN 0 AND 100 AND VALUE <> 13);
CREATE TYPE app.pair AS (a int, b text);
