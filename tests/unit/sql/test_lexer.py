"""Where statements begin and end, told without the parser, and told as the parser tells it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata.migrations import leading_comment, migration
from schemata.sql import lexer, statement
from tests.conftest import REPOSITORY

TRICKY = [
    "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT ')'; DELETE FROM x); SELECT 2",
    "create or replace function f() returns int begin atomic select case when true then 1 end; select 1; end; select 3",
    "CREATE /* ; */ FUNCTION f() RETURNS text AS $$ ( begin case; $$ LANGUAGE sql; SELECT 1",
    "CREATE FUNCTION f() RETURNS text AS 'it''s (; ' LANGUAGE sql; SELECT 1",
    "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); /* a /* end */ end */ END; SELECT 3",
    'CREATE FUNCTION "end"() RETURNS int BEGIN ATOMIC SELECT "case" FROM "begin"; END; SELECT 1',
    "CREATE FUNCTION f(a int) RETURNS int RETURN a; SELECT 1",
    "SELECT E'a\\';b'\n  'c\\';d'; SELECT 2",
    "SELECT name'a\\'; SELECT 2",
    "SELECT a$b$ FROM t; SELECT $1; SELECT $b$;$b$, $$;$ $$; SELECT é$x$ FROM t",
    "SELECT U&'\\0041;''x'; SELECT U&\"d;\\0061\", B'1', X'ff', N';'",
    "SELECT /* a /* ; */ ; */ 1; SELECT 2 -- ;\n;;/* /* */ ; */",
    "SELECT 1 - -1; SELECT 4 / 2; SELECT 1 --; x\n; SELECT 5 */ 1",
    "DO 'BEGIN; END'; SELECT a\u00a0; SELECT e'\\\\'; SELECT 2",
    "CREATE TABLE e(e text DEFAULT E'\\''); SELECT 2",
    "COPY t FROM '/a;b'; COPY (SELECT 'from stdin; ') TO STDOUT; SELECT 1",
]


def agrees(sql: str) -> None:
    """Compare with the parser: the same statements, each with at most comments behind its last token."""
    expected = [(one.offset, one.text) for one in statement.split(sql)]
    actual = [(span.start, sql[span.start : span.end]) for span in lexer.spans(sql)]
    assert [start for start, _ in actual] == [start for start, _ in expected]
    assert all(longer.startswith(text) for (_, longer), (_, text) in zip(actual, expected, strict=True))


@pytest.mark.parametrize("sql", TRICKY)
def test_it_agrees_with_the_parser(sql: str) -> None:
    """Quotes, comments, bodies and rules hold semicolons that end nothing."""
    agrees(sql)


def test_a_string_goes_on_behind_a_comment() -> None:
    """The server takes a comment between the lines of a string; the parser, another build of it, does not."""
    sql = "SELECT E'a' -- x';\n  -- y\n  'c\\';d'; SELECT 2"
    assert [sql[span.start : span.end] for span in lexer.spans(sql)] == [sql[:-10], "SELECT 2"]


def test_it_agrees_on_real_migrations() -> None:
    """So it does on every migration of the platform, and on all of them as one text."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(REPOSITORY.glob("migrations/**/*.sql"))]
    assert len(texts) > 20
    for text in texts:
        agrees(text)
    together = "\n;\n".join(texts)
    assert len(list(lexer.spans(together))) == sum(len(statement.split(text)) for text in texts)


PARTS = ["SELECT 'é;'", "DO $a$;$a$", "SELECT\n1 -- ü;\n", "/* 🐘 ; /* */ */", "", "\n", " ", "SELECT E'\\';'",
         'SELECT ";"', "SELECT a$1$ + $1", "TABLE t /* ; */", "SELECT 1 - - 1 / 2"]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS)))
def test_it_agrees_on_any_mixture(parts: list[str]) -> None:
    """Whatever stands between semicolons, the statements are those of the parser."""
    agrees(";".join(parts))


@given(st.text("'\"$;-/*\\\n eEa1\ufeff()é", max_size=40))
def test_it_ends_on_any_text(text: str) -> None:
    """Nonsense comes to an end: the statements follow each other, and none is lost."""
    at = 0
    for span in lexer.spans(text):
        assert at <= span.start < span.stop <= len(text)
        assert span.start <= span.end <= span.stop
        at = span.stop


