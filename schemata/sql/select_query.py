"""What a SELECT says of order and limits, read from its parse tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


class NoSelect(Exception):
    """The text is not one SELECT."""


class Facts(NamedTuple):
    """A SELECT's order as (column, whether it descends), "" for what is no column; and whether it is cut."""

    order: tuple[tuple[str, bool], ...]
    has_limit: bool
    has_offset: bool


def read(text: str) -> Facts:
    """Return what a SELECT says. Raises `parser.Refused`, and NoSelect where it is something else.

    >>> read("SELECT a FROM t ORDER BY t.a DESC, lower(b) LIMIT 5")
    Facts(order=(('a', True), ('', False)), has_limit=True, has_offset=False)
    """
    statements = parser.parse(text).stmts
    if len(statements) != 1:
        raise NoSelect(f"it has {len(statements)} statements")
    node = statements[0].stmt
    if not node.HasField("select_stmt"):
        raise NoSelect("its statement is no SELECT")
    select = node.select_stmt
    return Facts(
        tuple(_key(item.sort_by) for item in select.sort_clause),
        select.HasField("limit_count"),
        select.HasField("limit_offset"),
    )


def _key(item: pg.SortBy) -> tuple[str, bool]:
    fields = item.node.column_ref.fields if item.node.HasField("column_ref") else []
    name = fields[-1].string.sval if len(fields) else ""
    return name, item.sortby_dir == pg.SORTBY_DESC
