"""Whether a view's query keeps the columns of another: asked before CREATE OR REPLACE VIEW."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


def kept(before: str, after: str) -> bool:
    """Tell whether the columns of the first query surely are the first columns of the second, of the same types.

    Both as PostgreSQL prints a view's definition. False also where it cannot be told from the text.

    >>> kept("SELECT id FROM app.t", "SELECT id, name FROM app.t WHERE id > 0")
    True
    >>> kept("SELECT id FROM app.t", "SELECT id::text FROM app.t")
    False
    """
    try:
        one, other = (_select(text) for text in (before, after))
    except parser.Refused:
        return False
    if one is None or other is None:
        return False
    old, new = list(one.target_list), list(other.target_list)
    same_sources = [_text(item) for item in one.from_clause] == [_text(item) for item in other.from_clause]
    same_with = _text(one.with_clause) == _text(other.with_clause)
    return same_sources and same_with and [_text(item) for item in new[: len(old)]] == [_text(item) for item in old]


def _select(text: str) -> pg.SelectStmt | None:
    statements = parser.parse(text).stmts
    if len(statements) != 1 or statements[0].stmt.WhichOneof("node") != "select_stmt":
        return None
    select = statements[0].stmt.select_stmt
    return select if select.op == pg.SETOP_NONE else None


def _text(node: object) -> str:
    """Return a tree as text without the positions in it."""
    lines = str(node).split("\n")
    return "\n".join(line for line in lines if not line.strip().startswith(("location:", "stmt_len:")))
