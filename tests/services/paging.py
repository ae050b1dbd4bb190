"""Rows for the seven lists, a walk through a list over HTTP, and somebody who inserts meanwhile."""

import contextlib
import http.client
import json
import secrets
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Final

import psycopg

from tests.services import access

#: Path of a list -> its table.
TABLES: Final = {
    "/clients": "financial.clients",
    "/invoices": "financial.invoices",
    "/accounts": "financial.accounts",
    "/transactions": "financial.transactions",
    "/strategies": "trading.strategies",
    "/positions": "trading.positions",
    "/orders": "trading.orders",
}
FINANCIAL: Final = ("/clients", "/invoices", "/accounts", "/transactions")
TRADING: Final = ("/strategies", "/positions", "/orders")

# Seven rows share each moment, and the days repeat: the order needs the id to be one.
_MOMENT = "timestamptz '2026-01-01 00:00:00.123457+00' + (n / 7) * interval '1.000001 second'"
_DAY = "date '2026-01-01' + n / 97"
_WITH_A_USER = """
WITH keeper AS (
    INSERT INTO public.users (email, display_name) VALUES (%(tag)s || '@example.com', 'Keeper') RETURNING id
), place AS (
    INSERT INTO financial.institutions (name, kind, country)
    SELECT %(tag)s || n, 'broker', 'DE' FROM generate_series(1, 20) n RETURNING id
)
INSERT INTO financial.accounts (institution_id, owner_id, number, name, kind, status, currency, created_at)
SELECT place.first + n %% 20, keeper.id, %(tag)s || n, 'Account', 'brokerage', 'active', 'EUR', {moment}
FROM keeper, (SELECT min(id) AS first FROM place) place, generate_series(1, %(rows)s) n
"""
_REST = (
    """
    INSERT INTO financial.clients (name, status, created_at)
    SELECT %(tag)s || n, CASE n %% 20 WHEN 0 THEN 'active' ELSE 'prospect' END, {moment}
    FROM generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO financial.invoices (client_id, number, status, issue_date, due_date, currency)
    SELECT c.id, %(tag)s || n, CASE n %% 20 WHEN 0 THEN 'issued' ELSE 'draft' END, {day}, {day} + 30, 'EUR'
    FROM (SELECT max(id) AS id FROM financial.clients) c, generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO financial.transactions (account_id, status, date, amount, currency)
    SELECT a.ids[1 + n %% cardinality(a.ids)], CASE n %% 40 WHEN 0 THEN 'failed' ELSE 'pending' END, {day}, n, 'EUR'
    FROM (SELECT array(SELECT id FROM financial.accounts ORDER BY id DESC LIMIT 50) AS ids) a,
        generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO trading.strategies (owner_id, name, status, created_at)
    SELECT u.id, %(tag)s || n, CASE n %% 20 WHEN 0 THEN 'active' ELSE 'draft' END, {moment}
    FROM (SELECT max(id) AS id FROM public.users) u, generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO trading.orders
        (account_id, strategy_id, instrument, side, order_type, quantity, currency, created_at)
    SELECT a.ids[1 + n %% cardinality(a.ids)], s.ids[1 + n %% cardinality(s.ids)], 'ACME', 'buy', 'market', n, 'EUR',
        {moment}
    FROM (SELECT array(SELECT id FROM financial.accounts ORDER BY id DESC LIMIT 50) AS ids) a,
        (SELECT array(SELECT id FROM trading.strategies ORDER BY id DESC LIMIT 40) AS ids) s,
        generate_series(1, %(rows)s) n
    """,
    """
    INSERT INTO trading.positions (account_id, instrument, quantity, average_price, currency, created_at)
    SELECT a.ids[1 + n %% cardinality(a.ids)], 'X' || upper(%(tag)s) || n, 1, 10, 'EUR', {moment}
    FROM (SELECT array(SELECT id FROM financial.accounts ORDER BY id DESC LIMIT 50) AS ids) a,
        generate_series(1, %(rows)s) n
    """,
)


def seed(database_url: str, rows: int) -> dict[str, set[int]]:
    """Insert that many rows into the table of each list; return the ids of all rows that the lists now have.

    Many rows share a moment or a day. May be called again, also by several at once. The database knows the tests'
    key afterwards.
    """
    access.store_own(database_url)
    with psycopg.connect(database_url) as connection:
        _insert(connection, rows, _MOMENT, _DAY)
        connection.commit()
        connection.execute("ANALYZE")
        return {
            path: {number for (number,) in connection.execute(f"SELECT id FROM {table}").fetchall()}
            for path, table in TABLES.items()
        }


def walk(base: str, path: str, limit: int = 200, key: str = access.KEY.text, **query: str) -> list[int]:
    """Return the ids of every item of a list, page by page, in the order in which they come.

    `base` is such as http://127.0.0.1:8101. Raises AssertionError for an answer that is not 200.
    """
    parts = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    with contextlib.closing(connection):
        found: list[int] = []
        cursor: str | None = None
        while True:
            more = {"cursor": cursor} if cursor else {}
            target = f"{path}?{urllib.parse.urlencode({'limit': limit, **query, **more})}"
            connection.request("GET", target, headers={"Authorization": f"Bearer {key}"})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, f"{path}: {response.status} {body[:500]!r}"
            page = json.loads(body)
            assert 0 < len(page["items"]) <= limit or not found
            found += [item["id"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                return found


@contextlib.contextmanager
def inserting(database_url: str) -> Iterator[list[int]]:
    """Insert into every list, again and again, until the end of the block: at the front, the middle and the far end.

    Gives a list that has one number for each round that is committed; raises what stopped it.
    """
    rounds: list[int] = []
    failures: list[BaseException] = []
    enough = threading.Event()

    def insert() -> None:
        try:
            with psycopg.connect(database_url) as connection:
                while not enough.is_set():
                    for moment, day in (
                        ("now()", "CURRENT_DATE"),
                        (_MOMENT.replace("n /", "(n + 5000) /"), _DAY.replace("n /", "(n + 5000) /")),
                        ("timestamptz '1999-01-01 00:00:00+00'", "date '1999-01-01'"),
                    ):
                        _insert(connection, 3, moment, day)
                        connection.commit()
                    rounds.append(len(rounds))
                    enough.wait(0.01)
        except BaseException as error:  # noqa: BLE001 - it is raised where the test is
            failures.append(error)

    thread = threading.Thread(target=insert)
    thread.start()
    try:
        yield rounds
    finally:
        enough.set()
        thread.join()
    if failures:
        raise failures[0]


def _insert(connection: psycopg.Connection, rows: int, moment: str, day: str) -> None:
    arguments = {"tag": f"t{secrets.token_hex(5)}", "rows": rows}
    for statement in (_WITH_A_USER, *_REST):
        text = statement.replace("{moment}", moment).replace("{day}", day)
        connection.execute(text.encode(), arguments)
