"""What SQL may take from the data: what its text destroys, and where its text does not show what it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import destructive, lexer, parser, statement

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

# Each statement that counts has one of these words, so that a file without any need not be parsed.
_SUSPICIOUS = re.compile(
    r"\b(?:drop|truncate|delete|update|merge|cascade|do|call|select|type|perform)\b", re.IGNORECASE
)
_BEGINNINGS = frozenset(
    ("alter", "drop", "truncate", "delete", "update", "merge", "insert", "with", "select", "create", "do", "call")
)
# What holds no rows of its own: migrations make it again.
_DEFINITIONS = frozenset(
    "drop " + word
    for word in (
        *("index", "view", "materialized view", "foreign table", "function", "procedure", "routine", "aggregate"),
        *("trigger", "rule", "policy", "operator", "opclass", "opfamily", "collation", "conversion", "cast"),
        *("event trigger", "publication", "subscription", "statistic ext", "transform", "access method"),
        *("tsconfiguration", "tsdictionary", "tsparser", "tstemplate", "foreign server", "fdw", "language"),
    )
)


@dataclass(frozen=True, slots=True)
class Loss:
    """What may be lost, in words; `schema` is where, if the text names it. `is_hidden`: the text does not show it."""

    text: str
    schema: str | None = None
    is_hidden: bool = False


def of_text(text: str) -> list[Loss]:
    """Return what SQL may take from the data; a text that the parser does not understand may take anything."""
    if not _SUSPICIOUS.search(text):
        return []
    try:
        if len(text) <= lexer.LARGE:
            return of_statements(statement.split(text))
        # Of a large text, which is mostly rows, only what may count is parsed; it may come many times.
        found = statement.find(text, _BEGINNINGS, _SUSPICIOUS)
        return list(dict.fromkeys(loss for item in found for loss in _losses(item)))
    except statement.SyntaxProblem as problem:
        return [Loss(f"line {problem.line}, which is not understood here", is_hidden=True)]


def of_statements(statements: Iterable[statement.Statement]) -> list[Loss]:
    """Return what the statements may take from the data, in order.

    Counted are dropped tables, columns, schemas, sequences and types, whatever is dropped with CASCADE, rows that are
    emptied, deleted or updated, columns whose type changes, and code: DO, CALL, and a call of a function of a schema of
    the application's. A dropped index, view or function holds no data.
    """
    return [loss for item in statements for loss in _losses(item)]


def _losses(item: statement.Statement) -> Iterator[Loss]:
    node = item.node
    which = node.WhichOneof("node")
    if which == "drop_stmt" and node.drop_stmt.behavior == pg.DROP_CASCADE:
        for loss in destructive.destroys([item]):
            yield Loss(f"{_words(loss)} cascade", loss.schema)
        return
    for loss in destructive.destroys([item]):
        if loss.kind not in _DEFINITIONS:
            yield Loss(_words(loss), loss.schema)
    if which == "alter_table_stmt":
        table = node.alter_table_stmt.relation
        for command in node.alter_table_stmt.cmds:
            if command.alter_table_cmd.subtype == pg.AT_AlterColumnType:
                name = f"{table.schemaname + '.' if table.schemaname else ''}{table.relname}"
                yield Loss(f"alter type of column {name}.{command.alter_table_cmd.name}", table.schemaname or None)
    elif which == "do_stmt":
        yield Loss("a DO block, whose work the text does not show", is_hidden=True)
    elif which == "call_stmt":
        yield Loss("a CALL, whose work the text does not show", is_hidden=True)
    elif which in ("select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "create_table_as_stmt"):
        for name in _own_functions(node):
            yield Loss(f"a call of {name}(), whose work the text does not show", is_hidden=True)


def _own_functions(node: pg.Node) -> Iterator[str]:
    for _, part in postgast.walk(node):
        if isinstance(part, pg.FuncCall) and len(part.funcname) > 1:
            schema, name = parser.qualified([one.string.sval for one in part.funcname])
            if schema != "pg_catalog":
                yield f"{schema}.{name}"


def _words(loss: destructive.Destruction) -> str:
    name = f"{loss.schema}.{loss.name}" if loss.schema else loss.name
    return f"{loss.kind} {name}" + (f".{loss.column}" if loss.column else "")
