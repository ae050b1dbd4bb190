"""What SQL destroys, as far as its text can say: shown before a rollback, never guessed from names.

A WHERE that holds for every row spares none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.sql import parser, statement

if TYPE_CHECKING:
    import postgast
    from google.protobuf.message import Message
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")


@dataclass(frozen=True, slots=True)
class Destruction:
    """Data or an object that a statement destroys. `kind` reads like the SQL: `drop table`, `delete`.

    `cascade` tells that what depends on it goes with it.
    """

    kind: str
    schema: str | None
    name: str
    column: str | None = None
    cascade: bool = False


def destroys(statements: Iterable[statement.Statement]) -> list[Destruction]:
    """Return what the statements destroy, in order: dropped objects and columns, emptied or rewritten rows.

    What a DO block, a function or a CASCADE destroys cannot be seen in the text.
    """
    return [loss for item in statements for loss in _losses(item.node)]


def _losses(node: pg.Node) -> Iterator[Destruction]:
    which = node.WhichOneof("node")
    match which:
        case "drop_stmt":
            yield from _drops(node.drop_stmt)
        case "dropdb_stmt":
            yield Destruction("drop database", None, node.dropdb_stmt.dbname)
        case "drop_owned_stmt":
            for role in node.drop_owned_stmt.roles:
                yield Destruction("drop owned", None, role.role_spec.rolename)
        case "truncate_stmt":
            for relation in node.truncate_stmt.relations:
                yield _rows("truncate", relation.range_var)
        case "alter_table_stmt":
            table = node.alter_table_stmt.relation
            kind = "drop attribute" if node.alter_table_stmt.objtype == pg.OBJECT_TYPE else "drop column"
            for command in node.alter_table_stmt.cmds:
                change = command.alter_table_cmd
                if change.subtype == pg.AT_DropColumn:
                    cascade = change.behavior == pg.DROP_CASCADE
                    yield Destruction(kind, table.schemaname or None, table.relname, change.name, cascade)
        case "select_stmt" | "insert_stmt" | "update_stmt" | "delete_stmt" | "merge_stmt" | "create_table_as_stmt":
            # Walked whole, because WITH may hold a DELETE of its own. A function's body or a rule is not
            # among these: it destroys nothing when it is created.
            for _, part in postgast.walk(node):
                yield from _changed_rows(part)
        case _:
            return


def _drops(drop: pg.DropStmt) -> Iterator[Destruction]:
    word = pg.ObjectType.Name(drop.remove_type).removeprefix("OBJECT_").lower().replace("_", " ")
    kind = "drop " + {"matview": "materialized view"}.get(word, word)
    cascade = drop.behavior == pg.DROP_CASCADE
    for item in drop.objects:
        parts = parser.names(item)
        if word in ("trigger", "rule", "policy"):
            # A name of the table's: table.trigger, with or without the schema in front.
            yield Destruction(kind, parts[-3] if len(parts) > 2 else None, ".".join(parts[-2:]))
        else:
            yield Destruction(kind, *parser.qualified(parts), cascade=cascade)


def _changed_rows(part: Message) -> Iterator[Destruction]:
    if isinstance(part, pg.DeleteStmt):
        yield _rows("delete", part.relation)
    elif isinstance(part, pg.UpdateStmt) or (
        isinstance(part, pg.InsertStmt) and part.on_conflict_clause.action == pg.ONCONFLICT_UPDATE
    ):
        yield _rows("update", part.relation)
    elif isinstance(part, pg.MergeStmt):
        done = {clause.merge_when_clause.command_type for clause in part.merge_when_clauses}
        for command, kind in ((pg.CMD_UPDATE, "update"), (pg.CMD_DELETE, "delete")):
            if command in done:
                yield _rows(kind, part.relation)


def _rows(kind: str, relation: pg.RangeVar) -> Destruction:
    return Destruction(kind, relation.schemaname or None, relation.relname)


def limits(statement: Any, not_null: Collection[str] = ()) -> bool:
    """Tell whether an UPDATE or a DELETE has a WHERE that may leave rows out.

    :param not_null: columns of the table that are never NULL.
    """
    where = statement.where_clause
    return bool(where.WhichOneof("node")) and not always_true(where, not_null)


def always_true(node: Any, not_null: Collection[str] = ()) -> bool:
    """Tell whether a condition is plainly true for every row: true, 1 = 1, id IS NOT NULL of a key, and such joined."""
    match node.WhichOneof("node"):
        case "bool_expr":
            parts = (always_true(part, not_null) for part in node.bool_expr.args)
            match node.bool_expr.boolop:
                case pg.AND_EXPR:
                    return all(parts)
                case pg.OR_EXPR:
                    return any(parts)
            return _constant(node.bool_expr.args[0]) in ("false", "f")
        case "a_expr":
            left, right = _constant(node.a_expr.lexpr), _constant(node.a_expr.rexpr)
            return [name.string.sval for name in node.a_expr.name] == ["="] and left is not None and left == right
        case "null_test":
            test = node.null_test
            column = test.arg.column_ref.fields[-1].string.sval if test.arg.HasField("column_ref") else ""
            return bool(test.nulltesttype == pg.IS_NOT_NULL and column in not_null)
    return _constant(node) in ("true", "t", "1")


def _constant(node: Any) -> str | None:
    """Return the text of a constant, cast or not; None for anything else, and for NULL."""
    while node.HasField("type_cast"):
        node = node.type_cast.arg
    value = node.a_const
    match value.WhichOneof("val") if node.HasField("a_const") else None:
        case "sval":
            return str(value.sval.sval)
        case "ival":
            return str(value.ival.ival)
        case "fval":
            return str(value.fval.fval)
        case "boolval":
            return str(value.boolval.boolval).lower()
    return None
