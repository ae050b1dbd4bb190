"""Whether CREATE OR REPLACE can take one routine or view for another: asked before one is dropped for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


def routine(before: str, after: str) -> bool:
    """Tell whether CREATE OR REPLACE takes the second CREATE FUNCTION for the first, of one name and argument types.

    The result is the same, names of arguments stay, and every default stays one. False where the text does not parse.

    >>> f = "CREATE FUNCTION f(a integer) RETURNS {} LANGUAGE sql AS 'SELECT 1'"
    >>> routine(f.format("integer"), f.format("integer STRICT")), routine(f.format("integer"), f.format("text"))
    (True, False)
    """
    try:
        one, other = (_function(text) for text in (before, after))
    except parser.Refused:
        return False
    if one is None or other is None or len(one.parameters) != len(other.parameters):
        return False
    if one.is_procedure != other.is_procedure or _text(one.return_type) != _text(other.return_type):
        return False
    if _has(one, "window") != _has(other, "window"):
        return False
    pairs = [
        (left.function_parameter, right.function_parameter)
        for left, right in zip(one.parameters, other.parameters, strict=True)
    ]
    return all(
        (old.name or new.name) == new.name
        and old.mode == new.mode
        and _text(old.arg_type) == _text(new.arg_type)
        and (not old.HasField("defexpr") or new.HasField("defexpr"))
        for old, new in pairs
    )


def view(before: str, after: str) -> bool:
    """Tell whether the columns of the first query surely are the first columns of the second, of the same types.

    Both as PostgreSQL prints a view's definition. False also where it cannot be told from the text.

    >>> view("SELECT id FROM app.t", "SELECT id, name FROM app.t WHERE id > 0")
    True
    >>> view("SELECT id FROM app.t", "SELECT id::text FROM app.t")
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


def _function(text: str) -> pg.CreateFunctionStmt | None:
    statements = parser.parse(text).stmts
    if len(statements) != 1 or statements[0].stmt.WhichOneof("node") != "create_function_stmt":
        return None
    return statements[0].stmt.create_function_stmt


def _has(function: pg.CreateFunctionStmt, option: str) -> bool:
    return any(item.def_elem.defname == option for item in function.options)


def _text(node: object) -> str:
    """Return a tree as text without the positions in it."""
    lines = str(node).split("\n")
    return "\n".join(line for line in lines if not line.strip().startswith(("location:", "stmt_len:")))
