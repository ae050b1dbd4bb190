"""Values for columns of a table of which nothing is known but its definition."""

import collections
import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemata.postgres import quoting
from schemata.rehearsal.samples import patterns

_LITERAL = re.compile(r"'((?:[^']|'')*)'::")
_SHAPE = re.compile(r"~\*? '((?:[^']|'')*)'")
_KEY = re.compile(r"Key \(([^)]*)\)=")
_TEXTS = (
    "sample {n}", "s{n}", "a{n}@example.org", "https://example.org/{n}", "EUR", "A{n}", "{n}", "0{n}", "+4930123456{n}",
    "{hex}", "aa", "sample-{n}", "sample_{n}", "DE{n}", "x",
)  # fmt: skip
#: Candidates by the name of the type; {n} is the number of the row.
_BY_TYPE: Mapping[str, Sequence[str]] = {
    "uuid": ("00000000-0000-4000-8000-00000000000{n}",),
    "json": ('{{"sample": {n}}}', "[{n}]", "{{}}", "[]", '"{n}"'),
    "jsonb": ('{{"sample": {n}}}', "[{n}]", "{{}}", "[]", '"{n}"'),
    "date": ("2026-01-0{n}", "2099-01-0{n}", "2000-01-0{n}"),
    "timestamp": ("2026-01-0{n} 10:00", "2099-01-0{n} 10:00", "2000-01-0{n} 10:00"),
    "timestamptz": ("2026-01-0{n} 10:00+00", "2099-01-0{n} 10:00+00", "2000-01-0{n} 10:00+00"),
    "time": ("10:0{n}",), "timetz": ("10:0{n}+00",), "interval": ("{n} days", "{n} minutes"),
    "bytea": ("\\x0{n}", "\\x{hex}", "\\x{half}", "\\x{double}", "\\x{twenty}"),
    "inet": ("10.0.0.{n}",), "cidr": ("10.0.{n}.0/24",), "macaddr": ("08:00:2b:01:02:0{n}",),
    "int4range": ("[{n}0,{n}5)",), "int8range": ("[{n}0,{n}5)",), "numrange": ("[{n}0,{n}5)",),
    "daterange": ("[2026-0{n}-01,2026-0{n}-05)",), "tsrange": ("[2026-0{n}-01,2026-0{n}-05)",),
    "tstzrange": ("[2026-0{n}-01,2026-0{n}-05)",),
    "tsvector": ("sample:{n}",), "xml": ("<sample>{n}</sample>",), "money": ("{n}",), "oid": ("{n}",),
    "point": ("({n},{n})",), "box": ("(0,0),({n},{n})",), "circle": ("<(0,0),{n}>",), "hstore": ("sample=>{n}",),
}  # fmt: skip
_BY_CATEGORY: Mapping[str, Sequence[str]] = {
    "N": ("{n}", "{n}0", "0", "{n}00", "0.{n}", "{n}000", "-{n}"),
    "S": _TEXTS,
    "B": ("true", "false"),
    "V": ("1",),
    "A": ("{{{n}}}", "{{}}"),
}


@dataclasses.dataclass(frozen=True)
class Table:
    """A table as rows see it.

    :param plain: its name without quotes. :param keys: (columns, referenced oid, referenced name, referenced columns).
    """

    oid: int
    name: str
    plain: str
    columns: tuple[Mapping[str, Any], ...]
    checks: tuple[tuple[str, tuple[int, ...], str], ...]
    keys: tuple[tuple[tuple[int, ...], int, str, tuple[str, ...]], ...]


def table(told: Mapping[str, Any]) -> Table:
    """Return a table as the query tells it."""
    name = f"{quoting.identifier(told['schema'])}.{quoting.identifier(told['name'])}"
    return Table(
        told["oid"],
        name,
        f"{told['schema']}.{told['name']}",
        tuple(told["columns"] or ()),
        tuple((check, tuple(numbers or ()), text) for check, numbers, text in told["checks"] or ()),
        tuple((tuple(own), oid, other, tuple(theirs)) for own, oid, other, theirs in told["keys"] or ()),
    )


def in_order(tables: Sequence[Table]) -> list[Table]:
    """Return the tables so that what a foreign key references comes first, as far as there is no circle."""
    left, done, found = list(tables), set[int](), list[Table]()
    known = {one.oid for one in tables}
    while left:
        ready = [one for one in left if {oid for _, oid, _, _ in one.keys} & known <= done | {one.oid}] or left[:1]
        found += ready
        done |= {one.oid for one in ready}
        left = [one for one in left if one.oid not in done]
    return found


def candidates(of: Table, column: Mapping[str, Any], row: int, *, least: bool = False) -> list[str]:
    """Return expressions in SQL to try for a column, the likeliest first; with `least` NULL is the likeliest."""
    found = _in_order(of, column, row)
    if least and not column["not_null"] and "NULL" in found:
        found.remove("NULL")
        return ["NULL", *found]
    return found


