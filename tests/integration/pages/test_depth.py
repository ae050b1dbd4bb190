"""A page far into a list costs what the first one costs: counted in buffers, which no load of the machine changes."""

import json
from typing import Any

import psycopg
import pytest
from psycopg import sql

from schemata import config
from schemata.pages import declarations, pages
from tests.conftest import REPOSITORY

ROWS = 20_000
DEEP = 15_000
FILL = f"""
    INSERT INTO public.users (email, display_name) VALUES ('depth@example.org', 'Depth');
    INSERT INTO financial.institutions (name, kind, country) VALUES ('Depth', 'bank', 'DE');
    INSERT INTO financial.accounts (institution_id, owner_id, number, name, kind, currency)
        SELECT i.id, u.id, 'N', 'A', 'checking', 'EUR' FROM financial.institutions i, public.users u;
    INSERT INTO financial.transactions (account_id, date, amount, currency)
        SELECT (SELECT min(id) FROM financial.accounts), date '2020-01-01' + n / 10, 1 + n, 'EUR'
        FROM generate_series(1, {ROWS}) n;
    ANALYZE financial.transactions;
"""


def buffers(connection: psycopg.Connection, query: str, values: dict[str, Any]) -> int:
    """Return how many buffers a query looks at."""
    text = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}").format(sql.SQL(query))  # type: ignore[arg-type]
    row = connection.execute(text, values).fetchone()
    assert row is not None
    plan = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.fixture
def filled(platform: str) -> psycopg.Connection:
    """Connect to a platform with many transactions, in the order of their dates."""
    connection = psycopg.connect(platform, autocommit=True)
    for statement in filter(str.strip, FILL.split(";\n")):
        connection.execute(sql.SQL(statement))  # type: ignore[arg-type]
    return connection


def test_a_page_at_any_depth_costs_the_same(filled: psycopg.Connection) -> None:
    """Behind a key: at most ten buffers, and no more than at the beginning and one; OFFSET reads all before it."""
    (page,) = declarations.named(config.load(REPOSITORY, {}), ("transactions",))
    names = ", ".join(name for name, _ in page.keys)
    order = ", ".join(page.order)
    with filled as connection:
        key = connection.execute(
            sql.SQL(f"SELECT {names} FROM {page.table} ORDER BY {order} OFFSET {DEEP} LIMIT 1")  # type: ignore[arg-type]
        ).fetchone()
        first = buffers(connection, pages.statement(page), pages.arguments(page, (), None, pages.LIMIT))
        deep = buffers(connection, pages.statement(page, True), pages.arguments(page, (), key, pages.LIMIT))
        offset = buffers(
            connection, f"SELECT * FROM {page.table} ORDER BY {order} OFFSET {DEEP} LIMIT {pages.LIMIT}", {}
        )
    assert deep <= 10
    assert deep <= first + 3
    assert offset > 20 * deep
