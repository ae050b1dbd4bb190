"""COPY from and to the client: what of it a migration can hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from schemata.sql import parser, statement

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg


def problem(item: statement.Statement) -> tuple[str, str]:
    """Return why a COPY from or to the client cannot be run, and what to write; two empty texts for any other."""
    if item.kind != "copy":
        return "", ""
    copy = item.node.copy_stmt
    if copy.filename or copy.is_program:
        return "", ""
    if not copy.is_from:
        why = "it sends rows to the client, and a migration has no place for them"
        return why, "Remove it; `inv psql` can copy rows out."
    if _is_binary(copy.options):
        return (
            "its rows are in binary form, which a file of text (UTF-8) cannot hold",
            "Export the rows again in the text or the csv format.",
        )
    if item.data is None:
        return (
            "no rows follow it",
            "Put the rows on the lines after its semicolon, and `\\.` on a line after the last; or write INSERT.",
        )
    return "", ""


def _is_binary(options: Iterable[pg.Node]) -> bool:
    formats = [option.def_elem.arg for option in options if option.def_elem.defname == "format"]
    return any("binary" in (argument.string.sval.lower(), *parser.names(argument)[-1:]) for argument in formats)
