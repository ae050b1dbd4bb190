"""Slow queries of a real server: each planted one is named first, with the node that makes it slow."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.postgres import urls
from schemata.server.embedded import binaries, instance, server_state
from schemata.slow_queries import outcome, reading, slow_queries

COLLECTING = {"shared_preload_libraries": "pg_stat_statements"}
ROWS = 20_000
SETUP = f"""
    CREATE SCHEMA app;
    CREATE TABLE app.accounts (id bigint PRIMARY KEY, owner text NOT NULL);
    CREATE TABLE app.orders (id bigint PRIMARY KEY, account_id bigint NOT NULL, state text NOT NULL,
        amount numeric NOT NULL, created_at timestamptz NOT NULL);
    INSERT INTO app.accounts SELECT n, 'owner ' || n FROM generate_series(1, 200) n;
    INSERT INTO app.orders SELECT n, 1 + n % 200, 's' || n % 50, n, timestamptz '2026-01-01' + n * interval '1 minute'
        FROM generate_series(1, {ROWS}) n;
    CREATE INDEX idx_orders_created_at ON app.orders (created_at, id);
    ANALYZE;
"""
#: What the planted statement is, and what its plan's worst node must say; fast ones run beside it, more often.
WORKLOADS = {
    "a filter without an index": ("SELECT count(*) FROM app.orders WHERE state = %s", ("s7",), "Seq Scan on orders"),
    "deep OFFSET": (
        "SELECT id FROM app.orders ORDER BY created_at, id OFFSET %s LIMIT 20",
        (ROWS - 100,),
        "idx_orders_created_at",
    ),
    "a subquery for each row": (
        "SELECT a.id, (SELECT max(o.amount) FROM app.orders o WHERE o.account_id = a.id) FROM app.accounts a"
        " WHERE a.id <= %s",
        (5,),
        "Seq Scan on orders",
    ),
    "an update that looks for its row": (
        "UPDATE app.orders SET amount = amount WHERE account_id = %s",
        (3,),
        "Seq Scan",
    ),
    "a sort of everything": (
        "SELECT account_id, amount FROM app.orders WHERE id > %s ORDER BY amount * 2, state",
        (10,),
        "Sort, by",
    ),
}
FAST = ("SELECT owner FROM app.accounts WHERE id = %s", "SELECT amount FROM app.orders WHERE id = %s")


@pytest.fixture(scope="module")
def collecting(programs: binaries.Binaries) -> Iterator[server_state.Server]:
    """Run a server that counts what its statements take."""
    with instance.temporary(programs, settings=COLLECTING) as server:
        with psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            connection.execute("CREATE DATABASE shop")
        with psycopg.connect(urls.with_database(server.url, "shop"), autocommit=True) as connection:
            connection.execute(SETUP)
        yield server


@pytest.fixture
def shop(collecting: server_state.Server) -> str:
    """Return the URL of the database, with nothing counted yet."""
    with psycopg.connect(urls.with_database(collecting.url, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
    return urls.with_database(collecting.url, "shop")


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    """Return settings whose state directory is the test's own."""
    return config.parse({"schemas": ["app"]}, tmp_path, {})


def work(url: str, statement: str, values: tuple[object, ...], times: int = 3) -> None:
    """Run the planted statement, and the fast ones more often."""
    with psycopg.connect(url, autocommit=True, application_name="shop-svc") as connection:
        for number in range(times):
            connection.execute(statement, values)
            for fast in FAST:
                connection.execute(fast, (number + 1,))
                connection.execute(fast, (number + 2,))


def first(result: outcome.SlowQueries) -> outcome.Statement:
    """Return the statement that took most time."""
    return result.statements[0]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_planted_statement_is_first(shop: str, settings: config.Config, workload: str) -> None:
    """Whatever makes it slow: with what it does, and how often; none of ours, and no BEGIN, is beside it."""
    statement, values, node = WORKLOADS[workload]
    work(shop, statement, values)
    result = slow_queries.slow_queries(settings, url=shop)
    assert first(result).text.split("$")[0].strip() == statement.split("%s")[0].split("2, state")[0].strip()
    assert first(result).counts.calls == 3
    assert node in first(result).plan
    assert {one.text.split(" FROM ")[-1].split(" WHERE ")[0] for one in result.statements[1:]} == {
        "app.accounts",
        "app.orders",
    }


