r"""Files as other tools' histories hold them, one a row: how each has to be run, or why it cannot, and what it leaves.

`after` is a query of one text and its answer. The engine's own schema is `app`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One file. `mode` is what its text tells, empty where it is refused; `words` are among the reasons or refusals.

    `tried` is the mode that the server asks for, where the text alone does not tell.
    """

    name: str
    sql: str
    mode: str
    after: tuple[str, str] = ("SELECT 'x'", "x")
    words: str = ""
    tried: str = ""
    variables: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()


_TABLES = """SELECT coalesce(string_agg(n.nspname || '.' || c.relname, ' ' ORDER BY 1), '') FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname IN ('app', 'public')"""
_INDEXES = """SELECT coalesce(string_agg(c.relname || ' ' || i.indisvalid, ' ' ORDER BY 1), '') FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'app'"""
_ENUM = "SELECT string_agg(enumlabel, ' ' ORDER BY enumtypid, enumsortorder) FROM pg_enum"


def tables(*names: str) -> tuple[str, str]:
    """Return the query of all tables and the answer."""
    return _TABLES, " ".join(names)


def rows(table: str, expected: str) -> tuple[str, str]:
    """Return the query of a table's `v`, in order, and the answer."""
    return f"SELECT coalesce(string_agg(v::text, ' ' ORDER BY v), '') FROM {table}", expected


T = "CREATE TABLE app.t (v int);\n"
_DEFERRED = (
    f"{T}CREATE TABLE app.u (v text);\nCREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n"
    "  INSERT INTO u VALUES (current_user); RETURN NULL;\nEND $$;\nSET search_path = app;\n"
    "CREATE CONSTRAINT TRIGGER c AFTER INSERT ON app.t DEFERRABLE INITIALLY DEFERRED\n"
    "FOR EACH ROW EXECUTE FUNCTION app.f();\n"
)
_SHADOW = "CREATE FUNCTION app.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';\n"

