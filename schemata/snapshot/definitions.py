"""Which definitions the server is to print: of objects that are alike one, whose definition is that of the others."""

import collections
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: Of the columns by their relation's oid and their number: the name, the type and the collation as they are told.
Columns = Mapping[str, Mapping[int, tuple[str, str, str]]]


class Alike(NamedTuple):
    """Objects with equal facts, and one of them whose definition is that of all.

    :param printed: the oid of that one.
    :param definition: its definition where it is known already.
    """

    kind: str
    schema: str
    facts: Mapping[str, Any]
    oids: Sequence[str]
    owners: Sequence[str]
    names: Sequence[str]
    printed: str
    definition: str = ""


def columns(rows: Sequence[Sequence[Any]]) -> Columns:
    """Return the columns of the rows that the query `columns` gives; of those of views no type is told."""
    found: dict[str, dict[int, tuple[str, str, str]]] = collections.defaultdict(dict)
    each = itertools.repeat
    for _, _, facts, oids, numbers, names in rows:
        if "type" in facts:
            described = zip(names, each(facts["type"]), each(facts.get("collation", "")), strict=False)
            for oid, number, one in zip(oids, numbers, described, strict=False):
                found[oid][number] = one
    return found


def alike(rows: Sequence[Sequence[Any]], known: Columns) -> Iterator[Alike]:
    """Give what is alike of the rows that the queries of constraints and indexes give.

    Such a row has objects that differ in nothing but their columns, of which it tells the numbers; or objects that
    were printed each by itself, with their definitions.
    """
    for kind, schema, facts, numbers, oids, owners, names, definitions in rows:
        if numbers is None:
            for oid, owner, name, definition in zip(oids, owners, names, definitions, strict=True):
                yield Alike(kind, schema, facts, (oid,), (owner,), (name,), oid, definition)
            continue
        parts: dict[object, list[int]] = {}
        for place, (oid, owner) in enumerate(zip(oids, owners, strict=True)):
            over = tuple(map(known[owner].get, numbers)) if owner in known else (None,)
            # What is over a column that is not known is printed by itself.
            key = oid if None in over else over
            if key in parts:
                parts[key].append(place)
            else:
                parts[key] = [place]
        if len(parts) == 1:
            yield Alike(kind, schema, facts, oids, owners, names, oids[0])
            continue
        for places in parts.values():
            chosen = ([each[place] for place in places] for each in (oids, owners, names))
            one, two, three = chosen
            yield Alike(kind, schema, facts, one, two, three, one[0])


def to_print(objects: Sequence[Alike]) -> list[str]:
    """Return the oids of those whose definitions are not known yet."""
    return [one.printed for one in objects if not one.definition]
