"""What writes, moves or locks a whole table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import locks, tree
from schemata.sql import kinds

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


@model.rule(
    "vacuum-full",
    "error",
    "vacuum_stmt",
    "cluster_stmt",
    condition="VACUUM FULL or CLUSTER.",
    effect="AccessExclusiveLock while the whole table and its indexes are written again.",
    workaround="pg_repack or pg_squeeze, outside of migrations; plain VACUUM stops nobody.",
    group="tables",
    decides=("prefer-repack",),
)
def _vacuum_full(place: model.Place) -> Iterator[model.Hit]:
    if place.kind == "cluster_stmt":
        table = place.name(place.stmt.relation)
        if not table[1] or not place.is_empty(table):
            what = locks.shown(table) if table[1] else "every clustered table"
            text = f"Takes AccessExclusiveLock on {what}: blocks reads and writes while it is written again."
            yield model.Hit(text, lasts=(table,) if table[1] else ())
    elif kinds.has_option(place.stmt.options, "full"):
        named = [place.name(item.vacuum_relation.relation) for item in place.stmt.rels]
        what = ", ".join(map(locks.shown, named)) or "every table of the database, one after the other"
        text = f"Takes AccessExclusiveLock on {what}: blocks reads and writes while it is written again."
        yield model.Hit(text, lasts=tuple(named))


_REWRITES = {
    "AT_SetLogged": "SET LOGGED writes the table into the log",
    "AT_SetUnLogged": "SET UNLOGGED writes it again, and from then on a crash empties it",
    "AT_SetTableSpace": "SET TABLESPACE copies it",
    "AT_SetAccessMethod": "SET ACCESS METHOD writes it in another form",
}


@model.rule(
    "rewrites-table",
    "error",
    "alter_table_stmt",
    condition="ALTER TABLE … SET LOGGED, SET UNLOGGED, SET TABLESPACE or SET ACCESS METHOD on a table in use.",
    effect="AccessExclusiveLock while the whole table is written or copied.",
    workaround="Make another table in the new form, keep it the same by a trigger, and change over; or do it when "
    "nobody "
    "works.",
    group="tables",
)
def _rewrites(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    if place.is_empty(table) or place.stmt.objtype not in (pg.OBJECT_TABLE, pg.OBJECT_MATVIEW):
        return
    known = place.table(table)
    for command in tree.commands(place.node):
        why = _REWRITES.get(pg.AlterTableType.Name(command.subtype))
        if why and not (known is not None and known.partitioned):
            # What a crash empties is lost whatever its size.
            lasts = (table,) if command.subtype != pg.AT_SetUnLogged else ()
            yield model.Hit(locks.takes(locks.ACCESS_EXCLUSIVE, table, f"meanwhile: {why}"), lasts=lasts)


@model.rule(
    "unlogged-table",
    "warning",
    "create_stmt",
    condition="CREATE UNLOGGED TABLE.",
    effect="A crash of the server empties it, and no replica has its rows.",
    workaround="CREATE TABLE, unless the rows can be made again at any time.",
    group="tables",
)
def _unlogged(place: model.Place) -> Iterator[model.Hit]:
    if place.stmt.relation.relpersistence == "u":
        yield model.Hit(f"A crash of the server empties {locks.shown(place.name(place.stmt.relation))}.")


@model.rule(
    "refresh-not-concurrent",
    "error",
    "refresh_mat_view_stmt",
    condition="REFRESH MATERIALIZED VIEW without CONCURRENTLY on one that existed before the migration.",
    effect="AccessExclusiveLock while its query runs: nobody reads it.",
    workaround="REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on it.",
    group="tables",
)
def _refresh(place: model.Place) -> Iterator[model.Hit]:
    view = place.name(place.stmt.relation)
    if not place.stmt.concurrent and not place.is_empty(view):
        yield model.Hit(
            locks.takes(locks.ACCESS_EXCLUSIVE, view, "while its query runs"),
            f"REFRESH MATERIALIZED VIEW CONCURRENTLY {locks.shown(view)};",
            lasts=tuple(sorted(known.reads)) if (known := place.catalog.views.get(view)) else (),
        )


@model.rule(
    "create-trigger-locks",
    "warning",
    "create_trig_stmt",
    condition="CREATE TRIGGER on a table in use.",
    effect="ShareRowExclusiveLock for a moment; and from then on every row that is written pays for it, and fails "
    "with it.",
    workaround="Make it in a migration of its own, when its function is tried; keep its body short.",
    group="tables",
)
def _trigger(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    if not place.is_empty(table) and table not in place.catalog.views:
        yield model.Hit(
            f"Takes ShareRowExclusiveLock on {locks.shown(table)} and changes what each write of it does, also those "
            f"of "
            "the release that runs now."
        )


@model.rule(
    "drop-trigger",
    "warning",
    "drop_stmt",
    condition="DROP TRIGGER on a table in use that the same file does not create again.",
    effect="AccessExclusiveLock for a moment; and what the trigger kept true is not kept from then on.",
    workaround="Say what it was for and who does that now: `-- breaking: …`.",
    group="tables",
    decides=("ban-drop-trigger",),
)
def _drop_trigger(place: model.Place) -> Iterator[model.Hit]:
    drop = place.stmt
    if drop.remove_type != pg.OBJECT_TRIGGER or place.script.directives.breaking:
        return
    for item in drop.objects:
        parts = tree.strings(item.list.items)
        table = tree.qualified(parts[:-1], place.schema)
        again = any(
            later.WhichOneof("node") == "create_trig_stmt" and later.create_trig_stmt.trigname == parts[-1]
            for later in (other.node for other in place.others[place.number + 1 :])
        )
        if not again and not place.is_empty(table):
            yield model.Hit(f"What the trigger {parts[-1]} of {locks.shown(table)} kept true is not kept from then on.")


@model.rule(
    "disable-trigger",
    "error",
    "alter_table_stmt",
    condition="ALTER TABLE … DISABLE TRIGGER or DISABLE RULE.",
    effect="With ALL or a system trigger foreign keys are not checked, and rows that break them stay; what other "
    "sessions "
    "write meanwhile is not seen by the trigger either.",
    workaround="Leave the triggers on and write in batches; or let the trigger's function tell the migration apart.",
    group="tables",
    decides=("ban-disable-trigger",),
)
def _disable(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    if place.is_empty(table):
        return
    for command in tree.commands(place.node):
        word = pg.AlterTableType.Name(command.subtype)
        if word.startswith("AT_Disable") and word != "AT_DisableRowSecurity":
            what = "rule" if word == "AT_DisableRule" else "trigger"
            which = command.name or ("ALL" if word.endswith("All") else "USER")
            yield model.Hit(
                f"From here on the {what} {which} of {locks.shown(table)} does nothing, for every session, until it is "
                "enabled again."
            )


@model.rule(
    "row-security",
    "error",
    "alter_table_stmt",
    condition="ENABLE or FORCE ROW LEVEL SECURITY on a table in use without a policy in these files; DISABLE ROW LEVEL "
    "SECURITY as a warning.",
    effect="Without a policy nobody but the owner sees a row, forced not even the owner; disabled, everybody sees all "
    "of them.",
    workaround="Create the policies before it is enabled, in the same transaction.",
    group="tables",
    decides=("ban-alter-row-level-security",),
)
def _row_security(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    known = place.table(table)
    for command in tree.commands(place.node):
        enabled = command.subtype == pg.AT_EnableRowSecurity
        if (enabled or command.subtype == pg.AT_ForceRowSecurity) and not place.is_empty(table):
            later = any(
                item.node.WhichOneof("node") == "create_policy_stmt"
                and place.name(item.node.create_policy_stmt.table) == table
                for item in place.others
            )
            if not later and not (known is not None and known.policies):
                who = "every role but the owner sees" if enabled else "where it is enabled, the owner too sees"
                yield model.Hit(f"{locks.shown(table)} has no policy in these files: {who} no row.")
        elif command.subtype == pg.AT_DisableRowSecurity and not place.is_empty(table):
            text = f"Every role that may read {locks.shown(table)} sees all of its rows from here on."
            yield model.Hit(text, level="warning")


@model.rule(
    "lock-table",
    "error",
    "lock_stmt",
    condition="LOCK TABLE in a mode that stops writes, on a table in use.",
    effect="The lock is held until the transaction ends, whatever the rest of the file takes.",
    workaround="Leave it out: each statement takes the lock that it needs. SHARE ROW EXCLUSIVE and more stop writes.",
    group="tables",
)
def _lock(place: model.Place) -> Iterator[model.Hit]:
    for lock in locks.of(place):
        if lock.mode in locks.STRONG:
            yield model.Hit(locks.takes(lock.mode, lock.table, "until the end of the migration"))


@model.rule(
    "lock-held-across-rows",
    "error",
    condition="UPDATE, DELETE, INSERT … SELECT, COPY or a scan behind a statement that took a strong lock on a table "
    "in "
    "use, in the same transaction.",
    effect="lock_timeout bounds the wait for a lock, not how long it is held: the table is shut for as long as the "
    "rest "
    "of the file takes.",
    workaround="The change of structure in one migration, the rows in the next one, in batches.",
    group="tables",
)
def _held(place: model.Place) -> Iterator[model.Hit]:
    strong = [lock for lock in place.held if lock.mode in locks.STRONG]
    if not strong or not _is_long(place):
        return
    lock = next((lock for lock in strong if lock.mode == locks.ACCESS_EXCLUSIVE), strong[0])
    yield model.Hit(
        f"{lock.mode} on {locks.shown(lock.table)}, taken on line {lock.line}, {locks.BLOCKS[lock.mode]} until this "
        "statement has changed its rows.",
        remedy="Move it into a migration of its own behind this one, in batches with `-- mode: statements`.",
        lasts=_worked_on(place),
    )


def _is_long(place: model.Place) -> bool:
    """Tell whether a statement may change or read as many rows as a table in use has."""
    match place.kind:
        case "update_stmt" | "delete_stmt":
            return any(lock.reads_all for lock in locks.of(place)) and not _by_key(place)
        case "insert_stmt":
            select = place.stmt.select_stmt.select_stmt
            reads = tree.relations_in(place.stmt.select_stmt, place.schema)
            return not select.values_lists and any(not place.is_empty(name) for name in reads)
        case "merge_stmt":
            return True
        case _:
            return False


def _worked_on(place: model.Place) -> tuple[tree.Name, ...]:
    """Return the tables whose rows a statement reads or changes."""
    names = set(tree.relations_in(place.node, place.schema))
    if place.kind != "insert_stmt":
        names.add(place.name(place.stmt.relation))
    return tuple(sorted(name for name in names if not place.is_empty(name)))


def _by_key(place: model.Place) -> bool:
    """Tell whether a WHERE compares a key or a unique column with a constant, and so finds one row."""
    where = place.stmt.where_clause
    if not where.HasField("a_expr") or where.a_expr.kind != pg.AEXPR_OP:
        return False
    test = where.a_expr
    if tree.strings(test.name) != ["="] or not test.lexpr.HasField("column_ref") or not tree.constant(test.rexpr):
        return False
    column = test.lexpr.column_ref.fields[-1].string.sval
    known = place.table(place.name(place.stmt.relation))
    keys = [index.columns for index in place.catalog.indexes_of(known.name) if index.unique] if known else []
    return column == "id" or (column,) in keys


@model.rule(
    "lock-order",
    "warning",
    condition="Strong locks on two tables in use in one transaction, the one with the foreign key before the one "
    "that it "
    "refers to, or in another order than an earlier file took them.",
    effect="An application that locks them in the other order waits for the migration and the migration for it: a "
    "deadlock.",
    workaround="One table a migration; or the referenced table first, as an application that inserts does.",
    group="tables",
)
def _order(place: model.Place) -> Iterator[model.Hit]:
    strong = [lock for lock in place.held if lock.mode == locks.ACCESS_EXCLUSIVE]
    tables = {lock.table for lock in strong}
    for lock in locks.of(place):
        if lock.mode != locks.ACCESS_EXCLUSIVE or lock.table in tables or not strong:
            continue
        name = locks.shown(lock.table)
        remedy = f"Lock {name} first, or put the two tables into two migrations."
        for before in strong:
            first = place.table(before.table)
            since = f"{locks.shown(before.table)} is locked since line {before.line}"
            if first is not None and any(c.target == lock.table for c in first.constraints.values()):
                why = "an application that writes both locks them in the other order"
                yield model.Hit(f"{since} and refers to {name}: {why}.", remedy=remedy)
                return
            if other := place.catalog.lock_order.get((lock.table, before.table)):
                yield model.Hit(f"{since}, and {name} now; {other} locks them in the other order.", remedy=remedy)
                return
        if len(tables) == 1:
            yield model.Hit(
                f"{locks.shown(strong[0].table)} stays locked while {name} is waited for.",
                remedy="One table a migration shuts one table at a time.",
                level="note",
            )
        return
