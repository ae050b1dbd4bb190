"""How much of a workload's time is left when the indexes that `inv advise` proposes are built."""

import contextlib
from typing import Any

import psycopg
import tables
from place import Position

from schemata import config
from schemata.advice import advise
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


def _shop(place: Position, rounds: int, size: int) -> tables.Section:
    folder = place.folder / f"advice-{size}"
    migrations = folder / "migrations" / "one"
    migrations.mkdir(parents=True)
    (migrations / "one.20260101000000.shop.sql").write_text(_STRUCTURE)
    (migrations / "one.20260101000000.shop.rollback.sql").write_text("DROP SCHEMA one CASCADE;\n")
    settings = config.parse({"schemas": ["one"], "name": "shop"}, folder, {}).without_backups()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            instance.temporary(place.found, settings={"shared_preload_libraries": "pg_stat_statements"})
        )
        url = urls.with_database(server.url, "shop")
        with psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            connection.execute("CREATE DATABASE shop")
        migrate.migrate(settings, url=url)
        shop = stack.enter_context(psycopg.connect(url, autocommit=True, prepare_threshold=None))
        for statement in _ROWS.format(rows=size).split(";\n"):
            if statement.strip():
                shop.execute(statement.encode())
        before = _time(server.url, shop, size, rounds)
        found = advise.advise(settings, url=url, evaluator="ghost", write=True, max_new=20)
        migrate.migrate(settings, url=url)
        shop.execute("VACUUM ANALYZE")
        after = _time(server.url, shop, size, rounds)
    rows = [(text, f"{before[text]:.2f} ms", f"{after[text]:.2f} ms") for _, text, _ in _WORKLOAD]
    left = sum(after[text] * calls for calls, text, _ in _WORKLOAD)
    left /= sum(before[text] * calls for calls, text, _ in _WORKLOAD)
    listed = "; ".join(f"{one.candidate.table[1]} ({one.candidate.described})" for one in found.proposals)
    return tables.Section(
        f"Indexes for a shop of {size:,} orders",
        ("statement", "before", "after"),
        tuple((text.replace("|", "\\|"), first, second) for text, first, second in rows),
        (tables.Goal("time left : time before", left, 0.11),),
        (
            f"{len(found.proposals)} indexes, with which {100 * found.left:.1f} % of the time is left, as the planner "
            f"has it: {listed}.",
        ),
    )


def _time(server: str, shop: psycopg.Connection[Any], size: int, rounds: int) -> dict[str, float]:
    """Return the milliseconds of a call of each statement as the server counted them, after a round that is not."""
    maintenance = psycopg.connect(urls.with_database(server, "postgres"), autocommit=True)
    with contextlib.closing(maintenance):
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
