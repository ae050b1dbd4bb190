"""Which row a foreign key picks, and which columns make rows unlike each other where they must be."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from schemata.samples import structure, values
from schemata.seed.values import columns, expressions

#: How much oftener the first rows are picked than the last: some accounts have most of the transactions.
POWER = 3
#: How many rows reference nothing where they need not.
NULL_SHARE = 0.1
# A hash takes any value: which partition it goes to says nothing of what values there are.
_HASH = re.compile(r"satisfies_hash_partition\((?:[^()]|\([^()]*\))*\)")


@dataclasses.dataclass(frozen=True)
class Unique:
    """Columns whose values together come once; `primary` is the table's key.

    :param excluded: an exclusion constraint, of which `equal` are the columns that it compares for equality.
    """

    name: str
    columns: tuple[int, ...]
    primary: bool = False
    excluded: bool = False
    equal: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Details:
    """What is known of a table beyond its columns.

    :param partitions: what each leaf requires but for hashes; None where the table has no partitions.
    :param triggers: on INSERT.
    """

    uniques: tuple[Unique, ...] = ()
    partitions: tuple[str, ...] | None = None
    triggers: tuple[str, ...] = ()
    rules: bool = False


def details(told: Mapping[str, Any]) -> Details:
    """Return the details as the query tells them."""
    uniques = [
        Unique(
            one["name"],
            tuple(sorted(one["columns"] or ())),
            one["primary"],
            one["exclusion"],
            tuple(one["equal"] or ()),
        )
        for one in told["uniques"] or ()
    ]
    partitions = None if told["partitions"] is None else _required(told["partitions"])
    return Details(
        tuple(sorted(uniques, key=lambda one: (not one.primary, one.excluded, len(one.columns), one.name))),
        partitions,
        tuple(told["triggers"] or ()),
        told["rules"],
    )


def _required(texts: Sequence[str | None]) -> tuple[str, ...]:
    """Return what partitions require; nothing where one of them takes any values that a hash sends to it."""
    required = [_HASH.sub("true", text) for text in texts if text]
    return () if "true" in required else tuple(dict.fromkeys(required))


@dataclasses.dataclass(frozen=True)
class Pick:
    """A foreign key that picks a row of the referenced table.

    :param fills: its own columns that it fills. :param shared: those that are filled otherwise, and must be the same.
    """

    key: structure.Key
    fills: tuple[int, ...]
    shared: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Assignment:
    """How rows are made unlike each other, as the unique and exclusion constraints ask.

    :param carriers: columns that have another value in each row. :param digits: foreign keys and columns of listed
        values that go through their values, the first the fastest, each with how many values the list has.
    :param counters: integers that count on whenever the digits begin again.
    :param is_bounded: whether the digits are all.
    """

    carriers: frozenset[int] = frozenset()
    digits: tuple[tuple[str, int], ...] = ()
    counters: frozenset[int] = frozenset()
    is_bounded: bool = False

    def radixes(self, counts: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Return for each digit its divisor and its radix, where foreign keys may pick from so many rows."""
        found, divisor = {}, 1
        for name, listed in self.digits:
            radix = max(listed or counts.get(name, 0), 1)
            found[name] = (divisor, radix)
            divisor *= radix
        return found

    def room(self, counts: Mapping[str, int]) -> int:
        """Return for how many rows there is room; 0 is enough."""
        return math.prod(radix for _, radix in self.radixes(counts).values()) if self.is_bounded else 0


def picks(frame: columns.Frame) -> tuple[Pick, ...]:
    """Return the foreign keys that pick rows: the widest first, each with a column that no other one fills.

    One whose columns the settings give picks nothing, nor does one by which each row references itself.
    """
    given = {column["number"] for column in frame.table.columns if column["name"] in frame.given}
    known = {column["number"] for column in frame.table.columns}
    nullable = {column["number"] for column in frame.table.columns if not column["not_null"]}
    found: list[Pick] = []
    taken: set[int] = set()
    for key in sorted(frame.table.keys, key=lambda key: (-len(key.own), key.name)):
        own = set(key.own)
        if own & given or own <= taken or not own <= known or key.name in frame.itself:
            continue
        fills = [number for number in key.own if number not in taken]
        if nullable & set(fills):
            # What it may leave NULL it fills; the rest is the row's own, and the row that is picked has the same.
            fills = [number for number in fills if number in nullable]
        found.append(Pick(key, tuple(fills), tuple(number for number in key.own if number not in fills)))
        taken |= set(fills)
    return tuple(found)


