"""Indexes that could serve what statements ask of a table. Pure."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from schemata.advice import predicates
from schemata.remedies import remedy

#: Columns of equality, and of all kinds together, that an index may have.
_EQUAL, _MOST = 3, 5
_JOINS = 2
_CONTAINED = {"jsonb": "gin", "tsvector": "gin"}
#: Types that a B-tree cannot order, or is not asked to.
_NO_ORDER = frozenset(
    {"json", "jsonb", "xml", "tsvector", "tsquery", "point", "box", "polygon", "circle", "path", "line"}
)

#: How many distinct values a column of a table holds.
Distinct = Callable[[predicates.Name, str], float]
#: The type of a column of a table, as pg_type has it.
TypeOf = Callable[[predicates.Name, str], str]


class Key(NamedTuple):
    """What one column of an index holds: a column, or an expression, for which `column` is empty."""

    text: str
    column: str
    descends: bool = False


@dataclasses.dataclass(frozen=True, order=True)
class Candidate:
    """An index that does not exist."""

    table: predicates.Name
    method: str
    keys: tuple[Key, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return its columns; an expression is empty."""
        return tuple(key.column for key in self.keys)

    @property
    def texts(self) -> tuple[str, ...]:
        """Return its columns as `unquoted` has those of an index that exists."""
        return unquoted(f"{key.text}{' DESC' if key.descends else ''}" for key in self.keys)

    @property
    def described(self) -> str:
        """Return what stands in the brackets of its definition.

        >>> Candidate(("app", "t"), "btree", (Key("a", "a"), Key("b", "b", True))).described
        'a, b DESC'
        """
        return ", ".join(f"{key.text}{' DESC' if key.descends else ''}" for key in self.keys)

    def definition(self, name: str, *, concurrently: bool = False) -> str:
        """Return the statement that builds it.

        >>> Candidate(("app", "t"), "gin", (Key("a", "a"),)).definition("i", concurrently=True)
        'CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON app.t USING gin (a)'
        """
        how = "CONCURRENTLY IF NOT EXISTS " if concurrently else ""
        table = ".".join(map(remedy.name, self.table))
        using = "" if self.method == "btree" else f" USING {self.method}"
        return f"CREATE INDEX {how}{remedy.name(name)} ON {table}{using} ({self.described})"

    def leads(self, other: "Candidate") -> bool:
        """Tell whether its columns are the first ones of another's."""
        same = (self.table, self.method) == (other.table, other.method)
        return same and self.keys == other.keys[: len(self.keys)]


def of_use(use: predicates.Use, distinct: Distinct, type_of: TypeOf) -> set[Candidate]:
    """Return what could serve one use of a table."""

    def ordered(names: Iterable[str]) -> list[str]:
        return [name for name in names if _has_order(type_of(use.table, name))]

    equal = sorted(ordered(use.equal), key=lambda name: -distinct(use.table, name))[:_EQUAL]
    joins = ordered(use.joins)[:_JOINS]
    order = list(itertools.takewhile(lambda pair: _has_order(type_of(use.table, pair[0])), use.order))
    tails: list[list[tuple[str, bool]]] = [[], order]
    tails += [[(name, False)] for name in ordered(use.ranges)]
    tails += [[(name, False) for name in row] for row in use.rows]
    found = set()
    for head in _heads(equal, joins):
        for tail in tails:
            if head or tail:
                found.add(_ordered(use.table, head, tail))
    found |= {_ordered(use.table, [name], []) for name in ordered([*use.alone, *use.equal])}
    for expression in use.expressions:
        first = Key(expression, "")
        found.add(Candidate(use.table, "btree", (first,)))
        if order:
            found.add(Candidate(use.table, "btree", (first, *_ordered(use.table, [], order).keys)))
    for name in use.contained:
        if method := _inverted(type_of(use.table, name)):
            found.add(Candidate(use.table, method, (Key(as_text(name), name),)))
    return found


def served(candidate: Candidate, existing: Iterable[Sequence[str]]) -> bool:
    """Tell whether one of the existing indexes, as the texts of their columns, begins with the same columns."""
    texts = candidate.texts
    return any(unquoted(keys)[: len(texts)] in (texts, turned(texts)) for keys in existing)


def as_text(column: str) -> str:
    """Return the text of a key that is a column."""
    return remedy.name(column)


def unquoted(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts without quotation marks: which words need them is another matter in each version.

    >>> unquoted(['"order"', "a"])
    ('order', 'a')
    """
    return tuple(text.replace('"', "") for text in texts)


def turned(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the same order read from its end.

    >>> turned(("a", "b DESC"))
    ('a DESC', 'b')
    """
    return tuple(text.removesuffix(" DESC") if text.endswith(" DESC") else f"{text} DESC" for text in texts)


def _heads(equal: list[str], joins: list[str]) -> Iterator[list[str]]:
    """Give what may come first: columns of equality in several orders, and of joins."""
    yield []
    yield equal
    for name in equal:
        yield [name, *(other for other in equal if other != name)]
        yield [name]
    for name in joins:
        yield [name]
        yield [name, *(other for other in equal if other != name)]
        yield [*(other for other in equal if other != name), name]


def _ordered(table: predicates.Name, head: Sequence[str], tail: Sequence[tuple[str, bool]]) -> Candidate:
    # An index is read from either end: where all directions agree, it ascends.
    rest = [pair for pair in tail if pair[0] not in head][: _MOST - len(head)]
    turn = all(descends for _, descends in rest)
    pairs = [(name, False) for name in head] + [(name, descends and not turn) for name, descends in rest]
    return Candidate(table, "btree", tuple(Key(as_text(name), name, down) for name, down in pairs))


def _has_order(type_: str) -> bool:
    return type_ not in _NO_ORDER and not type_.startswith("_")


def _inverted(type_: str) -> str:
    if type_.startswith("_"):
        return "gin"
    return "gist" if type_.endswith("range") else _CONTAINED.get(type_, "")
