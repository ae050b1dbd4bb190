"""A table as rows see it: its columns, and what is required of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemata.postgres import quoting


@dataclasses.dataclass(frozen=True)
class Key:
    """A foreign key: the numbers of its own columns, and the columns that they reference, in their order.

    :param oid: of the table that is referenced; `other` and `theirs` are names as SQL has them.
    """

    own: tuple[int, ...]
    oid: int
    other: str
    theirs: tuple[str, ...]
    name: str = ""
    deferrable: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table by its name as SQL has it, and by its name without quotes.

    :param checks: (name, numbers of the columns, definition).
    """

    oid: int
    name: str
    plain: str
    columns: tuple[Mapping[str, Any], ...]
    checks: tuple[tuple[str, tuple[int, ...], str], ...]
    keys: tuple[Key, ...]


def table(told: Mapping[str, Any]) -> Table:
    """Return a table as the query tells it."""
    name = f"{quoting.identifier(told['schema'])}.{quoting.identifier(told['name'])}"
    return Table(
        told["oid"],
        name,
        f"{told['schema']}.{told['name']}",
        tuple(told["columns"] or ()),
        tuple((check, tuple(numbers or ()), text) for check, numbers, text in told["checks"] or ()),
        tuple(
            Key(tuple(own), oid, other, tuple(theirs), key, deferrable)
            for own, oid, other, theirs, key, deferrable in told["keys"] or ()
        ),
    )


def in_order(tables: Sequence[Table]) -> list[Table]:
    """Return the tables so that what a foreign key references comes first, as far as there is no circle.

    Of a circle the table comes first that can do without: whose foreign keys to what is left may all be NULL.
    """
    left, done, ordered = list(tables), set[int](), list[Table]()
    known = {one.oid for one in tables}
    while left:
        ready = [one for one in left if {key.oid for key in one.keys} & known <= done | {one.oid}]
        ready = ready or [one for one in left if _needs(one) & known <= done | {one.oid}][:1] or left[:1]
        ordered += ready
        done |= {one.oid for one in ready}
        left = [one for one in left if one.oid not in done]
    return ordered


def _needs(of: Table) -> set[int]:
    """Return the tables that a row must reference."""
    nullable = {column["number"] for column in of.columns if not column["not_null"]}
    return {key.oid for key in of.keys if not set(key.own) & nullable}