def assign(frame: columns.Frame, known: Details) -> Assignment:
    """Return what makes the rows of a table unlike each other."""
    by_number = {column["number"]: column for column in frame.table.columns}
    of_column = {number: pick.key for pick in picks(frame) for number in pick.fills}
    itself = {number for key in frame.table.keys if key.name in frame.itself for number in key.own}
    made = Assignment()
    satisfied: list[set[int]] = []
    for unique in known.uniques:
        numbers = {number for number in unique.columns if number in by_number}
        compared = set(unique.equal) if unique.excluded else numbers
        if not numbers or made.carriers & compared or any(done <= compared for done in satisfied):
            continue
        named = list(dict.fromkeys(of_column[number].name for number in sorted(numbers) if number in of_column))
        own = [by_number[number] for number in sorted(numbers) if number not in of_column and number not in itself]
        free = [column for column in own if columns.can_carry(frame, column)]
        said = {column["number"] for column in own if isinstance(frame.given.get(column["name"]), str)}
        if said:
            # SQL of the settings: that it makes rows unlike each other is for its author to see to.
            made = dataclasses.replace(made, carriers=made.carriers | said)
            continue
        if unique.excluded:
            made = dataclasses.replace(made, carriers=made.carriers | _excluding(frame, unique, free))
            continue
        satisfied.append(numbers)
        counting = [column for column in free if columns.is_integer(column) and not column["sequence"]]
        if free and (made.digits or not (named and counting)):
            carrier = min(free, key=lambda column: _preference(frame, column))
            made = dataclasses.replace(made, carriers=made.carriers | {carrier["number"]})
        elif not made.digits:
            digits = [(name, 0) for name in named]
            if not counting:
                digits += [(column["name"], listed) for column in own if (listed := _listed(frame, column))]
            made = dataclasses.replace(
                made,
                digits=tuple(digits),
                counters=frozenset(column["number"] for column in counting[:1]),
                is_bounded=not counting,
            )
    return made


def _excluding(frame: columns.Frame, unique: Unique, free: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the columns that keep rows apart: one that must not be equal, else a range, else all of them."""
    equal = [column for column in free if column["number"] in unique.equal]
    if equal:
        return {min(equal, key=lambda column: _preference(frame, column))["number"]}
    ranges = [column["number"] for column in free if column["category"] == "R"]
    return set(ranges[:1] or [column["number"] for column in free])


def _listed(frame: columns.Frame, column: Mapping[str, Any]) -> int:
    return sum(one.kind == "item" for one in columns.candidates(frame, column, carrier=False))


def _preference(frame: columns.Frame, column: Mapping[str, Any]) -> tuple[bool, bool, bool, int]:
    """Order columns by how well they carry what makes a row unlike the others; the last of equals is best.

    What comes first in a key is mostly what groups the rows; what has a form has few values.
    """
    formed = any(shape.startswith("^") for shape in values.shapes_of(values.checks_of(frame.table, column)))
    is_number = columns.is_integer(column)
    return (not (column["identity"] or column["sequence"]), formed, not is_number, -column["number"])


def index(frame: columns.Frame, pick: Pick, radixes: Mapping[str, tuple[int, int]], count: int) -> str:
    """Return SQL of the place of the row that is picked, from 0 up to below `count`; NULL where none is.

    Of a pick that shares columns it is a share of the rows that fit instead, from 0 up to 1.
    """
    if pick.shared:
        return f"{expressions.share(frame.salt('key', pick.key.name))} ^ {POWER}"
    if pick.key.name in radixes:
        divisor, radix = radixes[pick.key.name]
        return f"({expressions.ROW} - 1) / {divisor} % {radix}"
    names = [column["name"] for column in frame.table.columns if column["number"] in pick.key.own]
    wanted = int(min([count, *(frame.distinct[name] for name in names if name in frame.distinct)]))
    return expressions.skewed(frame.salt("key", pick.key.name), wanted, POWER)


def empty(frame: columns.Frame, pick: Pick) -> str:
    """Return SQL of whether a row references nothing by this foreign key, although it could."""
    return f"{expressions.share(frame.salt('null', pick.key.name))} < {NULL_SHARE}"
