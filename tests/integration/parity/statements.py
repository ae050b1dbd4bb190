"""Random DDL over a small world of names: statements by kind, and how a sequence of them is varied.

A statement is a template whose `{words}` are replaced until none is left. Names are few, so that most statements meet
what earlier ones made; what PostgreSQL refuses all the same is skipped.
"""

import re
from collections.abc import Callable, Sequence

from schemata.snapshot import model

#: Both databases start with this.
WORLD = """
CREATE SCHEMA app;
CREATE SCHEMA aux;
CREATE TYPE app.e1 AS ENUM ('a', 'b', 'c');
CREATE DOMAIN app.d1 AS text CONSTRAINT k1 CHECK (VALUE <> 'x');
CREATE TYPE app.c1 AS (a integer, b text);
CREATE TYPE app.r1 AS RANGE (SUBTYPE = integer);
CREATE SEQUENCE app.s1;
CREATE FUNCTION app.f1(a integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + 1';
CREATE FUNCTION app.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE FUNCTION app.ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE app.p1(a integer) LANGUAGE sql AS 'SELECT 1';
CREATE TABLE app.t1 (a integer PRIMARY KEY, b text, c integer, d app.e1);
CREATE TABLE app.t2 (a integer, b text NOT NULL DEFAULT '', c integer CONSTRAINT k1 REFERENCES app.t1, d app.d1);
CREATE TABLE app.t3 (a integer NOT NULL, b text, c integer) PARTITION BY RANGE (a);
CREATE TABLE app.t4 PARTITION OF app.t3 FOR VALUES FROM (0) TO (10);
CREATE TABLE app.t5 (a integer NOT NULL, b text, c integer);
CREATE TABLE aux.t1 (a integer GENERATED ALWAYS AS IDENTITY, b text, c integer, CONSTRAINT k1 CHECK (c > 0));
CREATE TABLE aux.t2 (e integer GENERATED ALWAYS AS (c + 1) STORED) INHERITS (aux.t1);
ALTER TABLE app.t2 ADD CONSTRAINT k2 CHECK (a > 0) NOT VALID;
CREATE INDEX i1 ON app.t1 (b);
CREATE INDEX i3 ON ONLY app.t3 (b);
CREATE INDEX i4 ON app.t4 (b);
CREATE VIEW app.v1 AS SELECT a, b FROM app.t1;
CREATE MATERIALIZED VIEW app.m1 AS SELECT a, c FROM app.t2;
CREATE INDEX i2 ON app.m1 (a);
CREATE TRIGGER g1 BEFORE INSERT ON app.t1 FOR EACH ROW EXECUTE FUNCTION app.tf();
CREATE TRIGGER g1 AFTER UPDATE ON app.t3 FOR EACH ROW EXECUTE FUNCTION app.tf();
CREATE POLICY y1 ON app.t1 USING (a > 0);
CREATE RULE u1 AS ON DELETE TO app.t2 DO ALSO NOTHING;
CREATE STATISTICS app.x1 ON a, c FROM app.t1;
CREATE PUBLICATION b1 FOR TABLE app.t1;
CREATE TEXT SEARCH CONFIGURATION app.h1 (COPY = simple);
CREATE FOREIGN DATA WRAPPER w1;
CREATE SERVER z1 FOREIGN DATA WRAPPER w1;
CREATE FOREIGN TABLE app.q1 (a integer OPTIONS (k 'v'), b text) SERVER z1;
GRANT USAGE, CREATE ON SCHEMA app, aux TO parity_owner, parity_writer;
GRANT SELECT, UPDATE ON app.t1, app.t2, aux.t1 TO parity_owner, parity_writer WITH GRANT OPTION;
"""

