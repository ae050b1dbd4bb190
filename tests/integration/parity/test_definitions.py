"""Definitions that the server prints once for all that are alike: each is what it would have printed of that object."""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from schemata.postgres import libpq, queries, query_client
from schemata.snapshot import model, reading

# Pairs that differ in one thing that a definition tells, and pairs that do not.
_TABLES = """
CREATE SCHEMA app; CREATE SCHEMA "Other";
CREATE COLLATION app.c (provider = libc, locale = 'C');
CREATE DOMAIN app.positive AS int CHECK (VALUE > 0); CREATE DOMAIN "Other".positive AS int CHECK (VALUE > 0);
CREATE TABLE app.a (id int PRIMARY KEY, n text, "N" text, p point, t tsvector, UNIQUE (n, "N"),
    CHECK (id > 0 AND n <> ''));
CREATE TABLE app.b (id int PRIMARY KEY, n text, "N" text, p point, t tsvector, UNIQUE (n, "N"),
    CHECK (id > 0 AND n <> ''));
CREATE TABLE app.c (key int PRIMARY KEY, n varchar(9) COLLATE app.c, "a,b" text, p point, t tsvector, UNIQUE (n, "a,b"),
    CHECK (key > 0 AND n <> ''));
CREATE TABLE "Other".a (gone int, id bigint PRIMARY KEY DEFERRABLE, n text COLLATE "C", "N" text, p point, t tsvector,
    UNIQUE (n) INCLUDE ("N"), CHECK (id > 0 AND n <> '') NO INHERIT, CHECK ((a.*) IS NOT NULL),
    FOREIGN KEY (id) REFERENCES app.a NOT VALID, EXCLUDE USING gist (p WITH ~=));
ALTER TABLE "Other".a DROP COLUMN gone;
ALTER TABLE app.a ADD r text; ALTER TABLE app.b ADD r text COLLATE "C"; ALTER TABLE app.c ADD r text;
ALTER TABLE "Other".a ADD r text;
CREATE MATERIALIZED VIEW app.m AS SELECT id, n FROM app.a; CREATE MATERIALIZED VIEW app.o AS SELECT id AS n FROM app.a;
CREATE UNIQUE INDEX ON app.m (id); CREATE UNIQUE INDEX ON app.o (n);
CREATE TABLE app.parts (id int, n text) PARTITION BY RANGE (id); CREATE INDEX ON app.parts (n);
CREATE TABLE app.part PARTITION OF app.parts FOR VALUES FROM (1) TO (9);
"""
_INDEXES = (
    '(n)', '(n COLLATE "C")', '(n text_pattern_ops DESC)', '("{second}" NULLS FIRST, n)', "((lower(n)))",
    "(n, (upper(n))) WHERE {key} > 7", '({key}) WHERE "{second}" IS NULL', "(lower(n), {key})", "({key}) INCLUDE (n)",
    "USING hash ({key})", "USING gist (t)", "USING gist (t tsvector_ops(siglen = 200))",
    "({key}) WITH (fillfactor = 70)",
    "({key}) WHERE ({whole}.*) IS NOT NULL",
    # Which only one of the columns has by itself.
    '(r COLLATE "C")',
)  # fmt: skip
_ORACLE = """
SELECT n.nspname, coalesce(c.relname, y.typname), k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace LEFT JOIN pg_class c ON c.oid = k.conrelid
LEFT JOIN pg_type y ON y.oid = k.contypid
WHERE n.nspname IN ('app', 'Other') AND k.contype IN ('c', 'p', 'u', 'f', 'x')
UNION ALL
SELECT n.nspname, c.relname, x.relname, pg_get_indexdef(x.oid)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('app', 'Other') AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid
    AND k.conrelid = c.oid)
"""


@pytest.fixture
def filled(database: str) -> str:
    """Give a database of tables, constraints and indexes that are alike in most."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_TABLES)
        for table, key, second in (
            ("app.a", "id", "N"),
            ("app.b", "id", "N"),
            ("app.c", "key", "a,b"),
            ('"Other".a', "id", "N"),
        ):
            for index in _INDEXES:
                whole = table.split(".")[1]
                how = index.format(key=key, second=second, whole=whole)
                connection.execute(f"CREATE INDEX ON {table} {how}")
    return database


def read(url: str, *, second: bool) -> model.Snapshot:
    """Return the snapshot, over one session or over two."""

    @contextlib.contextmanager
    def other() -> Iterator[queries.Ask]:
        with connected(url) as session:
            yield session.query

    with connected(url) as session:
        return reading.read(session.query, ["app", "Other"], second=other if second else None)


def connected(url: str) -> libpq.Connection:
    """Return a session."""
    return query_client.connect(url, timeout=10, application_name="test")


@pytest.mark.parametrize("second", [False, True], ids=["one session", "two sessions"])
def test_each_definition_is_that_of_the_object_itself(
    filled: str, monkeypatch: pytest.MonkeyPatch, second: bool
) -> None:
    """What is alike is printed once, and says of each object what the server says of it."""
    monkeypatch.setattr(reading, "_LARGE", 0)
    found = read(filled, second=second)
    kinds = ("constraint", "domain constraint", "index")
    told = {(one.schema, one.of, one.name): one.facts["definition"] for one in found.items if one.kind in kinds}
    with psycopg.connect(filled) as connection:
        connection.execute("SET search_path = pg_catalog")
        oracle = {(schema, of, name): text for schema, of, name, text in connection.execute(_ORACLE)}
    assert told.keys() == oracle.keys()
    assert len(told) > 60
    # An index's begins after the names of itself and its table.
    assert not {key: (text, oracle[key]) for key, text in told.items() if not oracle[key].endswith(text)}
    assert not {key: text for key, text in told.items() if text != oracle[key] and not text.startswith("USING ")}
