"""How much of a workload's time is left when the indexes that `inv advise` proposes are built, by what judges."""

import contextlib
import dataclasses
import shutil
import time
from pathlib import Path
from typing import Any

import psycopg
import tables
from place import Position

from schemata import config
from schemata.advice import advise, outcome
from schemata.backups import backups
from schemata.deploy import migrate
from schemata.postgres import urls
from schemata.server.embedded import instance

_STRUCTURE = """\
-- Create the shop.

CREATE TABLE one.customers (id bigint PRIMARY KEY, email text NOT NULL, city text NOT NULL,
    joined timestamptz NOT NULL);
CREATE TABLE one.products (id bigint PRIMARY KEY, category text NOT NULL, price numeric(10, 2) NOT NULL,
    tags text[] NOT NULL, name text NOT NULL);
CREATE TABLE one.orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES one.customers,
    status text NOT NULL, code text NOT NULL, total numeric(10, 2) NOT NULL, created_at timestamptz NOT NULL,
    note text NOT NULL);
CREATE TABLE one.items (order_id bigint NOT NULL REFERENCES one.orders, line int NOT NULL, product_id bigint NOT NULL,
    quantity int NOT NULL, PRIMARY KEY (product_id, order_id, line));
CREATE TABLE one.visits (id bigint PRIMARY KEY, session text NOT NULL, kind text NOT NULL, at timestamptz NOT NULL);
"""
# A twentieth of the orders are customers; most are done, few are open; of the products some sell more than others.
_ROWS = """
INSERT INTO one.customers SELECT n, 'User' || n || '@Example.com', 'city ' || n % 300,
    timestamptz '2020-01-01' + n * interval '1 hour' FROM generate_series(1, {rows} / 20) n;
INSERT INTO one.products SELECT n, 'category ' || n % 80, (n * 37 % 9000) / 10.0,
    ARRAY['tag ' || n % 500, 'tag ' || n % 499], 'product ' || n FROM generate_series(1, {rows} / 10) n;
INSERT INTO one.orders SELECT n, 1 + (n::bigint * 7919) % ({rows} / 20),
    CASE WHEN n % 100 = 0 THEN 'open' WHEN n % 10 = 1 THEN 'sent' WHEN n % 50 = 2 THEN 'void' ELSE 'done' END,
    'code' || n, n % 900, timestamptz '2024-01-01' + n * interval '1 minute', repeat('x', n % 60)
    FROM generate_series(1, {rows}) n;
INSERT INTO one.items SELECT n / 2 + 1, n % 2, 1 + ((n::bigint * n) % ({rows} / 10)), 1 + n % 4
    FROM generate_series(0, 2 * {rows} - 1) n;
INSERT INTO one.visits SELECT n, 's' || n / 7, 'kind ' || n % 6, timestamptz '2024-01-01' + n * interval '30 seconds'
    FROM generate_series(1, {rows} / 2) n;
VACUUM ANALYZE;
"""
#: How often a statement runs, its text, and its values for the n-th run out of so many orders.
_WORKLOAD: tuple[tuple[int, str, Any], ...] = (
    (60, "SELECT * FROM one.orders WHERE customer_id = %s ORDER BY created_at DESC LIMIT 20", lambda n, r: (1 + n,)),
    (40, "SELECT id, city FROM one.customers WHERE lower(email) = %s", lambda n, r: (f"user{1 + n}@example.com",)),
    (60, "SELECT * FROM one.items i JOIN one.products p ON p.id = i.product_id WHERE i.order_id = %s",
        lambda n, r: (n,)),
    (25, "SELECT id FROM one.orders WHERE status = %s ORDER BY created_at LIMIT 50", lambda n, r: ("open",)),
    (20, "SELECT sum(total) FROM one.orders WHERE created_at >= %s AND created_at < %s",
        lambda n, r: (f"2024-01-{1 + n}", f"2024-01-{2 + n}")),
    (30, "SELECT id, name FROM one.products WHERE category = %s ORDER BY price LIMIT 24",
        lambda n, r: (f"category {n}",)),
    (20, "SELECT id FROM one.products WHERE tags @> %s::text[]", lambda n, r: ([f"tag {n}"],)),
    (20, "SELECT sum(quantity) FROM one.items WHERE product_id = %s", lambda n, r: (1 + n,)),
    (20, "SELECT c.id, o.total FROM one.customers c JOIN one.orders o ON o.customer_id = c.id"
        " WHERE c.city = %s AND o.created_at > %s", lambda n, r: (f"city {n}", "2024-01-10")),
    (40, "SELECT kind, at FROM one.visits WHERE session = %s ORDER BY at", lambda n, r: (f"s{n}",)),
    (30, "UPDATE one.orders SET note = %s WHERE code = %s", lambda n, r: ("seen", f"code{1 + n}")),
    (20, "DELETE FROM one.visits WHERE at < %s", lambda n, r: ("2024-01-01 00:02",)),
    (60, "SELECT * FROM one.customers WHERE id = %s", lambda n, r: (1 + n,)),
    (20, "SELECT status, count(*) FROM one.orders WHERE id > %s GROUP BY status", lambda n, r: (r - r // 50,)),
    (40, "SELECT id FROM one.orders WHERE (created_at, id) < (%s, %s) ORDER BY created_at DESC, id DESC LIMIT 50",
        lambda n, r: ("2024-02-01", 10**9)),
)  # fmt: skip


def advice(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure what the server took for a shop's statements, before and after; sizes are numbers of orders."""
    return [_shop(place, rounds, size) for size in sizes]


@dataclasses.dataclass(frozen=True)
class _Applied:
    """The advice of an evaluator, the seconds that it took, and a call's milliseconds with its indexes by statement."""

    advice: outcome.Advice
    took: float
    after: dict[str, float]


def _shop(place: Position, rounds: int, size: int) -> tables.Section:
    settings = _project(place.folder / f"advice-{size}")
    applied: dict[str, _Applied] = {}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            instance.temporary(place.found, settings={"shared_preload_libraries": "pg_stat_statements"})
        )
        url = urls.with_database(server.url, "shop")
        admin = stack.enter_context(psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True))
        admin.execute("CREATE EXTENSION pg_stat_statements")
        admin.execute("CREATE DATABASE shop")
        migrate.migrate(settings, url=url)
        _fill(url, size)
        wanted = _evaluators(admin, url)
        for name in wanted:
            admin.execute(f"CREATE DATABASE shop_{name} TEMPLATE shop")
        backups.backup(settings, url=url, verify="none")
        before = _time(server.url, url, size, rounds)
        # All of them first: the next measurement begins the server's counts anew.
        advised = {name: _advised(settings, url, name) for name in wanted}
        for name, (own, found, took) in advised.items():
            with_indexes = urls.with_database(server.url, f"shop_{name}")
            migrate.migrate(own, url=with_indexes)
            with psycopg.connect(with_indexes, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            applied[name] = _Applied(found, took, _time(server.url, with_indexes, size, rounds))
    return _section(size, before, applied)


def _project(folder: Path) -> config.Config:
    migrations = folder / "migrations" / "one"
    migrations.mkdir(parents=True)
    (migrations / "one.20260101000000.shop.sql").write_text(_STRUCTURE)
    (migrations / "one.20260101000000.shop.rollback.sql").write_text("DROP SCHEMA one CASCADE;\n")
    return config.parse({"schemas": ["one"], "name": "shop"}, folder, {}).without_backups()


def _fill(url: str, size: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _ROWS.format(rows=size).split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())


def _evaluators(admin: psycopg.Connection[Any], url: str) -> list[str]:
    """Return the evaluators that this server allows; hypopg is installed where it has its files."""
    if not admin.execute("SELECT FROM pg_available_extensions WHERE name = 'hypopg'").fetchall():
        return ["ghost", "copy"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION hypopg")
    return ["hypopg", "ghost", "copy"]


def _advised(settings: config.Config, url: str, name: str) -> tuple[config.Config, outcome.Advice, float]:
    """Let an evaluator write its migrations into its own folder; return settings with that, the advice, seconds."""
    own = dataclasses.replace(settings, migrations=settings.root / f"migrations_{name}")
    shutil.copytree(settings.migrations, own.migrations)
    began = time.perf_counter()
    found = advise.advise(own, url=url, evaluator=name, write=True, max_new=20)
    return own, found, time.perf_counter() - began


def _section(size: int, before: dict[str, float], applied: dict[str, _Applied]) -> tables.Section:
    rows = [
        (text.replace("|", "\\|"), f"{before[text]:.2f} ms", *(f"{one.after[text]:.2f} ms" for one in applied.values()))
        for _, text, _ in _WORKLOAD
    ]
    whole = sum(before[text] * calls for calls, text, _ in _WORKLOAD)
    left = {name: sum(one.after[text] * calls for calls, text, _ in _WORKLOAD) / whole for name, one in applied.items()}
    return tables.Section(
        f"Indexes for a shop of {size:,} orders",
        ("statement", "before", *applied),
        tuple(rows),
        tuple(tables.Goal(f"time left, {name}", 100 * share, 11, unit="%") for name, share in left.items()),
        tuple(
            f"{name}: {len(one.advice.proposals)} indexes in {one.took:.1f} s, with which "
            f"{100 * one.advice.left:.1f} % of the time is left as the planner has it, and {100 * left[name]:.1f} % "
            f"measured: {_listed(one.advice)}."
            for name, one in applied.items()
        ),
    )


def _listed(found: outcome.Advice) -> str:
    return "; ".join(f"{one.candidate.table[1]} ({one.candidate.described})" for one in found.proposals)


def _time(server: str, url: str, size: int, rounds: int) -> dict[str, float]:
    """Return the milliseconds of a call of each statement as the server counted them, after a round that is not."""
    with (
        psycopg.connect(urls.with_database(server, "postgres"), autocommit=True) as maintenance,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as shop,
    ):
        for number in range(rounds + 1):
            if number <= 1:
                maintenance.execute("SELECT pg_stat_statements_reset()")
            for calls, text, values in _WORKLOAD:
                for run in range(calls):
                    shop.execute(text.encode(), values(run, size))
        counted = maintenance.execute(
            "SELECT query, sum(total_exec_time) / sum(calls) FROM pg_stat_statements GROUP BY query"
        ).fetchall()
    found = {_key(query): float(mean) for query, mean in counted}
    return {text: found[_key(text)] for _, text, _ in _WORKLOAD}


def _key(text: str) -> str:
    """Return what a text and the server's form of it have in common."""
    return text.partition("%s")[0].partition("$")[0].strip()
