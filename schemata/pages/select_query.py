"""What a SELECT says of order and limits, and the same query with its filter in front of the order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")


# Columns compared for equality: of three there are forty-eight orders and directions.
_MOST = 3


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


def ranged(text: str) -> Iterator[str]:
    """Yield the query with each `column = value` as a range and its column in front of the order, in every way.

    The rows and their order are the same: see `structural`. Of more than one table, with DISTINCT or groups, or with no
    such condition, it is the text itself.

    >>> list(ranged("SELECT a FROM t WHERE b = $1 AND a > 5 ORDER BY a LIMIT 5"))
    ['SELECT a FROM t WHERE b BETWEEN $1 AND $1 AND a > 5 ORDER BY b, a LIMIT 5', \
'SELECT a FROM t WHERE b BETWEEN $1 AND $1 AND a > 5 ORDER BY b DESC, a LIMIT 5']
    """
    tree = parser.parse(text)
    select = tree.stmts[0].stmt.select_stmt
    equals = _equals(select.where_clause)
    is_plain = not (select.distinct_clause or select.group_clause or select.HasField("with_clause"))
    is_one = len(select.from_clause) == 1 and select.from_clause[0].HasField("range_var")  # nor is it a UNION
    if not (is_plain and is_one and 0 < len(equals) <= _MOST and select.sort_clause):
        yield text
        return
    columns = [pg.Node() for _ in equals]
    for column, condition in zip(columns, equals, strict=True):
        column.CopyFrom(condition.lexpr)
        value = pg.Node()
        value.CopyFrom(condition.rexpr)
        condition.kind = pg.AEXPR_BETWEEN
        condition.name[0].string.sval = "BETWEEN"
        condition.rexpr.Clear()
        condition.rexpr.list.items.extend([value, value])
    order = list(select.sort_clause)
    for chosen in itertools.permutations(columns):
        for directions in itertools.product((pg.SORTBY_DEFAULT, pg.SORTBY_DESC), repeat=len(chosen)):
            front = [
                pg.Node(sort_by=pg.SortBy(node=column, sortby_dir=direction, sortby_nulls=pg.SORTBY_NULLS_DEFAULT))
                for column, direction in zip(chosen, directions, strict=True)
            ]
            del select.sort_clause[:]
            select.sort_clause.extend([*front, *order])
            yield str(postgast.deparse(tree))


def _equals(where: pg.Node) -> list[pg.A_Expr]:
    """Return the conditions `column = value` that all rows must meet."""
    if where.HasField("bool_expr") and where.bool_expr.boolop == pg.AND_EXPR:
        return [found for part in where.bool_expr.args for found in _equals(part)]
    if not where.HasField("a_expr"):
        return []
    condition = where.a_expr
    is_equal = condition.kind == pg.AEXPR_OP and [part.string.sval for part in condition.name] == ["="]
    is_column = condition.lexpr.HasField("column_ref")
    return [condition] if is_equal and is_column and _is_value(condition.rexpr) else []


def _is_value(node: pg.Node) -> bool:
    if node.HasField("type_cast"):
        return _is_value(node.type_cast.arg)
    return bool(node.HasField("param_ref") or node.HasField("a_const"))


def _key(item: pg.SortBy) -> tuple[str, bool]:
    fields = item.node.column_ref.fields if item.node.HasField("column_ref") else []
    name = fields[-1].string.sval if len(fields) else ""
    return name, item.sortby_dir == pg.SORTBY_DESC
