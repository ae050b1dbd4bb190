"""What a session sees at one moment: relations by their oid, columns, constraints, its own locks and counts."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Table locks that keep others from writing or reading, the weakest first, and what they keep them from.
BLOCKS = {
    "ShareLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ExclusiveLock": "writes",
    "AccessExclusiveLock": "reads and writes",
}
_STRENGTH = {
    "AccessShareLock": 0, "RowShareLock": 1, "RowExclusiveLock": 2, "ShareUpdateExclusiveLock": 3,
    **{mode: 4 + number for number, mode in enumerate(BLOCKS)},
}  # fmt: skip
#: What a relation's kind is called.
WORDS = {
    "r": "table", "p": "table", "m": "materialized view", "v": "view", "f": "foreign table", "S": "sequence",
    "i": "index", "I": "index", "c": "type",
}  # fmt: skip
TABLES = ("r", "p", "m")
_TYPES = {"e": "enum", "d": "domain", "r": "range", "c": "type"}
_ROUTINES = {"p": "procedure", "a": "aggregate"}


class Relation(NamedTuple):
    """A table, index, view or sequence, with the file that its rows are in."""

    schema: str
    name: str
    kind: str
    node: int | None
    tablespace: int
    partition: bool

    @property
    def full(self) -> str:
        """Return schema and name."""
        return f"{self.schema}.{self.name}"


class Column(NamedTuple):
    """A column: its name, its type with the modifier, whether it may be NULL."""

    name: str
    type: int
    modifier: int
    not_null: bool


class Constraint(NamedTuple):
    """A constraint of a table; `served_by` is its index, `expression` what a CHECK asks, `columns` their numbers."""

    relation: int
    name: str
    kind: str
    validated: bool
    references: int
    served_by: int
    expression: str | None
    columns: list[int] | None


class Counts(NamedTuple):
    """What the open transaction has done to a table so far."""

    sequential: int = 0
    by_index: int = 0
    updated: int = 0
    deleted: int = 0


@dataclasses.dataclass(frozen=True)
class State:
    """One moment, by oid.

    :param named: what is neither relation nor constraint, as (word, name): types, routines, rules, schemas.
    :param bodies: of each routine its digest. :param arguments: of each its types, and how many have a default.
    :param results: of each its name and what it returns.
    :param triggers: (relation, name, how it fires).
    """

    relations: Mapping[int, Relation]
    columns: Mapping[tuple[int, int], Column]
    constraints: Mapping[int, Constraint]
    indexes: Mapping[int, tuple[int, bool]]
    triggers: Mapping[int, tuple[int, str, str]]
    labels: Mapping[int, tuple[int, str]]
    named: Mapping[int, tuple[str, str]]
    bodies: Mapping[int, str]
    arguments: Mapping[int, tuple[tuple[str, ...], int]]
    results: Mapping[int, str]
    counts: Mapping[int, Counts]
    locks: Mapping[int, str]
    wal: int

    def called(self, oid: int) -> tuple[str, str]:
        """Return the word and the name of what is neither relation nor constraint; a routine's with its arguments."""
        word, name = self.named[oid]
        return (word, f"{name}({', '.join(self.arguments[oid][0])})" if oid in self.arguments else name)

    def calls(self) -> set[tuple[str, str]]:
        """Return each routine under all numbers of arguments that it can be called with."""
        return {
            (self.named[oid][0], f"{self.named[oid][1]}({', '.join(types[:count])})")
            for oid, (types, optional) in self.arguments.items()
            for count in range(len(types) - optional, len(types) + 1)
        }

    def name_of(self, oid: int) -> str:
        """Return the name of a relation; its number where it is none of this moment."""
        found = self.relations.get(oid)
        return found.full if found else str(oid)


def parse(text: str) -> State:
    """Return the state that a query gave as JSON."""
    told: dict[str, Any] = json.loads(text)
    relations = {row[0]: Relation(*row[1:]) for row in _rows(told, "relations")}
    named = {row[0]: ("schema", row[1]) for row in _rows(told, "schemas")}
    named |= {row[0]: (_TYPES[row[3]], f"{row[1]}.{row[2]}") for row in _rows(told, "types")}
    named |= {row[0]: (_ROUTINES.get(row[3], "function"), f"{row[1]}.{row[2]}") for row in _rows(told, "routines")}
    for oid, relation, word, name in _rows(told, "rules"):
        named[oid] = (word, f"{name} on {relations[relation].full}")
    return State(
        relations=relations,
        columns={(row[0], row[1]): Column(*row[2:]) for row in _rows(told, "columns")},
        constraints={row[0]: Constraint(*row[1:]) for row in _rows(told, "constraints")},
        indexes={row[0]: (row[1], row[2]) for row in _rows(told, "indexes")},
        triggers={row[0]: (row[1], row[2], row[3]) for row in _rows(told, "triggers") if not row[4] or row[3] == "D"},
        labels={row[0]: (row[1], row[2]) for row in _rows(told, "labels")},
        named=named,
        bodies={row[0]: row[4] for row in _rows(told, "routines")},
        arguments={row[0]: (tuple(row[5]), row[6]) for row in _rows(told, "routines")},
        results={row[0]: f"{row[1]}.{row[2]} {row[7]}" for row in _rows(told, "routines")},
        counts={row[0]: Counts(*row[1:]) for row in _rows(told, "counts")},
        locks=strongest(_rows(told, "locks")),
        wal=int(told["wal"]),
    )


def _rows(told: dict[str, Any], key: str) -> list[Any]:
    return told[key] or []


def strongest(pairs: list[Any]) -> dict[int, str]:
    """Return the strongest lock on each relation.

    >>> strongest([[1, "ShareLock"], [1, "AccessExclusiveLock"], [2, "RowExclusiveLock"]])
    {1: 'AccessExclusiveLock', 2: 'RowExclusiveLock'}
    """
    found: dict[int, str] = {}
    for oid, mode in pairs:
        if oid not in found or strength(mode) > strength(found[oid]):
            found[oid] = mode
    return found


def strength(mode: str) -> int:
    """Return the place of a lock mode among all, the weakest first."""
    return _STRENGTH[mode]
