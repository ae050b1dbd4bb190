"""A page of many rows at any depth: behind a key, by OFFSET, and behind a key that is written as OR."""

import dataclasses
import json
import statistics
import time
from typing import Any

import measure
import psycopg
import tables
from place import Position

from schemata import config
from schemata.deploy import migrate
from schemata.pages import declarations, pages

_PAGE = "transactions"
_DEPTHS = (1, 1_000, 100_000, 1_000_000)
_FILL = """
    INSERT INTO public.users (email, display_name) VALUES ('bench@example.org', 'Bench');
    INSERT INTO financial.institutions (name, kind, country) VALUES ('Bench', 'bank', 'DE');
    INSERT INTO financial.accounts (institution_id, owner_id, number, name, kind, currency)
        SELECT (SELECT min(id) FROM financial.institutions), (SELECT min(id) FROM public.users),
            'N' || n, 'Account ' || n, 'checking', 'EUR' FROM generate_series(1, 100) n;
    ALTER TABLE financial.transactions DISABLE TRIGGER ALL;
    INSERT INTO financial.transactions (account_id, status, date, amount, currency, posted_at)
        SELECT (SELECT min(id) FROM financial.accounts) + n % 100, CASE n % 10 WHEN 0 THEN 'pending' ELSE 'posted' END,
            date '2016-01-01' + (n * 3650 / {rows})::int, 1 + n % 1000, 'EUR',
            CASE n % 10 WHEN 0 THEN NULL ELSE now() END
        FROM generate_series(1::bigint, {rows}) n;
    ALTER TABLE financial.transactions ENABLE TRIGGER ALL;
    VACUUM ANALYZE financial.transactions;
"""


@dataclasses.dataclass(frozen=True)
class _Form:
    """One way to ask for a page at a depth."""

    name: str
    sql: str
    values: dict[str, Any]


def depths(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure the list of transactions at each depth that so many rows have."""
    sections = []
    settings = config.load(measure.REPOSITORY, {})
    (page,) = declarations.named(settings, (_PAGE,))
    for rows in sizes:
        url = place.empty_database()
        migrate.migrate(settings.without_backups(), url=url)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in _FILL.format(rows=rows).split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            sections.append(_measured(connection, page, rows, rounds))
        place.drop(url)
    return sections


def _measured(connection: psycopg.Connection, page: pages.Page, rows: int, rounds: int) -> tables.Section:
    wanted = [depth for depth in _DEPTHS if depth <= rows // 5 or depth == 1]
    forms = {(form.name, depth): form for depth in wanted for form in _forms(connection, page, depth)}
    found: dict[tuple[str, int], tuple[float, int]] = {}
    # The depths of one form in turns, so that what else the machine does hits each alike; the forms one after another,
    # because one that reads everything leaves no buffer to the next.
    for name in dict.fromkeys(name for name, _ in forms):
        seconds: dict[int, list[float]] = {depth: [] for depth in wanted}
        for _ in range(rounds if name != "key" else 10 * rounds):
            for depth in wanted:
                form = forms[name, depth]
                began = time.perf_counter()
                connection.execute(form.sql, form.values).fetchall()
                seconds[depth].append(time.perf_counter() - began)
        for depth in wanted:
            found[name, depth] = (statistics.median(seconds[depth]), _buffers(connection, forms[name, depth]))
    shown = tuple(
        (name, *(_cell(found, name, depth) for depth in wanted)) for name in dict.fromkeys(name for name, _ in found)
    )
    deepest = wanted[-1]
    first, deep, offset = found["key", 1], found["key", deepest], found["OFFSET", deepest]
    goals = (
        tables.Goal(f"behind a key: depth {deepest:,} : depth 1", deep[0] / first[0], 1.5),
        tables.Goal(f"OFFSET : behind a key, depth {deepest:,}", offset[0] / deep[0], 500, at_most=False),
        tables.Goal(f"buffers behind a key, depth {deepest:,}", deep[1], 10, unit="buffers"),
    )
    return tables.Section(
        f"A page of 50 of {rows:,} transactions",
        ("form", *(f"depth {depth:,}" for depth in wanted)),
        shown,
        goals if deepest == _DEPTHS[-1] else (),
        (
            "Medians of a query on a warm server, and the buffers of 8 KiB that it looks at. Rows lie in the order of "
            "their dates, as they come in; where they do not, each row of a page is a buffer more, at every depth.",
        ),
    )


def _cell(found: dict[tuple[str, int], tuple[float, int]], name: str, depth: int) -> str:
    seconds, buffers = found[name, depth]
    return f"{tables.milliseconds(seconds)}, {buffers:,} buffers"


def _forms(connection: psycopg.Connection, page: pages.Page, depth: int) -> list[_Form]:
    columns = ", ".join(pages.quoted(column) for column in page.columns)
    order = ", ".join(page.order)
    table = page.table
    key = None
    if depth > 1:
        names = ", ".join(name for name, _ in page.keys)
        key = connection.execute(  # type: ignore[call-overload] # the text is put together from the settings
            f"SELECT {names} FROM {table} ORDER BY {order} OFFSET {depth - 2} LIMIT 1"
        ).fetchone()
    forms = [
        _Form("key", pages.statement(page, key is not None), pages.arguments(page, (), key, pages.LIMIT)),
        _Form(
            "OFFSET",
            f"SELECT {columns} FROM {table} ORDER BY {order} OFFSET %(offset)s LIMIT {pages.LIMIT}",
            {"offset": depth - 1},
        ),
    ]
    if key is not None:
        (one, _), (other, _) = page.keys
        condition = f"{one} < %(a)s OR ({one} = %(a)s AND {other} < %(b)s)"
        text = f"SELECT {columns} FROM {table} WHERE {condition} ORDER BY {order} LIMIT {pages.LIMIT}"
        forms.append(_Form("key as OR", text, {"a": key[0], "b": key[1]}))
    else:
        forms.append(dataclasses.replace(forms[0], name="key as OR"))
    return forms


def _buffers(connection: psycopg.Connection, form: _Form) -> int:
    row = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {form.sql}", form.values).fetchone()  # type: ignore[call-overload]
    assert row is not None
    plan = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
