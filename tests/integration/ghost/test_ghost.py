"""A database without rows plans as one with rows does, takes no room, and is refused where its sizes cannot be."""

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata import config
from schemata.ghost import capture, ghost, inflation
from schemata.migrations import files
from schemata.postgres import waiting
from schemata.scale import scale
from tests.conftest import Project

# One worker makes the server.
pytestmark = [pytest.mark.pg(least=18), pytest.mark.xdist_group("ghost")]

GIGABYTE = 131_072

SHOP = """
    -- Create the shop.

    CREATE TABLE app.customer (id bigint PRIMARY KEY, city text NOT NULL, email text NOT NULL UNIQUE);
    CREATE TABLE app.sale (
        id bigint PRIMARY KEY,
        customer_id bigint NOT NULL REFERENCES app.customer,
        status text NOT NULL,
        total numeric(10, 2) NOT NULL,
        created_at timestamptz NOT NULL,
        note text
    );
    CREATE INDEX sale_customer ON app.sale (customer_id, created_at DESC, id DESC);
    CREATE INDEX sale_created ON app.sale (created_at, id);
    CREATE INDEX sale_status ON app.sale (status);
    CREATE INDEX sale_open ON app.sale (total) WHERE status = 'open';
"""
ROWS = """
    INSERT INTO app.customer
    SELECT n, 'city ' || n % 200, 'name' || n || '@example.com' FROM generate_series(1, 2000) n;
    INSERT INTO app.sale
    SELECT n, 1 + n * 7919 % 2000, (ARRAY['open', 'paid', 'sent', 'void'])[1 + n % 4], n % 977,
        '2026-01-01'::timestamptz + n * interval '1 minute', 'a note'
    FROM generate_series(1, 60000) n;
"""
QUESTIONS = (
    "SELECT * FROM app.sale WHERE customer_id = $1 ORDER BY created_at DESC, id DESC LIMIT 50",
    "SELECT * FROM app.sale WHERE customer_id = $1 AND (created_at, id) < ($2, $3) "
    "ORDER BY created_at DESC, id DESC LIMIT 50",
    "SELECT * FROM app.sale WHERE (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT 50",
    "SELECT * FROM app.sale WHERE customer_id = $1 ORDER BY created_at, id DESC LIMIT 50",
    "SELECT * FROM app.sale ORDER BY total LIMIT 50",
    "SELECT * FROM app.sale WHERE note = $1",
    "SELECT * FROM app.sale WHERE lower(status) = $1 AND total > 5",
    "SELECT * FROM app.customer WHERE email = $1",
    "SELECT * FROM app.customer WHERE city = $1",
    "SELECT s.total FROM app.customer c JOIN app.sale s ON s.customer_id = c.id WHERE c.email = $1",
    "SELECT id FROM app.sale WHERE id = $1",
    "SELECT count(*) FROM app.sale",
)


def plan(connection: psycopg.Connection[Any], question: str) -> Any:
    """Return the plan of a question for values that are not known."""
    found = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {question}".encode()).fetchone()
    assert found
    return found[0][0]["Plan"]


def shape(node: Any) -> Any:
    """Return what a plan does, without how much of it."""
    return (node["Node Type"], node.get("Index Name"), [shape(child) for child in node.get("Plans", ())])


def settings_of(project: Project) -> config.Config:
    """Return the settings of a project."""
    return config.load(project.root, {})


@pytest.fixture
def shop(project: Project) -> Project:
    """Give a project with a shop."""
    project.write("app.20260101000000.create_shop", SHOP)
    return project


