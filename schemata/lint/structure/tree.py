"""The parse tree of a statement, as the rules read it: names, constraints, constants. The parser's home in lint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

Name = tuple[str, str]

_NEAR_LINE = re.compile(r"near line (\d+)")


def name_of(relation: Any, schema: str) -> Name:
    """Return (schema, name) of a relation; `schema` where the text names none."""
    return (relation.schemaname or schema, relation.relname)


def strings(nodes: Iterable[Any]) -> list[str]:
    """Return the texts of a list of names.

    >>> strings([])
    []
    """
    return [node.string.sval for node in nodes]


def qualified(parts: list[str], schema: str) -> Name:
    """Return (schema, name) of the parts of a name.

    >>> qualified(["t"], "app"), qualified(["a", "t"], "app")
    (('app', 't'), ('a', 't'))
    """
    own, name = parser.qualified(parts)
    return (own or schema, name)


def objects(drop: Any, schema: str) -> list[Name]:
    """Return (schema, name) of what a DROP names; of a trigger, rule or policy of its table."""
    of_table = (pg.OBJECT_TRIGGER, pg.OBJECT_RULE, pg.OBJECT_POLICY)
    cut = 1 if drop.remove_type in of_table else 0
    found = []
    for item in drop.objects:
        parts = strings(item.type_name.names) if item.HasField("type_name") else parser.names(item)
        if drop.remove_type == pg.OBJECT_SCHEMA:
            found.append((parts[-1], parts[-1]))
        else:
            found.append(qualified(parts[: len(parts) - cut] or parts, schema))
    return found


def commands(node: Any) -> Iterator[Any]:
    """Give the commands of an ALTER TABLE."""
    for command in node.alter_table_stmt.cmds:
        yield command.alter_table_cmd


def definition(command: Any) -> Any:
    """Return what a command of ALTER TABLE defines; `def` is a word of Python."""
    return getattr(command, "def")


def walk(node: Any) -> Iterator[Any]:
    """Give every part of a tree."""
    for _, part in postgast.walk(node):
        yield part


def constraints_of(column: Any) -> list[Any]:
    """Return the constraints that stand with a column."""
    return [item.constraint for item in column.constraints]


def constant(node: Any) -> str:
    """Return the text of a constant, or of a cast constant; empty for anything else."""
    if node.HasField("type_cast"):
        node = node.type_cast.arg
    if not node.HasField("a_const"):
        return ""
    value = node.a_const
    which = value.WhichOneof("val")
    if which == "sval":
        return str(value.sval.sval)
    if which == "ival":
        return str(value.ival.ival)
    if which == "fval":
        return str(value.fval.fval)
    return str(value.boolval.boolval).lower() if which == "boolval" else ""


def function_names(node: Any) -> list[tuple[str, str]]:
    """Return (schema or empty, name) of every function that an expression calls."""
    return [
        ("" if len(parts) < 2 else parts[-2], parts[-1])
        for part in walk(node)
        if isinstance(part, pg.FuncCall) and (parts := strings(part.funcname))
    ]


def columns_in(node: Any) -> set[str]:
    """Return the names of the columns that an expression or a query uses; `*` for all."""
    found = set()
    for part in walk(node):
        if isinstance(part, pg.ColumnRef):
            last = part.fields[-1]
            found.add("*" if last.HasField("a_star") else last.string.sval)
    return found


def shown(view: Any) -> tuple[str, ...]:
    """Return the names of the columns that a view shows; none where its text does not tell all of them."""
    query = view.query.select_stmt
    while query.HasField("larg"):
        query = query.larg
    found = []
    for item in query.target_list:
        value = item.res_target.val
        fields = strings(value.column_ref.fields) if value.HasField("column_ref") else []
        called = strings(value.func_call.funcname) if value.HasField("func_call") else []
        found.append(str(item.res_target.name or (fields or called or [""])[-1]))
    aliases = strings(view.aliases)
    found[: len(aliases)] = aliases
    return tuple(found) if all(found) else ()


def relations_in(node: Any, schema: str) -> set[Name]:
    """Return the relations that a query reads, without the names of its WITH."""
    named = {part.ctename for part in walk(node) if isinstance(part, pg.CommonTableExpr)}
    return {
        name_of(part, schema)
        for part in walk(node)
        if isinstance(part, pg.RangeVar) and not (part.relname in named and not part.schemaname)
    }


def not_null_columns(expression: Any) -> set[str]:
    """Return the columns that an expression, where it is true, says are not null."""
    if expression.HasField("bool_expr") and expression.bool_expr.boolop == pg.AND_EXPR:
        return set().union(*(not_null_columns(part) for part in expression.bool_expr.args))
    test = expression.null_test
    if expression.HasField("null_test") and test.nulltesttype == pg.IS_NOT_NULL and test.arg.HasField("column_ref"):
        return {test.arg.column_ref.fields[-1].string.sval}
    return set()


def begins_transaction(node: Any) -> bool:
    """Tell whether a statement is BEGIN or START TRANSACTION."""
    return bool(node.transaction_stmt.kind in (pg.TRANS_STMT_BEGIN, pg.TRANS_STMT_START))


def option(options: Iterable[Any], name: str) -> Any:
    """Return the argument of an option, or None where it is not given."""
    return next((item.def_elem.arg for item in options if item.def_elem.defname == name), None)


def body_of(node: Any) -> tuple[str, str]:
    """Return (language, body) of a function, a procedure or a DO block; the body of BEGIN ATOMIC is empty."""
    which = node.WhichOneof("node")
    options = node.do_stmt.args if which == "do_stmt" else node.create_function_stmt.options
    language = option(options, "language")
    body = option(options, "as")
    text = ""
    if body is not None:
        items = body.list.items if body.HasField("list") else [body]
        text = str(items[0].string.sval) if len(items) == 1 else ""
    return (language.string.sval.lower() if language is not None else "plpgsql" if which == "do_stmt" else "sql"), text


class Body:
    """A plpgsql body: the statements in it with their lines in the body, and what could not be told."""

    def __init__(self, statements: list[tuple[int, str]], dynamic: list[int], problem: str, line: int) -> None:
        self.statements = statements
        self.dynamic = dynamic
        self.problem = problem
        self.line = line


def plpgsql(text: str) -> Body:
    """Return what the statement that holds a plpgsql body does, as far as the parser of plpgsql tells.

    It knows no catalog: what it refuses for that reason is no problem. Lines count from 1 in the body.
    """
    try:
        parsed = postgast.parse_plpgsql(text)
    except postgast.PgQueryError as error:
        is_syntax = error.funcname in ("plpgsql_yyerror", "scanner_yyerror") or error.message.startswith("syntax error")
        found = _NEAR_LINE.search(error.context or "")
        return Body([], [], error.message if is_syntax else "", int(found[1]) if found else 1)
    except (json.JSONDecodeError, RecursionError):
        # The parser took it, and what it prints of triggers is no JSON.
        return Body([], [], "", 1)
    statements: list[tuple[int, str]] = []
    dynamic: list[int] = []
    _collect(parsed, 1, statements, dynamic)
    return Body(statements, dynamic, "", 1)


def _collect(value: Any, line: int, statements: list[tuple[int, str]], dynamic: list[int]) -> None:
    if isinstance(value, list):
        for item in value:
            _collect(item, line, statements, dynamic)
    elif isinstance(value, dict):
        line = value.get("lineno", line) if isinstance(value.get("lineno", line), int) else line
        for key, inner in value.items():
            if key == "PLpgSQL_stmt_execsql":
                statements.append((inner.get("lineno", line), inner["sqlstmt"]["PLpgSQL_expr"]["query"]))
            elif key == "PLpgSQL_stmt_perform":
                statements.append((inner.get("lineno", line), inner["expr"]["PLpgSQL_expr"]["query"]))
            elif key == "PLpgSQL_stmt_dynexecute":
                at = inner.get("lineno", line)
                query = _literal(inner["query"]["PLpgSQL_expr"]["query"])
                if query:
                    statements.append((at, query))
                else:
                    dynamic.append(at)
            else:
                _collect(inner, line, statements, dynamic)


def _literal(expression: str) -> str:
    """Return the text of an expression that is one literal; empty for any other."""
    try:
        target = parser.parse(f"SELECT {expression}").stmts[0].stmt.select_stmt.target_list[0].res_target.val
    except (parser.Refused, IndexError):
        return ""
    return constant(target)
