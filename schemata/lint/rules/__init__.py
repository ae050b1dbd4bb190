"""The rules, a function each: importing this package registers all of them, in the order of the document."""

from schemata.lint.rules import (  # noqa: I001 - the order of the document
    files,
    transactions,
    indexes,
    constraints,
    columns,
    tables,
    partitions,
    removed,
    renamed,
    rows,
    names,
    types,
    routines,
    project,
)

__all__ = [
    "columns",
    "constraints",
    "files",
    "indexes",
    "names",
    "partitions",
    "project",
    "removed",
    "renamed",
    "routines",
    "rows",
    "tables",
    "transactions",
    "types",
]
