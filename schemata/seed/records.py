"""What was seeded, as the database records it: in the transaction that made the rows."""

import dataclasses
import json
import os
from collections.abc import Mapping

from schemata.postgres import queries

SQL = queries.load("seed", os.path.join(os.path.dirname(__file__), "queries"))


@dataclasses.dataclass(frozen=True)
class Base:
    """What the rows of a table begin at: numbers by column, microseconds between two rows, rows to pick by key."""

    numbers: Mapping[str, int] = dataclasses.field(default_factory=dict)
    step: int = 0
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Record:
    """How many rows of a table were made, with which seed."""

    seed: int
    rows: int
    base: Base


def read(ask: queries.Ask, history: str) -> dict[str, Record]:
    """Return what was seeded, by table; nothing where there is no record."""
    table = f"{queries.identifier(history)}.seeded"
    if ask(SQL["record_is_there"].format(table=queries.literal(table))) != [("t",)]:
        return {}
    rows = ask(SQL["seeded"].format(history=queries.identifier(history)))
    return {
        str(name): Record(int(str(seed)), int(str(count)), Base(**json.loads(str(base))))
        for name, seed, count, base in rows
    }


def create(history: str) -> str:
    """Return SQL that makes the record where there is none."""
    return SQL["record"].format(history=queries.identifier(history))


def note(history: str, table: str, record: Record) -> str:
    """Return SQL that records what a table was given."""
    return SQL["note"].format(
        history=queries.identifier(history),
        table=queries.literal(table),
        seed=record.seed,
        rows=record.rows,
        base=queries.literal(json.dumps(dataclasses.asdict(record.base), sort_keys=True)),
    )