def test_from_look_to_look(shop: str, settings: config.Config, collecting: server_state.Server) -> None:
    """A look shows what came after the one before; `whole` shows all and remembers nothing; a reset begins again."""
    statement, values, _ = WORKLOADS["a filter without an index"]
    work(shop, statement, values)
    assert first(slow_queries.slow_queries(settings, url=shop)).counts.calls == 3
    assert slow_queries.slow_queries(settings, url=shop).statements == ()
    work(shop, statement, values, times=2)
    assert first(slow_queries.slow_queries(settings, url=shop, whole=True)).counts.calls == 5
    assert first(slow_queries.slow_queries(settings, url=shop)).counts.calls == 2
    with psycopg.connect(urls.with_database(collecting.url, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
    # As many calls as were counted before: only the time of the reset tells that they are all new.
    work(shop, statement, values, times=5)
    assert first(slow_queries.slow_queries(settings, url=shop)).counts.calls == 5


def test_a_threshold_is_an_exit_code(shop: str, settings: config.Config, tmp_path: Path) -> None:
    """1 where a call takes longer; the metrics say the same."""
    statement, values, _ = WORKLOADS["a subquery for each row"]
    work(shop, statement, values)
    file = tmp_path / "slow.prom"
    result = slow_queries.slow_queries(settings, url=shop, above=0.0001, top=1, metrics=str(file))
    assert result.exit_code == 1
    assert first(result).too_slow
    text = file.read_text()
    assert "\nschemata_slow_query_calls{" in text
    assert f"\nschemata_slow_queries_above_threshold {sum(one.too_slow for one in result.statements)}\n" in text
    assert slow_queries.slow_queries(settings, url=shop, above=3600, whole=True).exit_code == 0


def test_who_sent_it(shop: str, settings: config.Config) -> None:
    """The application that a session of now has sent it with, whatever its build, and the page whose query it is."""
    table = [{"name": "orders", "table": "app.orders", "order": ["created_at", "id"], "index": "idx_orders_created_at"}]
    known = config.parse({"schemas": ["app"], "pages": table}, settings.root, {})
    with contextlib.ExitStack() as stack:
        for name in ("shop-svc", "shop-svc@20250101000001", "shop-svc@20250102000001"):
            connection = stack.enter_context(psycopg.connect(shop, autocommit=True, application_name=name))
            connection.execute("SELECT * FROM app.orders ORDER BY created_at ASC, id ASC LIMIT 51")
        result = slow_queries.slow_queries(known, url=shop)
    assert first(result).belongs_to == ("page orders", "shop-svc")


def test_one_text_is_one_statement(shop: str, settings: config.Config) -> None:
    """A number that is bound as smallint, as integer and as bigint gives the server three statements."""
    with psycopg.connect(shop, autocommit=True) as connection:
        for value in (5, 70_000, 5_000_000_000):
            connection.execute("SELECT count(*) FROM app.orders WHERE amount > %s", (value,))
    (found,) = slow_queries.slow_queries(settings, url=shop).statements
    assert found.counts.calls == 3


def test_a_role_that_may_not_see_it_all(shop: str, settings: config.Config, collecting: server_state.Server) -> None:
    """What others sent is hidden from it: said, with what to grant."""
    statement, values, _ = WORKLOADS["a filter without an index"]
    work(shop, statement, values)
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS looker")
        connection.execute("CREATE ROLE looker LOGIN PASSWORD 'x'")
    result = slow_queries.slow_queries(settings, url=f"postgresql://looker:x@{shop.rpartition('@')[2]}")
    assert result.statements == ()
    assert any("GRANT pg_read_all_stats" in note for note in result.notes)


def test_a_server_that_counts_nothing(server: server_state.Server, database: str, settings: config.Config) -> None:
    """Said with the lines to type."""
    with pytest.raises(reading.NotCollected, match="shared_preload_libraries") as caught:
        slow_queries.slow_queries(settings, url=database)
    assert caught.value.exit_code == 2
    assert "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'" in caught.value.hint
