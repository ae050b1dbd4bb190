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
