"""A corpus of migrations, judged as a reviewer with years of PostgreSQL would: what is flagged, and what is not.

A row that says `rehearsal` cannot be decided by the text: the rules must not claim to know.
"""

import pytest

from schemata.lint import model
from tests.unit.lint import judged

EARLIER = (judged.EXAMPLES / "earlier.sql").read_text(encoding="utf-8")
EARLIER += "ALTER TABLE app.customers ADD COLUMN seen_at timestamp;\n"
ALONE = "-- transactional: false\n"

#: A name, the migration, and the rules that find something in it, at least one of them as an error or a warning.
DANGEROUS: list[tuple[str, str, set[str]]] = [
    ("volatile default", "ALTER TABLE app.orders ADD COLUMN t uuid NOT NULL DEFAULT gen_random_uuid();",
     {"add-column-rewrites"}),
    ("random default", "ALTER TABLE app.orders ADD COLUMN r float8 DEFAULT random() * 100;", {"add-column-rewrites"}),
    ("clock default", "ALTER TABLE app.orders ADD COLUMN at timestamptz DEFAULT clock_timestamp();",
     {"add-column-rewrites"}),
    ("sequence default", "ALTER TABLE app.orders ADD COLUMN n bigint DEFAULT nextval('app.s');",
     {"add-column-rewrites"}),
    ("default of a volatile function of the files",
     "CREATE FUNCTION app.code() RETURNS text LANGUAGE sql AS 'SELECT md5(random()::text)';\n"
     "ALTER TABLE app.orders ADD COLUMN c text DEFAULT app.code();", {"add-column-rewrites"}),
    ("serial column", "ALTER TABLE app.orders ADD COLUMN n bigserial;", {"add-column-rewrites"}),
    ("identity column", "ALTER TABLE app.orders ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY;",
     {"add-column-rewrites"}),
    ("stored generated column",
     "ALTER TABLE app.orders ADD COLUMN g numeric GENERATED ALWAYS AS (total * 2) STORED;", {"add-column-rewrites"}),
    ("required column", "ALTER TABLE app.orders ADD COLUMN w numeric NOT NULL;", {"add-required-column"}),
    ("int to bigint", "ALTER TABLE app.orders ALTER COLUMN id TYPE numeric(20);", {"change-column-type"}),
    ("text to int with USING", "ALTER TABLE app.customers ALTER COLUMN email TYPE integer USING email::integer;",
     {"change-column-type"}),
    ("narrower varchar", "ALTER TABLE app.orders ALTER COLUMN note TYPE varchar(10);", {"change-column-type"}),
    ("numeric of another scale", "ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(12, 4);",
     {"change-column-type"}),
    ("timestamptz to timestamp", "ALTER TABLE app.orders ALTER COLUMN placed_at TYPE timestamp;",
     {"change-column-type"}),
    ("type of what is not known", "ALTER TABLE app.unknown ALTER COLUMN a TYPE bigint;", {"change-column-type"}),
    ("SET UNLOGGED", "ALTER TABLE app.orders SET UNLOGGED;", {"rewrites-table"}),
    ("SET TABLESPACE", "ALTER TABLE app.orders SET TABLESPACE fast;", {"rewrites-table"}),
    ("VACUUM FULL", ALONE + "VACUUM FULL app.orders;", {"vacuum-full"}),
    ("VACUUM with the option", ALONE + "VACUUM (FULL, ANALYZE) app.orders;", {"vacuum-full"}),
    ("CLUSTER", "CLUSTER app.orders USING idx_orders_placed_at;", {"vacuum-full"}),
    ("SET NOT NULL", "ALTER TABLE app.customers ALTER COLUMN email SET NOT NULL;", {"set-not-null-scans"}),
    ("SET NOT NULL by an unvalidated CHECK", "ALTER TABLE app.orders ALTER COLUMN note SET NOT NULL;",
     {"set-not-null-scans"}),
    ("NOT NULL as a constraint", "ALTER TABLE app.customers ADD CONSTRAINT e NOT NULL email;", {"set-not-null-scans"}),
    ("a WHERE that is always true", "UPDATE app.orders SET note = 'x' WHERE 1 = 1;", {"update-without-where"}),
    ("a WHERE of a key that is not null", "DELETE FROM app.orders WHERE id IS NOT NULL;", {"delete-without-where"}),
    ("a WHERE with a way around it", "DELETE FROM app.orders WHERE id = 5 OR NOT false;", {"delete-without-where"}),
    ("a view made again without a column",
     "DROP VIEW app.new_orders;\nCREATE VIEW app.new_orders AS SELECT id FROM app.orders;", {"drop-object"}),
    ("a function made again for other arguments",
     "DROP FUNCTION app.older(bigint);\n"
     "CREATE FUNCTION app.older(p bigint, q int) RETURNS int LANGUAGE sql AS 'SELECT 1';", {"drop-object"}),
    ("timestamp to timestamptz in another time zone",
     "SET LOCAL timezone = 'UTC';\nSET LOCAL timezone = 'Europe/Berlin';\n"
     "ALTER TABLE app.customers ALTER COLUMN seen_at TYPE timestamptz;", {"change-column-type"}),
    ("timestamp to timestamptz under an index",
     "SET LOCAL timezone = 'UTC';\nALTER TABLE app.orders ALTER COLUMN placed_at TYPE timestamp;",
     {"change-column-type"}),
    ("VALIDATE of a domain", "ALTER DOMAIN app.code VALIDATE CONSTRAINT code_is_short;", {"domain-constraint-scans"}),
    ("foreign key", "ALTER TABLE app.events_2026 ADD FOREIGN KEY (id) REFERENCES app.orders (id);",
     {"foreign-key-validates"}),
    ("column with REFERENCES and DEFAULT",
     "ALTER TABLE app.orders ADD COLUMN c bigint DEFAULT 1 REFERENCES app.customers (id);", {"foreign-key-validates"}),
    ("check", "ALTER TABLE app.orders ADD CHECK (total < 1000000);", {"check-validates"}),
    ("column with CHECK", "ALTER TABLE app.orders ADD COLUMN w numeric CHECK (w > 0);", {"check-validates"}),
    ("NOT VALID and VALIDATE together",
     "ALTER TABLE app.orders ADD CONSTRAINT c CHECK (total < 9) NOT VALID;\nALTER TABLE app.orders VALIDATE "
     "CONSTRAINT c;",
     {"validate-under-lock"}),
    ("unique", "ALTER TABLE app.customers ADD UNIQUE (email);", {"constraint-builds-index"}),
    ("unique column", "ALTER TABLE app.customers ADD COLUMN code text UNIQUE;", {"constraint-builds-index"}),
    ("primary key", "ALTER TABLE app.unknown ADD PRIMARY KEY (id);", {"constraint-builds-index"}),
    ("exclusion", "ALTER TABLE app.orders ADD EXCLUDE USING gist (note WITH =);", {"constraint-builds-index"}),
    ("index", "CREATE INDEX idx_orders_total ON app.orders (total);", {"index-not-concurrent"}),
    ("unique index", "CREATE UNIQUE INDEX idx_customers_email ON app.customers (email);", {"index-not-concurrent"}),
    ("index on a partitioned table", "CREATE INDEX idx_events_at ON app.events (at);", {"index-not-concurrent"}),
    ("index in a DO block",
     "DO $$ BEGIN CREATE INDEX idx_orders_total ON app.orders (total); END $$;", {"index-not-concurrent"}),
    ("REINDEX", "REINDEX INDEX app.idx_orders_placed_at;", {"reindex-not-concurrent"}),
    ("DROP INDEX", "DROP INDEX app.idx_orders_placed_at;", {"drop-index-not-concurrent", "page-without-index"}),
    ("concurrently in a transaction", "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total ON app.orders (total);",
     {"concurrently-in-transaction"}),
    ("drop table", "DROP TABLE IF EXISTS app.customers;", {"drop-table"}),
    ("drop column", "ALTER TABLE app.customers DROP COLUMN email;", {"drop-column"}),
    ("drop column with a view on it", "ALTER TABLE app.orders DROP COLUMN total;", {"drop-column", "view-depends"}),
    ("drop cascade", "DROP TABLE app.customers CASCADE;", {"drop-cascade", "drop-table"}),
    ("drop schema", "DROP SCHEMA app CASCADE;", {"drop-table", "drop-cascade"}),
    ("drop view", "DROP VIEW app.new_orders;", {"drop-object"}),
    ("drop function", "DROP FUNCTION app.touch();", {"drop-object"}),
    ("drop type", "DROP TYPE app.state;", {"drop-object"}),
    ("drop in a DO block", "DO $$ BEGIN DROP TABLE app.customers; END $$;", {"drop-table"}),
    ("drop by EXECUTE of a literal", "DO $$ BEGIN EXECUTE 'DROP TABLE app.customers'; END $$;", {"drop-table"}),
    ("drop in a function that is called",
     "CREATE FUNCTION app.gone() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE app.customers; END $$;\n"
     "SELECT app.gone();", {"drop-table"}),
    ("truncate", "TRUNCATE app.orders;", {"truncate"}),
    ("delete", "DELETE FROM app.orders;", {"delete-without-where"}),
    ("delete where true", "DELETE FROM app.orders WHERE true;", {"delete-without-where"}),
    ("delete in WITH", "WITH d AS (DELETE FROM app.orders RETURNING id) SELECT count(*) FROM d;",
     {"delete-without-where"}),
    ("update", "UPDATE app.orders SET note = '';", {"update-without-where"}),
    ("rename column", "ALTER TABLE app.orders RENAME COLUMN note TO remark;", {"rename-column"}),
    ("rename table", "ALTER TABLE app.orders RENAME TO purchases;", {"rename-table"}),
    ("rename enum value", "ALTER TYPE app.state RENAME VALUE 'new' TO 'open';", {"rename-object"}),
    ("set schema", "ALTER TABLE app.orders SET SCHEMA archive;", {"set-schema"}),
    ("enum added and used",
     "ALTER TYPE app.state ADD VALUE 'void';\nUPDATE app.orders SET state = 'void' WHERE id = 1;",
     {"enum-added-and-used"}),
    ("disabled triggers", "ALTER TABLE app.orders DISABLE TRIGGER ALL;", {"disable-trigger"}),
    ("session_replication_role", "SET session_replication_role = replica;", {"session-state"}),
    ("a rule that loses rows", "CREATE RULE r AS ON INSERT TO app.orders DO INSTEAD NOTHING;", {"rewrite-rule"}),
    ("a rule that writes elsewhere",
     "CREATE RULE r AS ON DELETE TO app.orders DO INSTEAD UPDATE app.orders SET note = 'gone' WHERE id = OLD.id;",
     {"rewrite-rule"}),
    ("no replica identity", "ALTER TABLE app.orders REPLICA IDENTITY NOTHING;", {"replica-identity"}),
    ("setval", "SELECT pg_catalog.setval('app.orders_id_seq', 1, false);", {"sequence-restarted"}),
    ("setval of a column's sequence", "SELECT setval(pg_get_serial_sequence('app.orders', 'id'), 1);",
     {"sequence-restarted"}),
    ("RESTART of a sequence", "ALTER SEQUENCE app.orders_id_seq RESTART WITH 1;", {"sequence-restarted"}),
    ("RESTART of a column", "ALTER TABLE app.orders ALTER COLUMN id RESTART WITH 1;", {"sequence-restarted"}),
    ("no autovacuum", "ALTER TABLE app.orders SET (autovacuum_enabled = off);", {"autovacuum-off"}),
    ("no autovacuum of a new table",
     "CREATE TABLE app.a (id bigint PRIMARY KEY) WITH (autovacuum_enabled = false);", {"autovacuum-off"}),
    ("an event trigger", "CREATE EVENT TRIGGER w ON sql_drop EXECUTE FUNCTION app.watch();", {"event-trigger"}),
    ("revoke from a role", "REVOKE SELECT ON app.orders FROM reporting;", {"revoke"}),
    ("revoke from everybody", "REVOKE ALL ON app.orders FROM PUBLIC;", {"revoke"}),
    ("revoke of a function", "REVOKE EXECUTE ON FUNCTION app.touch() FROM PUBLIC;", {"revoke"}),
    ("revoke of a schema", "REVOKE USAGE ON SCHEMA public FROM PUBLIC;", {"revoke"}),
    ("row security without a policy", "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;", {"row-security"}),
    ("forced row security without a policy", "ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;", {"row-security"}),
    ("every row locked", "SELECT * FROM app.orders FOR UPDATE;", {"locks-every-row"}),
    ("every row locked in a DO block", "DO $$ BEGIN PERFORM 1 FROM app.orders FOR UPDATE; END $$;",
     {"locks-every-row"}),
    ("pg_sleep", "SELECT pg_sleep(10);", {"sleep-in-transaction"}),
    ("pg_sleep in a DO block", "DO $$ BEGIN PERFORM pg_sleep(1); END $$;", {"sleep-in-transaction"}),
    ("pg_terminate_backend", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity;", {"ends-sessions"}),
    ("pg_cancel_backend", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity;", {"ends-sessions"}),
    ("a foreign key that cascades now",
     "ALTER TABLE app.orders DROP CONSTRAINT orders_customer_id_fkey, ADD CONSTRAINT orders_customer FOREIGN KEY "
     "(customer_id) REFERENCES app.customers (id) ON DELETE CASCADE NOT VALID;", {"foreign-key-cascades"}),
    ("statement_timeout = 0", "SET statement_timeout = 0;", {"timeout-in-file"}),
    ("RESET ALL", "RESET ALL;", {"session-state"}),
    ("ALTER SYSTEM", ALONE + "ALTER SYSTEM SET work_mem = '1GB';", {"server-settings"}),
    ("ALTER DATABASE SET", "ALTER DATABASE app SET work_mem = '1GB';", {"server-settings"}),
    ("ALTER ROLE SET", "ALTER ROLE app SET search_path = app;", {"server-settings"}),
    ("search_path", "SET search_path TO app, public;\nCREATE TABLE app.a (id bigint PRIMARY KEY);", {"session-state"}),
    ("search_path by set_config", "SELECT pg_catalog.set_config('search_path', 'evil', false);", {"session-state"}),
    ("role", "SET ROLE postgres;", {"session-state"}),
    ("security definer", "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
     {"security-definer"}),
    ("lock_timeout = 0", "SET LOCAL lock_timeout = '0';\nALTER TABLE app.orders ADD COLUMN w numeric;",
     {"timeout-in-file"}),
    ("COMMIT inside", "ALTER TABLE app.orders ADD COLUMN w numeric;\nCOMMIT;", {"transaction-control"}),
    ("lock across a backfill",
     "ALTER TABLE app.orders ADD COLUMN w numeric;\nUPDATE app.orders SET w = total WHERE w IS NULL;",
     {"lock-held-across-rows"}),
    ("lock across a backfill of another table",
     "ALTER TABLE app.orders ADD COLUMN w numeric;\nINSERT INTO app.customers (name) SELECT note FROM app.orders;",
     {"lock-held-across-rows"}),
    ("LOCK TABLE", "LOCK TABLE app.orders;", {"lock-table"}),
    ("opposite order", "ALTER TABLE app.orders ADD COLUMN w numeric;\nALTER TABLE app.customers ADD COLUMN w numeric;",
     {"lock-order"}),
    ("primary key dropped", "ALTER TABLE app.orders DROP CONSTRAINT orders_pkey;", {"drop-constraint"}),
    ("attach partition",
     "ALTER TABLE app.events ATTACH PARTITION app.events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
     {"attach-partition-scans"}),
    ("attach beside a default partition",
     "CREATE TABLE app.l (LIKE app.logs INCLUDING ALL);\n"
     "ALTER TABLE app.logs ATTACH PARTITION app.l FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
     {"attach-partition-scans"}),
    ("detach partition", "ALTER TABLE app.events DETACH PARTITION app.events_2025;", {"detach-partition-locks"}),
    ("refresh", "REFRESH MATERIALIZED VIEW app.totals;", {"refresh-not-concurrent"}),
    ("trigger", "CREATE TRIGGER t BEFORE INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.touch();",
     {"create-trigger-locks"}),
    ("row security without a policy", "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;", {"row-security"}),
    ("domain constraint", "ALTER DOMAIN app.code ADD CHECK (value <> '');", {"domain-constraint-scans"}),
    ("dynamic SQL", "DO $$ DECLARE t text := 'orders'; BEGIN EXECUTE 'DROP TABLE app.' || t; END $$;", {"opaque-sql"}),
    ("call", "CALL app.rebuild();", {"opaque-sql"}),
    ("function body", "CREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN SELEKT 1; END $$;",
     {"function-body"}),
    ("SQL function body", "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS $$ SELECT FROM WHERE $$;",
     {"function-body"}),
    ("unqualified", "CREATE TABLE a (id bigint PRIMARY KEY);", {"unqualified-name"}),
    ("another schema", "CREATE TABLE other.a (id bigint PRIMARY KEY);", {"wrong-schema"}),
    ("the history", "DELETE FROM schemata.head;", {"wrong-schema"}),
    ("comment only", "-- Later.\n-- Much later.", {"empty"}),
    ("empty file", "", {"empty"}),
    ("no reason", "-- irreversible:\nDROP TABLE app.customers;", {"migration-file"}),
    ("rollback that forgets an index",
     ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total ON app.orders (total);\n"
     "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_state ON app.orders (state);\n-- rollback:\n" + ALONE
     + "DROP INDEX CONCURRENTLY IF EXISTS app.idx_orders_total;", {"rollback-incomplete"}),
    ("password", "ALTER ROLE app PASSWORD 'hunter2';", {"password-in-file"}),
    ("json", "ALTER TABLE app.orders ADD COLUMN facts json;", {"discouraged-type"}),
    ("no key", "CREATE TABLE app.a AS SELECT * FROM app.orders;", {"no-primary-key"}),
    ("psql command", "\\i other.sql", {"syntax"}),
]  # fmt: skip

#: What the text cannot show: left to the rehearsal, on data and against the real sizes.
REHEARSAL: list[tuple[str, str]] = [
    ("duplicates under a unique index",
     ALONE + "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS idx_customers_email ON app.customers (email);"),
    ("rows that break a constraint", "ALTER TABLE app.orders VALIDATE CONSTRAINT orders_note_not_null;"),
    ("a rollback that loses a column",
     "ALTER TABLE app.customers ADD COLUMN phone text;\n-- rollback:\nALTER TABLE app.customers DROP COLUMN phone;\n"
     "ALTER TABLE app.customers DROP COLUMN email;"),
    ("an update of unknown size", "UPDATE app.orders SET note = '' WHERE state = 'new';"),
]  # fmt: skip

SAFE: list[tuple[str, str]] = [
    ("nullable column", "ALTER TABLE app.orders ADD COLUMN w numeric;"),
    ("constant default", "ALTER TABLE app.orders ADD COLUMN w integer NOT NULL DEFAULT 0;"),
    ("now() as default", "ALTER TABLE app.orders ADD COLUMN at timestamptz NOT NULL DEFAULT now();"),
    ("virtual generated column",
     "ALTER TABLE app.orders ADD COLUMN g numeric GENERATED ALWAYS AS (total * 2) VIRTUAL;"),
    ("column with REFERENCES",
     "ALTER TABLE app.orders ADD COLUMN referrer_id bigint REFERENCES app.customers (id);\n"
     "CREATE TABLE app.a (id bigint PRIMARY KEY);"),
    ("wider varchar", "ALTER TABLE app.orders ALTER COLUMN note TYPE varchar(200);"),
    ("varchar to text", "ALTER TABLE app.customers ALTER COLUMN name TYPE text;"),
    ("default for new rows", "ALTER TABLE app.orders ALTER COLUMN note SET DEFAULT '';"),
    ("drop default", "ALTER TABLE app.orders ALTER COLUMN state DROP DEFAULT;"),
    ("check NOT VALID", "ALTER TABLE app.orders ADD CONSTRAINT c CHECK (total < 1000000) NOT VALID;"),
    ("validate", "ALTER TABLE app.orders VALIDATE CONSTRAINT orders_note_not_null;"),
    ("proven NOT NULL",
     "ALTER TABLE app.orders VALIDATE CONSTRAINT orders_note_not_null;\n"
     "ALTER TABLE app.orders ALTER COLUMN note SET NOT NULL;\nALTER TABLE app.orders DROP CONSTRAINT "
     "orders_note_not_null;"),
    ("NOT NULL that is NOT VALID", "ALTER TABLE app.customers ADD CONSTRAINT e NOT NULL email NOT VALID;"),
    ("foreign key NOT VALID",
     "ALTER TABLE app.events_2026 ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES app.orders (id) NOT VALID;"),
    ("concurrent index", ALONE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_orders_total ON app.orders (total);"),
    ("concurrent drop", ALONE + "DROP INDEX CONCURRENTLY IF EXISTS app.idx_totals_customer_id;"),
    ("constraint of an index", "ALTER TABLE app.customers ADD CONSTRAINT k UNIQUE USING INDEX idx_customers_email;"),
    ("a new table with everything",
     "CREATE TABLE app.a (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id bigint NOT NULL);\n"
     "CREATE INDEX idx_a_order_id ON app.a (order_id);\n"
     "ALTER TABLE app.a ADD CONSTRAINT a_order_id_fkey FOREIGN KEY (order_id) REFERENCES app.orders (id);\n"
     "ALTER TABLE app.a ADD CHECK (order_id > 0);\nALTER TABLE app.a ADD UNIQUE (order_id);\n"
     "ALTER TABLE app.a ALTER COLUMN order_id TYPE numeric;\nALTER TABLE app.a RENAME COLUMN order_id TO o;\n"
     "UPDATE app.a SET o = 1;\nDELETE FROM app.a;\nALTER TABLE app.a DROP COLUMN o;"),
    ("a temporary table",
     "CREATE TEMPORARY TABLE t (a integer) ON COMMIT DROP;\nINSERT INTO t SELECT id FROM app.orders;\nDELETE FROM t;"),
    ("enum value", "ALTER TYPE app.state ADD VALUE IF NOT EXISTS 'void' AFTER 'paid';"),
    ("a new enum, used at once",
     "CREATE TYPE app.size AS ENUM ('s');\nALTER TYPE app.size ADD VALUE 'l' AFTER 's';\n"
     "CREATE TABLE app.a (id bigint PRIMARY KEY, size app.size DEFAULT 'l');"),
    ("a few rows", "INSERT INTO app.customers (name) VALUES ('Ada'), ('Grace');"),
    ("rows by their key", "DELETE FROM app.customers WHERE id = 5;"),
    ("a view", "CREATE VIEW app.paid AS SELECT id FROM app.orders WHERE state = 'paid';"),
    ("a view replaced in one transaction",
     "DROP VIEW app.new_orders;\nCREATE VIEW app.new_orders AS SELECT id, total FROM app.orders WHERE id > 0;"),
    ("a view with a column more",
     "DROP VIEW app.new_orders;\nCREATE VIEW app.new_orders AS SELECT id, total, note FROM app.orders;"),
    ("a function replaced, with one more argument that may be left out",
     "CREATE OR REPLACE FUNCTION app.tax(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';\n"
     "DROP FUNCTION app.tax(int);\n"
     "CREATE FUNCTION app.tax(a int, b int DEFAULT 0) RETURNS int LANGUAGE sql AS 'SELECT 1';"),
    ("a function of other files, replaced for the same arguments",
     "DROP FUNCTION IF EXISTS app.older(bigint);\n"
     "CREATE FUNCTION app.older(p bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';"),
    ("timestamp to timestamptz in UTC",
     "SET LOCAL timezone = 'UTC';\nALTER TABLE app.customers ALTER COLUMN seen_at TYPE timestamptz;"),
    ("a table like another, with its key", "CREATE TABLE app.old_orders (LIKE app.orders INCLUDING ALL);"),
    ("a temporary table, dropped", "CREATE TEMP TABLE t (a integer);\nUPDATE t SET a = 1;\nDROP TABLE t;"),
    ("a function", "CREATE FUNCTION app.one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';"),
    ("a trigger's function",
     "CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n    NEW.note := 'x';\n    RETURN "
     "NEW;\n"
     "END\n$$;"),
    ("a trigger replaced on a new table",
     "CREATE TABLE app.a (id bigint PRIMARY KEY);\n"
     "CREATE TRIGGER a_touch BEFORE UPDATE ON app.a FOR EACH ROW EXECUTE FUNCTION app.touch();"),
    ("an aggregate of a function", "CREATE AGGREGATE app.added (int) (sfunc = int4pl, stype = int, initcond = '0');"),
    ("comments", "COMMENT ON TABLE app.orders IS 'What customers buy; DROP TABLE is in the text only.';"),
    ("grants", "GRANT SELECT ON app.orders TO reporting;"),
    ("storage parameters", "ALTER TABLE app.orders SET (autovacuum_vacuum_scale_factor = 0.01);"),
    ("statistics", "ALTER TABLE app.orders ALTER COLUMN note SET STATISTICS 500;\nANALYZE app.orders;"),
    ("attach a new partition",
     "CREATE TABLE app.events_2027 (LIKE app.events INCLUDING ALL);\n"
     "ALTER TABLE app.events ATTACH PARTITION app.events_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');"),
    ("attach with a proof",
     "ALTER TABLE app.events_2026 ADD CONSTRAINT b CHECK (at >= '2026-01-01' AND at < '2027-01-01') NOT VALID;"),
    ("an index on the parent only", "CREATE INDEX idx_events_at ON ONLY app.events (at);"),
    ("concurrent refresh", "REFRESH MATERIALIZED VIEW CONCURRENTLY app.totals;"),
    ("short statement_timeout", "SET LOCAL statement_timeout = '5min';\nALTER TABLE app.orders ADD COLUMN w numeric;"),
    ("a declared break",
     "-- breaking: nothing reads it since release 12\nALTER TABLE app.customers DROP COLUMN email;"),
    ("drop of what was made here", "CREATE TABLE app.a (id bigint PRIMARY KEY);\nDROP TABLE app.a;"),
    ("a new sequence, set", "CREATE SEQUENCE app.numbers;\nSELECT setval('app.numbers', 1000);"),
    ("a sequence behind its rows",
     "SELECT setval('app.orders_id_seq', (SELECT coalesce(max(id), 1) FROM app.orders));"),
    ("the sequence of a new table",
     "CREATE TABLE app.a (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);\n"
     "SELECT setval('app.a_id_seq', 100);\nALTER SEQUENCE app.a_id_seq RESTART WITH 100;\n"
     "ALTER TABLE app.a ALTER COLUMN id RESTART WITH 100;"),
    ("sequence options", "ALTER SEQUENCE app.orders_id_seq CACHE 20 OWNED BY app.orders.id;"),
    ("row security with its policy",
     "CREATE POLICY p ON app.orders USING (true);\nALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;\n"
     "ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;"),
    ("row security of a new table",
     "CREATE TABLE app.a (id bigint PRIMARY KEY);\nALTER TABLE app.a ENABLE ROW LEVEL SECURITY;"),
    ("a function for some",
     "CREATE OR REPLACE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';\n"
     "REVOKE ALL ON FUNCTION app.one() FROM PUBLIC;"),
    ("a schema for some", "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"),
    ("a new table for some", "CREATE TABLE app.a (id bigint PRIMARY KEY);\nREVOKE ALL ON app.a FROM PUBLIC;"),
    ("a new foreign key that cascades",
     "ALTER TABLE app.events_2026 ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES app.orders (id) ON DELETE CASCADE "
     "NOT VALID;"),
    ("a rule on a view", "CREATE RULE r AS ON INSERT TO app.new_orders DO INSTEAD NOTHING;"),
    ("a row locked by its key", "SELECT 1 FROM app.orders WHERE id = 5 FOR UPDATE;"),
    ("replica identity full", "ALTER TABLE app.orders REPLICA IDENTITY FULL;"),
    ("autovacuum on", "ALTER TABLE app.orders SET (autovacuum_enabled = true);"),
    ("sequence", "CREATE SEQUENCE app.numbers;\nALTER SEQUENCE app.numbers OWNED BY NONE;"),
    ("extension", "CREATE EXTENSION IF NOT EXISTS citext SCHEMA app;"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rules"), [row[1:] for row in DANGEROUS], ids=[row[0] for row in DANGEROUS])
def test_what_is_dangerous_is_found(sql: str, rules: set[str]) -> None:
    """Each rule of the row finds it, and something of it is an error or a warning."""
    found = judged.severities(judged.judge(sql, EARLIER))
    assert rules <= set(found), found
    assert {found[name] for name in rules} & {"error", "warning"}, found


@pytest.mark.parametrize("sql", [row[1] for row in SAFE], ids=[row[0] for row in SAFE])
def test_what_is_safe_is_not_flagged(sql: str) -> None:
    """No rule finds an error or a warning in it."""
    found = {one.rule: one.text for one in judged.judge(sql, EARLIER) if one.severity != "note"}
    assert found.keys() <= {"foreign-key-without-index"} if "referrer_id" in sql else not found


@pytest.mark.parametrize("sql", [row[1] for row in REHEARSAL], ids=[row[0] for row in REHEARSAL])
def test_what_the_text_cannot_show_is_left_to_the_rehearsal(sql: str) -> None:
    """No rule says that it knows."""
    assert not [one for one in judged.judge(sql, EARLIER) if one.severity == "error"]


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    """Forty dangerous ones and twenty-five safe ones at least."""
    assert len(DANGEROUS) >= 40
    assert len(SAFE) >= 25


def test_a_table_of_a_new_file_is_empty_for_those_behind_it() -> None:
    """What the base branch does not have has no rows yet."""
    earlier = "CREATE TABLE app.a (id bigint PRIMARY KEY, b text);"
    sql = "CREATE INDEX idx_a_b ON app.a (b);"
    assert "index-not-concurrent" in judged.severities(judged.judge(sql, earlier, pages=False))
    assert "index-not-concurrent" not in judged.severities(judged.judge(sql, earlier, pages=False, earlier_is_new=True))


def test_two_files_that_lock_in_opposite_order() -> None:
    """The second one is told which file locks the tables the other way round."""
    one = "ALTER TABLE app.events ADD COLUMN w text;\nALTER TABLE app.logs ADD COLUMN w text;"
    other = "ALTER TABLE app.logs ADD COLUMN x text;\nALTER TABLE app.events ADD COLUMN x text;"
    (found,) = [item for item in judged.judge(other, EARLIER, between=one) if item.rule == "lock-order"]
    assert (found.severity, found.line) == ("warning", 2)
    assert "between.sql locks them in the other order" in found.text


def test_what_another_tool_wrote_gets_notes() -> None:
    """An imported file has run already: nothing in it is an error."""
    found = judged.judge("-- imported-from: flyway V1__a.sql -\nDROP TABLE app.customers CASCADE;", EARLIER)
    assert {one.severity for one in found} == {"note"}
    assert {"drop-table", "drop-cascade"} <= set(judged.severities(found))


@pytest.mark.parametrize(
    ("levels", "severity"), [({"drop-table": "warning"}, "warning"), ({"drop-table": "off"}, None), ({}, "error")]
)
def test_a_setting_gives_another_severity(levels: dict[str, model.Severity], severity: str | None) -> None:
    """The level of the settings counts, also `off`."""
    found = judged.severities(judged.judge("DROP TABLE app.customers;", EARLIER, levels=levels))
    assert found.get("drop-table") == severity
