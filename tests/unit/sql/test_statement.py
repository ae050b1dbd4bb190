"""SQL text as statements."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata.sql import destructive, statement

#: Name, text, (text, offset, line) of each statement.
SPLITS: list[tuple[str, str, list[tuple[str, int, int]]]] = [
    ("empty", "", []),
    ("only comments", "-- a\n/* b; */\n", []),
    ("only semicolons", ";;\n;", []),
    ("comments around", "-- a\nSELECT 1 -- b\n; -- c\n", [("SELECT 1", 5, 2)]),
    ("no final newline", "SELECT 1;\nSELECT 2", [("SELECT 1", 0, 1), ("SELECT 2", 10, 2)]),
    ("CRLF", "-- a\r\nSELECT 1;\r\nSELECT 2;\r\n", [("SELECT 1", 6, 2), ("SELECT 2", 17, 3)]),
    ("byte order mark", "\ufeffSELECT 1;\nSELECT 2", [("SELECT 1", 1, 1), ("SELECT 2", 11, 2)]),
    ("non-ASCII", "-- é€\nSELECT '🐘';\nSELECT 2;", [("SELECT '🐘'", 6, 2), ("SELECT 2", 18, 3)]),
    ("nested comment", "/* a /* b ; */ ; */ SELECT 1; SELECT 2", [("SELECT 1", 20, 1), ("SELECT 2", 30, 1)]),
    ("dollar quotes", "DO $x$ BEGIN; $$ ; $$ END $x$; SELECT 2",
     [("DO $x$ BEGIN; $$ ; $$ END $x$", 0, 1), ("SELECT 2", 31, 1)]),
    ("quotes", "SELECT ';' AS \";\"; SELECT E'\\';'", [("SELECT ';' AS \";\"", 0, 1), ("SELECT E'\\';'", 19, 1)]),
    ("SQL body", "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
     [("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", 0, 1), ("SELECT 3", 70, 1)]),
    ("PostgreSQL 18", "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) VIRTUAL)",
     [("CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a) VIRTUAL)", 0, 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sql", "expected"), SPLITS, ids=[row[0] for row in SPLITS])
def test_split(name: str, sql: str, expected: list[tuple[str, int, int]]) -> None:
    """Each statement runs from its first token to its last, with the place where it stands in the text."""
    statements = statement.split(sql)
    assert [(one.text, one.offset, one.line) for one in statements] == expected
    assert all(sql.startswith(one.text, one.offset) for one in statements)


@given(st.lists(st.sampled_from(["SELECT 'é;'", "DO $$;$$", "SELECT\r\n1 -- ü;\n", "/* 🐘 */", "", "\n", " "])))
def test_split_finds_its_own_pieces(pieces: list[str]) -> None:
    """Whatever stands between statements, each is found where it says it is."""
    sql = ";".join(pieces)
    statements = statement.split(sql)
    assert len(statements) == sum(any(word in piece for word in ("SELECT", "DO")) for piece in pieces)
    for one in statements:
        assert sql.startswith(one.text, one.offset)
        assert statement.locate(sql, one.offset + 1)[0] == one.line


def test_deep_nesting() -> None:
    """Three hundred operators in a row are read as well as one; so is the statement after them."""
    sql = "DELETE FROM a.t WHERE x = " + " || ".join(["'x'"] * 300) + "; DROP TABLE a.u"
    losses = destructive.destroys(statement.split(sql))
    assert [(loss.kind, loss.name) for loss in losses] == [("delete", "t"), ("drop table", "u")]


@pytest.mark.parametrize(
    ("sql", "line", "column", "words"),
    [
        ("SELECT 'é' FORM x y", 1, 16, 'at or near "x"'),
        ("SELECT 1;\r\n  SELEKT 2", 2, 3, "SELEKT"),
        ("\ufeffSELEKT", 1, 1, "SELEKT"),
        ("SELECT 1 FROM", 1, 14, "end of input"),
        ("SELECT 'abc", 1, 8, "unterminated quoted string"),
        ("DO $$ BEGIN", 1, 4, "unterminated dollar-quoted string"),
        ("SELECT 1; /* ", 1, 11, "unterminated /* comment"),
        ("\\connect other\nSELECT 1", 1, 1, r"\connect is a command of psql"),
        ("SELECT 1;\n\\.\n", 2, 1, r"\. is a command of psql"),
        ("SELECT * FROM :table", 1, 15, ":table is a variable of psql"),
        ("SELECT :'name'", 1, 8, ":'name' is a variable of psql"),
        ("COPY t (a) FROM stdin; 1\n2\tx\n\\.\n", 1, 24, "rows of COPY … FROM STDIN begin on the line after"),
        ("SELECT 1;\n\ufeffSELECT 2", 2, 1, "byte order mark inside"),
        ("SELECT 1;\nSELECT\0 2", 2, 7, "NUL"),
    ],
)
def test_syntax_problem(sql: str, line: int, column: int, words: str) -> None:
    """What the parser rejects is told with line and column in characters, and its likely cause."""
    with pytest.raises(statement.SyntaxProblem) as caught:
        statement.split(sql)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in caught.value.message


ORIGINAL = "CREATE TABLE App.t (a int DEFAULT 1, b text DEFAULT 'X'); -- why\n"


@pytest.mark.parametrize(
    "edited",
    [
        "-- another reason\nCREATE TABLE App.t (a int DEFAULT 1, b text DEFAULT 'X')",
        "create table app.T(a INT default 1,/* c */\r\n\tb text default 'X') ; ;",
        "\ufeff" + ORIGINAL,
    ],
)
def test_fingerprint_keeps(edited: str) -> None:
    """Comments, white space, case outside quotes and the last semicolon do not change a fingerprint."""
    assert statement.fingerprint(edited) == statement.fingerprint(ORIGINAL)


@pytest.mark.parametrize(
    ("before", "after"),
    [("DEFAULT 1", "DEFAULT 2"), ("'X'", "'x'"), ("App", '"App"'), ("b text", "bt ext"), ("int", "bigint")],
)
def test_fingerprint_changes(before: str, after: str) -> None:
    """A literal, a quoted name, a type: what the server would read differently changes the fingerprint."""
    assert statement.fingerprint(ORIGINAL.replace(before, after)) != statement.fingerprint(ORIGINAL)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT É", "SELECT é"),
        ("DO $$ a $$", "DO $$ A $$"),
        ("SELECT a; SELECT b", "SELECT a SELECT b"),
        ("SELECT 'open", "SELECT 'Open"),
        ("SELECT 1\0; SELECT 2", "SELECT 1\0; SELECT 3"),
    ],
)
def test_fingerprint_tells_apart(one: str, other: str) -> None:
    """Only A–Z fold; bodies are kept as written; a text that cannot be scanned counts as it stands."""
    assert statement.fingerprint(one) != statement.fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a'\n  'b'", "SELECT 'a'\n\t\t'b'"),
        ("SELECT 'a'\r\n'b'", "SELECT 'a'\n    'b'"),
        ("SELECT 'a'\n'b'\n'c' FROM t", "SELECT 'abc'\nFROM t"),
        ("SELECT E'it\\'s'\n  'one\\n'", "SELECT E'it\\'sone\\n'"),
        ("SELECT 'it''s'\n'''one'''", "SELECT 'it''s''one'''"),
        ("SELECT 'a' -- why\n 'b'", "SELECT 'a' -- because\n\n    'b'"),
        ("SELECT U&'d\\0061'\n't'", "SELECT U&'d\\0061t'"),
    ],
)
def test_a_literal_over_lines_is_one_literal(one: str, other: str) -> None:
    """What stands between the pieces of a literal that goes on over lines does not change a fingerprint."""
    assert statement.fingerprint(one) == statement.fingerprint(other)


def test_two_literals_on_one_line_are_not_one() -> None:
    """Without a line break between them the server refuses two literals, so that edit is not formatting."""
    assert statement.fingerprint("SELECT 'a'\n 'b'") != statement.fingerprint("SELECT 'a' 'b'")
    assert statement.fingerprint("SELECT 'a' -- why\n 'b'") == statement.fingerprint("SELECT 'ab'")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT 'a\n  b'", "SELECT 'a\nb'"),
        ("SELECT 'a'' \n ''b'", "SELECT 'a'' \n  ''b'"),
        ("SELECT 'a'\n'b'", "SELECT 'a'\n' b'"),
        ("SELECT E'a\\'\n'", "SELECT E'a\\'\n\n'"),
        ("SELECT 'a', 'b'", "SELECT 'a'\n'b'"),
        ("DO $$ SELECT 'a'\n'b' $$", "DO $$ SELECT 'a'\n  'b' $$"),
        ('SELECT "a\n  b"', 'SELECT "a\nb"'),
    ],
)
def test_white_space_inside_of_a_literal_counts(one: str, other: str) -> None:
    """Line breaks that the server keeps are a part of the value."""
    assert statement.fingerprint(one) != statement.fingerprint(other)


def test_fingerprint_is_stable() -> None:
    """The digest is recorded in databases: it must be that of the tokens, in every release."""
    assert statement.fingerprint("SELECT 1;") == hashlib.sha256(b"select\x001").hexdigest()


#: SQL, kind, whether it must run outside a transaction, whether the next run can repair it.
KINDS: list[tuple[str, statement.Kind, bool, bool]] = [
    ("CREATE INDEX CONCURRENTLY i ON t (a)", "create index concurrently", True, True),
    ("CREATE INDEX i ON t (a)", "other", False, False),
    ("DROP INDEX CONCURRENTLY i", "drop index concurrently", True, True),
    ("DROP INDEX i", "other", False, False),
    ("REINDEX INDEX CONCURRENTLY i", "reindex concurrently", True, True),
    ("REINDEX (CONCURRENTLY, VERBOSE) TABLE t", "reindex concurrently", True, True),
    ("REINDEX (CONCURRENTLY false) TABLE t", "other", False, False),
    ("REINDEX TABLE t", "other", False, False),
    ("REINDEX SCHEMA s", "other outside transaction", True, False),
    ("ALTER TYPE mood ADD VALUE 'x'", "alter type add value", False, True),
    ("ALTER TYPE mood RENAME VALUE 'x' TO 'y'", "other", False, False),
    ("VACUUM FULL t", "vacuum", True, True),
    ("ANALYZE t", "other", False, False),
    ("BEGIN", "transaction control", False, False),
    ("PREPARE TRANSACTION 'x'", "transaction control", False, False),
    ("SET LOCAL lock_timeout = '1s'", "set", False, False),
    ("RESET ALL", "set", False, False),
    ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "set", False, False),
    ("DO 'BEGIN END'", "do", False, False),
    ("CALL p()", "call", False, False),
    ("DISCARD ALL", "discard", True, False),
    ("DISCARD PLANS", "discard", False, False),
    ("CREATE DATABASE d", "other outside transaction", True, False),
    ("DROP DATABASE d", "other outside transaction", True, False),
    ("ALTER DATABASE d SET TABLESPACE s", "other outside transaction", True, False),
    ("ALTER DATABASE d SET work_mem = '1MB'", "other", False, False),
    ("CREATE TABLESPACE s LOCATION '/x'", "other outside transaction", True, False),
    ("ALTER SYSTEM SET work_mem = '1MB'", "other outside transaction", True, False),
    ("CLUSTER", "other outside transaction", True, False),
    ("CLUSTER t USING i", "other", False, False),
    ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "other outside transaction", True, False),
    ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = off)", "other", False, False),
    ("CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (create_slot = false)", "other", False, False),
    ("ALTER SUBSCRIPTION s REFRESH PUBLICATION", "other outside transaction", True, False),
    ("ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)", "other", False, False),
    ("ALTER TABLE t DETACH PARTITION u CONCURRENTLY", "other outside transaction", True, False),
    ("ALTER TABLE t DETACH PARTITION u", "other", False, False),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "other", False, False),
]


@pytest.mark.parametrize(("sql", "kind", "outside", "heals"), KINDS, ids=[row[0] for row in KINDS])
def test_kind(sql: str, kind: statement.Kind, outside: bool, heals: bool) -> None:
    """The kind says how a statement must run, and what becomes of an interrupted one."""
    (one,) = statement.split(sql)
    assert one.kind == kind
    assert statement.needs_no_transaction(one) is outside
    assert statement.is_repairable(one) is heals


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("BEGIN", True),
        ("COMMIT AND CHAIN", True),
        ("ROLLBACK", True),
        ("PREPARE TRANSACTION 'x'", True),
        ("SAVEPOINT a", False),
        ("ROLLBACK TO a", False),
        ("RELEASE a", False),
        ("SET TRANSACTION READ ONLY", False),
    ],
)
def test_opens_or_ends_transaction(sql: str, expected: bool) -> None:
    """A savepoint stays inside the transaction; BEGIN, COMMIT and their like do not."""
    assert statement.opens_or_ends_transaction(statement.split(sql)[0]) is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CALL p()", True),
        ("DO $$ BEGIN COMMIT; END $$", True),
        ("DO LANGUAGE plpgsql 'BEGIN rollback; END'", True),
        ("DO $$ BEGIN EXECUTE format('CALL %I()', 'p'); END $$", True),
        ("DO $$ BEGIN EXECUTE function || '()'; END $$", True),
        ("DO $$ it's not SQL $$", True),
        ("DO $$ BEGIN -- COMMIT\n RAISE NOTICE 'COMMIT'; END $$", False),
        ("DO $$ BEGIN CREATE TRIGGER x BEFORE INSERT ON t EXECUTE FUNCTION f(); END $$", False),
        ("DO $$ BEGIN GRANT EXECUTE ON FUNCTION f() TO r; END $$", False),
        ("SELECT 'COMMIT'", False),
    ],
)
def test_may_commit(sql: str, expected: bool) -> None:
    """A call or a block with a transaction command or dynamic SQL may commit; words in quotes may not."""
    assert statement.may_commit(statement.split(sql)[0]) is expected


def test_index_target() -> None:
    """CREATE INDEX tells what it builds; a name the server will choose is None."""
    (one,) = statement.split("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON app.t (a)")
    assert statement.index_target(one) == statement.IndexTarget("app", "t", "i", True, True)
    (one,) = statement.split("CREATE INDEX ON t (a)")
    assert statement.index_target(one) == statement.IndexTarget(None, "t", None, False, False)
    assert statement.index_target(statement.split("SELECT 1")[0]) is None


def test_dropped_indexes() -> None:
    """DROP INDEX names its indexes; a dropped table names none."""
    (one,) = statement.split('DROP INDEX CONCURRENTLY IF EXISTS app.i, "J"')
    assert statement.dropped_indexes(one) == [("app", "i"), (None, "J")]
    assert statement.dropped_indexes(statement.split("DROP TABLE t")[0]) == []


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("REINDEX INDEX CONCURRENTLY app.i", statement.Reindexed("index", "app", "i")),
        ("REINDEX TABLE t", statement.Reindexed("table", None, "t")),
        ("REINDEX SCHEMA app", statement.Reindexed("schema", None, "app")),
        ("REINDEX DATABASE CONCURRENTLY", statement.Reindexed("database", None, None)),
        ("REINDEX SYSTEM d", statement.Reindexed("system", None, "d")),
        ("SELECT 1", None),
    ],
)
def test_reindexed(sql: str, expected: statement.Reindexed | None) -> None:
    """REINDEX tells what it rebuilds."""
    assert statement.reindexed(statement.split(sql)[0]) == expected


@pytest.mark.parametrize(
    ("position", "expected"),
    [(1, (1, 1)), (3, (1, 3)), (4, (1, 4)), (5, (2, 1)), (7, (3, 1)), (99, (3, 3)), (0, (1, 1))],
)
def test_locate(position: int, expected: tuple[int, int]) -> None:
    """A 1-based character position becomes line and column; outside the text, its nearest end."""
    assert statement.locate("é🐘\r\nx\nab", position) == expected


def test_excerpt() -> None:
    """A statement is shown on one line, without its comments, cut to the width."""
    sql = "CREATE TABLE app.t (\n    id bigint, -- the key\n    name text\n);"
    (one,) = statement.split(sql)
    assert statement.excerpt(sql, one) == "CREATE TABLE app.t ( id bigint, name text )"
    assert statement.excerpt(sql, one, 20) == "CREATE TABLE app.t…"
    assert statement.excerpt(sql, sql.index("name")) == "name text"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE t (a int); ALTER TABLE t ADD b int; INSERT INTO t VALUES (1); SELECT 1", []),
        ("DROP TABLE IF EXISTS app.t, u CASCADE", [("drop table", "app", "t", None), ("drop table", None, "u", None)]),
        ("DROP MATERIALIZED VIEW v", [("drop materialized view", None, "v", None)]),
        ("DROP VIEW app.v", [("drop view", "app", "v", None)]),
        ("DROP SCHEMA app", [("drop schema", None, "app", None)]),
        ("DROP TYPE app.mood", [("drop type", "app", "mood", None)]),
        ("DROP DOMAIN app.d", [("drop domain", "app", "d", None)]),
        ("DROP SEQUENCE s", [("drop sequence", None, "s", None)]),
        ("DROP FUNCTION app.f(int, other.x)", [("drop function", "app", "f", None)]),
        ("DROP TRIGGER x ON app.t", [("drop trigger", "app", "t.x", None)]),
        ("DROP POLICY x ON t", [("drop policy", None, "t.x", None)]),
        ("DROP EXTENSION citext", [("drop extension", None, "citext", None)]),
        ("DROP DATABASE d", [("drop database", None, "d", None)]),
        (
            "ALTER TABLE app.t DROP COLUMN a, DROP CONSTRAINT c, DROP b",
            [("drop column", "app", "t", "a"), ("drop column", "app", "t", "b")],
        ),
        ("ALTER TYPE app.pair DROP ATTRIBUTE a", [("drop attribute", "app", "pair", "a")]),
        ("TRUNCATE app.t, u", [("truncate", "app", "t", None), ("truncate", None, "u", None)]),
        ("DELETE FROM app.t", [("delete", "app", "t", None)]),
        ("UPDATE t SET a = 1", [("update", None, "t", None)]),
        ("WITH gone AS (DELETE FROM t RETURNING a) SELECT * FROM gone", [("delete", None, "t", None)]),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO NOTHING", []),
        ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", [("update", None, "t", None)]),
        ("MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", [("delete", None, "t", None)]),
        ("CREATE RULE r AS ON DELETE TO t DO INSTEAD DELETE FROM u", []),
    ],
)
def test_destroys(sql: str, expected: list[tuple[str, str | None, str, str | None]]) -> None:
    """What a file would destroy is told before it runs; what it only defines is not."""
    losses = destructive.destroys(statement.split(sql))
    assert [(loss.kind, loss.schema, loss.name, loss.column) for loss in losses] == expected
