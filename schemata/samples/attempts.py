"""Which combination to try next when the server refused a row: another one of the columns that were to blame."""

import collections
import math
import re
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from schemata.samples import structure

_KEY = re.compile(r"Key \(([^)]*)\)=")

Choice = TypeVar("Choice")


class Attempts(Generic[Choice]):
    """The tries for rows of a table, by choices for each of its columns, the likeliest first."""

    def __init__(self, of: structure.Table, choices: Mapping[int, Sequence[Choice]]) -> None:
        self._of = of
        self._choices = choices
        self._refused: collections.Counter[frozenset[int]] = collections.Counter()

    def refuse(self, sqlstate: str, constraint: str, column: str, detail: str) -> None:
        """Note a refusal, by what the server says of it."""
        self._refused[_blamed(self._of, sqlstate, constraint, column, detail)] += 1

    @property
    def exhausted(self) -> bool:
        """Tell whether every combination of some columns was refused."""
        return any(
            count >= math.prod(len(self._choices[number]) for number in blamed if number in self._choices)
            for blamed, count in self._refused.items()
            if blamed
        )

    def next(self) -> dict[int, Choice]:
        """Return the choices to try next, by the number of the column."""
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
        return {number: choices[places[number] % len(choices)] for number, choices in self._choices.items()}


def _blamed(of: structure.Table, sqlstate: str, constraint: str, column: str, detail: str) -> frozenset[int]:
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