def _in_order(of: Table, column: Mapping[str, Any], row: int) -> list[str]:
    first = ["DEFAULT"] if column["default"] else []
    nothing = [] if column["not_null"] else ["NULL"]
    referenced: list[str] = []
    for own, oid, other, theirs in of.keys:
        if column["number"] in own:
            name = theirs[own.index(column["number"])]
            for skipped in (row - 1, 0):
                referenced.append(f"(SELECT {name} FROM {other} ORDER BY ctid OFFSET {skipped} LIMIT 1)")
            if oid == of.oid and column["not_null"]:
                # The first row can refer to itself only.
                referenced += [value for value in _of_itself(of, name, row) if value != "DEFAULT"]
            if len(own) == 1 or not column["not_null"]:
                return list(dict.fromkeys([*first, *referenced, *nothing]))
    listed = _of_checks(of, column, row) or list(column["labels"] or ())
    if listed:
        # The values that a check lists come first, another one for each row.
        start = (row - 1) % len(listed)
        listed = listed[start:] + listed[:start]
    values = [*listed, *(_written(text, row) for text in _of_type(column))]
    if column["length"]:
        values = [value[: column["length"]] for value in values]
    found = [f"{quoting.literal(value)}::{column['type']}" for value in dict.fromkeys(values)]
    return list(dict.fromkeys([*first, *referenced, *found[:1], *nothing, *found[1:]])) or ["DEFAULT"]


def _of_itself(of: Table, name: str, row: int) -> list[str]:
    """Return the likeliest values of a column that the table's own foreign key references."""
    keys = {number for own, _, _, _ in of.keys for number in own}
    target = next((one for one in of.columns if one["name"] == name.strip('"')), None)
    return _in_order(of, target, row)[:1] if target and target["number"] not in keys else []


def _of_checks(of: Table, column: Mapping[str, Any], row: int) -> list[str]:
    """Return values that the checks of a column name."""
    texts = [text for _, numbers, text in of.checks if column["number"] in numbers]
    found: list[str] = []
    for text in [*texts, *(text for _, text in column["checks"] or ())]:
        shapes = [shape.replace("''", "'") for shape in _SHAPE.findall(text)]
        literals = [match.replace("''", "'") for match in _LITERAL.findall(text)]
        if column["category"] == "A":
            found += [f"{{{value}}}" for value in literals]
        elif column["category"] in ("S", "E", "U"):
            found += [patterns.example(shape, row) for shape in shapes] or literals
    return found


def _of_type(column: Mapping[str, Any]) -> Sequence[str]:
    return _BY_TYPE.get(column["base"]) or _BY_CATEGORY.get(column["category"], ())


def _written(text: str, row: int) -> str:
    return text.format(
        n=row, hex=f"{row:x}" * 64, half=f"{row:x}" * 32, double=f"{row:x}" * 128, twenty=f"{row:x}" * 40
    )


class Attempts:
    """The tries for one row: another combination after each that was refused, of the columns that were to blame."""

    def __init__(self, of: Table, row: int, *, least: bool = False) -> None:
        self._of = of
        self._choices = {column["number"]: candidates(of, column, row, least=least) for column in of.columns}
        self._refused: collections.Counter[frozenset[int]] = collections.Counter()

    def refuse(self, sqlstate: str, constraint: str, column: str, detail: str) -> None:
        """Note a refusal, by what the server said of it."""
        self._refused[_blamed(self._of, sqlstate, constraint, column, detail)] += 1

    @property
    def exhausted(self) -> bool:
        """Tell whether every combination of some columns was refused."""
        return any(
            count >= math.prod(len(self._choices[number]) for number in blamed if number in self._choices)
            for blamed, count in self._refused.items()
            if blamed
        )

    def statement(self) -> str:
        """Return the INSERT to try next."""
        places = dict.fromkeys(self._choices, 0)
        for blamed, count in self._refused.items():
            if not blamed:
                # Nobody knows which column it is: all of them take another value.
                for number in places:
                    places[number] += count
                continue
            left = count
            for number in sorted(blamed & places.keys()):
                left, digit = divmod(left, len(self._choices[number]))
                places[number] += digit
        names, values = [], []
        for column in self._of.columns:
            choices = self._choices[column["number"]]
            names.append(quoting.identifier(column["name"]))
            values.append(choices[places[column["number"]] % len(choices)])
        if not names:
            return f"INSERT INTO {self._of.name} DEFAULT VALUES"
        return f"INSERT INTO {self._of.name} ({', '.join(names)}) VALUES ({', '.join(values)})"


def _blamed(of: Table, sqlstate: str, constraint: str, column: str, detail: str) -> frozenset[int]:
    """Return which columns a refusal is about; empty where nobody can tell."""
    if sqlstate == "23514":
        for name, numbers, _ in of.checks:
            if name == constraint:
                return frozenset(numbers)
        return frozenset(
            one["number"] for one in of.columns if any(name == constraint for name, _ in one["checks"] or ())
        )
    if match := _KEY.match(detail):
        named = {name.strip().strip('"') for name in match[1].split(",")}
        return frozenset(one["number"] for one in of.columns if one["name"] in named)
    return frozenset(one["number"] for one in of.columns if column and one["name"] == column)


def numbers(start: int, count: int) -> Iterator[int]:
    """Give the numbers of rows that are to be made; nine at most differ in every type."""
    yield from range(start + 1, min(count, 9) + 1)
