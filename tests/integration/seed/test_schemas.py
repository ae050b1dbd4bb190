"""Any structure is filled: every table gets its rows, and the server finds nothing wrong with them."""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from schemata import config
from schemata.config import seeding
from schemata.postgres import urls
from schemata.seed import ahead, filling, outcome, seed

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
ROWS = 400


def made(url: str, **asked: object) -> outcome.Seeded:
    """Seed the schema app of a database."""
    settings = config.parse({"schemas": ["app"]}, Path.cwd(), {})
    said = seeding.Seed(tables=asked.pop("tables", {}))  # type: ignore[arg-type]
    settings = dataclasses.replace(settings, seed=said)
    return seed.seed(settings, url=url, confirm=urls.database_of(url), **{"wanted": ROWS, **asked})  # type: ignore[arg-type]


def tables(connection: psycopg.Connection) -> list[tuple[int, str, str]]:
    """Return the tables of the schema app that are no partitions: oid, name as SQL has it, plain name."""
    return connection.execute(
        "SELECT c.oid::int8, format('%I.%I', nspname, relname), nspname || '.' || relname FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'app' AND relkind IN ('r', 'p') "
        "AND NOT relispartition ORDER BY 2"
    ).fetchall()


def digest(url: str) -> dict[str, str]:
    """Return a checksum of the rows of each table, in whatever order they lie."""
    with psycopg.connect(url) as connection:
        found = {}
        for _, name, plain in tables(connection):
            with connection.cursor().copy(sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.SQL(name))) as copy:
                lines = b"".join(bytes(part) for part in copy).splitlines()
            found[plain] = hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()
        return found


