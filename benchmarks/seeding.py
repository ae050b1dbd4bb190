"""Rows a second of `inv seed` into the platform's largest table with its indexes, beside one plain INSERT … SELECT."""

import dataclasses
import time

import measure
import psycopg
import tables
from place import Position

from schemata import config
from schemata.config import seeding
from schemata.deploy import migrate
from schemata.postgres import urls
from schemata.seed import seed

_TABLE = "financial.transactions"
_COLUMNS = ("rows, constraints and indexes", "median", "fastest", "slowest", "× plain", "rows/s")
#: What a transaction references, at any depth.
_NEEDED = (
    "public.users", "financial.institutions", "financial.categories", "financial.clients", "financial.accounts",
    "financial.invoices",
)  # fmt: skip


def seeded(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure the table alone: what it references is there."""
    settings = config.load(measure.REPOSITORY, {})
    settings = dataclasses.replace(settings, seed=seeding.Seed(tables=settings.seed.tables))
    sections = []
    for count in sizes:
        url = place.empty_database()
        migrate.migrate(settings, url=url)
        _fill(settings, url, count, _NEEDED)
        plain = measure.Contender("one INSERT … SELECT of the same rows", lambda url=url: _plain(url), lambda: None)
        ours = measure.Contender(
            "inv seed",
            lambda url=url, count=count: _fill(settings, url, count, (_TABLE,)),
            lambda url=url: _empty(url),
        )
        # The rows that both make: made once, and copied.
        _fill(settings, url, count, (_TABLE,))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE public.bench_copy AS SELECT * FROM {_TABLE}; ANALYZE public.bench_copy")
        turns = max(1, min(rounds, 3))
        measure.race([ours, plain], turns, warm=False)
        rates = {item.name: f"{count / item.median:,.0f}" for item in (plain, ours)}
        rows = tuple((*row, rates[row[0]]) for row in tables.compared([plain, ours], plain))
        goals = (
            tables.Goal("rows/s of inv seed", count / ours.median, 150_000, at_most=False, unit="rows/s"),
            tables.Goal("plain : ours", measure.ratio(plain, ours), 2, at_most=False),
        )
        title = f"Seed: {count:,} rows into {_TABLE}, nine indexes, three foreign keys"
        notes = (
            "Ours makes the rows, plain reads them from a table. The time of ours has its ANALYZE and its record.",
        )
        sections.append(tables.Section(title, _COLUMNS, rows, goals, notes))
        place.drop(url)
    return sections


def _fill(settings: config.Config, url: str, count: int, names: tuple[str, ...]) -> float:
    done = seed.seed(settings, url=url, wanted=count, tables=names, confirm=urls.database_of(url))
    if not done.ok:
        raise measure.Failed(str(done.problems))
    return sum(one.seconds for one in done.filled)


def _empty(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {_TABLE}; CHECKPOINT")


def _plain(url: str) -> float:
    _empty(url)
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.monotonic()
        connection.execute(f"INSERT INTO {_TABLE} OVERRIDING SYSTEM VALUE SELECT * FROM public.bench_copy")
        return time.monotonic() - began
