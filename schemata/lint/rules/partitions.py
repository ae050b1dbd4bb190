"""Partitions: attached and detached without reading them under a lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import locks, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


@model.rule(
    "attach-partition-scans",
    "error",
    "alter_table_stmt",
    condition="ATTACH PARTITION of a table in use without a valid CHECK that proves its bounds, or to a table that "
    "has a "
    "default partition.",
    effect="AccessExclusiveLock on the partition, and on the default partition, while every row is read.",
    workaround="ADD CONSTRAINT … CHECK (the bounds) NOT VALID, VALIDATE CONSTRAINT, then ATTACH, then drop the CHECK.",
    group="partitions",
)
def _attach(place: model.Place) -> Iterator[model.Hit]:
    parent = place.table(place.name(place.stmt.relation))
    for command in tree.commands(place.node):
        if command.subtype != pg.AT_AttachPartition or place.stmt.objtype != pg.OBJECT_TABLE:
            continue
        name = place.name(tree.definition(command).partition_cmd.name)
        child = place.table(name)
        if parent is not None and parent.has_default_partition and not place.is_empty(parent.name):
            yield model.Hit(
                f"The default partition of {locks.shown(parent.name)} is read under AccessExclusiveLock, to be sure "
                f"that "
                "no row of it belongs into the new one.",
            )
        if place.is_empty(name):
            continue
        checks = [c for c in child.constraints.values() if c.valid and c.kind == "check"] if child else []
        unknown = [c for c in child.constraints.values() if c.valid and c.kind == "unknown"] if child else []
        if checks:
            continue
        text = locks.takes(locks.ACCESS_EXCLUSIVE, name, "while every row is checked against the bounds")
        shown = locks.shown(name)
        yield model.Hit(
            text,
            f"ALTER TABLE {shown} ADD CONSTRAINT {name[1]}_bounds CHECK (… the bounds …) NOT VALID;\n"
            f"-- in the next migration:\nALTER TABLE {shown} VALIDATE CONSTRAINT {name[1]}_bounds;\n"
            f"-- in the one after it:\n{place.item.text};\nALTER TABLE {shown} DROP CONSTRAINT {name[1]}_bounds;",
            level="note" if unknown else None,
            lasts=(name,),
        )


@model.rule(
    "detach-partition-locks",
    "error",
    "alter_table_stmt",
    condition="DETACH PARTITION without CONCURRENTLY.",
    effect="AccessExclusiveLock on the partitioned table: every query on any partition waits.",
    workaround="DETACH PARTITION … CONCURRENTLY in a file with `-- transactional: false`.",
    group="partitions",
    decides=("require-concurrent-partition-detach",),
)
def _detach(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    for command in tree.commands(place.node):
        part = tree.definition(command).partition_cmd
        if command.subtype == pg.AT_DetachPartition and not part.concurrent and not place.is_empty(table):
            yield model.Hit(
                f"Takes AccessExclusiveLock on {locks.shown(table)}: blocks reads and writes of every partition.",
                f"-- transactional: false\nALTER TABLE {locks.shown(table)} DETACH PARTITION "
                f"{locks.shown(place.name(part.name))} CONCURRENTLY;",
            )


@model.rule(
    "create-partition-locks",
    "warning",
    "create_stmt",
    condition="CREATE TABLE … PARTITION OF a table in use that has a default partition.",
    effect="AccessExclusiveLock on the partitioned table while the default partition is read.",
    workaround="CREATE TABLE (LIKE …), then ATTACH PARTITION, which takes ShareUpdateExclusiveLock on the parent.",
    group="partitions",
)
def _partition_of(place: model.Place) -> Iterator[model.Hit]:
    create = place.stmt
    if not create.HasField("partbound"):
        return
    parent = place.table(place.name(create.inh_relations[0].range_var))
    if parent is not None and parent.has_default_partition and not place.is_empty(parent.name):
        yield model.Hit(
            f"Takes AccessExclusiveLock on {locks.shown(parent.name)}: blocks reads and writes while its default "
            "partition is read."
        )


@model.rule(
    "autovacuum-off",
    "warning",
    "alter_table_stmt",
    "create_stmt",
    condition="autovacuum_enabled = false among the storage parameters of a table that is not temporary.",
    effect="Dead rows stay, statistics grow old, plans get worse with every write, until somebody remembers.",
    workaround="Tune it: autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay.",
    group="tables",
)
def _autovacuum(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    if place.is_temporary(table) or place.stmt.relation.relpersistence == "t":
        return
    changed = (pg.AT_SetRelOptions,)
    parts = [c for c in tree.commands(place.node) if c.subtype in changed] if place.kind == "alter_table_stmt" else []
    for part in tree.walk(place.node) if place.kind == "create_stmt" else (p for c in parts for p in tree.walk(c)):
        if isinstance(part, pg.DefElem) and part.defname == "autovacuum_enabled":
            value = part.arg.string.sval.lower() if part.arg.HasField("string") else str(part.arg.integer.ival)
            if value in ("false", "off", "no", "0") and part.HasField("arg"):
                yield model.Hit(f"Nothing cleans {locks.shown(table)} up from here on, and no ANALYZE sees it.")