#: What a word may become.
WORDS: dict[str, Sequence[str]] = {
    "schema": ("app", "app", "aux", "n1"),
    "table": ("app.t1", "app.t2", "app.t6", "app.t3", "app.t4", "app.t5", "aux.t1", "aux.t2", "aux.t5"),
    "plain": ("app.t1", "app.t2", "app.t5", "aux.t1", "aux.t2"),
    "parted": ("app.t3", "app.t3", "app.t6", "app.t7"),
    "leaf": ("app.t4", "app.t5", "app.t7", "app.t8"),
    "table name": ("t5", "t6", "t7", "t9", '"Odd T"'),
    "column": ("a", "b", "c", "d", "e", '"Odd c"'),
    "type": (
        "integer", "integer", "text", "text", "bigint", "numeric(8,2)", "varchar(20)", "timestamptz", "jsonb", "date",
        "boolean", "app.e1", "app.d1", "app.c1", "app.r1", "integer[]", "bytea", 'text COLLATE "C"', "uuid",
    ),
    "default": ("0", "1", "''", "'x'", "NULL", "now()", "nextval('app.s1')", "app.f1(1)", "true", "'a'::app.e1"),
    "check": (
        "a > 0", "c <> 3", "b <> ''", "a IS NOT NULL", "b IS NOT NULL AND a < 5", "app.f1(a) > 0", "c IN (1, 2)",
    ),
    "view": ("app.v1", "app.v2", "aux.v1"),
    "matview": ("app.m1", "app.m2"),
    "select": (
        "SELECT a, b FROM {table}", "SELECT a, b, c FROM {table} WHERE {check}", "SELECT count(*) AS a FROM {table}",
        "SELECT x.a, y.b FROM {table} x JOIN {table} y USING (c)", "SELECT 1 AS a, 'x'::text AS b",
        "SELECT a, b FROM {view}", "SELECT DISTINCT c AS a, d AS b FROM {table} ORDER BY 1",
        "WITH w AS (SELECT a FROM {table}) SELECT a FROM w UNION ALL SELECT 2", "SELECT * FROM {table}",
        "SELECT a, sum(c) OVER (PARTITION BY a ORDER BY b) AS b FROM {table}", "SELECT app.f1(a) AS a, b FROM {table}",
    ),
    "sequence": ("app.s1", "app.s2", "aux.s1"),
    "sequence option": (
        "INCREMENT 2", "INCREMENT -1", "MINVALUE 1 START 5", "MAXVALUE 1000", "NO MAXVALUE", "CACHE 20", "CYCLE",
        "NO CYCLE", "OWNED BY {plain}.a", "OWNED BY NONE", "AS bigint", "AS integer", "START 7",
    ),
    "function": ("app.f1(integer)", "app.f2(integer)", "app.f2(text)", "aux.f1(integer)"),
    "routine": ("FUNCTION {function}", "FUNCTION {function}", "PROCEDURE app.p1(integer)", "FUNCTION app.tf()"),
    "function head": (
        "app.f1(a integer) RETURNS integer", "app.f2(a integer) RETURNS integer", "aux.f1(a integer) RETURNS integer",
        "app.f2(a integer DEFAULT 3) RETURNS integer",
    ),
    "function body": (
        "LANGUAGE sql AS 'SELECT a + 1'", "LANGUAGE sql AS 'SELECT a * 2'", "LANGUAGE sql IMMUTABLE AS 'SELECT a + 1'",
        "LANGUAGE plpgsql STABLE AS 'BEGIN RETURN a; END'", "LANGUAGE sql RETURN a + 1",
        "LANGUAGE sql BEGIN ATOMIC SELECT count(*)::integer FROM app.t1; END",
    ),
    "function option": (
        "IMMUTABLE", "STABLE", "VOLATILE", "STRICT", "CALLED ON NULL INPUT", "SECURITY DEFINER", "SECURITY INVOKER",
        "COST 5", "COST 100", "PARALLEL SAFE", "PARALLEL UNSAFE", "LEAKPROOF", "SET search_path = app", "RESET ALL",
        "SET work_mem = '8MB'",
    ),
    "index": ("app.i1", "app.i2", "app.i3", "app.i4", "aux.i1", "app.t1_pkey", "app.t2_b_idx"),
    "index name": ("i1", "i2", "i5", ""),
    "index on": (
        "(a)", "(b)", "(c, a)", "(b DESC NULLS LAST)", "(lower(b))", "(a) INCLUDE (c)", "(a) WHERE c > 0",
        '(b COLLATE "C")', "(b text_pattern_ops)", "USING hash (a)", "USING brin (a)", "((a + c))",
        "(a) WITH (fillfactor = 80)", "(c) NULLS NOT DISTINCT",
    ),
    "constraint": ("k1", "k2", "k3", "t1_pkey", "t2_a_check"),
    "new constraint": (
        "CHECK ({check})", "CHECK ({check}) NOT VALID", "CHECK ({check}) NO INHERIT", "UNIQUE (a)", "UNIQUE (b, c)",
        "UNIQUE (a) DEFERRABLE", "UNIQUE NULLS NOT DISTINCT (c)", "PRIMARY KEY (a)", "PRIMARY KEY (a, c)",
        "FOREIGN KEY (c) REFERENCES {table}", "FOREIGN KEY (c) REFERENCES {table} (a) ON DELETE CASCADE",
        "FOREIGN KEY (c) REFERENCES {table} (a) NOT VALID", "FOREIGN KEY (a) REFERENCES {table} (a) DEFERRABLE",
        "EXCLUDE USING gist (b WITH =)", "EXCLUDE (a WITH =)", "UNIQUE USING INDEX i5", "NOT NULL b",
        "NOT NULL c NO INHERIT", "NOT NULL c NOT VALID", "CHECK ({check}) NOT ENFORCED", "UNIQUE (a) INCLUDE (b)",
    ),
    "trigger": ("g1", "g2"),
    "new trigger": (
        "BEFORE INSERT ON {plain} FOR EACH ROW", "AFTER UPDATE OF a ON {table} FOR EACH ROW",
        "AFTER DELETE ON {table} FOR EACH STATEMENT", "BEFORE UPDATE ON {plain} FOR EACH ROW WHEN (new.a > 1)",
        "INSTEAD OF INSERT ON {view} FOR EACH ROW", "AFTER INSERT ON {table} REFERENCING NEW TABLE AS n",
        "BEFORE TRUNCATE ON {plain} FOR EACH STATEMENT", "AFTER INSERT OR UPDATE ON {parted} FOR EACH ROW",
    ),
    "enable": ("ENABLE", "DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS"),
    "policy": ("y1", "y2"),
    "role": ("parity_owner", "parity_reader", "parity_writer"),
    "grantee": ("{role}", "{role}", "{role}", "PUBLIC", "CURRENT_USER"),
    "privileges": ("SELECT", "INSERT", "SELECT, UPDATE", "ALL", "DELETE", "SELECT (a)", "UPDATE (a, b)", "REFERENCES"),
    "with grant": ("", "", "WITH GRANT OPTION"),
    "enum": ("app.e1", "app.e2"),
    "label": ("'a'", "'b'", "'c'", "'d'", "'it''s'"),
    "domain": ("app.d1", "app.d2"),
    "composite": ("app.c1", "app.c2"),
    "range": ("app.r1", "app.r2"),
    "statistics": ("app.x1", "app.x2"),
    "publication": ("b1", "b2"),
    "comment": ("'one'", "'two'", "'it''s'", "NULL", "''"),
    "commented": (
        "TABLE {table}", "COLUMN {table}.{column}", "VIEW {view}", "MATERIALIZED VIEW {matview}", "INDEX {index}",
        "SEQUENCE {sequence}", "FUNCTION {function}", "TYPE {enum}", "TYPE {composite}", "DOMAIN {domain}",
        "CONSTRAINT {constraint} ON {table}", "TRIGGER {trigger} ON {table}", "POLICY {policy} ON {table}",
        "RULE u1 ON {table}", "STATISTICS {statistics}", "SCHEMA {schema}", "PUBLICATION {publication}",
        "COLUMN {view}.a", "COLUMN {composite}.a", "CONSTRAINT {constraint} ON DOMAIN {domain}", "EXTENSION plpgsql",
        "PROCEDURE app.p1(integer)", "EVENT TRIGGER v1", "AGGREGATE app.a1(integer)", "OPERATOR app.=== (text, text)",
        "COLLATION app.l1", "TEXT SEARCH CONFIGURATION app.h1", "CAST (app.c1 AS text)", "COLUMN {matview}.a",
        "FOREIGN DATA WRAPPER w1", "SERVER z1", "FOREIGN TABLE app.q1", "COLUMN {index}.a", "TYPE {range}",
    ),
    "owned": (
        "TABLE {table}", "VIEW {view}", "MATERIALIZED VIEW {matview}", "SEQUENCE {sequence}", "FUNCTION {function}",
        "TYPE {enum}", "TYPE {composite}", "DOMAIN {domain}", "SCHEMA {schema}", "STATISTICS {statistics}",
        "PUBLICATION {publication}", "PROCEDURE app.p1(integer)", "AGGREGATE app.a1(integer)", "TYPE {range}",
        "OPERATOR app.=== (text, text)", "COLLATION app.l1", "TEXT SEARCH CONFIGURATION app.h1", "EVENT TRIGGER v1",
        "FOREIGN DATA WRAPPER w1", "SERVER z1", "FOREIGN TABLE app.q1",
    ),
    "bounds": (
        "FROM (10) TO (20)", "FROM (20) TO (30)", "FROM (MINVALUE) TO (0)", "FROM (30) TO (MAXVALUE)",
        "FROM (0) TO (10)", "FROM (100) TO (200)",
    ),
    "cascade": ("", "", "CASCADE"),
    "setting": ("search_path = app, public", "work_mem = '16MB'", "timezone = 'UTC'", "statement_timeout = 0"),
}  # fmt: skip