COPY = "COPY app.t FROM stdin;\n1\t';\n-- depends: x\n\\.\n"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (COPY, ["1\t';\n-- depends: x\n"]),
        (f"SELECT 1;\n{COPY}SELECT 2;{COPY}", ["1\t';\n-- depends: x\n"] * 2),
        ("COPY t FROM stdin; -- rows\n1\n", ["1\n"]),
        ("COPY t FROM stdin;\n\\.\n", [""]),
        ("COPY t FROM stdin;\n\\.", [""]),
        ("COPY t FROM stdin;\r\n1\r\n\\.\r\nSELECT 1", ["1\r\n"]),
        ('COPY binary "a;b".u&"c" ( "d)" , e ) /* ; */ from -- x\n stdout csv;\n\\.x\n\\.\n', ["\\.x\n"]),
        ("COPY t FROM stdin;", []),
        ("COPY t FROM stdin; SELECT 1;\n1\n", []),
        ("COPY t FROM '/stdin';\n1\n", []),
        ("COPY t TO stdout;\n1\n", []),
        ("SELECT 'COPY t FROM stdin;\n1\n'", []),
    ],
)
def test_rows_of_copy(sql: str, rows: list[str]) -> None:
    """The rows are what stands between the COPY's line and the line `\\.`, or the end of the text."""
    assert [sql[slice(*span.data)] for span in lexer.spans(sql) if span.data is not None] == rows


def test_rows_are_no_directives() -> None:
    """What looks like a directive among rows is none, and a quote among them hides none behind them."""
    assert leading_comment.parse_directives(f"-- Title.\n{COPY}", "x.sql").title == "Title."
    with pytest.raises(migration.InvalidMigration, match=r"x\.sql:6: `-- depends:` comes after"):
        leading_comment.parse_directives(f"-- Title.\n{COPY}-- depends: y\n", "x.sql")


def test_statements_know_their_rows() -> None:
    """A split text has its COPY with its rows, and lines count on behind them."""
    one, copy, other = statement.split(f"SELECT 1;\n{COPY}SELECT 2;")
    assert (one.text, copy.text, other.text) == ("SELECT 1", "COPY app.t FROM stdin", "SELECT 2")
    assert (copy.rows, other.line) == ("1\t';\n-- depends: x\n", 6)


def test_commands_around_a_dump_are_passed_over() -> None:
    """pg_dump's \\restrict and \\unrestrict are in no piece; other commands of psql are refused as ever."""
    sql = "\\restrict a1B\n\nSELECT 1;\n\\unrestrict a1B\n"
    assert [sql[piece.start : piece.stop] for piece in lexer.pieces(sql)] == ["SELECT 1;"]
    assert [one.text for one in statement.split(sql)] == ["SELECT 1"]
    with pytest.raises(statement.SyntaxProblem, match="command of psql"):
        statement.split(f"{sql}\\set x 1\n")
    assert statement.fingerprint(sql) == statement.fingerprint("SELECT 1")


LARGE = "".join(f"INSERT INTO app.t VALUES ({number}, 'it''s; no {number}');\n" for number in range(20_000))


def test_a_large_text_is_cut_between_statements() -> None:
    """The pieces are whole statements, follow each other, and are all of the text but what stands between."""
    pieces = lexer.pieces(f"-- Title.\n{LARGE}")
    assert len(pieces) > 3
    assert "".join(f"-- Title.\n{LARGE}"[piece.start : piece.stop] + "\n" for piece in pieces) == LARGE
    assert all(piece.stop - piece.start <= lexer.PIECE for piece in pieces)


def test_a_large_text_means_the_same_without_its_comments() -> None:
    """Comments, case and space do not count in a large text either; a literal and an order do, and so do rows."""
    assert statement.same_meaning(LARGE, "-- x\n" + LARGE.replace("INSERT INTO", "insert /* x */  into"))
    assert not statement.same_meaning(LARGE, LARGE.replace("no 777'", "no 7777'"))
    assert not statement.same_meaning(LARGE, LARGE + "SELECT 1;")
    assert statement.same_meaning(LARGE + COPY, LARGE + "\n\n" + COPY)
    assert not statement.same_meaning(LARGE + COPY, LARGE + COPY.replace("1\t'", "2\t'"))


def test_statements_of_a_large_text() -> None:
    """They are those of the text, with their lines; trees are made when asked for."""
    found = statement.split(f"{LARGE}{COPY}DROP TABLE app.t;")
    assert len(found) == 20_002
    assert (found[777].line, found[777].text) == (778, "INSERT INTO app.t VALUES (777, 'it''s; no 777')")
    assert (found[-1].line, found[-1].node.WhichOneof("node")) == (20_005, "drop_stmt")
    with pytest.raises(statement.SyntaxProblem) as caught:
        statement.split(f"{LARGE}SELEKT 1;")
    assert (caught.value.line, caught.value.column) == (20_001, 1)
