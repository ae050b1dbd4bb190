"""What the files before a statement have made: tables, columns, constraints, indexes, views, types, routines.

It knows what plain statements say, not what a block or a function does, and not what was made by hand. A name that is
not in it is one of which nothing is known; only what is in it and proves something may make a finding go away.
"""

from __future__ import annotations

import dataclasses

from schemata.lint.structure import column_types, tree


@dataclasses.dataclass(slots=True)
class Column:
    """A column of a table."""

    name: str
    type: column_types.Type
    not_null: bool = False
    has_default: bool = False


@dataclasses.dataclass(slots=True)
class Constraint:
    """A constraint of a table. `not_null` are the columns that a CHECK proves; `target` is where a key refers to."""

    name: str
    kind: str
    columns: tuple[str, ...] = ()
    valid: bool = True
    not_null: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    target: tree.Name | None = None


@dataclasses.dataclass(slots=True)
class Index:
    """An index; `columns` has an empty text for an expression. `made_in` is the file that makes it."""

    name: tree.Name
    table: tree.Name
    columns: tuple[str, ...]
    unique: bool = False
    partial: bool = False
    method: str = "btree"
    of_constraint: bool = False
    made_in: str = ""
    order: tuple[bool, ...] = ()
    is_only: bool = False


@dataclasses.dataclass(slots=True)
class Table:
    """A table or a materialized view."""

    name: tree.Name
    kind: str = "table"
    made_in: str = ""
    columns: dict[str, Column] = dataclasses.field(default_factory=dict)
    constraints: dict[str, Constraint] = dataclasses.field(default_factory=dict)
    partitioned: bool = False
    partition_of: tree.Name | None = None
    has_default_partition: bool = False
    temporary: bool = False
    inherits: bool = False
    row_security: bool = False
    policies: set[str] = dataclasses.field(default_factory=set)
    #: Whether all of its columns are known: not where it was made from a query, LIKE or INHERITS.
    complete: bool = True

    def primary_key(self) -> Constraint | None:
        """Return the primary key, if it has one."""
        return next((item for item in self.constraints.values() if item.kind == "primary"), None)


@dataclasses.dataclass(slots=True)
class View:
    """A view, the columns that it reads (`*`: all of them), and those that it shows (none: not told by the text)."""

    name: tree.Name
    reads: frozenset[tree.Name]
    columns: frozenset[str]
    made_in: str = ""
    shows: tuple[str, ...] = ()


@dataclasses.dataclass(slots=True)
class Routine:
    """A function or a procedure: how it is declared, and the statement that makes it where it is in plpgsql."""

    name: tree.Name
    volatility: str = "volatile"
    made_in: str = ""
    definition: str = ""


@dataclasses.dataclass(slots=True)
class DataType:
    """A type that the files make. `values` are those of an enum that are not new in this file."""

    name: tree.Name
    kind: str
    made_in: str = ""
    base: column_types.Type | None = None
    constrained: bool = False


@dataclasses.dataclass(slots=True)
class Catalog:
    """Everything that is known before a statement runs."""

    schemas: dict[str, str] = dataclasses.field(default_factory=dict)
    tables: dict[tree.Name, Table] = dataclasses.field(default_factory=dict)
    indexes: dict[tree.Name, Index] = dataclasses.field(default_factory=dict)
    views: dict[tree.Name, View] = dataclasses.field(default_factory=dict)
    routines: dict[tree.Name, Routine] = dataclasses.field(default_factory=dict)
    types: dict[tree.Name, DataType] = dataclasses.field(default_factory=dict)
    sequences: dict[tree.Name, str] = dataclasses.field(default_factory=dict)
    #: Which file locked the first table strongly, and then the second one in the same transaction.
    lock_order: dict[tuple[tree.Name, tree.Name], str] = dataclasses.field(default_factory=dict)
    #: Which statement took an object away: its path and line.
    gone: dict[tuple[str, tree.Name], tuple[str, int]] = dataclasses.field(default_factory=dict)

    def lose_index(self, name: tree.Name, at: tuple[str, int]) -> None:
        """Forget an index, and keep which statement took it away: its path and line."""
        if self.indexes.pop(name, None) is not None:
            self.gone["index", name] = at

    def indexes_of(self, table: tree.Name) -> list[Index]:
        """Return the indexes of a table."""
        return [index for index in self.indexes.values() if index.table == table]

    def views_of(self, table: tree.Name) -> list[View]:
        """Return the views that read a table."""
        return [view for view in self.views.values() if table in view.reads]

    def made_in(self, kind: str, name: tree.Name) -> str | None:
        """Return the file that made an object; None where nothing is known of it."""
        match kind:
            case "table" | "materialized view" | "foreign table":
                table = self.tables.get(name)
                return table.made_in if table else None
            case "index":
                index = self.indexes.get(name)
                return index.made_in if index else None
            case "view":
                view = self.views.get(name)
                return view.made_in if view else None
            case "function" | "procedure" | "routine":
                routine = self.routines.get(name)
                return routine.made_in if routine else None
            case "type" | "domain":
                type_ = self.types.get(name)
                return type_.made_in if type_ else None
            case "sequence":
                return self.sequences.get(name)
            case "schema":
                return self.schemas.get(name[1])
            case _:
                return None