#: The statements, by kind.
KINDS: dict[str, Sequence[str]] = {
    "create schema": ("CREATE SCHEMA n1", "CREATE SCHEMA n1 AUTHORIZATION {role}"),
    "alter schema": ("ALTER SCHEMA n1 RENAME TO n2", "ALTER SCHEMA n2 RENAME TO n1"),
    "drop schema": ("DROP SCHEMA n1 {cascade}", "DROP SCHEMA n2 {cascade}"),
    "create table": (
        "CREATE TABLE {schema}.{table name} ({column} {type}, b text, c integer)",
        "CREATE TABLE {schema}.{table name} (a integer PRIMARY KEY, b {type} DEFAULT {default}, c {type} NOT NULL)",
        "CREATE TABLE {schema}.{table name} (a serial, b text UNIQUE, c integer REFERENCES {table})",
        "CREATE UNLOGGED TABLE {schema}.{table name} (a integer, b text, c integer) WITH (fillfactor = 70)",
        "CREATE TABLE {schema}.{table name} (LIKE {table} INCLUDING ALL)",
        "CREATE TABLE {schema}.{table name} AS {select}",
        "CREATE TABLE {schema}.{table name} (a int GENERATED BY DEFAULT AS IDENTITY, b text, c int, CHECK ({check}))",
        "CREATE TABLE {schema}.{table name} (a integer, b text, c integer GENERATED ALWAYS AS (a * 2) STORED)",
        "CREATE TABLE {schema}.{table name} OF app.c1",
    ),
    "drop table": ("DROP TABLE {table} {cascade}", "DROP TABLE {leaf}"),
    "rename table": ("ALTER TABLE {table} RENAME TO {table name}",),
    "move table": ("ALTER TABLE {table} SET SCHEMA {schema}",),
    "add column": (
        "ALTER TABLE {table} ADD COLUMN {column} {type}",
        "ALTER TABLE {table} ADD COLUMN {column} {type} DEFAULT {default}",
        "ALTER TABLE {table} ADD COLUMN {column} {type} NOT NULL",
        "ALTER TABLE {table} ADD COLUMN {column} integer GENERATED ALWAYS AS (a + 1) STORED",
        "ALTER TABLE {table} ADD COLUMN {column} integer GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE {table} ADD COLUMN {column} integer CHECK ({check})",
    ),
    "drop column": ("ALTER TABLE {table} DROP COLUMN {column} {cascade}",),
    "rename column": ("ALTER TABLE {table} RENAME COLUMN {column} TO {column}",),
    "alter column type": (
        "ALTER TABLE {table} ALTER {column} TYPE {type}",
        "ALTER TABLE {table} ALTER {column} TYPE text USING {column}::text",
    ),
    "alter column": (
        "ALTER TABLE {table} ALTER {column} SET NOT NULL",
        "ALTER TABLE {table} ALTER {column} DROP NOT NULL",
        "ALTER TABLE {table} ALTER {column} SET DEFAULT {default}",
        "ALTER TABLE {table} ALTER {column} DROP DEFAULT",
        "ALTER TABLE {table} ALTER {column} ADD GENERATED BY DEFAULT AS IDENTITY",
        "ALTER TABLE {table} ALTER {column} SET GENERATED ALWAYS",
        "ALTER TABLE {table} ALTER {column} SET INCREMENT 5",
        "ALTER TABLE {table} ALTER {column} DROP IDENTITY",
        "ALTER TABLE {table} ALTER {column} DROP EXPRESSION",
        "ALTER TABLE aux.t2 ALTER e DROP EXPRESSION",
        "ALTER TABLE aux.t1 ALTER a SET GENERATED BY DEFAULT SET CACHE 3",
        "ALTER TABLE aux.t1 ALTER a DROP IDENTITY",
        "ALTER TABLE ONLY {table} ALTER {column} SET DEFAULT {default}",
        "ALTER TABLE ONLY {table} ALTER {column} SET NOT NULL",
    ),
    "storage of a column": (
        "ALTER TABLE {table} ALTER b SET STORAGE EXTERNAL",
        "ALTER TABLE {table} ALTER b SET STORAGE EXTENDED",
        "ALTER TABLE {table} ALTER b SET COMPRESSION pglz",
        "ALTER TABLE {table} ALTER b SET COMPRESSION DEFAULT",
    ),
    "statistics of a column": (
        "ALTER TABLE {table} ALTER {column} SET STATISTICS 500",
        "ALTER TABLE {table} ALTER {column} SET STATISTICS -1",
        "ALTER TABLE {table} ALTER {column} SET (n_distinct = -0.5)",
        "ALTER TABLE {table} ALTER {column} RESET (n_distinct)",
    ),
    "options of a table": (
        "ALTER TABLE {table} SET (fillfactor = 60)",
        "ALTER TABLE {table} SET (autovacuum_enabled = false, fillfactor = 90)",
        "ALTER TABLE {table} SET (toast.autovacuum_enabled = false)",
        "ALTER TABLE {table} RESET (fillfactor)",
        "ALTER TABLE {table} SET UNLOGGED",
        "ALTER TABLE {table} SET LOGGED",
        "ALTER TABLE {table} REPLICA IDENTITY FULL",
        "ALTER TABLE app.t1 REPLICA IDENTITY USING INDEX t1_pkey",
        "ALTER TABLE {table} REPLICA IDENTITY DEFAULT",
        "ALTER TABLE app.t1 CLUSTER ON i1",
        "ALTER TABLE app.t1 CLUSTER ON t1_pkey",
        "ALTER TABLE {table} SET WITHOUT CLUSTER",
        "ALTER TABLE {table} OF app.c1",
        "ALTER TABLE {table} NOT OF",
    ),
    "add constraint": (
        "ALTER TABLE {table} ADD CONSTRAINT {constraint} {new constraint}",
        "ALTER TABLE {plain} ADD CONSTRAINT {constraint} {new constraint}",
        "ALTER TABLE {table} ADD CHECK ({check})",
        "ALTER TABLE {table} ADD UNIQUE (a)",
        "ALTER TABLE {plain} ADD FOREIGN KEY (c) REFERENCES {plain} (a)",
    ),
    "alter constraint": (
        "ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}",
        "ALTER TABLE app.t2 VALIDATE CONSTRAINT k2",
        "ALTER TABLE app.t2 ALTER CONSTRAINT k1 DEFERRABLE INITIALLY DEFERRED",
        "ALTER TABLE app.t2 ALTER CONSTRAINT k1 DEFERRABLE INITIALLY IMMEDIATE",
        "ALTER TABLE app.t2 ALTER CONSTRAINT k1 NOT ENFORCED",
        "ALTER TABLE aux.t1 RENAME CONSTRAINT k1 TO k3",
        "ALTER TABLE {table} ALTER CONSTRAINT {constraint} DEFERRABLE INITIALLY DEFERRED",
        "ALTER TABLE {table} ALTER CONSTRAINT {constraint} NOT DEFERRABLE",
        "ALTER TABLE {table} RENAME CONSTRAINT {constraint} TO {constraint}",
        "ALTER TABLE {table} ALTER CONSTRAINT {constraint} NOT ENFORCED",
    ),
    "drop constraint": (
        "ALTER TABLE {table} DROP CONSTRAINT {constraint} {cascade}",
        "ALTER TABLE ONLY aux.t1 DROP CONSTRAINT k1",
    ),
    "create index": (
        "CREATE INDEX {index name} ON {table} {index on}",
        "CREATE UNIQUE INDEX {index name} ON {table} {index on}",
        "CREATE INDEX {index name} ON {matview} {index on}",
        "CREATE INDEX {index name} ON ONLY {parted} {index on}",
        "CREATE INDEX ON {table} {index on}",
    ),
    "alter index": (
        "ALTER INDEX {index} RENAME TO i5",
        "ALTER INDEX {index} SET (fillfactor = 75)",
        "ALTER INDEX {index} RESET (fillfactor)",
        "ALTER INDEX {index} ALTER COLUMN 1 SET STATISTICS 300",
        "ALTER INDEX {index} ATTACH PARTITION {index}",
        "ALTER INDEX app.i3 ATTACH PARTITION app.i4",
    ),
    "drop index": ("DROP INDEX {index} {cascade}",),
    "create view": (
        "CREATE VIEW {view} AS {select}",
        "CREATE OR REPLACE VIEW {view} AS {select}",
        "CREATE VIEW {view} (x, y) AS SELECT a, b FROM {table}",
        "CREATE OR REPLACE VIEW {view} WITH (security_barrier) AS {select}",
        "CREATE VIEW {view} AS SELECT a, b FROM {table} WITH CASCADED CHECK OPTION",
    ),
    "alter view": (
        "ALTER VIEW {view} RENAME TO v2",
        "ALTER VIEW {view} SET SCHEMA {schema}",
        "ALTER VIEW {view} SET (security_invoker = true)",
        "ALTER VIEW {view} SET (check_option = local)",
        "ALTER VIEW {view} RESET (security_barrier, check_option)",
        "ALTER VIEW {view} ALTER COLUMN b SET DEFAULT {default}",
        "ALTER VIEW {view} RENAME COLUMN b TO z",
    ),
    "drop view": ("DROP VIEW {view} {cascade}",),
    "create matview": (
        "CREATE MATERIALIZED VIEW {matview} AS {select}",
        "CREATE MATERIALIZED VIEW {matview} WITH (fillfactor = 50) AS {select} WITH NO DATA",
    ),
    "alter matview": (
        "ALTER MATERIALIZED VIEW {matview} RENAME TO m2",
        "ALTER MATERIALIZED VIEW {matview} RENAME COLUMN a TO z",
        "ALTER MATERIALIZED VIEW {matview} SET (fillfactor = 33)",
        "ALTER MATERIALIZED VIEW {matview} ALTER a SET STATISTICS 77",
        "ALTER MATERIALIZED VIEW {matview} CLUSTER ON i2",
        "REFRESH MATERIALIZED VIEW {matview}",
    ),
    "drop matview": ("DROP MATERIALIZED VIEW {matview} {cascade}",),
    "create sequence": ("CREATE SEQUENCE {sequence} {sequence option}", "CREATE UNLOGGED SEQUENCE {sequence}"),
    "alter sequence": (
        "ALTER SEQUENCE {sequence} {sequence option}",
        "ALTER SEQUENCE {sequence} {sequence option} {sequence option}",
        "ALTER SEQUENCE {sequence} RENAME TO s2",
        "ALTER SEQUENCE {sequence} SET SCHEMA {schema}",
    ),
    "drop sequence": ("DROP SEQUENCE {sequence} {cascade}",),
    "create function": (
        "CREATE FUNCTION {function head} {function body}",
        "CREATE OR REPLACE FUNCTION {function head} {function body}",
        "CREATE FUNCTION app.f2(a text, OUT x integer, OUT y text) LANGUAGE sql AS $$SELECT 1, 'a'$$",
        "CREATE FUNCTION app.f2(VARIADIC a text[]) RETURNS SETOF {table} LANGUAGE sql AS 'SELECT * FROM {table}'",
    ),
    "alter function": (
        "ALTER {routine} {function option}",
        "ALTER FUNCTION {function} RENAME TO f2",
        "ALTER FUNCTION {function} SET SCHEMA {schema}",
    ),
    "drop function": ("DROP {routine} {cascade}",),
    "procedure": (
        "CREATE OR REPLACE PROCEDURE app.p1(a integer) LANGUAGE sql AS 'SELECT 2'",
        "CREATE PROCEDURE app.p2(INOUT a integer) LANGUAGE plpgsql AS 'BEGIN COMMIT; END'",
        "ALTER PROCEDURE app.p1(integer) SECURITY DEFINER",
    ),
    "aggregate": (
        "CREATE AGGREGATE app.a1(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0')",
        "CREATE AGGREGATE app.a1(integer) (SFUNC = int4larger, STYPE = integer)",
        "DROP AGGREGATE app.a1(integer)",
    ),
    "operator": (
        "CREATE OPERATOR app.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
        "CREATE OPERATOR app.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq, COMMUTATOR = OPERATOR(app.===))",
        "ALTER OPERATOR app.=== (text, text) SET (RESTRICT = eqsel)",
        "DROP OPERATOR app.=== (text, text)",
    ),
    "cast": (
        "CREATE CAST (app.c1 AS text) WITH INOUT",
        "CREATE CAST (app.c1 AS text) WITH INOUT AS ASSIGNMENT",
        "DROP CAST (app.c1 AS text)",
    ),
    "collation": ('CREATE COLLATION app.l1 FROM "C"', "DROP COLLATION app.l1 {cascade}"),
    "text search": (
        "CREATE TEXT SEARCH CONFIGURATION app.h3 (COPY = english)",
        "ALTER TEXT SEARCH CONFIGURATION app.h1 ALTER MAPPING FOR word WITH english_stem",
        "ALTER TEXT SEARCH CONFIGURATION app.h1 DROP MAPPING IF EXISTS FOR email",
        "DROP TEXT SEARCH CONFIGURATION app.h1",
    ),
    "create trigger": (
        "CREATE TRIGGER {trigger} {new trigger} EXECUTE FUNCTION app.tf()",
        "CREATE OR REPLACE TRIGGER {trigger} {new trigger} EXECUTE FUNCTION app.tf('x')",
        "CREATE CONSTRAINT TRIGGER {trigger} AFTER INSERT ON {plain} DEFERRABLE FOR EACH ROW EXECUTE FUNCTION app.tf()",
    ),
    "alter trigger": (
        "ALTER TRIGGER {trigger} ON {table} RENAME TO g2",
        "ALTER TABLE {table} {enable} TRIGGER {trigger}",
        "ALTER TABLE ONLY {table} {enable} TRIGGER {trigger}",
        "ALTER TABLE {table} {enable} TRIGGER ALL",
    ),
    "drop trigger": ("DROP TRIGGER {trigger} ON {table}",),
    "rule": (
        "CREATE RULE u1 AS ON INSERT TO {table} DO INSTEAD NOTHING",
        "CREATE OR REPLACE RULE u1 AS ON UPDATE TO {table} WHERE old.a = 1 DO ALSO DELETE FROM {plain} WHERE c = old.a",
        "DROP RULE u1 ON {table}",
        "DROP RULE u1 ON app.t2",
        "ALTER RULE u1 ON {table} RENAME TO u2",
        "ALTER TABLE {table} {enable} RULE u1",
    ),
    "create policy": (
        "CREATE POLICY {policy} ON {table} USING ({check})",
        "CREATE POLICY {policy} ON {table} AS RESTRICTIVE FOR SELECT TO {role} USING ({check})",
        "CREATE POLICY {policy} ON {table} FOR INSERT TO {role}, {role} WITH CHECK ({check})",
    ),
    "alter policy": (
        "ALTER POLICY {policy} ON {table} TO {role}",
        "ALTER POLICY {policy} ON {table} USING ({check})",
        "ALTER POLICY {policy} ON {table} RENAME TO y2",
    ),
    "drop policy": ("DROP POLICY {policy} ON {table}",),
    "row security": (
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
    ),
    "create enum": ("CREATE TYPE app.e2 AS ENUM ('a', 'b')", "CREATE TYPE app.e2 AS ENUM ()"),
    "alter enum": (
        "ALTER TYPE {enum} ADD VALUE {label}",
        "ALTER TYPE {enum} ADD VALUE 'd' BEFORE {label}",
        "ALTER TYPE {enum} ADD VALUE 'f' AFTER {label}",
        "ALTER TYPE {enum} RENAME VALUE {label} TO {label}",
        "ALTER TYPE {enum} RENAME TO e2",
    ),
    "create domain": (
        "CREATE DOMAIN app.d2 AS {type} DEFAULT {default}",
        'CREATE DOMAIN app.d2 AS text COLLATE "C" NOT NULL CONSTRAINT k2 CHECK (length(VALUE) < 9)',
    ),
    "alter domain": (
        "ALTER DOMAIN {domain} SET DEFAULT 'q'",
        "ALTER DOMAIN {domain} DROP DEFAULT",
        "ALTER DOMAIN {domain} SET NOT NULL",
        "ALTER DOMAIN {domain} DROP NOT NULL",
        "ALTER DOMAIN {domain} ADD CONSTRAINT {constraint} CHECK (VALUE IS NOT NULL) NOT VALID",
        "ALTER DOMAIN {domain} DROP CONSTRAINT {constraint}",
        "ALTER DOMAIN {domain} RENAME CONSTRAINT {constraint} TO {constraint}",
        "ALTER DOMAIN {domain} VALIDATE CONSTRAINT {constraint}",
    ),
    "create type": (
        "CREATE TYPE app.c2 AS (a {type}, b {type})",
        'CREATE TYPE app.r2 AS RANGE (SUBTYPE = text, COLLATION = "C")',
        "CREATE TYPE app.r2 AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)",
        "CREATE TYPE app.h2",
    ),
    "alter type": (
        "ALTER TYPE {composite} ADD ATTRIBUTE {column} {type}",
        "ALTER TYPE {composite} DROP ATTRIBUTE {column}",
        "ALTER TYPE {composite} RENAME ATTRIBUTE {column} TO {column}",
        "ALTER TYPE {composite} ALTER ATTRIBUTE {column} TYPE {type}",
        "ALTER TYPE {range} RENAME TO r2",
    ),
    "drop type": (
        "DROP TYPE {enum} {cascade}",
        "DROP DOMAIN {domain} {cascade}",
        "DROP TYPE {composite} {cascade}",
        "DROP TYPE {range} {cascade}",
    ),
    "create statistics": (
        "CREATE STATISTICS {statistics} ON a, c FROM {table}",
        "CREATE STATISTICS {statistics} (ndistinct, mcv) ON a, b, c FROM {table}",
        "CREATE STATISTICS {statistics} ON (a + c) FROM {table}",
        "CREATE STATISTICS ON a, c FROM {table}",
    ),
    "alter statistics": (
        "ALTER STATISTICS {statistics} SET STATISTICS 50",
        "ALTER STATISTICS {statistics} RENAME TO x2",
        "ALTER STATISTICS {statistics} SET SCHEMA {schema}",
        "DROP STATISTICS {statistics}",
    ),
    "comment": ("COMMENT ON {commented} IS {comment}",),
    "grant": (
        "GRANT {privileges} ON {table} TO {grantee} {with grant}",
        "GRANT SELECT ON {view} TO {grantee}",
        "GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "GRANT USAGE ON SEQUENCE {sequence} TO {grantee} {with grant}",
        "GRANT EXECUTE ON FUNCTION {function} TO {grantee}",
        "GRANT USAGE ON SCHEMA {schema} TO {grantee}",
        "GRANT CREATE ON SCHEMA {schema} TO {role} WITH GRANT OPTION",
        "GRANT USAGE ON TYPE {enum} TO {grantee}",
        "GRANT USAGE ON LANGUAGE sql TO {role}",
        "GRANT SELECT ON pg_catalog.pg_authid TO {role}",
    ),
    "revoke": (
        "REVOKE {privileges} ON {table} FROM {grantee}",
        "REVOKE ALL ON {table} FROM {grantee} CASCADE",
        "REVOKE GRANT OPTION FOR SELECT ON {table} FROM {role} CASCADE",
        "REVOKE ALL ON FUNCTION {function} FROM {grantee}",
        "REVOKE USAGE ON TYPE {enum} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA {schema} FROM {grantee} CASCADE",
        "REVOKE ALL ON SEQUENCE {sequence} FROM {grantee}",
        "REVOKE EXECUTE ON FUNCTION pg_catalog.lower(text) FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    ),
    "grant by another role": (
        "SET ROLE parity_owner; GRANT SELECT, UPDATE ON {plain} TO {grantee} {with grant}; RESET ROLE",
        "SET ROLE parity_writer; GRANT SELECT ON {plain} TO {grantee} {with grant}; RESET ROLE",
        "SET ROLE parity_owner; REVOKE SELECT ON {plain} FROM {grantee} CASCADE; RESET ROLE",
        "SET ROLE parity_owner; CREATE TABLE {schema}.t6 (a integer, b text, c integer); RESET ROLE",
        "SET ROLE parity_writer; CREATE VIEW {view} AS SELECT a, b FROM app.t1; RESET ROLE",
        "SET ROLE {role}; REVOKE ALL ON {table} FROM {grantee}; RESET ROLE",
        "SET ROLE {role}; CREATE TABLE n1.t5 (a integer, b text); RESET ROLE",
    ),
    "default privileges": (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {role} GRANT INSERT ON TABLES TO {role} WITH GRANT OPTION",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {role}",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {role} REVOKE ALL ON TYPES FROM {grantee}",
    ),
    "owner": (
        "ALTER {owned} OWNER TO {role}",
        "ALTER {owned} OWNER TO CURRENT_USER",
        "REASSIGN OWNED BY {role} TO {role}",
    ),
    "create partition": (
        "CREATE TABLE {leaf} PARTITION OF {parted} FOR VALUES {bounds}",
        "CREATE TABLE {leaf} PARTITION OF {parted} DEFAULT",
        "CREATE TABLE {leaf} PARTITION OF {parted} (b DEFAULT 'p', CONSTRAINT k3 CHECK (c > 1)) FOR VALUES {bounds}",
        "CREATE TABLE app.t6 (a integer, b text, c integer) PARTITION BY LIST (a)",
        "CREATE TABLE app.t6 (a integer, b text, c integer) PARTITION BY HASH (a, (c + 1))",
        "CREATE TABLE app.t7 PARTITION OF app.t6 FOR VALUES IN (1, 2)",
        "CREATE TABLE app.t8 PARTITION OF app.t6 FOR VALUES WITH (MODULUS 4, REMAINDER 1)",
        "CREATE TABLE app.t7 PARTITION OF app.t3 FOR VALUES {bounds} PARTITION BY LIST (c)",
    ),
    "attach partition": (
        "ALTER TABLE {parted} ATTACH PARTITION {leaf} FOR VALUES {bounds}",
        "ALTER TABLE {parted} ATTACH PARTITION {leaf} DEFAULT",
        "ALTER TABLE app.t3 ATTACH PARTITION app.t5 FOR VALUES {bounds}",
    ),
    "detach partition": (
        "ALTER TABLE {parted} DETACH PARTITION {leaf}",
        "ALTER TABLE app.t3 DETACH PARTITION app.t4",
    ),
    "inheritance": (
        "CREATE TABLE aux.{table name} (e integer) INHERITS ({plain})",
        "CREATE TABLE aux.{table name} (b text DEFAULT 'i', CONSTRAINT k1 CHECK (c > 0)) INHERITS (aux.t1)",
        "ALTER TABLE {plain} INHERIT {plain}",
        "ALTER TABLE {plain} NO INHERIT {plain}",
        "CREATE TABLE aux.{table name} () INHERITS (aux.t1, app.t2)",
    ),
    "publication": (
        "CREATE PUBLICATION {publication}",
        "CREATE PUBLICATION {publication} FOR ALL TABLES",
        "CREATE PUBLICATION {publication} FOR TABLE {table}, {table}",
        "CREATE PUBLICATION {publication} FOR TABLE {table} WHERE (a > 3)",
        "CREATE PUBLICATION {publication} FOR TABLE {table} (a, b) WITH (publish = 'insert')",
        "CREATE PUBLICATION {publication} FOR TABLES IN SCHEMA {schema}",
        "ALTER PUBLICATION {publication} ADD TABLE {table}",
        "ALTER PUBLICATION {publication} DROP TABLE {table}",
        "ALTER PUBLICATION {publication} SET (publish = 'insert, update')",
        "ALTER PUBLICATION {publication} SET (publish_via_partition_root = true)",
        "ALTER PUBLICATION {publication} RENAME TO b2",
        "DROP PUBLICATION {publication}",
    ),
    "event trigger": (
        "CREATE EVENT TRIGGER v1 ON ddl_command_end EXECUTE FUNCTION app.ef()",
        "CREATE EVENT TRIGGER v1 ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP VIEW') EXECUTE FUNCTION app.ef()",
        "ALTER EVENT TRIGGER v1 {enable}",
        "ALTER EVENT TRIGGER v1 RENAME TO v2",
        "DROP EVENT TRIGGER v1",
    ),
    "foreign data": (
        "CREATE FOREIGN DATA WRAPPER w2 OPTIONS (debug 'true')",
        "CREATE SERVER z2 TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER w1 OPTIONS (host 'h')",
        "ALTER SERVER z1 OPTIONS (ADD port '1')",
        "CREATE FOREIGN TABLE app.q2 (a integer OPTIONS (k 'v'), b text NOT NULL) SERVER z1 OPTIONS (name 'n')",
        "ALTER FOREIGN TABLE app.q1 ADD COLUMN c {type}",
        "ALTER FOREIGN TABLE app.q1 ALTER b SET DEFAULT 'x'",
        "CREATE USER MAPPING FOR {role} SERVER z1 OPTIONS (user 'u')",
        "DROP SERVER z1 {cascade}",
    ),
    "extension": (
        "CREATE EXTENSION btree_gist SCHEMA app",
        "CREATE EXTENSION citext",
        "DROP EXTENSION citext",
        "ALTER EXTENSION citext SET SCHEMA aux",
    ),
    "language": (
        "CREATE LANGUAGE j1 HANDLER plpgsql_call_handler",
        "DROP LANGUAGE j1",
        "ALTER LANGUAGE j1 OWNER TO {role}",
    ),
    "operator class": (
        "CREATE OPERATOR CLASS app.o1 FOR TYPE integer USING btree AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int)",
        "CREATE OPERATOR FAMILY app.o2 USING hash",
        "DROP OPERATOR CLASS app.o1 USING btree",
    ),
}

_WORD = re.compile(r"\{([^{}]*)\}")
#: What varies the sequence that the other database gets.
VARIANTS = ("same", "mutated", "shortened", "reordered", "longer")

Choose = Callable[[Sequence[str]], str]


def statement(choose: Choose) -> str:
    """Return a statement; `choose` takes one of some texts."""
    return fill(choose(KINDS[choose(tuple(KINDS))]), choose)


def fill(template: str, choose: Choose) -> str:
    """Replace the template's words, and the words of what replaces them.

    >>> fill("ALTER TABLE {parted} ADD CHECK ({check})", lambda some: some[0])
    'ALTER TABLE app.t3 ADD CHECK (a > 0)'
    """
    while found := _WORD.search(template):
        template = f"{template[: found.start()]}{choose(WORDS[found[1]])}{template[found.end() :]}"
    return template


def varied(sequence: Sequence[str], variant: str, start: int, others: Sequence[str]) -> tuple[str, ...]:
    """Return what the other database gets.

    :param start: where as many statements as there are others are changed.
    :param others: the statements that replace them, or are added.
    """
    end = start + len(others)
    before, part, after = tuple(sequence[:start]), tuple(sequence[start:end]), tuple(sequence[end:])
    changed = {
        "same": (*before, *part, *after),
        "mutated": (*before, *others, *after),
        "shortened": (*before, *after),
        "reordered": (*before, *after, *reversed(part)),
        "longer": (*before, *part, *after, *others),
    }
    return changed[variant]


#: What changes one item, by its kind. {me} is its name, {on} the relation that it is of, {name} its name alone.
CHANGES: dict[str, Sequence[str]] = {
    "schema": ("DROP SCHEMA {name} CASCADE", "ALTER SCHEMA {name} OWNER TO {role}", "ALTER SCHEMA {name} RENAME TO n9"),
    "enum": (
        "ALTER TYPE {me} ADD VALUE 'z'",
        "DROP TYPE {me} CASCADE",
        "ALTER TYPE {me} OWNER TO {role}",
        "COMMENT ON TYPE {me} IS {comment}",
        "REVOKE USAGE ON TYPE {me} FROM PUBLIC",
    ),
    "domain": (
        "ALTER DOMAIN {me} SET NOT NULL",
        "ALTER DOMAIN {me} SET DEFAULT 'z'",
        "DROP DOMAIN {me} CASCADE",
        "COMMENT ON DOMAIN {me} IS {comment}",
    ),
    "domain constraint": (
        "COMMENT ON CONSTRAINT {name} ON DOMAIN {on} IS {comment}",
        "ALTER DOMAIN {on} DROP CONSTRAINT {name}",
    ),
    "composite type": ("ALTER TYPE {me} ADD ATTRIBUTE z {type}", "DROP TYPE {me} CASCADE"),
    "attribute": ("ALTER TYPE {on} DROP ATTRIBUTE {name}", "COMMENT ON COLUMN {on}.{name} IS {comment}"),
    "range type": ("DROP TYPE {me} CASCADE", "ALTER TYPE {me} OWNER TO {role}", "ALTER TYPE {me} RENAME TO r9"),
    "function": (
        "ALTER FUNCTION {me} {function option}",
        "DROP FUNCTION {me} CASCADE",
        "REVOKE ALL ON FUNCTION {me} FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION {me} TO {grantee}",
        "COMMENT ON FUNCTION {me} IS {comment}",
        "ALTER FUNCTION {me} OWNER TO {role}",
    ),
    "procedure": ("ALTER PROCEDURE {me} SECURITY DEFINER", "DROP PROCEDURE {me}"),
    "aggregate": ("DROP AGGREGATE {me}", "ALTER AGGREGATE {me} OWNER TO {role}"),
    "sequence": (
        "ALTER SEQUENCE {me} {sequence option}",
        "DROP SEQUENCE {me} CASCADE",
        "GRANT {privileges} ON {me} TO {grantee}",
        "ALTER SEQUENCE {me} RENAME TO s9",
    ),
    "table": (
        "DROP TABLE {me} CASCADE",
        "ALTER TABLE {me} ADD z {type}",
        "ALTER TABLE {me} OWNER TO {role}",
        "ALTER TABLE {me} SET (fillfactor = 44)",
        "ALTER TABLE {me} ENABLE ROW LEVEL SECURITY",
        "COMMENT ON TABLE {me} IS {comment}",
        "GRANT {privileges} ON {me} TO {grantee} {with grant}",
        "REVOKE {privileges} ON {me} FROM {grantee} CASCADE",
        "ALTER TABLE {me} RENAME TO t9",
        "ALTER TABLE {me} SET UNLOGGED",
        "ALTER TABLE {me} REPLICA IDENTITY FULL",
        "ALTER TABLE {me} ADD {new constraint}",
        "ALTER TABLE {me} ADD CONSTRAINT k9 {new constraint}",
        "CREATE INDEX ON {me} {index on}",
        "CREATE TRIGGER g9 AFTER UPDATE ON {me} FOR EACH ROW EXECUTE FUNCTION n0.tf()",
        "CREATE POLICY y9 ON {me} USING ({check})",
        "ALTER TABLE {me} SET SCHEMA n1",
        "ALTER TABLE {me} {enable} TRIGGER ALL",
        "CREATE TABLE n1.t9 () INHERITS ({me})",
        "CREATE STATISTICS n1.x9 ON a, b FROM {me}",
        "CREATE VIEW n1.v9 AS SELECT * FROM {me}",
        "ALTER TABLE {me} FORCE ROW LEVEL SECURITY",
    ),
    "foreign table": ("ALTER FOREIGN TABLE {me} ADD z {type}", "DROP FOREIGN TABLE {me}"),
    "column": (
        "ALTER TABLE {on} DROP COLUMN {name} CASCADE",
        "ALTER TABLE {on} ALTER {name} TYPE {type}",
        "ALTER TABLE {on} ALTER {name} SET NOT NULL",
        "ALTER TABLE {on} ALTER {name} DROP NOT NULL",
        "ALTER TABLE {on} ALTER {name} SET DEFAULT {default}",
        "ALTER TABLE {on} ALTER {name} DROP DEFAULT",
        "ALTER TABLE {on} ALTER {name} SET STATISTICS 321",
        "ALTER TABLE {on} ALTER {name} SET STORAGE EXTERNAL",
        "ALTER TABLE {on} ALTER {name} SET (n_distinct = 9)",
        "ALTER TABLE {on} RENAME {name} TO z",
        "COMMENT ON COLUMN {on}.{name} IS {comment}",
        "GRANT SELECT ({name}) ON {on} TO {grantee}",
        "ALTER TABLE {on} ALTER {name} SET COMPRESSION pglz",
        "ALTER TABLE {on} ALTER {name} DROP IDENTITY",
        "ALTER TABLE {on} ALTER {name} ADD GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE {on} ALTER {name} DROP EXPRESSION",
        "ALTER TABLE ONLY {on} ALTER {name} SET DEFAULT {default}",
    ),
    "constraint": (
        "ALTER TABLE {on} DROP CONSTRAINT {name} CASCADE",
        "ALTER TABLE {on} RENAME CONSTRAINT {name} TO k9",
        "ALTER TABLE {on} ALTER CONSTRAINT {name} DEFERRABLE",
        "COMMENT ON CONSTRAINT {name} ON {on} IS {comment}",
        "ALTER TABLE {on} VALIDATE CONSTRAINT {name}",
        "ALTER TABLE {on} ALTER CONSTRAINT {name} NOT ENFORCED",
        "ALTER TABLE {on} CLUSTER ON {name}",
        "ALTER TABLE {on} REPLICA IDENTITY USING INDEX {name}",
        "COMMENT ON INDEX {me} IS {comment}",
    ),
    "index": (
        "DROP INDEX {me} CASCADE",
        "ALTER INDEX {me} RENAME TO i9",
        "ALTER INDEX {me} SET (fillfactor = 55)",
        "COMMENT ON INDEX {me} IS {comment}",
        "ALTER INDEX {me} ALTER COLUMN 1 SET STATISTICS 222",
        "ALTER TABLE {on} CLUSTER ON {name}",
        "ALTER TABLE {on} REPLICA IDENTITY USING INDEX {name}",
        "ALTER TABLE {on} ADD CONSTRAINT k9 UNIQUE USING INDEX {name}",
    ),
    "statistics": (
        "DROP STATISTICS {me}",
        "ALTER STATISTICS {me} SET STATISTICS 99",
        "ALTER STATISTICS {me} RENAME TO x9",
    ),
    "view": (
        "DROP VIEW {me} CASCADE",
        "ALTER VIEW {me} SET (security_invoker = true)",
        "ALTER VIEW {me} OWNER TO {role}",
        "ALTER VIEW {me} SET (security_barrier)",
        "COMMENT ON VIEW {me} IS {comment}",
        "ALTER VIEW {me} RENAME TO v9",
        "GRANT {privileges} ON {me} TO {grantee}",
        "ALTER VIEW {me} RENAME a TO z",
        "COMMENT ON COLUMN {me}.a IS {comment}",
        "ALTER VIEW {me} ALTER a SET DEFAULT 1",
        "CREATE OR REPLACE VIEW {me} AS {select}",
    ),
    "materialized view": (
        "DROP MATERIALIZED VIEW {me} CASCADE",
        "ALTER MATERIALIZED VIEW {me} SET (fillfactor = 22)",
        "CREATE INDEX ON {me} {index on}",
        "ALTER MATERIALIZED VIEW {me} ALTER a SET STATISTICS 55",
        "ALTER MATERIALIZED VIEW {me} RENAME a TO z",
        "COMMENT ON COLUMN {me}.a IS {comment}",
        "REFRESH MATERIALIZED VIEW {me}",
        "ALTER MATERIALIZED VIEW {me} OWNER TO {role}",
    ),
    "trigger": (
        "DROP TRIGGER {name} ON {on}",
        "ALTER TABLE {on} {enable} TRIGGER {name}",
        "ALTER TRIGGER {name} ON {on} RENAME TO g9",
        "COMMENT ON TRIGGER {name} ON {on} IS {comment}",
        "ALTER TABLE ONLY {on} {enable} TRIGGER {name}",
    ),
    "rule": (
        "DROP RULE {name} ON {on}",
        "ALTER TABLE {on} {enable} RULE {name}",
        "COMMENT ON RULE {name} ON {on} IS {comment}",
    ),
    "policy": (
        "DROP POLICY {name} ON {on}",
        "ALTER POLICY {name} ON {on} TO {role}",
        "ALTER POLICY {name} ON {on} USING ({check})",
        "COMMENT ON POLICY {name} ON {on} IS {comment}",
    ),
    "publication": (
        "DROP PUBLICATION {name}",
        "ALTER PUBLICATION {name} SET (publish = 'delete')",
        "ALTER PUBLICATION {name} OWNER TO {role}",
        "ALTER PUBLICATION {name} ADD TABLE {table}",
    ),
    "event trigger": ("DROP EVENT TRIGGER {name}", "ALTER EVENT TRIGGER {name} {enable}"),
    "operator": ("DROP OPERATOR {me}", "ALTER OPERATOR {me} OWNER TO {role}"),
    "text search configuration": (
        "ALTER TEXT SEARCH CONFIGURATION {me} DROP MAPPING FOR word",
        "DROP TEXT SEARCH CONFIGURATION {me}",
    ),
    "collation": ("DROP COLLATION {me} CASCADE", "ALTER COLLATION {me} OWNER TO {role}"),
    "server": ("ALTER SERVER {name} VERSION '2'", "ALTER SERVER {name} OWNER TO {role}"),
    "extension": ("DROP EXTENSION {name} CASCADE", "COMMENT ON EXTENSION {name} IS {comment}"),
    "default privileges": ("{default privileges}",),
}
WORDS["default privileges"] = KINDS["default privileges"]


def change(item: model.Item, choose: Choose) -> str:
    """Return a statement that changes this item of a `rich` database; empty where none is known."""
    if item.kind not in CHANGES:
        return ""
    template = choose(CHANGES[item.kind])
    schema, name = _quoted(item.schema), item.name if "(" in item.name else _quoted(item.name)
    for word, replacement in (("me", f"{schema}.{name}"), ("on", f"{schema}.{_quoted(item.of)}"), ("name", name)):
        template = template.replace(f"{{{word}}}", replacement)
    return _NAMES.sub("n0", fill(template, choose))


def rich(choose: Choose, copies: int = 5, length: int = 120) -> tuple[str, ...]:
    """Return statements that make a database of several worlds, each in two schemas of its own."""
    kinds = [kind for kind in KINDS if not kind.startswith(("drop", "move", "rename"))]
    found = ["CREATE SCHEMA n1"]
    for number in range(0, copies * 2, 2):
        random = (fill(choose(KINDS[choose(kinds)]), choose) for _ in range(length))
        for sql in (*WORLD.strip().split(";\n"), *(one for one in random if not one.startswith("DROP"))):
            names = {"app": f"n{number}", "aux": f"n{number + 3}"}
            found.append(_NAMES.sub(lambda word, names=names: names[word[0]], sql))  # type: ignore[misc]
    return tuple(found)


_NAMES = re.compile(r"\b(app|aux)\b")


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))