def verify(connection: psycopg.Connection) -> int:
    """Let the server check every foreign key and CHECK again, as new ones; return how many there were."""
    found = connection.execute(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('c', 'f') "
        "AND conrelid <> 0 AND conparentid = 0 AND connamespace = 'app'::regnamespace"
    ).fetchall()
    for number, (table, definition) in enumerate(found):
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT again_{number} {definition}")  # type: ignore[arg-type]
    return len(found)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_a_structure_is_filled(path: Path, make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each table has all rows that it has room for, and none more after.

    In another database they are the same ones, although there indexes are built and keys looked at afterwards, and half
    of the rows is made by a second session.
    """
    text = path.read_text(encoding="utf-8")
    fewer = {name: int(count) for name, count in re.findall(r"(\S+)=(\d+)", text.split("\n\n")[0])}
    first, second = make_database(), make_database()
    for url, bulk in ((first, filling.BULK), (second, 10)):
        monkeypatch.setattr(filling, "BULK", bulk)
        monkeypatch.setattr(ahead, "LEAST", bulk)
        monkeypatch.setattr(ahead, "BLOCK", 150)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA app; {text}")  # type: ignore[arg-type]
        found = made(url)
        assert found.ok, found.problems
    with psycopg.connect(second, autocommit=True) as connection:
        verify(connection)
        broken = connection.execute("SELECT count(*) FROM pg_index WHERE NOT (indisready AND indisvalid)").fetchone()
        assert broken == (0,)
        left = connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'seed_rows%'").fetchone()
        assert left == (0,)
    with psycopg.connect(first, autocommit=True) as connection:
        verify(connection)
        counts = {
            plain: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # type: ignore[index,arg-type]
            for _, name, plain in tables(connection)
        }
    assert counts == {one.table: one.before + one.added for one in found.filled}
    assert {name: count for name, count in counts.items() if name in fewer} == fewer
    assert max(counts.values()) == ROWS or fewer
    before = digest(first)
    assert before == digest(second)
    assert not made(first).added
    assert digest(first) == before


def _filled(database: str, structure: str) -> psycopg.Connection:
    """Give a connection to a database with a schema app of this structure."""
    connection = psycopg.connect(database, autocommit=True)
    connection.execute(f"CREATE SCHEMA app; {structure}")  # type: ignore[arg-type]
    return connection


def test_a_small_key_is_filled_up_to_its_room(database: str) -> None:
    """More rows than a smallint counts: the table gets those, also after it was emptied, and others get theirs."""
    structure = """
        CREATE TABLE app.small (id smallint PRIMARY KEY, v text);
        CREATE TABLE app.counted (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
        CREATE TABLE app.behind (id smallint PRIMARY KEY, v text);
        INSERT INTO app.behind VALUES (32000, 'before');
        CREATE TABLE app.large (id integer PRIMARY KEY)
    """
    expected = {"app.small": 32_767, "app.counted": 32_767, "app.behind": 767, "app.large": 33_000}
    with _filled(database, structure) as connection:
        for _ in range(2):
            found = made(database, wanted=33_000)
            assert {one.table: one.before + one.added for one in found.filled} == expected
            assert {one.table for one in found.filled if one.note} == {"app.small", "app.counted", "app.behind"}
            connection.execute("TRUNCATE app.small, app.counted")


@pytest.mark.parametrize(
    "key", ["bigint PRIMARY KEY", "int GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "uuid PRIMARY KEY"]
)
def test_a_key_that_is_hashed_has_as_many_values_as_rows(database: str, key: str) -> None:
    """All rows come, and every partition gets some."""
    parts = "; ".join(
        f"CREATE TABLE app.h{part} PARTITION OF app.h FOR VALUES WITH (MODULUS 3, REMAINDER {part})"
        for part in range(3)
    )
    with _filled(database, f"CREATE TABLE app.h (id {key}, v text) PARTITION BY HASH (id); {parts}") as connection:
        assert made(database).ok
        counts = connection.execute("SELECT count(*) FROM app.h GROUP BY tableoid").fetchall()
    assert len(counts) == 3
    assert sum(count for (count,) in counts) == ROWS


def test_a_table_is_extended_after_an_application_wrote(database: str) -> None:
    """Rows that are not of the seed are passed over; those of the seed before stay as they were."""
    structure = """
        CREATE TABLE app.trees (
            id serial PRIMARY KEY, parent integer REFERENCES app.trees, name text, CHECK (parent <> id)
        );
        CREATE TABLE app.leaves (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)
    """
    with _filled(database, structure) as connection:
        assert made(database, wanted=200).ok
        before = connection.execute("SELECT t::text FROM app.trees t ORDER BY id").fetchall()
        for _ in range(3):
            connection.execute("INSERT INTO app.trees DEFAULT VALUES; INSERT INTO app.leaves DEFAULT VALUES")
        for wanted in (300, 350):
            found = made(database, wanted=wanted)
            assert found.ok, found.problems
            assert [(one.before + one.added) for one in found.filled] == [wanted, wanted]
            counts = connection.execute("SELECT count(*), max(id) FROM app.trees").fetchone()
            assert counts == (wanted + 3, wanted + 3)
        assert connection.execute("SELECT t::text FROM app.trees t ORDER BY id LIMIT 200").fetchall() == before


def test_columns_have_as_many_different_values_as_the_scale_says(database: str, tmp_path: Path) -> None:
    """Numbers and times of every type, with bounds and without, of few values and of many."""
    types = (
        "numeric", "numeric(8, 2)", "numeric CHECK (c{} >= 0 AND c{} < 500)", "numeric CHECK (c{} < 0)", "float8",
        "integer", "date", "timestamptz", "timestamp", "date CHECK (c{} >= '2020-01-01' AND c{} < '2022-01-01')",
    )  # fmt: skip
    names = [f"c{place}" for place, _ in enumerate(types)]
    listed = ", ".join(f"c{place} {kind.format(place, place)}" for place, kind in enumerate(types))
    scale = tmp_path / "scale.toml"
    counted = ", ".join(f"count(DISTINCT {name})" for name in names)
    with _filled(database, f"CREATE TABLE app.t (id bigint PRIMARY KEY, {listed})") as connection:
        for wanted in (7, 300):
            told = "\n".join(f"n_distinct.{name} = {wanted}" for name in names)
            scale.write_text(f"[app.t]\nrows = 4000\n{told}\n", encoding="utf-8")
            found = made(database, wanted=4000, scale_file=str(scale))
            assert found.ok, found.problems
            counts = connection.execute(f"SELECT {counted} FROM app.t").fetchone()  # type: ignore[arg-type]
            assert counts is not None
            assert all(0.95 * wanted <= count <= wanted for count in counts), counts
            connection.execute("TRUNCATE app.t")


def test_a_day_after_another_one_is_near_it(database: str) -> None:
    """What must end later does so in weeks, not in another century."""
    structure = "CREATE TABLE app.stays (id bigint PRIMARY KEY, starts date NOT NULL, ends date, CHECK (ends > starts))"
    with _filled(database, structure) as connection:
        assert made(database).ok
        last = connection.execute("SELECT max(ends - starts) < 60, count(ends) > 300 FROM app.stays").fetchone()
    assert last == (True, True)
