"""The keys that rows may reference: arrays from which one is taken by place, or a temporary table that is joined."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemata.postgres import quoting
from schemata.seed import keys
from schemata.seed.values import columns, known_types

#: So many keys fit into arrays; values of types of any length do so by their number among a few different ones.
MOST = 10_000_000
FEW = 32


@dataclasses.dataclass(frozen=True)
class Condition:
    """SQL that a referenced row must meet, in terms of the own columns, and which these are."""

    numbers: frozenset[int]
    text: str


@dataclasses.dataclass(frozen=True)
class Parents:
    """What is there to be referenced, by foreign key.

    :param counts: how many rows. :param arrays: by own column SQL of the arrays through which its value is found: the
        place in the first gives the value, or the place in the next one. A key that is not there is joined.
    """

    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    arrays: Mapping[str, Mapping[int, tuple[str, ...]]] = dataclasses.field(default_factory=dict)

    def value(self, name: str, number: int, place: str) -> str:
        """Return SQL of what a column is in the row at a place, from 0."""
        first, *others = self.arrays[name][number]
        found = f"({first})[1 + {place}]"
        for array in others:
            found = f"({array})[{found}]"
        return found


@dataclasses.dataclass(frozen=True)
class Source:
    """The rows that a pick may take.

    :param rows: SQL of the table or the query that they are in. :param conditions: what they must meet.
    :param others: picks whose columns this one fills as well: what they could not pick from is of no use.
    """

    frame: columns.Frame
    pick: keys.Pick
    position: int
    rows: str
    conditions: tuple[Condition, ...] = ()
    others: tuple[keys.Pick, ...] = ()

    @property
    def table(self) -> str:
        """Return the name of the temporary table of the keys."""
        return table(self.position)

    @property
    def few(self) -> list[int]:
        """Return the columns that are put into an array by their number, where their values are few."""
        bases = self._bases()
        return [number for number in self.pick.key.own if bases[number] not in known_types.OF_ONE_LENGTH]

    @property
    def may_be_arrays(self) -> bool:
        """Tell whether arrays may do: of one column of a type of one length at least, and each pick takes any row."""
        return not self.pick.shared and len(self.few) < len(self.pick.key.own)

    def listed(self, number: int) -> str:
        """Return SQL that makes the temporary table of a column's different values, and tells how many they are."""
        name = self._names()[number]
        wanted = [_holds(one) for one in self.conditions if one.numbers == {number}]
        made = _values(self.position, number)
        # Conditions are asked of the different values only.
        different = f"SELECT DISTINCT {name} FROM ({self._own()}) r WHERE {name} IS NOT NULL LIMIT {FEW + 1}"
        return (
            f"DROP TABLE IF EXISTS {made}; CREATE TEMP TABLE {_bare(made)} AS SELECT array_agg({name}) AS listed, "
            f"count(*) AS __count FROM ({different}) r WHERE {' AND '.join(wanted) or 'true'}; "
            f"SELECT __count FROM {made}"
        )

    def in_arrays(self) -> str:
        """Return SQL that makes the arrays and tells how long they are."""
        names, few = self._names(), self.few
        own = [names[number] for number in self.pick.key.own]
        codes = [
            f"array_position((SELECT listed FROM {_values(self.position, number)}), {names[number]})::int2 "
            f"AS __code_{number}"
            for number in few
        ]
        wanted = [text for number, text in self._wanted() if number not in few]
        inner = (
            f"SELECT {', '.join([*own, *codes])} FROM ({self._own()}) r WHERE {' AND '.join(wanted)} "
            f"ORDER BY {', '.join(own)} LIMIT {MOST + 1}"
        )
        arrays = [
            f"array_agg({f'__code_{number}' if number in few else names[number]}) AS {names[number]}"
            for number in self.pick.key.own
        ]
        known = " AND ".join(f"__code_{number} IS NOT NULL" for number in few) or "true"
        query = f"SELECT {', '.join(arrays)} FROM ({inner}) r WHERE {known}"
        # Each statement reads them again: not compressed that is a copy.
        external = ", ".join(f"ALTER {name} SET STORAGE EXTERNAL" for name in own)
        return (
            f"CREATE TEMP TABLE {_bare(self.table)} AS {query} WITH NO DATA; ALTER TABLE {self.table} {external}; "
            f"INSERT INTO {self.table} {query}; SELECT COALESCE(cardinality({own[0]}), 0) FROM {self.table}"
        )

    def arrays(self) -> dict[int, tuple[str, ...]]:
        """Return by column SQL of the arrays through which its value is found."""
        names = self._names()
        # With nothing appended it is in memory; else each row would read it from the table.
        found: dict[int, tuple[str, ...]] = {
            number: (f"SELECT array_cat({names[number]}, '{{}}') FROM {self.table}",) for number in self.pick.key.own
        }
        for number in self.few:
            found[number] += (f"SELECT listed FROM {_values(self.position, number)}",)
        return found

    def in_table(self) -> str:
        """Return SQL that makes the table and tells how many rows it has."""
        names = self._names()
        listed = ", ".join(names[number] for number in self.pick.key.own)
        wanted = " AND ".join(text for _, text in self._wanted())
        shared = ", ".join(names[number] for number in self.pick.shared)
        numbers = f"row_number() OVER ({shared and f'PARTITION BY {shared} '}ORDER BY {listed}) - 1 AS __index"
        return (
            f"CREATE TEMP TABLE {_bare(self.table)} AS SELECT {numbers}, {listed} FROM ({self._own()}) r "
            f"WHERE {wanted}; ANALYZE {self.table}; SELECT count(*) FROM {self.table}"
        )

    def drop(self, *, values: bool = False) -> str:
        """Return SQL that drops the keys; with the `values` of columns that are listed."""
        made = [self.table, *(_values(self.position, number) for number in self.few if values)]
        return f"DROP TABLE IF EXISTS {', '.join(made)}"

    def _own(self) -> str:
        """Return SQL of the rows with the names of the own columns."""
        names = self._names()
        pairs = zip(self.pick.key.own, self.pick.key.theirs, strict=True)
        return f"SELECT {', '.join(f'r.{theirs} AS {names[number]}' for number, theirs in pairs)} FROM {self.rows} r"

    def _wanted(self) -> list[tuple[int, str]]:
        """Return what the rows must meet; with the number of the column where it is about one alone, else 0."""
        names = self._names()
        found = [(number, f"{names[number]} IS NOT NULL") for number in self.pick.key.own]
        found += [(next(iter(one.numbers)) if len(one.numbers) == 1 else 0, _holds(one)) for one in self.conditions]
        return [*found, *((0, _fits(other, self.pick, names)) for other in self.others), (0, "true")]

    def _names(self) -> dict[int, str]:
        return {column["number"]: quoting.identifier(column["name"]) for column in self.frame.table.columns}

    def _bases(self) -> dict[int, Any]:
        return {column["number"]: column["base"] for column in self.frame.table.columns}