def test_plans_are_those_of_the_full_database(shop: Project, make_database: Any) -> None:
    """From rows and numbers of distinct values alone, every question is planned as on the rows themselves."""
    settings = settings_of(shop)
    full = make_database()
    with psycopg.connect(full, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app")
        connection.execute(SHOP.encode())
        connection.execute(ROWS.encode())
        connection.execute("VACUUM (ANALYZE)")
        expected = {question: plan(connection, question) for question in QUESTIONS}
    with waiting.connect(full, application_name="test") as asking:
        wanted = capture.captured(asking, ["app"]).scale
    sources = files.read(settings.migrations, settings.schemas)
    with ghost.database(settings, sources, wanted) as url, psycopg.connect(url, autocommit=True) as connection:
        for question in QUESTIONS:
            actual = plan(connection, question)
            assert shape(actual) == shape(expected[question]), question
            # The pages are computed from the types, and no order of the rows on them is known.
            assert 1 / 3 < actual["Total Cost"] / expected[question]["Total Cost"] < 3, question


def test_files_are_long_and_take_no_room(platform_server: ghost.Server) -> None:
    """The server sees a table of many gigabytes, which the file system does not hold."""
    wanted = scale.Scale({"financial.transactions": scale.Table(50_000_000, {"status": 4, "id": -1})})
    url = platform_server.database(wanted)
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_relation_size(oid) / 8192, relpages, reltuples, pg_relation_filepath(oid),"
            " current_setting('data_directory') FROM pg_class WHERE oid = 'financial.transactions'::regclass"
        ).fetchone()
        assert row
        pages, recorded, rows, path, directory = row
        assert (pages, rows) == (recorded, 50_000_000)
        assert pages > 5 * GIGABYTE
        parts = sorted(Path(directory, path).parent.glob(f"{Path(path).name}*"))
        files_ = [part for part in parts if part.suffix != ".fsm"]
        assert len(files_) == -(-pages // GIGABYTE)
        assert sum(part.stat().st_blocks for part in files_) * 512 < 1_000_000
        owner = Path(directory, "PG_VERSION").stat().st_uid
        assert {(part.stat().st_uid, part.stat().st_mode & 0o777) for part in files_} == {(owner, 0o600)}
        assert owner != 0 or os.geteuid() != 0
        statistics = connection.execute(
            "SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'transactions' ORDER BY 1"
        ).fetchall()
        assert statistics == [("id", -1), ("status", 4)]
        setting = connection.execute("SHOW autovacuum").fetchone()
        assert setting == ("off",)


def test_databases_of_a_server_do_not_know_each_other(platform_server: ghost.Server) -> None:
    """What statements change in one is not so in the next, and they run before the tables get their size."""
    wanted = scale.Scale({"financial.clients": scale.Table(3_000_000)})
    first = platform_server.database(wanted, ["CREATE INDEX idx_new ON financial.clients (country, id)"])
    second = platform_server.database(wanted)
    question = "SELECT id FROM financial.clients WHERE country = $1 ORDER BY id LIMIT 51"
    with psycopg.connect(first) as connection:
        assert "idx_new" in json.dumps(plan(connection, question))
    with psycopg.connect(second) as connection:
        assert "idx_new" not in json.dumps(plan(connection, question))


def test_partitions_share_the_rows_of_their_table(project: Project) -> None:
    """A size of the whole is spread over the partitions; one with a size of its own keeps it."""
    project.write(
        "app.20260101000000.create_event",
        """
        -- Create the events.

        CREATE TABLE app.event (id bigint, kind text NOT NULL, day date NOT NULL) PARTITION BY RANGE (day);
        CREATE TABLE app.event_1 PARTITION OF app.event FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
        CREATE TABLE app.event_2 PARTITION OF app.event FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
        CREATE TABLE app.event_3 PARTITION OF app.event FOR VALUES FROM ('2026-03-01') TO ('2026-05-01')
            PARTITION BY RANGE (day);
        CREATE TABLE app.event_3a PARTITION OF app.event_3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
        CREATE INDEX event_day ON app.event (day, id);
        """,
    )
    settings = settings_of(project)
    wanted = scale.Scale(
        {
            "app.event": scale.Table(9_000_001, {"kind": 30, "id": -1}),
            "app.event_2": scale.Table(5_000_000, {"kind": 7}),
        }
    )
    sources = files.read(settings.migrations, settings.schemas)
    with ghost.database(settings, sources, wanted) as url, psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname, reltuples::int8 FROM pg_class WHERE relname LIKE 'event%' AND relkind IN ('r', 'p')"
        ).fetchall()
        assert dict(rows) == {
            "event": 9_000_001,
            "event_1": 2_000_001,
            "event_2": 5_000_000,
            "event_3": 2_000_000,
            "event_3a": 2_000_000,
        }
        inherited = connection.execute(
            "SELECT tablename, inherited, n_distinct FROM pg_stats WHERE attname = 'kind' ORDER BY 1"
        ).fetchall()
        assert inherited == [
            ("event", True, 30),
            ("event_1", False, 30),
            ("event_2", False, 7),
            ("event_3", True, 30),
            ("event_3a", False, 30),
        ]
        found = plan(connection, "SELECT * FROM app.event ORDER BY day, id LIMIT 51")
        assert {child["Node Type"] for child in found["Plans"][0]["Plans"]} == {"Index Scan"}


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"financial.transaction": scale.Table(5)}, "financial.transaction, and the migrations make no such table"),
        (
            {"financial.clients": scale.Table(5, {"staus": 2})},
            "n_distinct.staus of financial.clients, which has no such column",
        ),
    ],
)
def test_what_the_migrations_do_not_make_is_named(
    platform_server: ghost.Server, tables: dict[str, scale.Table], expected: str
) -> None:
    """A size of a table or a column that is not there is an error, not a table that is left empty."""
    with pytest.raises(scale.InvalidScale) as caught:
        platform_server.database(scale.Scale(tables, "migrations/scale.toml"))
    assert expected in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_rows_of_a_migration_stay(platform_server: ghost.Server) -> None:
    """A table that a migration fills is extended behind its rows."""
    url = platform_server.database(scale.Scale({"financial.categories": scale.Table(4_000)}))
    with waiting.connect(url, application_name="test") as connection:
        (relation,) = [one for one in inflation.read(connection) if one.name == "categories"]
        assert relation.full_name == "financial.categories"
        sql = "SELECT count(*) > 0, min(ctid::text) FROM financial.categories WHERE ctid < '(1,0)'"
        assert connection.query(sql)[0][0] == "t"
