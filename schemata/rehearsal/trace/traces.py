"""What was seen of one migration, statement by statement, and how long each lock was held."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemata.rehearsal.trace import effect, states


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a statement failed. `is_new` tells that it is for a column that it adds itself."""

    sqlstate: str
    message: str
    hint: str = ""
    is_new: bool = False


@dataclasses.dataclass(frozen=True)
class Traced:
    """One statement, or one step of a migration in Python.

    :param transaction: the number of the transaction that it ran in: what was locked stays locked until that ends.
    :param filtered: it is an UPDATE or a DELETE with a WHERE that may leave rows out.
    :param node: what the parser calls the statement, such as alter_table_stmt; empty where it cannot tell.
    """

    number: int
    line: int
    text: str
    transaction: int
    node: str = ""
    seconds: float = 0.0
    wal: int = 0
    effects: tuple[effect.Effect, ...] = ()
    failure: Failure | None = None
    outside: bool = False
    filtered: bool = False

    def of(self, *kinds: str) -> tuple[effect.Effect, ...]:
        """Return the effects of these kinds."""
        return tuple(item for item in self.effects if item.kind in kinds)


@dataclasses.dataclass(frozen=True)
class Held:
    """A lock, the statement that took it, and the last one during which it was held."""

    on: str
    mode: str
    what: str
    first: int
    last: int
    seconds: float

    @property
    def blocks(self) -> str:
        """Return what others cannot do meanwhile."""
        return states.BLOCKS[self.mode]


@dataclasses.dataclass(frozen=True)
class Trace:
    """One migration as it ran.

    :param rows: how many rows each table had before, of the database that it ran on.
    :param present: what there is at its end, as (kind, name).
    :param refused: the statement that failed on made-up rows, where it ran then without any.
    :param left: what is left behind and needs another step: (code, table, name).
    """

    migration_id: str
    path: str
    statements: tuple[Traced, ...]
    rows: Mapping[str, int] = dataclasses.field(default_factory=dict)
    left: tuple[tuple[str, str, str], ...] = ()
    bodies: tuple[tuple[str, str], ...] = ()
    refused: Traced | None = None
    present: frozenset[tuple[str, str]] = frozenset()
    breaking: str = ""
    seconds: float = 0.0

    @property
    def failure(self) -> Traced | None:
        """Return the statement that failed, if one did."""
        return next((item for item in self.statements if item.failure), None)

    def held(self) -> tuple[Held, ...]:
        """Return each lock that keeps others out, with how long it was held."""
        found = []
        for item in self.statements:
            for done in item.of("lock"):
                during = [
                    one for one in self.statements if one.transaction == item.transaction and one.number >= item.number
                ]
                seconds = sum(one.seconds for one in during)
                found.append(Held(done.on, done.name, done.what, item.number, during[-1].number, seconds))
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "id": self.migration_id,
            "path": self.path,
            "seconds": round(self.seconds, 4),
            "statements": [_statement(item) for item in self.statements],
            "locks": [{**dataclasses.asdict(item), "blocks": item.blocks} for item in self.held()],
        }


def _statement(item: Traced) -> dict[str, Any]:
    return {
        "number": item.number,
        "line": item.line,
        "sql": item.text,
        "transaction": item.transaction,
        "seconds": round(item.seconds, 5),
        "wal_bytes": item.wal,
        "effects": [one.as_dict() for one in item.effects],
        "error": dataclasses.asdict(item.failure) if item.failure else None,
    }


def strong(held: Sequence[Held], number: int) -> tuple[Held, ...]:
    """Return the locks on tables that were taken before a statement and are still held while it runs."""
    return tuple(item for item in held if item.first < number <= item.last)


def loaded(answer: Sequence[tuple[str | None, ...]]) -> list[Any]:
    """Return the list that a query gave as JSON in its one value."""
    found: list[Any] = json.loads(str(answer[0][0]))
    return found
