"""Which table locks a statement takes, as far as its text can say: the weakest mode that the manual names for it.

https://www.postgresql.org/docs/current/explicit-locking.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import kinds, parser, statement

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

#: The modes by their number in the server, and what each keeps others from.
MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
BLOCKS = {
    "ShareLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ExclusiveLock": "writes",
    "AccessExclusiveLock": "reads and writes",
}
_WEAKER = ("ShareUpdateExclusiveLock", "ShareRowExclusiveLock")
_OF_TABLES = ("table", "view", "matview", "foreign_table")


@dataclass(frozen=True, slots=True)
class TableLock:
    """A lock on a table. `schema` is None where the statement names none."""

    mode: str
    schema: str | None
    table: str

    @property
    def blocks(self) -> str:
        """Return what others cannot do meanwhile; empty where they can read and write."""
        return BLOCKS.get(self.mode, "")


def of(item: statement.Statement) -> tuple[TableLock, ...]:
    """Return the locks of a statement on tables that it names, each once.

    What a block, a function, a trigger or a CASCADE locks cannot be seen in the text: see `is_opaque`.
    """
    return tuple(dict.fromkeys(_locks(item.node)))


def is_opaque(item: statement.Statement) -> bool:
    """Tell whether a statement may do anything that its text does not show."""
    if item.kind in ("do", "call"):
        return True
    which = item.node.WhichOneof("node")
    return which == "select_stmt" and any(target.res_target.val.HasField("func_call") for target in _targets(item.node))


def _targets(node: pg.Node) -> list[pg.Node]:
    return list(node.select_stmt.target_list)


def _locks(node: pg.Node) -> Iterator[TableLock]:
    which = str(node.WhichOneof("node"))
    match which:
        case "alter_table_stmt":
            yield from _alter(node.alter_table_stmt)
        case "index_stmt":
            mode = "ShareUpdateExclusiveLock" if node.index_stmt.concurrent else "ShareLock"
            yield _on(mode, node.index_stmt.relation)
        case "create_trig_stmt":
            yield _on("ShareRowExclusiveLock", node.create_trig_stmt.relation)
        case "create_stmt":
            for element in node.create_stmt.table_elts:
                constraints = element.column_def.constraints if element.HasField("column_def") else [element]
                yield from (_on("ShareRowExclusiveLock", one.constraint.pktable) for one in constraints if _is_key(one))
        case "lock_stmt":
            for relation in node.lock_stmt.relations:
                yield _on(MODES[node.lock_stmt.mode - 1], relation.range_var)
        case "truncate_stmt":
            for relation in node.truncate_stmt.relations:
                yield _on("AccessExclusiveLock", relation.range_var)
        case "vacuum_stmt":
            full = kinds.has_option(node.vacuum_stmt.options, "full")
            for relation in node.vacuum_stmt.rels:
                mode = "AccessExclusiveLock" if full else "ShareUpdateExclusiveLock"
                yield _on(mode, relation.vacuum_relation.relation)
        case "refresh_mat_view_stmt":
            mode = "ExclusiveLock" if node.refresh_mat_view_stmt.concurrent else "AccessExclusiveLock"
            yield _on(mode, node.refresh_mat_view_stmt.relation)
        case "drop_stmt":
            yield from _drop(node.drop_stmt)
        case _:
            yield from _whole(node, which)


def _whole(node: pg.Node, which: str) -> Iterator[TableLock]:
    """Give the lock of a statement about one relation."""
    exclusive = {
        "cluster_stmt": "relation", "rename_stmt": "relation", "alter_object_schema_stmt": "relation",
        "rule_stmt": "relation", "create_policy_stmt": "table", "alter_policy_stmt": "table",
    }  # fmt: skip
    writes = ("insert_stmt", "update_stmt", "delete_stmt", "merge_stmt")
    if which in exclusive:
        relation = getattr(getattr(node, which), exclusive[which])
        if relation.relname:
            yield _on("AccessExclusiveLock", relation)
    elif which in writes:
        yield _on("RowExclusiveLock", getattr(node, which).relation)
    elif which == "copy_stmt" and node.copy_stmt.is_from:
        yield _on("RowExclusiveLock", node.copy_stmt.relation)
    elif which == "reindex_stmt" and node.reindex_stmt.relation.relname:
        concurrently = kinds.has_option(node.reindex_stmt.params, "concurrently")
        yield _on("ShareUpdateExclusiveLock" if concurrently else "ShareLock", node.reindex_stmt.relation)


def _alter(alter: pg.AlterTableStmt) -> Iterator[TableLock]:
    modes = []
    for command in alter.cmds:
        change = command.alter_table_cmd
        modes.append(_mode(change))
        inner = getattr(change, "def")
        if _is_key(inner):
            yield _on("ShareRowExclusiveLock", inner.constraint.pktable)
        if inner.HasField("column_def"):
            for one in inner.column_def.constraints:
                if _is_key(one):
                    yield _on("ShareRowExclusiveLock", one.constraint.pktable)
        if inner.HasField("partition_cmd"):
            concurrently = inner.partition_cmd.concurrent
            yield _on("ShareUpdateExclusiveLock" if concurrently else "AccessExclusiveLock", inner.partition_cmd.name)
    if modes:
        yield _on(max(modes, key=MODES.index), alter.relation)


def _mode(change: pg.AlterTableCmd) -> str:
    inner = getattr(change, "def")
    light = (
        pg.AT_SetStatistics, pg.AT_SetOptions, pg.AT_ResetOptions, pg.AT_SetRelOptions, pg.AT_ResetRelOptions,
        pg.AT_ValidateConstraint, pg.AT_ClusterOn, pg.AT_DropCluster, pg.AT_AttachPartition,
    )  # fmt: skip
    triggers = (
        pg.AT_EnableTrig, pg.AT_EnableAlwaysTrig, pg.AT_EnableReplicaTrig, pg.AT_DisableTrig, pg.AT_EnableTrigAll,
        pg.AT_DisableTrigAll, pg.AT_EnableTrigUser, pg.AT_DisableTrigUser,
    )  # fmt: skip
    if change.subtype in light or inner.partition_cmd.concurrent:
        return _WEAKER[0]
    if change.subtype in triggers or (change.subtype == pg.AT_AddConstraint and _is_key(inner)):
        return _WEAKER[1]
    return "AccessExclusiveLock"


def _is_key(node: pg.Node) -> bool:
    return bool(node.HasField("constraint") and node.constraint.contype == pg.CONSTR_FOREIGN)


def _drop(drop: pg.DropStmt) -> Iterator[TableLock]:
    word = pg.ObjectType.Name(drop.remove_type).removeprefix("OBJECT_").lower()
    for item in drop.objects:
        parts = parser.names(item)
        if word in _OF_TABLES:
            yield TableLock("AccessExclusiveLock", *_qualified(parts))
        elif word in ("trigger", "rule", "policy"):
            yield TableLock("AccessExclusiveLock", *_qualified(parts[:-1]))


def _qualified(parts: list[str]) -> tuple[str | None, str]:
    schema, name = parser.qualified(parts)
    return schema, name


def _on(mode: str, relation: pg.RangeVar) -> TableLock:
    return TableLock(mode, relation.schemaname or None, relation.relname)
