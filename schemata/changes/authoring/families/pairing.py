"""An old column and what takes its place: which constraints, indexes and defaults are carried over, and how."""

import dataclasses
from collections.abc import Mapping

from schemata.changes.authoring import draft, expressions, names, table
from schemata.changes.authoring.families import sync

#: Among what is unfit: the default of the old column, as a value of the new type.
DEFAULT = "its default"


@dataclasses.dataclass(frozen=True)
class Carried:
    """A constraint of the old column, over the new one: under which name, what it says, what the old one is."""

    name: str
    definition: str
    old: table.Constraint


@dataclasses.dataclass(frozen=True)
class Dual:
    """A change with two columns.

    :param renamed: the new name of each column in constraints and indexes that are carried over; none are without it.
    """

    request: draft.Request
    pair: sync.Pair
    title: str
    verify: str = ""
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def table(self) -> table.Table:
        """Return the table."""
        return self.request.table

    @property
    def not_null(self) -> str:
        """Return the new column that is to be NOT NULL as the old one is; empty for none."""
        return self.pair.parts[0].name if self.pair.old.not_null and self.renamed else ""

    @property
    def not_null_name(self) -> str:
        """Return the name of the constraint that proves it, as the server itself would call it."""
        return names.made(f"{self.table.name}_{self.not_null}", "_not_null", self.table.constraint_names)

    @property
    def is_proved_by_check(self) -> bool:
        """Return whether the server knows no NOT NULL that is not valid yet (before PostgreSQL 18)."""
        return self.request.major < 18


def not_null_constraint(change: Dual) -> str:
    """Return the definition of the constraint that proves the new column NOT NULL, without NOT VALID."""
    column = names.quoted(change.not_null)
    what = f"CHECK ({column} IS NOT NULL)" if change.is_proved_by_check else f"NOT NULL {column}"
    return f"CONSTRAINT {names.quoted(change.not_null_name)} {what}"


def carried(change: Dual, *kinds: str) -> tuple[Carried, ...]:
    """Return the constraints of these kinds over the new column, each under a name that is free."""
    taken = set(change.table.constraint_names | change.table.relations)
    found = []
    for one in change.table.constraints:
        if one.name in change.request.unfit:
            continue
        if change.renamed and one.kind in kinds and change.pair.old.name in one.columns:
            name = new_name(one.name, change.renamed, taken)
            taken.add(name)
            found.append(Carried(name, expressions.constraint(one.definition, change.renamed), one))
    return tuple(found)


def new_name(name: str, renamed: Mapping[str, str], taken: set[str]) -> str:
    """Return the name of what is made again over the new column: with its name in it, where the old one's was."""
    (old, new), *_ = renamed.items()
    stem, found, rest = name.rpartition(old)
    return names.made(f"{stem}{new}{rest}" if found else f"{name}_{new}", "", taken)


@dataclasses.dataclass(frozen=True)
class Again:
    """An index that is built again: its name, the statement, the constraint that takes it over (None: none does)."""

    name: str
    statement: str
    constraint: Carried | None


def built_again(change: Dual) -> tuple[Again, ...]:
    """Return the indexes over the new column; those of unique constraints have the constraint\'s name."""
    constraints = {one.old.name: one for one in carried(change, "u")}
    taken = set(change.table.relations) | {one.name for one in constraints.values()}
    found = []
    for index in change.table.indexes:
        if not change.renamed or change.pair.old.name not in index.columns or index.primary:
            continue
        if {index.name, index.constraint} & change.request.unfit:
            continue
        constraint = constraints.get(index.constraint)
        name = constraint.name if constraint else new_name(index.name, change.renamed, taken)
        taken.add(name)
        found.append(Again(name, f"{build(change, index, name)};", constraint))
    return tuple(found)


def build(change: Dual, index: table.Index, name: str) -> str:
    """Return the statement that builds an index of the old column over the new one."""
    definition = index.definition
    if not change.pair.is_copy:
        definition = expressions.plain_operators(definition, change.renamed)
    return expressions.index(definition, name, change.renamed)


def left(pair: sync.Pair) -> str:
    """Return the condition of the rows whose new columns are not filled yet."""
    if pair.is_copy:
        return table.distinct(names.quoted(pair.parts[0].name), pair.old.sql, pair.old.type)
    empty = " AND ".join(f"{names.quoted(part.name)} IS NULL" for part in pair.parts)
    has = " OR ".join(f"({part.there}) IS NOT NULL" for part in pair.parts)
    return f"{empty} AND ({has})" if len(pair.parts) > 1 else f"{empty} AND {has}"


def new_default(change: Dual) -> str:
    """Return the default that the new column gets from the old one; empty where it has none, or none can be told."""
    old, request = change.pair.old, change.request
    if change.pair.is_copy:
        return old.default
    if not change.renamed or request.options.using or DEFAULT in request.unfit:
        return ""
    return f"CAST({old.default} AS {change.pair.parts[0].type})" if old.default else ""