def table(position: int) -> str:
    """Return the name of the temporary table of the keys that a pick may take."""
    return f"pg_temp.seed_parent_{position}"


def source(
    frame: columns.Frame,
    picks: Sequence[keys.Pick],
    position: int,
    conditions: Sequence[Condition],
    ahead: str = "",
) -> Source:
    """Return the rows that one of the picks may take. :param ahead: SQL of keys of rows that are made later."""
    pick = picks[position]
    required = {column["number"] for column in frame.table.columns if column["not_null"]}
    needing = (other for other in picks if set(other.fills) & required)
    others = tuple(other for other in needing if set(other.shared) & set(pick.fills))
    return Source(frame, pick, position, ahead or pick.key.other, tuple(conditions), others)


def _values(position: int, number: int) -> str:
    return f"pg_temp.seed_values_{position}_{number}"


def _bare(name: str) -> str:
    return name.partition(".")[2]


def _holds(one: Condition) -> str:
    return f"({one.text}) IS NOT FALSE"


def _fits(other: keys.Pick, pick: keys.Pick, names: Mapping[int, str]) -> str:
    """Return SQL of whether another pick finds a row with the columns that this one fills for it."""
    pairs = zip(other.key.own, other.key.theirs, strict=True)
    equal = [f"o.{theirs} = r.{names[own]}" for own, theirs in pairs if own in pick.key.own]
    return f"EXISTS (SELECT FROM {other.key.other} o WHERE {' AND '.join(equal)})"
