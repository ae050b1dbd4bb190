"""Which lock a statement takes on a table that existed before, and what it does under that lock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import tree
from schemata.sql import statement

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

ACCESS_EXCLUSIVE = "AccessExclusiveLock"
EXCLUSIVE = "ExclusiveLock"
SHARE_ROW = "ShareRowExclusiveLock"
SHARE = "ShareLock"
SHARE_UPDATE = "ShareUpdateExclusiveLock"
ROW = "RowExclusiveLock"

#: What a lock keeps others from.
BLOCKS = {
    ACCESS_EXCLUSIVE: "blocks reads and writes",
    EXCLUSIVE: "blocks writes",
    SHARE_ROW: "blocks writes",
    SHARE: "blocks writes",
    SHARE_UPDATE: "blocks other schema changes and VACUUM",
    ROW: "blocks schema changes",
}
#: The locks that stop the application's writes, or more.
STRONG = (ACCESS_EXCLUSIVE, EXCLUSIVE, SHARE_ROW, SHARE)
MODES = {1: "AccessShareLock", 2: "RowShareLock", 3: ROW, 4: SHARE_UPDATE, 5: SHARE, 6: SHARE_ROW, 7: EXCLUSIVE,
         8: ACCESS_EXCLUSIVE}  # fmt: skip


class Lock(NamedTuple):
    """A lock on a table, and whether all of its rows are read, written or changed under it."""

    table: tree.Name
    mode: str
    reads_all: bool = False


def shown(name: tree.Name) -> str:
    """Return a name as it is written.

    >>> shown(("app", "t")), shown(("", "t"))
    ('app.t', 't')
    """
    return ".".join(filter(None, name))


def quoted(*name: str) -> str:
    """Return a name as a statement that is offered has it: each part in quotes where the grammar wants them.

    >>> quoted("app", "Order Items"), quoted("", "t"), quoted("order")
    ('app."Order Items"', 't', '"order"')
    """
    return ".".join(part if _is_plain(part) else '"' + part.replace('"', '""') + '"' for part in name if part)


def _is_plain(name: str) -> bool:
    if not re.fullmatch(r"[a-z_][a-z0-9_$]*", name):
        return False
    try:
        statement.split(f"ALTER TABLE {name} DROP {name}")
    except statement.SyntaxProblem:
        return False
    return True


def takes(mode: str, table: tree.Name, meanwhile: str) -> str:
    """Return the sentence that says what a lock does.

    >>> takes(SHARE, ("app", "t"), "while the index builds")
    'Takes ShareLock on app.t: blocks writes while the index builds.'
    """
    return f"Takes {mode} on {shown(table)}: {BLOCKS.get(mode, 'blocks nothing')} {meanwhile}."


_UPDATE_LOCK = {
    "AT_SetStatistics", "AT_SetOptions", "AT_ResetOptions", "AT_SetRelOptions", "AT_ResetRelOptions", "AT_ClusterOn",
    "AT_DropCluster", "AT_ValidateConstraint", "AT_AttachPartition",
}  # fmt: skip
_TRIGGERS = {
    "AT_EnableTrig", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig", "AT_DisableTrig", "AT_EnableTrigAll",
    "AT_DisableTrigAll", "AT_EnableTrigUser", "AT_DisableTrigUser",
}  # fmt: skip


def of(place: model.Place) -> Iterator[Lock]:
    """Give the locks of a statement on tables that existed before it, the strong ones and those of changed rows."""
    for lock in _of(place):
        if not place.is_empty(lock.table):
            yield lock


def _of(place: model.Place) -> Iterator[Lock]:
    node = place.node
    match place.kind:
        case "alter_table_stmt" if node.alter_table_stmt.objtype in (pg.OBJECT_TABLE, pg.OBJECT_MATVIEW):
            yield from _alter(place)
        case "index_stmt":
            mode = SHARE_UPDATE if node.index_stmt.concurrent else SHARE
            yield Lock(place.name(node.index_stmt.relation), mode, not node.index_stmt.concurrent)
        case "drop_stmt":
            yield from _drop(place)
        case "truncate_stmt":
            for item in node.truncate_stmt.relations:
                yield Lock(place.name(item.range_var), ACCESS_EXCLUSIVE)
        case "rename_stmt" if node.rename_stmt.HasField("relation"):
            yield from _rename(place)
        case "lock_stmt":
            for item in node.lock_stmt.relations:
                yield Lock(place.name(item.range_var), MODES.get(node.lock_stmt.mode, ACCESS_EXCLUSIVE))
        case "refresh_mat_view_stmt":
            mode = EXCLUSIVE if node.refresh_mat_view_stmt.concurrent else ACCESS_EXCLUSIVE
            yield Lock(place.name(node.refresh_mat_view_stmt.relation), mode, True)
        case "create_policy_stmt":
            yield Lock(place.name(node.create_policy_stmt.table), ACCESS_EXCLUSIVE)
        case _:
            yield from _simple(place)


#: Of these one table is locked; the second value says whether all of its rows may be read or changed.
_SIMPLE = {
    "create_trig_stmt": (SHARE_ROW, False),
    "rule_stmt": (ACCESS_EXCLUSIVE, False),
    "cluster_stmt": (ACCESS_EXCLUSIVE, True),
    "update_stmt": (ROW, True),
    "delete_stmt": (ROW, True),
    "insert_stmt": (ROW, False),
    "merge_stmt": (ROW, False),
    "copy_stmt": (ROW, False),
}


def _simple(place: model.Place) -> Iterator[Lock]:
    if place.kind in _SIMPLE and place.stmt.relation.relname:
        yield Lock(place.name(place.stmt.relation), *_SIMPLE[place.kind])


def _alter(place: model.Place) -> Iterator[Lock]:
    table = place.name(place.stmt.relation)
    mode = ROW
    for command in tree.commands(place.node):
        word = pg.AlterTableType.Name(command.subtype)
        constraint = tree.definition(command).constraint
        if word in _UPDATE_LOCK or (word == "AT_DetachPartition" and tree.definition(command).partition_cmd.concurrent):
            mine = SHARE_UPDATE
        elif word in _TRIGGERS or (word == "AT_AddConstraint" and constraint.contype == pg.CONSTR_FOREIGN):
            mine = SHARE_ROW
        else:
            mine = ACCESS_EXCLUSIVE
        mode = max(mode, mine, key=_strength)
        if word == "AT_AddConstraint" and constraint.contype == pg.CONSTR_FOREIGN:
            yield Lock(place.name(constraint.pktable), SHARE_ROW)
    yield Lock(table, mode)


def _strength(mode: str) -> int:
    return next(number for number, word in MODES.items() if word == mode)


def _drop(place: model.Place) -> Iterator[Lock]:
    drop = place.stmt
    for name in tree.objects(drop, place.schema):
        match drop.remove_type:
            case pg.OBJECT_TABLE | pg.OBJECT_MATVIEW | pg.OBJECT_TRIGGER | pg.OBJECT_POLICY | pg.OBJECT_RULE:
                yield Lock(name, ACCESS_EXCLUSIVE)
            case pg.OBJECT_INDEX if name in place.catalog.indexes:
                mode = SHARE_UPDATE if drop.concurrent else ACCESS_EXCLUSIVE
                yield Lock(place.catalog.indexes[name].table, mode)
            case _:
                continue


def _rename(place: model.Place) -> Iterator[Lock]:
    rename = place.stmt
    if rename.rename_type in (pg.OBJECT_TABLE, pg.OBJECT_COLUMN, pg.OBJECT_TABCONSTRAINT, pg.OBJECT_MATVIEW):
        yield Lock(place.name(rename.relation), ACCESS_EXCLUSIVE)
