"""Rows: how many a statement changes at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.lint import model
from schemata.lint.rules import removed
from schemata.lint.structure import locks, tree
from schemata.sql import destructive

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


def changed(place: model.Place) -> Iterator[tuple[str, tree.Name, bool, str]]:
    """Give each UPDATE and DELETE of a statement, also in its WITH: the word, the table, has it a WHERE, its name."""
    if place.kind not in ("update_stmt", "delete_stmt", "insert_stmt", "select_stmt", "merge_stmt"):
        return
    for part in tree.walk(place.node):
        if isinstance(part, pg.UpdateStmt | pg.DeleteStmt):
            word = "UPDATE" if isinstance(part, pg.UpdateStmt) else "DELETE"
            name = place.name(part.relation)
            known = place.table(name)
            required = [column.name for column in known.columns.values() if column.not_null] if known else []
            yield word, name, destructive.limits(part, required), part.relation.relname
        elif isinstance(part, pg.MergeStmt):
            done = {item.merge_when_clause.command_type for item in part.merge_when_clauses}
            for word, command in (("UPDATE", pg.CMD_UPDATE), ("DELETE", pg.CMD_DELETE)):
                if command in done:
                    yield word, place.name(part.relation), True, part.relation.relname


_BATCHES = """-- transactional: false, and once more until no row is changed:
{word} {table} … WHERE id IN (SELECT id FROM {table} WHERE … LIMIT 1000 FOR UPDATE SKIP LOCKED);"""


@model.rule(
    "delete-without-where",
    "error",
    condition="DELETE without WHERE, or with one that is always true, on a table that existed before the migration.",
    effect="All rows are gone; every row is locked until the end, and the table keeps their space.",
    workaround="A WHERE, in batches; `-- breaking: …` says that the rows are not needed.",
    group="rows",
)
def _delete(place: model.Place) -> Iterator[model.Hit]:
    for word, table, limited, _ in changed(place):
        if word == "DELETE" and not limited and not place.is_empty(table):
            yield model.Hit(
                f"Removes every row of {locks.shown(table)} in one transaction.",
                _BATCHES.format(word="DELETE FROM", table=locks.shown(table)),
                level=removed.declared(place),
            )


@model.rule(
    "update-without-where",
    "error",
    condition="UPDATE without WHERE, or with one that is always true, on a table that existed before the migration.",
    effect="Every row is written again and stays locked until the end of the migration; the table grows to twice its "
    "size.",
    workaround="In batches, each a transaction of its own: `-- mode: statements`, or a migration in Python.",
    group="rows",
)
def _update(place: model.Place) -> Iterator[model.Hit]:
    for word, table, limited, _ in changed(place):
        if word == "UPDATE" and not limited and not place.is_empty(table):
            yield model.Hit(
                f"Writes every row of {locks.shown(table)} again, and locks all of them until the end.",
                _BATCHES.format(word="UPDATE", table=locks.shown(table)),
                lasts=(table,),
            )


@model.rule(
    "rows-changed",
    "note",
    condition="UPDATE or DELETE with a WHERE, or MERGE, on a table that existed before the migration. An error where "
    "it fills what IS NULL of a table that the scale file calls large, without batches.",
    effect="The rows stay locked until the migration ends; how many they are is not in the files.",
    workaround="Where they may be many: in batches, each a transaction of its own.",
    group="rows",
)
def _some(place: model.Place) -> Iterator[model.Hit]:
    for word, table, limited, _ in changed(place):
        if limited and not place.is_empty(table):
            verb = "changed" if word == "UPDATE" else "removed"
            text = f"The rows of {locks.shown(table)} that are {verb} stay locked until the migration ends."
            if word == "UPDATE" and place.options.sizes.is_large(table) and _fills(place):
                sql = _BATCHES.format(word="UPDATE", table=locks.shown(table))
                yield model.Hit(text, sql, level="error", lasts=(table,))
            else:
                yield model.Hit(text)


def _fills(place: model.Place) -> bool:
    """Tell whether an UPDATE fills columns that are NULL so far, however many rows that are."""
    if place.kind != "update_stmt":
        return False
    where = place.stmt.where_clause
    conjunction = where.HasField("bool_expr") and where.bool_expr.boolop == pg.AND_EXPR
    tests = where.bool_expr.args if conjunction else [where]
    return all(one.HasField("null_test") and one.null_test.nulltesttype == pg.IS_NULL for one in tests)


@model.rule(
    "locks-every-row",
    "warning",
    "select_stmt",
    condition="SELECT … FOR UPDATE, FOR SHARE and the like without WHERE and LIMIT, of a table in use.",
    effect="Every row is locked, and written for that, until the migration ends: each UPDATE of the table waits.",
    workaround="A WHERE that finds the rows that are changed, with LIMIT and SKIP LOCKED in batches.",
    group="rows",
)
def _locked(place: model.Place) -> Iterator[model.Hit]:
    select = place.stmt
    if not select.locking_clause or select.HasField("where_clause") or select.HasField("limit_count"):
        return
    tables = [name for name in sorted(tree.relations_in(place.node, place.schema)) if not place.is_empty(name)]
    if tables and place.in_transaction:
        text = f"Locks every row of {', '.join(map(locks.shown, tables))} until the migration ends."
        yield model.Hit(text)


@model.rule(
    "rewrite-rule",
    "warning",
    "rule_stmt",
    condition="CREATE RULE … DO INSTEAD on a table in use; DO INSTEAD NOTHING as an error.",
    effect="Writes of every session become something else without an error, and rows are lost where that is nothing.",
    workaround="A trigger, which runs once for each row and can refuse; or a privilege less.",
    group="rows",
)
def _rewritten(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    if not place.stmt.instead or place.is_empty(table) or table in place.catalog.views:
        return
    event = pg.CmdType.Name(place.stmt.event).removeprefix("CMD_")
    if place.stmt.actions:
        yield model.Hit(f"{event} on {locks.shown(table)} does something else from here on, for every session.")
    else:
        text = f"{event} on {locks.shown(table)} does nothing from here on, and tells nobody."
        yield model.Hit(text, level="error")


@model.rule(
    "sequence-restarted",
    "warning",
    condition="setval() with a number that is written out, ALTER SEQUENCE … RESTART or ALTER COLUMN … RESTART, of a "
    "sequence that existed before the migration.",
    effect="Where the rows are further than that number, every INSERT fails with a duplicate key until it is past "
    "them; without a unique index numbers come twice.",
    workaround="SELECT setval(…, (SELECT max(id) FROM …)), from the rows themselves.",
    group="rows",
    decides=("ban-alter-sequence-values",),
)
def _restarted(place: model.Place) -> Iterator[model.Hit]:
    for shown in _sequences(place):
        yield model.Hit(f"{shown} goes on from a number of this file, wherever its rows are.")


def _sequences(place: model.Place) -> Iterator[str]:
    """Give what is set to a number of the file: a sequence, or a table whose column counts."""
    if place.kind == "alter_seq_stmt":
        name = place.name(place.stmt.sequence)
        if tree.option(place.stmt.options, "restart") is not None and not _is_new_sequence(place, name):
            yield locks.shown(name)
    elif place.kind == "alter_table_stmt":
        table = place.name(place.stmt.relation)
        for command in tree.commands(place.node):
            restarts = any(isinstance(part, pg.DefElem) and part.defname == "restart" for part in tree.walk(command))
            if command.subtype == pg.AT_SetIdentity and restarts and not place.is_empty(table):
                yield f"{locks.shown(table)}.{command.name}"
    elif place.kind == "select_stmt":
        for part in tree.walk(place.node):
            if isinstance(part, pg.FuncCall) and tree.strings(part.funcname)[-1:] == ["setval"] and len(part.args) > 1:
                first = part.args[0]
                text = tree.constant(first.func_call.args[0] if first.HasField("func_call") else first)
                name = tree.qualified(text.split("."), place.schema)
                if part.args[1].HasField("a_const") and text and not _is_new_sequence(place, name):
                    yield text


def _is_new_sequence(place: model.Place, name: tree.Name) -> bool:
    """Tell whether a sequence, or the table that it is called after, was made in this file or a new one before it."""
    tables = [
        table for table in place.catalog.tables if table[0] == name[0] and f"{name[1]}_".startswith(f"{table[1]}_")
    ]
    return place.is_new_object("sequence", name) or any(place.is_empty(table) for table in tables)
