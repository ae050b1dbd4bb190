"""A table as the development database has it: what decides how it can be changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemata.changes.authoring import names

#: Types without an operator that tells whether two values are the same; their text does.
_WITHOUT_EQUALITY = ("json", "xml", "point", "line", "lseg", "path", "polygon", "circle", "box", "txid_snapshot")
Grant = tuple[str, str, bool]


@dataclasses.dataclass(frozen=True)
class Column:
    """A column. `statistics` and `storage` are those that are not the type's; empty or None where they are."""

    name: str
    type: str
    not_null: bool = False
    default: str = ""
    identity: str = ""
    generated: str = ""
    comment: str = ""
    collation: str = ""
    storage: str = ""
    statistics: int | None = None
    inherited: bool = False
    grants: tuple[Grant, ...] = ()

    @property
    def sql(self) -> str:
        """Return its name as a statement has it."""
        return names.quoted(self.name)


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A constraint; `kind` is pg_constraint's letter."""

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    deferrable: bool = False
    valid: bool = True
    comment: str = ""


@dataclasses.dataclass(frozen=True)
class Index:
    """An index. `keys` are its key columns, `columns` all that it needs, also within expressions."""

    name: str
    definition: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    unique: bool = False
    primary: bool = False
    valid: bool = True
    immediate: bool = True
    plain: bool = True
    identity: bool = False
    constraint: str = ""
    comment: str = ""


@dataclasses.dataclass(frozen=True)
class Dependent:
    """What names a column of the table, or the table alone where `column` is empty."""

    kind: str
    name: str
    column: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with its columns, constraints, indexes, and what depends on it.

    :param referring: tables with a foreign key to it, each with the columns that are referred to.
    :param relations: names of relations and types in its schema, which a new one cannot have.
    """

    schema: str
    name: str
    columns: tuple[Column, ...]
    kind: str = "r"
    is_partition: bool = False
    parents: int = 0
    children: int = 0
    row_security: bool = False
    owner: str = ""
    comment: str = ""
    grants: tuple[Grant, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    referring: tuple[tuple[str, tuple[str, ...]], ...] = ()
    dependents: tuple[Dependent, ...] = ()
    triggers: tuple[tuple[str, str], ...] = ()
    rules: int = 0
    relations: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()

    @property
    def sql(self) -> str:
        """Return its name as a statement has it."""
        return names.quoted(self.schema, self.name)

    @property
    def column_names(self) -> frozenset[str]:
        """Return the names that a new column cannot have; those of the system's are among them."""
        return frozenset(
            [*(column.name for column in self.columns), "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"]
        )

    @property
    def constraint_names(self) -> frozenset[str]:
        """Return the names of its constraints."""
        return frozenset(one.name for one in self.constraints)

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns of a key that names each row: the primary key, else unique NOT NULL columns; else none."""
        not_null = {column.name for column in self.columns if column.not_null}
        usable = [
            index
            for index in self.indexes
            if index.unique and index.valid and index.immediate and index.plain and not_null.issuperset(index.keys)
        ]
        usable.sort(key=lambda index: (not index.primary, len(index.keys), index.name))
        return usable[0].keys if usable else ()

    def column(self, name: str) -> Column | None:
        """Return a column by its name."""
        return next((column for column in self.columns if column.name == name), None)

    def using(self, column: str, *kinds: str) -> tuple[Dependent, ...]:
        """Return what names a column."""
        return tuple(one for one in self.dependents if one.column == column and (not kinds or one.kind in kinds))


def of(facts: Mapping[str, Any]) -> Table:
    """Return the table that a document of the query `table` describes."""
    return Table(
        schema=facts["schema"],
        name=facts["name"],
        kind=facts["kind"],
        is_partition=facts["is_partition"],
        parents=facts["parents"],
        children=facts["children"],
        row_security=facts["row_security"],
        owner=facts["owner"],
        comment=facts["comment"] or "",
        grants=_grants(facts["grants"]),
        columns=tuple(
            Column(
                **{
                    **{key: value for key, value in column.items() if value is not None},
                    "grants": _grants(column["grants"]),
                }
            )
            for column in facts["columns"] or ()
        ),
        constraints=tuple(
            Constraint(
                one["name"],
                one["kind"],
                tuple(one["columns"] or ()),
                one["definition"],
                one["deferrable"],
                one["valid"],
                one["comment"] or "",
            )
            for one in facts["constraints"] or ()
        ),
        indexes=tuple(
            Index(
                one["name"],
                one["definition"],
                tuple(one["keys"] or ()),
                tuple(one["columns"] or ()),
                one["unique"],
                one["primary"],
                one["valid"],
                one["immediate"],
                one["plain"],
                one["identity"],
                one["constraint"] or "",
                one["comment"] or "",
            )
            for one in facts["indexes"] or ()
        ),
        referring=tuple((one["name"], tuple(one["columns"])) for one in facts["referring"] or ()),
        dependents=tuple(Dependent(kind, name, column or "") for kind, name, column in facts["dependents"] or ()),
        triggers=tuple((name, source) for name, source in facts["triggers"] or ()),
        rules=facts["rules"],
        relations=frozenset([*(facts["relations"] or ()), *(facts["types"] or ())]),
        functions=frozenset(facts["functions"] or ()),
    )


def _grants(rows: Sequence[Sequence[Any]] | None) -> tuple[Grant, ...]:
    return tuple((str(row[0]), str(row[1]), bool(row[2])) for row in rows or ())


def same(type_: str) -> str:
    """Return what stands behind a value of a type so that it can be compared: nothing, or a cast.

    >>> same("json"), same("text")
    ('::text', '')
    """
    return "::text" if type_.removesuffix("[]") in _WITHOUT_EQUALITY else ""


def distinct(left: str, right: str, type_: str) -> str:
    """Return the condition that two values of a type are not the same."""
    cast = same(type_)
    return f"{left}{cast} IS DISTINCT FROM {right}{cast}"