ROWS = [
    # One transaction, which the engine opens.
    Row("plain", "CREATE TABLE t (v int);\nINSERT INTO t VALUES (1), (2);\n", "transaction", rows("app.t", "1 2")),
    Row("no-final-newline", "CREATE TABLE t (v int); -- the last", "transaction", tables("app.t")),
    Row("savepoint", f"{T}SAVEPOINT a;\nINSERT INTO app.t VALUES (1);\nROLLBACK TO a;\nINSERT INTO app.t VALUES (2);\n"
        "RELEASE a;\n", "transaction", rows("app.t", "2")),
    Row("lock-table", f"{T}LOCK TABLE app.t IN ACCESS EXCLUSIVE MODE;\nINSERT INTO app.t VALUES (1);\n", "transaction",
        rows("app.t", "1")),
    Row("set-local", f"SET LOCAL lock_timeout = '3s';\n{T}", "transaction", tables("app.t")),
    Row("set-transaction-first", f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n{T}", "transaction", tables("app.t"),
        words="it is about our transaction"),
    Row("set-transaction-late", f"{T}SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n", "",
        words="has to be the first statement"),
    Row("read-only", f"SET TRANSACTION READ ONLY;\n{T}", "", words="nothing could be changed after it"),
    Row("copy-rows", f"{T}COPY app.t FROM stdin;\n1\n2\n\\.\nINSERT INTO app.t VALUES (3);\n", "transaction",
        rows("app.t", "1 2 3")),
    Row("enum-new-type", "CREATE TYPE e AS ENUM ('x');\nALTER TYPE e ADD VALUE 'y';\n"
        "CREATE TABLE t (v e DEFAULT 'y');\n", "statements", (_ENUM, "a x y"), words="uses the value y"),
    Row("enum-added-only", "ALTER TYPE public.kind ADD VALUE 'b';\nCREATE TABLE t (v text);\n", "transaction",
        (_ENUM, "a b")),
    Row("do-block", "DO $$ BEGIN CREATE TABLE app.t (v int); EXCEPTION WHEN duplicate_table THEN NULL; END $$;\n",
        "transaction", tables("app.t")),
    Row("function-with-begin", "CREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND;\n"
        "$$;\n", "transaction", ("SELECT app.f()::text", "1")),
    Row("dump-header", "SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET client_encoding = 'UTF8';\n"
        "SET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
        "SET check_function_bodies = false;\nSET xmloption = content;\nSET default_tablespace = '';\n"
        f"SET default_table_access_method = heap;\n{T}", "transaction", tables("app.t"), words="search_path is the"),
    Row("dump-restrict", f"\\restrict x\n{T}COPY app.t (v) FROM stdin;\n7\n\\.\n\\unrestrict x\n", "transaction",
        rows("app.t", "7")),
    Row("role-and-extension", "CREATE EXTENSION IF NOT EXISTS plpgsql;\nCREATE TABLE t (v int);\n"
        "GRANT SELECT ON t TO modes_reader;\nALTER TABLE t OWNER TO modes_owner;\n", "transaction", tables("app.t"),
        roles=("modes_owner", "modes_reader"), extensions=("plpgsql",)),
    Row("byte-order-mark-and-crlf", "\ufeffCREATE TABLE app.t (v int);\r\nINSERT INTO app.t VALUES (4);\r\n",
        "transaction", rows("app.t", "4")),
    # The server decides, the text cannot.
    Row("call-that-commits", f"{T}CREATE PROCEDURE app.p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.t VALUES (1); "
        "COMMIT; END $$;\nCALL app.p();\n", "transaction", rows("app.t", "1"), words="known only to the server",
        tried="statements"),
    Row("pending-events", "CREATE TABLE t (v int PRIMARY KEY, w int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO t VALUES (1, 1);\nALTER TABLE t ADD COLUMN x int;\n", "transaction", tables("app.t"),
        tried="statements"),
    # Statement by statement.
    Row("concurrently", f"{T}CREATE INDEX CONCURRENTLY i ON app.t (v);\n", "statements", (_INDEXES, "i true"),
        words="cannot run inside a transaction"),
    Row("concurrently-twice", f"{T}CREATE INDEX CONCURRENTLY i ON app.t (v);\nDROP INDEX CONCURRENTLY app.i;\n"
        "CREATE INDEX CONCURRENTLY j ON app.t (v);\n", "statements", (_INDEXES, "j true")),
    Row("concurrently-without-name", f"{T}CREATE INDEX CONCURRENTLY ON app.t (v);\n", "",
        words="without a name cannot be checked"),
    Row("concurrently-and-lock", f"{T}LOCK TABLE app.t;\nCREATE INDEX CONCURRENTLY i ON app.t (v);\n", "",
        words="the lock is released as soon as"),
    Row("vacuum", f"{T}VACUUM ANALYZE app.t;\n", "statements", tables("app.t")),
    Row("enum-used", "ALTER TYPE public.kind ADD VALUE 'b';\nCREATE TABLE t (v public.kind DEFAULT 'b');\n"
        "INSERT INTO t VALUES (DEFAULT);\n", "statements", rows("app.t", "b"), words="uses the value b that line 1"),
    Row("commit-in-do", f"{T}DO $$ BEGIN FOR i IN 1..3 LOOP INSERT INTO app.t VALUES (i); COMMIT; END LOOP; END $$;\n",
        "statements", rows("app.t", "1 2 3"), words="the block commits by itself"),
    Row("reindex-schema", f"{T}REINDEX SCHEMA app;\n", "statements", tables("app.t")),
    Row("alter-system", "ALTER SYSTEM SET work_mem = '5MB';\nALTER SYSTEM RESET work_mem;\n", "statements"),
    Row("create-database", "CREATE DATABASE modes_other;\nDROP DATABASE modes_other;\n", "statements"),
    Row("copy-rows-and-vacuum", f"{T}COPY app.t FROM stdin;\n1\n2\n\\.\nVACUUM app.t;\n", "statements",
        rows("app.t", "1 2")),
    Row("empty-search-path-and-vacuum", f"SELECT pg_catalog.set_config('search_path', '', false);\n{T}"
        "CREATE TABLE public.u (v int);\nVACUUM app.t;\n", "statements", tables("app.t", "public.u")),
    # Transactions of the file's own.
    Row("own", f"BEGIN;\n{T}INSERT INTO app.t VALUES (1);\nCOMMIT;\n", "own-transaction", rows("app.t", "1"),
        words="ours would do as well"),
    Row("own-several", f"BEGIN;\n{T}COMMIT;\nBEGIN;\nINSERT INTO app.t VALUES (1);\nCOMMIT;\n", "own-transaction",
        rows("app.t", "1")),
    Row("own-between", "CREATE TABLE a (v int);\nBEGIN;\nCREATE TABLE b (v int);\nEND;\nCREATE TABLE c (v int);\n",
        "own-transaction", tables("app.a", "app.b", "app.c")),
    Row("own-enum-swap", "CREATE TABLE t (v public.kind DEFAULT 'a');\nBEGIN;\nCREATE TYPE app.k AS ENUM ('a', 'z');\n"
        "ALTER TABLE t ALTER v DROP DEFAULT;\nALTER TABLE t ALTER v TYPE app.k USING (v::text::app.k);\n"
        "ALTER TYPE public.kind RENAME TO kind_old;\nALTER TYPE app.k RENAME TO kind;\n"
        "DROP TYPE public.kind_old;\nCOMMIT;\n", "own-transaction", (_ENUM, "a z")),
    Row("own-isolation", f"BEGIN ISOLATION LEVEL SERIALIZABLE;\n{T}COMMIT;\n", "own-transaction", tables("app.t")),
    Row("own-start-and-work", f"START TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n{T}COMMIT WORK;\n",
        "own-transaction", tables("app.t")),
    Row("own-chain", f"BEGIN ISOLATION LEVEL SERIALIZABLE;\n{T}COMMIT AND CHAIN;\n"
        "INSERT INTO app.t VALUES ((current_setting('transaction_isolation') = 'serializable')::int);\nCOMMIT;\n",
        "own-transaction", rows("app.t", "1")),
    Row("own-set-transaction", f"BEGIN;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n{T}COMMIT;\n",
        "own-transaction", tables("app.t")),
    Row("own-set-local-and-savepoint", f"BEGIN;\nSET LOCAL lock_timeout = '3s';\n{T}SAVEPOINT a;\n"
        "INSERT INTO app.t VALUES (1);\nROLLBACK TO SAVEPOINT a;\nLOCK TABLE app.t;\nCOMMIT;\n", "own-transaction",
        rows("app.t", "")),
    Row("own-with-concurrently", f"BEGIN;\n{T}COMMIT;\nCREATE INDEX CONCURRENTLY i ON app.t (v);\nBEGIN;\n"
        "INSERT INTO app.t VALUES (1);\nCOMMIT;\n", "own-transaction", (_INDEXES, "i true")),
    Row("own-around-concurrently", f"{T}COMMIT;\nCREATE INDEX CONCURRENTLY i ON app.t (v);\nBEGIN;\n",
        "own-transaction", (_INDEXES, "i true")),
    Row("own-concurrently-inside", f"BEGIN;\n{T}CREATE INDEX CONCURRENTLY i ON app.t (v);\nCOMMIT;\n", "",
        words="cannot run inside a transaction, and line 1 opens one"),
    Row("own-copy-rows", f"BEGIN;\n{T}COPY app.t FROM stdin;\n1\n2\n\\.\nINSERT INTO app.t VALUES (3);\nCOMMIT;\n",
        "own-transaction", rows("app.t", "1 2 3")),
    Row("own-nested", f"BEGIN;\nBEGIN;\n{T}COMMIT;\nCOMMIT;\n", "own-transaction", tables("app.t")),
    Row("own-role", f"BEGIN;\n{T}GRANT INSERT ON app.t TO pg_monitor;\nGRANT USAGE ON SCHEMA app TO pg_monitor;\n"
        "SET ROLE pg_monitor;\nINSERT INTO app.t VALUES (1);\nCOMMIT;\n", "own-transaction", rows("app.t", "1")),
    Row("own-shadowing-path", f"{_SHADOW}BEGIN;\nSET search_path = app, pg_catalog;\n{T}COMMIT;\n", "own-transaction",
        tables("app.t")),
    Row("shadowing-path", f"{_SHADOW}SET search_path = app, pg_catalog;\n{T}", "transaction", tables("app.t")),
    Row("deferred-trigger", f"{_DEFERRED}INSERT INTO t VALUES (5);\n", "transaction", rows("app.u", "schemata")),
    Row("own-deferred-trigger", f"BEGIN;\n{_DEFERRED}GRANT INSERT ON t, u TO pg_monitor;\n"
        "GRANT USAGE ON SCHEMA app TO pg_monitor;\nSET LOCAL ROLE pg_monitor;\nINSERT INTO t VALUES (5);\nCOMMIT;\n",
        "own-transaction", rows("app.u", "pg_monitor")),
    Row("own-rolled-back", f"BEGIN;\n{T}ROLLBACK;\n", "", words="line 1 is rolled back"),
    Row("own-not-committed", f"BEGIN;\n{T}", "", words="ends before the transaction is committed"),
    Row("own-read-only", f"BEGIN READ ONLY;\nSELECT 1;\nCOMMIT;\n{T}", "", words="read-only transaction"),
    Row("prepare-transaction", f"BEGIN;\n{T}PREPARE TRANSACTION 'one';\n", "", words="prepared transaction"),
    Row("commit-prepared", "COMMIT PREPARED 'one';\n", "", words="prepared transaction"),
    Row("own-restrict", f"\\restrict x\nBEGIN;\n{T}COPY app.t (v) FROM stdin;\n7\n\\.\nINSERT INTO app.t VALUES (8);\n"
        "\\unrestrict x\nCOMMIT;\n", "own-transaction", rows("app.t", "7 8")),
    Row("restrict-and-vacuum", f"\\restrict x\n{T}COPY app.t (v) FROM stdin;\n7\n\\.\n\\unrestrict x\nVACUUM app.t;\n",
        "statements", rows("app.t", "7")),
    # Nothing to run here, or nothing that the server reads.
    Row("comments-only", "-- nothing to do any more\n/* really */\n", "nothing"),
    Row("copy-of-psql", "-- load\n\\copy app.t FROM 'rows.csv' CSV\n", "outside", words="run by psql"),
    Row("copy-of-psql-and-sql", f"{T}\\copy app.t FROM 'rows.csv' CSV\n", "", words="COPY ... FROM stdin"),
    Row("include", f"\\i other.sql\n{T}", "", words="Put the other file's content here"),
    Row("set-of-psql", f"\\set ON_ERROR_STOP on\n{T}", "", words="Write the value itself"),
    Row("connect", f"\\connect other\n{T}", "", words="remove the line"),
    Row("if-of-psql", f"\\if :x\n{T}\\endif\n", "", words="DO block with IF"),
    Row("braces", 'CREATE TABLE {{ index .Options "Namespace" }}.t (v int);\n', "transaction",
        words="value of Namespace", variables=("Namespace",)),
    Row("dollar-braces", "CREATE TABLE ${schema}.t (v int DEFAULT ${n});\n", "transaction", variables=("schema", "n")),
    Row("psql-variable", "CREATE TABLE :\"schema\".t (v text DEFAULT :'name');\n", "transaction",
        variables=("schema", "name")),
    Row("braces-as-data", f"{T}COMMENT ON TABLE app.t IS 'Hello {{{{ name }}}}, ${{x}}';\n", "transaction",
        ("SELECT obj_description('app.t'::regclass)", "Hello {{ name }}, ${x}")),
    Row("own-ledger", f"{T}INSERT INTO schema_migrations (version) VALUES ('1');\n", "transaction", tables("app.t"),
        words="the tool's own ledger"),
    Row("own-ledger-only", "CREATE TABLE IF NOT EXISTS public.schema_migrations (version text);\n", "nothing"),
    Row("ledger-among-others", f"{T}DROP TABLE IF EXISTS public._prisma_migrations;\nINSERT INTO app.t VALUES (1);\n",
        "transaction", rows("app.t", "1")),
    Row("latin", "SET client_encoding = 'LATIN1';\nCREATE TABLE t (v text DEFAULT 'é');\n", "",
        words="characters that the server would read wrongly"),
    Row("syntax", "CREATE TABEL t (v int);\n", "", words="syntax error"),
]  # fmt: skip
