"""What a typed client is made from: relations, keys and types, as the catalog describes them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a relation, or an attribute of a composite type.

    :param text: the type as PostgreSQL prints it, with its modifier.
    :param identity: `a` (always), `d` (by default) or empty.
    :param generated: `s` (stored), `v` (virtual) or empty.
    """

    name: str
    type: int
    typmod: int
    text: str
    dimensions: int
    required: bool
    identity: str
    generated: str
    default: str | None


@dataclasses.dataclass(frozen=True)
class Key:
    """A primary or unique key."""

    name: str
    columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` refer to `targets` of the table (schema, name)."""

    name: str
    columns: tuple[str, ...]
    table: tuple[str, str]
    targets: tuple[str, ...]
    on_update: str
    on_delete: str
    deferrable: bool
    deferred: bool


@dataclasses.dataclass(frozen=True)
class Relation:
    """A table (kinds r, p, f) or a view (v, m)."""

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    primary: Key | None
    uniques: tuple[Key, ...]
    references: tuple[Reference, ...]

    @property
    def id(self) -> tuple[str, str]:
        """Return what a reference calls it."""
        return self.schema, self.name

    @property
    def is_view(self) -> bool:
        """Tell whether it can only be read."""
        return self.kind in "vm"


@dataclasses.dataclass(frozen=True)
class Type:
    """A type, by its kind: b(ase), c(omposite), d(omain), e(num), r(ange), m(ultirange).

    :param text: its name as SQL has to say it, with its schema where that is not pg_catalog.
    :param element: the type of an array's elements.
    """

    oid: int
    schema: str
    name: str
    kind: str
    text: str
    element: int | None
    base: int | None
    typmod: int
    dimensions: int
    required: bool
    subtype: int | None
    range: int | None
    extension: str | None
    labels: tuple[str, ...]
    row_of_a_table: bool
    attributes: tuple[Column, ...]


@dataclasses.dataclass(frozen=True)
class Catalog:
    """Everything that a client is made from."""

    relations: tuple[Relation, ...]
    types: Mapping[int, Type]

    def required(self, column: Column) -> bool:
        """Tell whether a column never holds NULL: it says so, or its domain does."""
        kind = self.types[column.type]
        while not column.required and kind.kind == "d" and kind.base is not None:
            if kind.required:
                return True
            kind = self.types[kind.base]
        return column.required

    def plain(self, oid: int, typmod: int, dimensions: int) -> tuple[Type, int, int]:
        """Return the type, modifier and number of dimensions beneath a domain, however deep."""
        kind = self.types[oid]
        while kind.kind == "d" and kind.base is not None:
            typmod, dimensions = kind.typmod, kind.dimensions
            kind = self.types[kind.base]
        return kind, typmod, dimensions


def parse(answer: Mapping[str, Any]) -> Catalog:
    """Return what the catalog's query (queries/client.sql) answered."""
    types = {row["oid"]: _type(row) for row in answer["types"] or ()}
    return Catalog(tuple(_relation(row) for row in answer["relations"] or ()), types)


def _type(row: Mapping[str, Any]) -> Type:
    listed = {"labels": tuple(row["labels"] or ()), "attributes": _columns(row["attributes"])}
    return Type(**{**row, **listed, "row_of_a_table": bool(row["row_of_a_table"])})


def _columns(rows: Sequence[Mapping[str, Any]] | None) -> tuple[Column, ...]:
    return tuple(Column(**row) for row in rows or ())


def _relation(row: Mapping[str, Any]) -> Relation:
    keys = sorted(row["keys"] or (), key=lambda key: (key["columns"], key["name"]))
    plain = [(key["kind"], Key(key["name"], tuple(key["columns"]))) for key in keys]
    return Relation(
        row["schema"],
        row["name"],
        row["kind"],
        _columns(row["columns"]),
        next((key for kind, key in plain if kind == "p"), None),
        tuple(key for kind, key in plain if kind == "u"),
        tuple(_reference(key) for key in keys if key["kind"] == "f"),
    )


def _reference(key: Mapping[str, Any]) -> Reference:
    return Reference(
        key["name"],
        tuple(key["columns"]),
        (key["schema"], key["table"]),
        tuple(key["targets"]),
        key["on_update"],
        key["on_delete"],
        key["deferrable"],
        key["deferred"],
    )
