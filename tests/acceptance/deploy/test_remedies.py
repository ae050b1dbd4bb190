"""A statement that PostgreSQL refuses: the report says what to do, and what it gives to paste works."""

import dataclasses
import json
import re
from collections.abc import Callable

import psycopg
import pytest

from schemata.deploy import diagnosis
from schemata.remedies import table
from schemata.server.embedded import binaries
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
CONCURRENT = "-- Two.\n-- transactional: false\n"


@dataclasses.dataclass(frozen=True)
class Case:
    """A file that PostgreSQL refuses after `before`, what is said, and how what is said is put to use.

    `use`: `instead` of the file's SQL, `front` of it, as a `query` that finds `rows` rows, by an `admin`, as the `only`
    SQL of a file that comes before; empty where there is nothing to paste.
    """

    row: str
    sqlstate: str
    file: str
    says: tuple[str, ...] = ()
    before: str = "SELECT 1;"
    use: str = ""
    rows: int = 1
    least: int = 0
    most: int = 99


def raised(sqlstate: str, message: str) -> str:
    """Return SQL by which a server raises an error that it cannot be brought to otherwise."""
    return f"DO $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{sqlstate}'; END $$;"


T = "CREATE TABLE app.t (id int, name text);"
PARTITIONED = (
    "CREATE TABLE app.events (id int, at date) PARTITION BY RANGE (at);"
    "CREATE TABLE app.\"Events 24\" PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
    "CREATE TABLE app.events_25 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
    " PARTITION BY LIST (id);"
    "CREATE TABLE app.events_25_1 PARTITION OF app.events_25 FOR VALUES IN (1);"
)
CASES = (
    Case(
        "index-on-partitioned-table",
        "0A000",
        f"{CONCURRENT}CREATE UNIQUE INDEX CONCURRENTLY events_at ON app.events (at DESC, id) WHERE id > 0;",
        (
            "CREATE UNIQUE INDEX events_at ON ONLY app.events USING btree (at DESC, id) WHERE id > 0;",
            'CREATE UNIQUE INDEX CONCURRENTLY "Events 24_events_at" ON app."Events 24"',
            "CREATE UNIQUE INDEX events_25_events_at ON ONLY app.events_25",
            "CREATE UNIQUE INDEX CONCURRENTLY events_25_1_events_at ON app.events_25_1",
            "ALTER INDEX app.events_25_events_at ATTACH PARTITION app.events_25_1_events_at;",
            'ALTER INDEX app.events_at ATTACH PARTITION app."Events 24_events_at";',
        ),
        PARTITIONED,
        "instead",
    ),
    Case(
        "drop-partitioned-index",
        "0A000",
        f"{CONCURRENT}DROP INDEX CONCURRENTLY app.events_at;",
        ("DROP INDEX app.events_at;",),
        f"{PARTITIONED} CREATE INDEX events_at ON app.events (at);",
        "instead",
    ),
    Case(
        "drop-several-indexes",
        "0A000",
        f"{CONCURRENT}DROP INDEX CONCURRENTLY IF EXISTS app.a, b;",
        ("DROP INDEX CONCURRENTLY IF EXISTS app.a;\n", "DROP INDEX CONCURRENTLY IF EXISTS b;"),
        f"{T} CREATE INDEX a ON app.t (id); CREATE INDEX b ON app.t (name);",
        "instead",
    ),
    Case(
        "unique-without-partition-key",
        "0A000",
        "CREATE UNIQUE INDEX ON app.events (id);",
        ("all columns of its partition key (at)",),
        PARTITIONED,
    ),
    Case(
        "detach-with-default-partition",
        "55000",
        f"{CONCURRENT}ALTER TABLE app.events DETACH PARTITION app.events_25 CONCURRENTLY;",
        ("without CONCURRENTLY",),
        f"{PARTITIONED} CREATE TABLE app.rest PARTITION OF app.events DEFAULT;",
    ),
    Case(
        "column-of-a-view",
        "0A000",
        "ALTER TABLE app.t ALTER COLUMN id TYPE bigint;",
        ("DROP VIEW app.over;\n", "DROP VIEW app.names;\n", "CREATE VIEW app.names AS\n", "CREATE VIEW app.over AS\n"),
        f"{T} CREATE VIEW app.names AS SELECT id, name FROM app.t; CREATE VIEW app.over AS SELECT id FROM app.names;",
        "instead",
    ),
    Case(
        "column-of-another-object",
        "0A000",
        "ALTER TABLE app.t ALTER COLUMN id TYPE bigint;",
        ("Drop what the detail above names",),
        f"{T} CREATE POLICY p ON app.t USING (id > 0);",
    ),
    Case(
        "unique-without-partition-key",
        "0A000",
        "ALTER TABLE app.events ADD PRIMARY KEY (id);",
        ("all columns of its partition key (at)",),
        PARTITIONED,
    ),
    Case(
        "dependent-objects",
        "2BP01",
        "DROP TABLE app.t;",
        ("ALTER TABLE u DROP CONSTRAINT u_t_fkey;", "DROP VIEW v;"),
        "CREATE TABLE app.t (id int PRIMARY KEY); CREATE TABLE app.u (t int REFERENCES app.t);"
        "CREATE VIEW app.v AS SELECT id FROM app.t;",
        "front",
    ),
    Case(
        "dependent-objects",
        "2BP01",
        "DROP TYPE app.mood;",
        ("ALTER TABLE t DROP COLUMN m;", "DROP FUNCTION f(mood);"),
        "CREATE TYPE app.mood AS ENUM ('ok'); CREATE TABLE app.t (m app.mood);"
        "CREATE FUNCTION app.f(app.mood) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "front",
    ),
    Case(
        "dependent-objects",
        "2BP01",
        "DROP FUNCTION app.f();",
        ("DROP TRIGGER tr ON t;",),
        f"{T} CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER tr BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.f();",
        "front",
    ),
    Case(
        "dependent-objects",
        "2BP01",
        "DROP SEQUENCE app.s;",
        ("ALTER TABLE t ALTER COLUMN id DROP DEFAULT;",),
        "CREATE SEQUENCE app.s; CREATE TABLE app.t (id int DEFAULT nextval('app.s'));",
        "front",
    ),
    Case(
        "replaced-view",
        "42P16",
        "CREATE OR REPLACE VIEW app.v AS SELECT name FROM app.t;",
        ("DROP VIEW app.v;",),
        f"{T} CREATE VIEW app.v AS SELECT id, name FROM app.t;",
        "front",
    ),
    Case(
        "replaced-function",
        "42P13",
        "CREATE OR REPLACE FUNCTION app.f(a int) RETURNS text LANGUAGE sql AS 'SELECT 1::text';",
        ("DROP FUNCTION f(integer);",),
        "CREATE FUNCTION app.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "front",
    ),
    Case(
        "second-primary-key",
        "42P16",
        "ALTER TABLE app.t ADD PRIMARY KEY (id, b);",
        ("ALTER TABLE app.t DROP CONSTRAINT t_pkey;",),
        "CREATE TABLE app.t (id int PRIMARY KEY, b int NOT NULL);",
        "front",
    ),
    Case(
        "column-of-primary-key",
        "42P16",
        "ALTER TABLE app.t ALTER COLUMN id DROP NOT NULL;",
        ("Drop the primary key first",),
        "CREATE TABLE app.t (id int PRIMARY KEY);",
    ),
    Case(
        "default-cannot-be-cast",
        "42804",
        "ALTER TABLE app.t ALTER COLUMN a TYPE boolean USING a::boolean;",
        ("ALTER TABLE app.t ALTER COLUMN a DROP DEFAULT;", "USING a::boolean;"),
        "CREATE TABLE app.t (a text DEFAULT 'no');",
        "instead",
    ),
    Case(
        "type-needs-using",
        "42804",
        "ALTER TABLE t ALTER COLUMN name TYPE numeric(10,2);",
        ("ALTER TABLE app.t ALTER COLUMN name TYPE numeric(10, 2) USING name::numeric(10, 2);",),
        T,
        "instead",
    ),
    Case(
        "referenced-key-not-unique",
        "42830",
        "ALTER TABLE app.u ADD FOREIGN KEY (t) REFERENCES app.t (id);",
        ("ALTER TABLE app.t ADD UNIQUE (id);",),
        f"{T} CREATE TABLE app.u (t int);",
        "front",
    ),
    Case(
        "on-conflict-without-index",
        "42P10",
        "INSERT INTO app.t VALUES (1, 'x') ON CONFLICT (id) DO NOTHING;",
        ("ON CONFLICT needs a unique index",),
        T,
    ),
    Case(
        "index-not-immutable",
        "42P17",
        "CREATE INDEX ON app.t (date_trunc('day', at));",
        ("AT TIME ZONE 'UTC'",),
        "CREATE TABLE app.t (at timestamptz);",
    ),
    Case(
        "index-row-too-large",
        "54000",
        "CREATE INDEX ON app.t (name);",
        ("CREATE INDEX ON app.t (md5(the_column));",),
        f"{T} INSERT INTO app.t SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, 3000) i;",
    ),
    Case(
        "too-many-columns",
        "54011",
        "DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE app.w (' || string_agg('c' || i || ' int', ',') || ')'"
        " FROM generate_series(1, 1700) i); END $$;",
        ("at most 1,600 columns",),
    ),
    Case(
        "statement-too-complex",
        "54001",
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN app.f(); END'; SELECT app.f();",
        ("calls itself without end",),
    ),
    Case(
        "too-many-arguments",
        "54023",
        "DO $$ BEGIN EXECUTE (SELECT 'SELECT format(' || string_agg('''x''', ',') || ')' FROM generate_series(1, 200));"
        " EXECUTE (SELECT 'SELECT app.f(' || string_agg('1', ',') || ')' FROM generate_series(1, 200)); END $$;",
        ("at most 100 arguments",),
    ),
    Case(
        "check-violated",
        "23514",
        "ALTER TABLE app.t ADD CONSTRAINT named CHECK (name <> 'x' AND id > 0);",
        ("SELECT * FROM app.t WHERE NOT (name <> 'x' AND id > 0);",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (2, 'y');",
        "query",
    ),
    Case(
        "check-violated",
        "23514",
        "ALTER TABLE app.t ADD CHECK (id > 1);",
        ("SELECT * FROM app.t WHERE NOT (id > 1);",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (2, 'y');",
        "query",
    ),
    Case(
        "check-violated",
        "23514",
        "ALTER TABLE app.t VALIDATE CONSTRAINT positive;",
        ("SELECT * FROM app.t WHERE NOT ((id > 1));",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (2, 'y');"
        "ALTER TABLE app.t ADD CONSTRAINT positive CHECK (id > 1) NOT VALID;",
        "query",
    ),
    Case(
        "domain-violated",
        "23514",
        "ALTER DOMAIN app.d ADD CHECK (VALUE > 1);",
        ("SELECT DISTINCT id FROM app.t;",),
        "CREATE DOMAIN app.d AS int; CREATE TABLE app.t (id app.d); INSERT INTO app.t VALUES (1);",
        "query",
    ),
    Case(
        "no-partition-for-row",
        "23514",
        "INSERT INTO app.events VALUES (1, '2030-01-01');",
        ("CREATE TABLE events_default PARTITION OF events DEFAULT;",),
        PARTITIONED,
        "front",
    ),
    Case(
        "partition-violated",
        "23514",
        "ALTER TABLE app.events ATTACH PARTITION app.old FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');",
        ("outside of the bounds",),
        f"{PARTITIONED} CREATE TABLE app.old (id int, at date); INSERT INTO app.old VALUES (1, '2010-01-01');",
    ),
    Case(
        "row-against-check",
        "23514",
        "INSERT INTO app.t VALUES (0);",
        ("not allowed by the constraint positive",),
        "CREATE TABLE app.t (id int CONSTRAINT positive CHECK (id > 0));",
    ),
    Case(
        "foreign-key-violated",
        "23503",
        "ALTER TABLE app.u ADD CONSTRAINT fk FOREIGN KEY (t) REFERENCES app.t;",
        ("SELECT * FROM app.u child WHERE child.t IS NOT NULL", "FROM app.t parent WHERE parent.id = child.t"),
        "CREATE TABLE app.t (id int PRIMARY KEY); CREATE TABLE app.u (t int); INSERT INTO app.u VALUES (7), (NULL);",
        "query",
    ),
    Case(
        "foreign-key-violated",
        "23503",
        "ALTER TABLE app.u VALIDATE CONSTRAINT fk;",
        ("SELECT * FROM app.u child WHERE child.a IS NOT NULL AND child.b IS NOT NULL", "parent.y = child.a"),
        "CREATE TABLE app.t (x int, y int, UNIQUE (y, x)); CREATE TABLE app.u (a int, b int);"
        "INSERT INTO app.u VALUES (7, 7); ALTER TABLE app.u ADD CONSTRAINT fk FOREIGN KEY (a, b)"
        " REFERENCES app.t (y, x) NOT VALID;",
        "query",
    ),
    Case(
        "still-referenced",
        "23503",
        "DELETE FROM app.t;",
        ("Rows of u point to the row",),
        "CREATE TABLE app.t (id int PRIMARY KEY); CREATE TABLE app.u (t int REFERENCES app.t);"
        "INSERT INTO app.t VALUES (1); INSERT INTO app.u VALUES (1);",
    ),
    Case(
        "no-referenced-row",
        "23503",
        "INSERT INTO app.u VALUES (1);",
        ("insert that one first",),
        "CREATE TABLE app.t (id int PRIMARY KEY); CREATE TABLE app.u (t int REFERENCES app.t);",
    ),
    Case(
        "unique-violated",
        "23505",
        "CREATE UNIQUE INDEX ON app.t (lower(name)) WHERE id > 0;",
        ("SELECT (lower(name)), count(*) FROM app.t WHERE id > 0 GROUP BY (lower(name)) HAVING count(*) > 1;",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (2, 'X'), (3, 'y');",
        "query",
    ),
    Case(
        "unique-violated",
        "23505",
        "ALTER TABLE app.t ADD CONSTRAINT t_key UNIQUE (id, name);",
        ("SELECT id, name, count(*) FROM app.t GROUP BY id, name HAVING count(*) > 1;",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (1, 'x'), (3, 'y');",
        "query",
    ),
    Case(
        "unique-violated",
        "23505",
        f"{CONCURRENT}CREATE UNIQUE INDEX CONCURRENTLY t_id ON app.t (id);",
        ("SELECT id, count(*) FROM app.t GROUP BY id HAVING count(*) > 1;",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (1, 'x'), (3, 'y');",
        "query",
    ),
    Case(
        "row-twice",
        "23505",
        "INSERT INTO app.t VALUES ('it''s');",
        ("ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING", "SELECT * FROM app.t WHERE id = 'it''s';"),
        "CREATE TABLE app.t (id text PRIMARY KEY); INSERT INTO app.t VALUES ('it''s');",
        "query",
    ),
    Case(
        "not-null-violated",
        "23502",
        "ALTER TABLE app.t ALTER COLUMN name SET NOT NULL;",
        ("SELECT * FROM app.t WHERE name IS NULL;",),
        f"{T} INSERT INTO app.t VALUES (1, NULL), (2, 'y');",
        "query",
    ),
    Case(
        "not-null-violated",
        "23502",
        'ALTER TABLE app.t ADD COLUMN "Rank" int NOT NULL;',
        ('ALTER TABLE app.t ADD COLUMN "Rank" int;', 'ALTER TABLE app.t ALTER COLUMN "Rank" SET NOT NULL;'),
        f"{T} INSERT INTO app.t VALUES (1, NULL), (2, 'y');",
        "instead",
    ),
    Case(
        "null-inserted",
        "23502",
        "INSERT INTO app.t VALUES (NULL);",
        ("Give id a value in this statement",),
        "CREATE TABLE app.t (id int NOT NULL);",
    ),
    Case(
        "exclusion-violated",
        "23P01",
        "ALTER TABLE app.t ADD EXCLUDE USING gist (during WITH &&);",
        ("ON one.ctid < two.ctid AND one.during && two.during;",),
        "CREATE TABLE app.t (during int4range); INSERT INTO app.t VALUES ('[1,5]'), ('[2,3]'), ('[9,9]');",
        "query",
    ),
    Case(
        "value-not-convertible",
        "22P02",
        "ALTER TABLE app.t ALTER COLUMN name TYPE int USING name::int;",
        ("WHERE NOT pg_input_is_valid(name::text, 'int');",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (2, '7');",
        "query",
        least=16,
    ),
    Case(
        "value-not-convertible",
        "22P02",
        "ALTER TABLE app.t ALTER COLUMN name TYPE int USING name::int;",
        ("SELECT name, count(*) FROM app.t GROUP BY name ORDER BY name;",),
        f"{T} INSERT INTO app.t VALUES (1, 'x'), (2, '7');",
        "query",
        rows=2,
        most=15,
    ),
    Case("value-not-readable", "22P02", "SELECT 'x'::int;", ("correct it where the file writes it",)),
    Case(
        "datetime-not-convertible",
        "22007",
        "ALTER TABLE app.t ALTER COLUMN name TYPE date USING name::date;",
        ("Not every value can be read as date",),
        f"{T} INSERT INTO app.t VALUES (1, 'x');",
        "query",
    ),
    Case(
        "number-out-of-range",
        "22003",
        "ALTER TABLE app.t ALTER COLUMN id TYPE smallint;",
        ("SELECT * FROM app.t WHERE id NOT BETWEEN -32768 AND 32767;",),
        f"{T} INSERT INTO app.t VALUES (1), (40000);",
        "query",
    ),
    Case("number-out-of-range", "22003", "SELECT 100000::smallint;", ("take a larger type",)),
    Case(
        "value-too-long",
        "22001",
        "ALTER TABLE app.t ALTER COLUMN name TYPE varchar(3);",
        ("SELECT * FROM app.t WHERE length(name::text) > 3;",),
        f"{T} INSERT INTO app.t VALUES (1, 'four'), (2, 'two');",
        "query",
    ),
    Case(
        "text-too-long",
        "22001",
        "INSERT INTO app.t VALUES ('four');",
        ("make the column `text`",),
        "CREATE TABLE app.t (name varchar(3));",
    ),
    Case(
        "relation-not-found",
        "42P01",
        "SELECT * FROM orders;",
        (
            "It exists as shop.orders: write that name. (A name without a schema is looked for in app, "
            "pg_catalog only.)",
        ),
        "CREATE SCHEMA shop; CREATE TABLE shop.orders ();",
    ),
    Case(
        "relation-not-found",
        "42P01",
        "SELECT * FROM app.Orders;",
        ('There is app."Orders": a name with capital letters has to be in double quotes',),
        'CREATE TABLE app."Orders" ();',
    ),
    Case("relation-not-found", "42P01", "SELECT * FROM app.orders;", ("`-- depends: ID`",)),
    Case(
        "from-clause-missing",
        "42P01",
        "SELECT t.id FROM app.t AS x;",
        ("write the alias, not the table",),
        T,
    ),
    Case(
        "function-not-found",
        "42883",
        "SELECT soon(1);",
        ("It exists as public.soon: write that name.",),
        "CREATE FUNCTION public.soon(int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
    ),
    Case(
        "function-not-found",
        "42883",
        "SELECT similarity('a', 'b');",
        ("comes with the extension pg_trgm", "CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA app;"),
        use="front",
    ),
    Case("function-not-found", "42883", "SELECT app.soon(1);", ("No function of that name takes those arguments",)),
    Case(
        "function-not-found",
        "42883",
        "SELECT soon('x'::text);",
        ("No function of that name takes those arguments",),
        "CREATE FUNCTION app.soon(int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
    ),
    Case("operator-not-found", "42883", "SELECT 1 = 'x'::text;", ("cast one of them (value::text)",)),
    Case(
        "type-not-found",
        "42704",
        "CREATE TABLE app.t (a mood);",
        ("It exists as public.mood: write that name.",),
        "CREATE TYPE public.mood AS ENUM ('ok');",
    ),
    Case(
        "operator-class-not-found",
        "42704",
        "CREATE INDEX ON app.t USING gin (name gin_trgm_ops);",
        ("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA app;",),
        T,
        "front",
    ),
    Case(
        "role-not-found",
        "42704",
        "GRANT USAGE ON SCHEMA app TO nobody_of_{database};",
        ("CREATE ROLE nobody_of_{database};",),
        use="role",
    ),
    Case(
        "object-not-found",
        "42704",
        "ALTER TABLE app.t DROP CONSTRAINT nothing;",
        ("DROP ... IF EXISTS",),
        T,
    ),
    Case(
        "relation-to-drop-not-found",
        "42P01",
        "DROP TABLE app.orders CASCADE;",
        ("something removed it before", "DROP TABLE IF EXISTS app.orders CASCADE;"),
        use="instead",
    ),
    Case("relation-to-drop-not-found", "42P01", "DROP VIEW a, b;", ("DROP VIEW IF EXISTS a, b;",), use="instead"),
    Case(
        "relation-to-drop-not-found",
        "42P01",
        "DROP MATERIALIZED VIEW app.orders;",
        ("It exists as shop.orders: write that name.",),
        "CREATE SCHEMA shop; CREATE TABLE shop.orders ();",
    ),
    Case(
        "type-to-drop-not-found",
        "42704",
        "DROP TYPE app.state;",
        ("DROP TYPE IF EXISTS app.state;",),
        use="instead",
    ),
    Case(
        "index-to-drop-not-found",
        "42704",
        f"{CONCURRENT}DROP INDEX CONCURRENTLY app.t_name;",
        ("DROP INDEX CONCURRENTLY IF EXISTS app.t_name;",),
        T,
        "instead",
    ),
    Case(
        "index-to-drop-not-found",
        "42704",
        "DROP INDEX app.t_Name;",
        ('There is app."t_Name": a name with capital letters has to be in double quotes',),
        f'{T} CREATE INDEX "t_Name" ON app.t (name);',
    ),
    Case(
        "object-to-drop-not-found",
        "42704",
        "DROP PUBLICATION nothing;",
        ("DROP PUBLICATION IF EXISTS nothing;",),
        use="instead",
    ),
    Case(
        "object-to-drop-not-found",
        "42704",
        "DROP ROLE nobody_at_all;",
        ("DROP ROLE IF EXISTS nobody_at_all;",),
        use="instead",
    ),
    Case(
        "function-to-drop-not-found",
        "42883",
        "DROP FUNCTION app.f(int, text);",
        ("DROP FUNCTION IF EXISTS app.f(int, text);",),
        "CREATE FUNCTION app.f(text) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "instead",
    ),
    Case(
        "schema-to-drop-not-found",
        "3F000",
        "DROP SCHEMA shop;",
        ("DROP SCHEMA IF EXISTS shop;",),
        use="instead",
    ),
    Case("schema-not-found", "3F000", "CREATE TABLE shop.t ();", ("CREATE SCHEMA shop;",), use="front"),
    Case(
        "column-not-found",
        "42703",
        "SELECT userId FROM app.t;",
        ('There is a column "userId": a name with capital letters has to be in double quotes',),
        'CREATE TABLE app.t ("userId" int);',
    ),
    Case(
        "column-not-found",
        "42703",
        "ALTER TABLE app.t DROP COLUMN colour;",
        ("app.t has these columns: id, name.",),
        T,
    ),
    Case(
        "relation-exists",
        "42P07",
        "CREATE TABLE app.t ();",
        ("app.t was made by something else", f"inv migrate-baseline --through {TWO}"),
        T,
    ),
    Case(
        "role-exists",
        "42710",
        "CREATE ROLE role_of_{database};",
        ("EXCEPTION WHEN duplicate_object",),
        "CREATE ROLE role_of_{database};",
        "role",
    ),
    Case(
        "extension-exists",
        "42710",
        "CREATE EXTENSION pg_trgm;",
        ("CREATE EXTENSION IF NOT EXISTS pg_trgm;",),
        "CREATE EXTENSION pg_trgm;",
        "instead",
    ),
    Case(
        "enum-value-exists",
        "42710",
        "ALTER TYPE app.mood ADD VALUE 'it''s';",
        ("ALTER TYPE app.mood ADD VALUE IF NOT EXISTS 'it''s';",),
        "CREATE TYPE app.mood AS ENUM ('it''s');",
        "instead",
    ),
    Case(
        "object-exists",
        "42710",
        "CREATE TYPE app.mood AS ENUM ('ok');",
        ("mood was made by something else",),
        "CREATE TYPE app.mood AS ENUM ('ok');",
    ),
    Case("schema-exists", "42P06", "CREATE SCHEMA app;", ("CREATE SCHEMA IF NOT EXISTS app;",), use="instead"),
    Case("column-exists", "42701", "ALTER TABLE app.t ADD COLUMN id int;", ("id was made by something else",), T),
    Case(
        "function-exists",
        "42723",
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 2';",
        ("CREATE OR REPLACE FUNCTION",),
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    ),
    Case(
        "psql-command",
        "42601",
        "SELECT format('CREATE TABLE app.t%s ()', i) FROM generate_series(1, 3) i \\gexec",
        ("\\gexec is a command of psql", "Write a DO block that runs each text with EXECUTE."),
    ),
    Case("psql-variable", "42601", "SELECT * FROM app.t WHERE id = :id;", (":id is a variable of psql",), T),
    Case("psql-variable", "42601", "SELECT :'who';", (":'who' is a variable of psql",)),
    Case(
        "newer-syntax",
        "42601",
        "CREATE UNIQUE INDEX ON app.t (id) NULLS NOT DISTINCT;",
        ("PostgreSQL reads NULLS NOT DISTINCT from version 15 on; this server is 14.",),
        T,
        most=14,
    ),
    Case(
        "newer-syntax",
        "42601",
        "MERGE INTO app.t USING app.t AS s ON t.id = s.id WHEN MATCHED THEN DO NOTHING RETURNING 1;",
        ("PostgreSQL reads MERGE ... RETURNING from version 17 on",),
        T,
        most=16,
    ),
    Case(
        "newer-option",
        "22023",
        "CREATE VIEW app.v WITH (security_invoker = true) AS SELECT 1;",
        ("PostgreSQL reads security_invoker from version 15 on; this server is 14.",),
        most=14,
    ),
    Case(
        "new-enum-value",
        "55P04",
        "ALTER TYPE app.mood ADD VALUE 'new';\nINSERT INTO app.m VALUES ('new');",
        ("ALTER TYPE app.mood ADD VALUE 'new';", "inv migrate-new --schema app --name"),
        "CREATE TYPE app.mood AS ENUM ('ok'); CREATE TABLE app.m (m app.mood);",
        "enum",
    ),
    Case(
        "commit-in-block",
        "2D000",
        "DO $$ BEGIN INSERT INTO app.t VALUES (1); COMMIT; END $$;",
        ("    -- transactional: false",),
        T,
        "directive",
    ),
    Case(
        "commit-in-block",
        "2D000",
        f"{CONCURRENT}DO $$ BEGIN BEGIN COMMIT; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$;",
        ("A block with EXCEPTION is a subtransaction",),
    ),
    Case(
        "commit-in-block",
        "2D000",
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN COMMIT; RETURN 1; END'; SELECT app.f();",
        ("Make the function a procedure",),
    ),
    Case(
        "set-transaction-too-late",
        "25001",
        "SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;",
        ("the first statement of the file",),
    ),
    Case(
        "outside-of-transaction",
        "25001",
        "REINDEX TABLE app.events;",
        ("    -- transactional: false",),
        PARTITIONED,
        "directive",
    ),
    Case(
        "outside-of-transaction",
        "25001",
        "DO $$ BEGIN EXECUTE 'VACUUM'; END $$;",
        ("write the statement itself into the file",),
    ),
    Case(
        "pending-trigger-events",
        "55006",
        "INSERT INTO app.u VALUES (1); ALTER TABLE app.u ADD COLUMN b int;",
        ("SET CONSTRAINTS ALL IMMEDIATE;",),
        "CREATE TABLE app.t (id int PRIMARY KEY); INSERT INTO app.t VALUES (1);"
        "CREATE TABLE app.u (t int REFERENCES app.t DEFERRABLE INITIALLY DEFERRED);",
        "between",
    ),
    Case(
        "used-by-this-session",
        "55006",
        "DECLARE c CURSOR FOR SELECT * FROM app.t; ALTER TABLE app.t ADD COLUMN b int;",
        ("close the cursor",),
        T,
    ),
    Case("server-file-missing", "58P01", f"{T} COPY app.t FROM '/nowhere/rows.csv';", ("FROM stdin",)),
    Case("object-in-use", "55006", f"{CONCURRENT}DROP DATABASE {{database}};", ("Something else uses it",)),
    Case(
        "statement-timeout",
        "57014",
        "SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(9);",
        ("SET LOCAL statement_timeout = '30min';", "SCHEMATA_LOCKS_STATEMENT_TIMEOUT"),
    ),
    Case(
        "statement-timeout-alone",
        "57014",
        f"{CONCURRENT}SET statement_timeout = '10ms'; SELECT pg_sleep(9);",
        ("    SET statement_timeout = '30min';",),
    ),
    Case("canceled", "57014", "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(9);", ("Somebody cancelled",)),
    Case(
        "extension-not-available",
        "0A000",
        "CREATE EXTENSION nobody_has_it;",
        ("The server does not have the files of nobody_has_it", "SELECT name FROM pg_available_extensions"),
        least=15,
        use="query",
        rows=-1,
    ),
    Case(
        "extension-version-missing",
        "22023",
        "CREATE EXTENSION pg_trgm VERSION '77';",
        ("The server has it in these versions only: 1.",),
    ),
    Case(
        "library-missing",
        "58P01",
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE c AS 'nobody_has_it';",
        ("lacks a library",),
    ),
    Case(
        "extension-file-missing",
        "58P01",
        "CREATE EXTENSION nobody_has_it;",
        ("The server does not have the files of nobody_has_it", "SELECT name FROM pg_available_extensions"),
        most=14,
        use="query",
        rows=-1,
    ),
    Case(
        "library-not-preloaded",
        "55000",
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT * FROM pg_stat_statements;",
        ("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';",),
    ),
    Case(
        "role-owns-objects",
        "2BP01",
        "DROP ROLE owner_of_{database};",
        ("REASSIGN OWNED BY owner_of_{database} TO schemata;", "DROP OWNED BY owner_of_{database};"),
        f"{T} CREATE ROLE owner_of_{{database}}; ALTER TABLE app.t OWNER TO owner_of_{{database}};",
        "front",
    ),
    Case(
        "configured-limit",
        "53400",
        "SET LOCAL temp_file_limit = '64kB'; SET LOCAL work_mem = '64kB';"
        "SELECT count(*) FROM (SELECT i FROM generate_series(1, 100000) i ORDER BY md5(i::text)) x;",
        ("such as temp_file_limit",),
    ),
    Case(
        "out-of-locks",
        "53200",
        "SELECT count(pg_advisory_xact_lock(i)) FROM generate_series(1, 1000000) i;",
        ("ALTER SYSTEM SET max_locks_per_transaction = 256;",),
    ),
    Case("out-of-memory", "53200", raised("53200", "out of memory"), ("lower work_mem",)),
    Case("disk-full", "53100", raised("53100", "could not extend file"), ("disk is full",)),
    Case("serialization", "40001", raised("40001", "could not serialize access"), ("the same statement may succeed",)),
    Case("copy-on-line", "22P04", "COPY app.t FROM PROGRAM 'echo 1';", ("rows end at a line",), T),
)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect which rows of the table were used."""
    found: list[str] = []
    real = diagnosis._diagnosed

    def spied(*arguments: object) -> diagnosis.Diagnosis:
        made = real(*arguments)  # type: ignore[arg-type]
        found.append(made.id)
        return made

    monkeypatch.setattr(diagnosis, "_diagnosed", spied)
    return found


def pasted(hint: str) -> str:
    """Return what a hint gives to paste: its lines that are set in."""
    return "\n".join(line.removeprefix("    ") for line in hint.splitlines() if line.startswith("    "))


def _id(case: Case) -> str:
    alike = [other for other in CASES if other.row == case.row]
    return case.row if len(alike) == 1 else f"{case.row} {alike.index(case) + 1}"


@pytest.mark.parametrize("case", [pytest.param(case, id=_id(case)) for case in CASES])
def test_a_refused_statement_is_told_with_its_remedy(
    project: Project, schemata: CommandLine, programs: binaries.Binaries, used: list[str], case: Case
) -> None:
    """The row of the table that is meant is used, says what it should, and what it gives to paste works."""
    if not case.least <= programs.major <= case.most:
        pytest.skip(f"for PostgreSQL {case.least} to {case.most}, this is {programs.major}")
    database = project.url.rpartition("/")[2].partition("?")[0]
    file, before = (text.replace("{database}", database) for text in (case.file, case.before))
    project.write(ONE, f"-- One.\n{before}\n")
    project.write(TWO, file + "\n")
    ended = schemata("migrate", "--json")
    document = json.loads(ended.stdout)
    assert document["exit_code"] == 1, document
    assert f"PostgreSQL {case.sqlstate}: " in document["error"], document["error"]
    hint = document["hint"]
    assert used == [case.row], hint
    for part in case.says:
        assert part.replace("{database}", database) in hint, hint
    assert hint.splitlines()[-1].endswith(", then: inv migrate"), hint
    _put_to_use(project, schemata, case, file, pasted(hint))


def _put_to_use(project: Project, schemata: CommandLine, case: Case, file: str, sql: str) -> None:
    """Do with the pasted text what the case says that a person does, and migrate again."""
    leading = "".join(re.findall(r"^--.*\n", file, re.MULTILINE))
    rest = file.removeprefix(leading)
    if case.use == "query":
        with psycopg.connect(project.url, options="-c search_path=app,pg_catalog") as connection:
            found = connection.execute("\n".join(line for line in sql.splitlines() if line[:2] != "--")).fetchall()
        assert len(found) == case.rows or case.rows < 0, found
        return
    if not case.use:
        return
    filled = sql.replace("= ...;", "= 1;")
    if case.use == "enum":
        project.write(TWO, leading + filled + "\n")
        project.write("app.20250101000003.three", rest.partition("\n")[2])
    else:
        text = {
            "instead": leading + filled,
            "front": f"{leading}{filled}\n{rest}",
            "directive": f"-- Two.\n{filled}\n{rest}",
            "between": leading + rest.replace("; ", f"; {filled}\n", 1),
            "role": f"{leading}{filled}\n" + ("" if "duplicate_object" in filled else rest),
        }[case.use]
        project.write(TWO, text + "\n")
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr
    assert schemata.json("migrate-status")["ok"] is True


@pytest.mark.parametrize(
    ("where", "reset"),
    [
        ("ALTER ROLE {role} SET default_transaction_read_only = on", "ALTER ROLE {role} RESET"),
        ("ALTER DATABASE {database} SET default_transaction_read_only = on", "ALTER DATABASE {database} RESET"),
        (
            "ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = on",
            "ALTER ROLE {role} IN DATABASE {database} RESET",
        ),
    ],
)
@pytest.mark.parametrize("started", [False, True], ids=["first migrate", "later migrate"])
def test_a_read_only_role_or_database_is_named_and_not_overridden(
    project: Project,
    schemata: CommandLine,
    make_role: Callable[..., str],
    admin: psycopg.Connection,
    where: str,
    reset: str,
    started: bool,
) -> None:
    """Somebody made the role read-only on purpose: the report says which setting it is, and how to take it back."""
    owner, project.url = project.url, make_role(project.url)
    names = {
        "role": project.url.partition("//")[2].partition(":")[0],
        "database": owner.rpartition("/")[2].partition("?")[0],
    }
    admin.execute(f"ALTER DATABASE {names['database']} OWNER TO {names['role']}")
    project.write(ONE, "-- One.\nCREATE TABLE app.one ();\n")
    if started:
        assert schemata("migrate").returncode == 0
        project.write(TWO, "-- Two.\nCREATE TABLE app.two ();\n")
    admin.execute(where.format(**names))
    told = schemata.json("migrate", code=1)
    assert "in a read-only transaction" in told["error"]
    assert "Somebody set that, so it is not overridden" in told["hint"]
    assert reset.format(**names) + " default_transaction_read_only;" in told["hint"]
    assert "?options=-c%20default_transaction_read_only%3Doff" in told["hint"]
    url = project.url
    project.url += "?options=-c%20default_transaction_read_only%3Doff"
    assert schemata("migrate").returncode == 0
    project.url = url
    project.write("app.20250101000003.three", "-- Three.\nCREATE TABLE app.three ();\n")
    assert schemata("migrate").returncode == 1
    admin.execute(pasted(told["hint"]))
    assert schemata("migrate").returncode == 0


def test_a_transaction_that_the_file_made_read_only_is_no_setting(project: Project, schemata: CommandLine) -> None:
    """Where nothing in the catalog says read-only, the remedy looks elsewhere."""
    project.write(ONE, "-- One.\nSET TRANSACTION READ ONLY;\nCREATE TABLE app.one ();\n")
    told = schemata.json("migrate", code=1)
    assert "the file does (SET TRANSACTION READ ONLY)" in told["hint"]


RIGHTS = (
    # (as superuser before, the file, what is said, who pastes)
    (
        "no-right-on-schema",
        "CREATE SCHEMA closed;",
        "CREATE TABLE closed.t ();",
        "GRANT USAGE, CREATE ON SCHEMA closed TO {role};",
    ),
    (
        "no-right-on-database",
        "SELECT 1;",
        "CREATE SCHEMA mine;",
        "GRANT CREATE ON DATABASE {database} TO {role};",
    ),
    (
        "no-right-to-temporary-tables",
        "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;",
        "CREATE TEMPORARY TABLE mine (id int);",
        "GRANT TEMPORARY ON DATABASE {database} TO {role};",
    ),
    (
        "no-right-on-table",
        "CREATE SCHEMA closed; CREATE TABLE closed.t (id int PRIMARY KEY); GRANT USAGE ON SCHEMA closed TO PUBLIC;",
        "INSERT INTO closed.t VALUES (1);",
        "GRANT SELECT, INSERT ON closed.t TO {role};",
    ),
    (
        "no-right-on-table",
        "CREATE SCHEMA closed; CREATE TABLE closed.t (id int PRIMARY KEY); GRANT USAGE ON SCHEMA closed TO PUBLIC;",
        "CREATE TABLE app.u (t int REFERENCES closed.t);",
        "GRANT REFERENCES ON closed.t TO {role};",
    ),
    (
        "no-right-on-table",
        "CREATE SEQUENCE public.s;",
        "SELECT nextval('public.s');",
        "GRANT USAGE, SELECT ON SEQUENCE public.s TO {role};",
    ),
    (
        "no-right-on-function",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION f() FROM PUBLIC",
        "SELECT public.f();",
        "GRANT EXECUTE ON FUNCTION f TO {role};",
    ),
    (
        "no-right-on-type",
        "CREATE TYPE public.mood AS ENUM ('ok'); REVOKE ALL ON TYPE public.mood FROM PUBLIC;",
        "CREATE TABLE app.t (m public.mood);",
        "GRANT USAGE ON TYPE public.mood TO {role};",
    ),
    (
        "not-owner",
        "CREATE TABLE app.t (); GRANT ALL ON app.t TO PUBLIC;",
        "ALTER TABLE app.t ADD COLUMN a int;",
        "GRANT {owner} TO {role};",
    ),
    (
        "not-owner",
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "DROP FUNCTION app.f();",
        "GRANT {owner} TO {role};",
    ),
    (
        "not-member-of-role",
        "CREATE ROLE {database}_other;",
        "SET ROLE {database}_other;",
        "GRANT {database}_other TO {role};",
    ),
    (
        "no-right-to-make-roles",
        "SELECT 1;",
        "CREATE ROLE {database}_new;",
        "ALTER ROLE {role} CREATEROLE;",
    ),
    ("no-right-to-read-files", "SELECT 1;", "CREATE TABLE app.t (a text); COPY app.t FROM '/etc/hostname';", ""),
    (
        "needs-superuser",
        "SELECT 1;",
        "CREATE TYPE app.a AS (x int); CREATE TYPE app.b AS (x int); CREATE CAST (app.a AS app.b) WITHOUT FUNCTION;",
        "",
    ),
    (
        "needs-superuser",
        "CREATE FUNCTION app.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';",
        "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION app.f();",
        "",
    ),
    ("no-right-to-set", "SELECT 1;", "SET log_statement = 'all';", "GRANT SET ON PARAMETER log_statement TO {role};"),
    (
        "extension-needs-rights",
        "SELECT 1;",
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;",
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA app;",
    ),
    (
        "extension-needs-rights",
        "SELECT 1;",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm;",
        "GRANT CREATE ON DATABASE {database} TO {role};",
    ),
)


@pytest.mark.parametrize(
    ("row", "before", "file", "says"), [pytest.param(*case, id=f"{case[0]}-{n}") for n, case in enumerate(RIGHTS)]
)
def test_a_role_that_lacks_a_right_is_told_the_very_grant(
    project: Project,
    schemata: CommandLine,
    make_role: Callable[..., str],
    admin: psycopg.Connection,
    programs: binaries.Binaries,
    used: list[str],
    row: str,
    before: str,
    file: str,
    says: str,
) -> None:
    """The GRANT that is printed is the one that is missing: once an administrator pasted it, the same file runs."""
    owner = project.url
    project.write(ONE, "-- One.\nSELECT 1;\n")
    assert schemata("migrate").returncode == 0
    names = {"database": owner.rpartition("/")[2].partition("?")[0], "owner": admin.info.user}
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("GRANT ALL ON SCHEMA app, schemata TO PUBLIC")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA schemata TO PUBLIC")
        connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA schemata TO PUBLIC")
        connection.execute(before.format(**names))
    project.url = make_role(owner)
    names["role"] = project.url.partition("//")[2].partition(":")[0]
    project.write(TWO, f"-- Two.\n{file.format(**names)}\n")
    told = schemata.json("migrate", code=1)
    assert "PostgreSQL 42501: " in told["error"], told["error"]
    assert used == [row], told["hint"]
    if row == "no-right-to-set" and programs.major < 15:
        assert "have a superuser set it" in told["hint"]
        return
    assert says.format(**names) in told["hint"]
    if not says or row == "no-right-on-function":  # whose arguments the server does not say
        return
    with psycopg.connect(owner, autocommit=True) as connection:
        for line in pasted(told["hint"]).splitlines():
            connection.execute(line)
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {names['database']}_new")


def test_a_database_that_others_use_is_told_how_to_be_freed(
    project: Project, schemata: CommandLine, make_database: Callable[..., str], used: list[str]
) -> None:
    """DROP DATABASE with somebody connected: what is pasted ends their sessions, and the same file goes on."""
    other = make_database()
    name = other.rpartition("/")[2].partition("?")[0]
    project.write(ONE, f"{CONCURRENT}DROP DATABASE IF EXISTS {name};\n")
    with psycopg.connect(other, autocommit=True):
        told = schemata.json("migrate", code=1)
        assert used == ["database-in-use"]
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute(pasted(told["hint"]))
        assert schemata("migrate").returncode == 0


def test_every_row_of_the_table_is_tested() -> None:
    """No row is without a case, and no case is of a row that went away."""
    alone = {"read-only-by-setting", "read-only", "database-in-use"}
    tested = {case.row for case in CASES} | {case[0] for case in RIGHTS} | alone
    assert tested == {row.id for row in table.ROWS}
    assert len({row.id for row in table.ROWS}) == len(table.ROWS)


def test_a_diagnosis_never_hides_the_failure(
    project: Project, schemata: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the catalog does not answer, the failure is told as the server said it, with the plainer remedy."""
    monkeypatch.setattr(diagnosis, "_SQL", dict.fromkeys(diagnosis._SQL, "SELECT nothing"))
    project.write(ONE, "-- One.\nSELECT * FROM app.orders;\n")
    told = schemata.json("migrate", code=1)
    assert "PostgreSQL 42P01" in told["error"]
    assert "No schema of the database has it" in told["hint"]


def test_a_row_that_fails_does_not_hide_the_failure(
    project: Project, schemata: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An advice that cannot be made, for SQL that nobody thought of, leaves the server's own words."""

    def broken(_: object) -> str:
        raise KeyError("unexpected")

    row = next(row for row in table.ROWS if row.id == "relation-not-found")
    monkeypatch.setattr(table, "ROWS", (dataclasses.replace(row, advice=broken),))
    project.write(ONE, "-- One.\nSELECT * FROM app.orders;\n")
    told = schemata.json("migrate", code=1)
    assert "PostgreSQL 42P01" in told["error"]
    assert told["hint"] == (
        "Nothing of it is left; the migrations before it stay as they are (0 applied in this run). Fix the file, "
        "then: inv migrate"
    )


def test_the_role_that_the_file_took_is_the_one_that_lacks_the_right(project: Project, schemata: CommandLine) -> None:
    """A file that says SET ROLE fails as that role: the GRANT names it, not the role that connected."""
    project.write(ONE, "-- One.\nSET ROLE pg_monitor;\nCREATE TABLE app.t ();\n")
    told = schemata.json("migrate", code=1)
    assert "permission denied for schema app" in told["error"]
    assert "GRANT USAGE, CREATE ON SCHEMA app TO pg_monitor;" in told["hint"]


def test_what_the_server_can_never_accept_is_failed_and_not_interrupted(
    project: Project, schemata: CommandLine
) -> None:
    """A first statement that is refused leaves nothing: status says so, and the fixed file runs from its start."""
    project.write(ONE, f"-- One.\n{PARTITIONED}\n")
    project.write(TWO, f"{CONCURRENT}CREATE INDEX CONCURRENTLY events_at ON app.events (at);\n")
    for _ in range(2):
        assert schemata("migrate").returncode == 1
        told = schemata.json("migrate-status", code=1)
        (finding,) = [item for item in told["findings"] if item["subject"] == TWO and item["code"] != "pending"]
        assert finding["code"] == "failed"
        assert "nothing of it is left" in finding["text"]
        assert "on partitioned table" in finding["text"]
        assert finding["remedy"].endswith("then: inv migrate")
        assert [row["state"] for row in told["migrations"]] == ["applied", "failed"]
        text = schemata("migrate-status").stdout
        assert "interrupted" not in text
        assert "repairs" not in text
    project.write(TWO, f"{CONCURRENT}CREATE TABLE app.instead ();\n")
    told = schemata.json("migrate-status", code=1)
    (finding,) = [item for item in told["findings"] if item["subject"] == TWO and item["code"] != "pending"]
    assert "the file has changed since that try, which ended with: " in finding["text"]
    assert finding["remedy"] == "Run the file as it is now: inv migrate"
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr
    assert "starting again after a failed run" in ended.stderr
    assert schemata.json("migrate-status")["ok"] is True


def test_a_block_that_may_have_committed_is_interrupted(project: Project, schemata: CommandLine) -> None:
    """A DO block that commits before it fails leaves a part: that is for a person to judge, not `failed`."""
    project.write(
        ONE,
        f"{CONCURRENT}CREATE TABLE app.t (id int);\n"
        "DO $$ BEGIN INSERT INTO app.t VALUES (1); COMMIT; RAISE EXCEPTION 'no'; END $$;\n",
    )
    told = schemata.json("migrate", code=1)
    assert "What the failed statement and those before it have committed stays" in told["hint"]
    assert [row["state"] for row in schemata.json("migrate-status", code=1)["migrations"]] == ["interrupted"]
    schemata.refused("migrate", code=1, says=("was interrupted", "migrate-resolve"))


def test_a_partitioned_table_is_reindexed_and_clustered_in_a_non_transactional_file(
    project: Project, schemata: CommandLine
) -> None:
    """Only the catalog says that these need no transaction; a file that says `transactional: false` runs them."""
    project.write(ONE, f"-- One.\n{PARTITIONED} CREATE INDEX events_at ON app.events (at);\n")
    project.write(TWO, f"{CONCURRENT}REINDEX TABLE app.events;\nREINDEX INDEX app.events_at;\nSELECT 1;\n")
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr


def test_a_read_only_role_is_told_also_where_the_engine_itself_writes(
    project: Project, schemata: CommandLine, make_role: Callable[..., str], admin: psycopg.Connection
) -> None:
    """The note before a non-transactional file, a baseline and a resolve: each says the setting, no traceback."""
    owner, project.url = project.url, make_role(project.url)
    role = project.url.partition("//")[2].partition(":")[0]
    admin.execute(f"ALTER DATABASE {owner.rpartition('/')[2].partition('?')[0]} OWNER TO {role}")
    project.write(ONE, "-- One.\nCREATE TABLE app.one ();\n")
    assert schemata("migrate").returncode == 0
    project.write(TWO, f"{CONCURRENT}SELECT 1;\n")
    admin.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
    flag = schemata.confirm
    for command in (("migrate",), ("migrate-baseline", "--through", TWO, flag), ("rollback", flag)):
        told = schemata.json(*command, code=1)
        assert "read-only transaction" in told["error"]
        assert f"ALTER ROLE {role} RESET default_transaction_read_only;" in told["hint"], told["hint"]
