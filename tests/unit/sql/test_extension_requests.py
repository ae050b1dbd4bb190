"""Which extensions SQL asks for: statements, strings, bodies and comments told apart by their text."""

import pytest

from schemata.sql import extension_requests


def found(sql: str) -> dict[str, tuple[int, bool]]:
    """Return the line of each extension, and whether it is certain."""
    return {one.name: (one.line, one.is_certain) for one in extension_requests.of_sql(sql, "a.sql")}


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("CREATE EXTENSION pgcrypto;", "pgcrypto"),
        ("create extension if not exists HSTORE with schema public;", "hstore"),
        ('CREATE EXTENSION IF NOT EXISTS "uuid-ossp" CASCADE', "uuid-ossp"),
        ("CREATE\n\tEXTENSION\n IF  NOT EXISTS\n  pg_trgm", "pg_trgm"),
        ("SELECT 'it''s'; CREATE EXTENSION citext", "citext"),
        ("SELECT E'it\\'s'; CREATE EXTENSION citext", "citext"),
        ('SELECT "a--b"; CREATE EXTENSION citext', "citext"),
        ("SELECT $x$ it's $$ $x$; CREATE EXTENSION citext", "citext"),
        ("/* a /* nested */ comment */ CREATE EXTENSION citext", "citext"),
    ],
)
def test_a_statement_is_found_however_it_is_written(sql: str, name: str) -> None:
    """Case, quotes and white space do not matter, nor do strings and comments before it."""
    assert [(key, certain) for key, (_, certain) in found(sql).items()] == [(name, True)]


@pytest.mark.parametrize(
    "sql",
    [
        "-- CREATE EXTENSION postgis;",
        "/* CREATE EXTENSION postgis; */ SELECT 1",
        "/* a /* nested */ CREATE EXTENSION postgis */",
        'COMMENT ON TABLE "create extension postgis" IS NULL',
        "DROP EXTENSION postgis; ALTER EXTENSION postgis UPDATE; CREATE EXTENSIONS postgis",
        "DO $$ BEGIN EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', name); END $$",
        "DO $$ BEGIN -- CREATE EXTENSION postgis\nEND $$",
    ],
)
def test_what_makes_none_is_passed_over(sql: str) -> None:
    """Comments, names and other commands on extensions ask for nothing."""
    assert found(sql) == {}


@pytest.mark.parametrize(
    "sql",
    [
        "DO $$ BEGIN\nCREATE EXTENSION postgis; END $$",
        "CREATE FUNCTION f() RETURNS void AS $body$ BEGIN\nEXECUTE 'CREATE EXTENSION postgis'; END $body$",
        "DO '\nBEGIN CREATE EXTENSION postgis; END'",
    ],
)
def test_what_may_run_or_not_is_not_certain(sql: str) -> None:
    """In a block, a body or a string it stands under conditions that nobody evaluates here."""
    assert found(sql) == {"postgis": (2, False)}


def test_the_statement_counts_where_there_is_one() -> None:
    """Each extension is given once: as the certain statement, if any, with its line."""
    sql = "DO $$ BEGIN CREATE EXTENSION hstore; END $$;\n\nCREATE EXTENSION hstore;\nCREATE EXTENSION hstore;"
    assert found(sql) == {"hstore": (3, True)}


@pytest.mark.parametrize(
    "sql", ["CREATE EXTENSION 'a", "CREATE EXTENSION", "$$ create extension", "/* create extension a"]
)
def test_what_is_not_sql_does_no_harm(sql: str) -> None:
    """Broken files are refused later by those who migrate, with their line."""
    assert found(sql) == {}
