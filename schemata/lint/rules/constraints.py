"""Constraints on tables that have rows: checked without stopping anybody, or not at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import locks, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


def added(place: model.Place) -> Iterator[tuple[tree.Name, Any, Any]]:
    """Give each constraint that an ALTER TABLE adds to a table in use: table, constraint, its column or None."""
    if place.kind != "alter_table_stmt" or place.stmt.objtype != pg.OBJECT_TABLE:
        return
    table = place.name(place.stmt.relation)
    if place.is_empty(table):
        return
    known = place.table(table)
    for command in tree.commands(place.node):
        defined = tree.definition(command)
        if command.subtype == pg.AT_AddConstraint:
            yield table, defined.constraint, None
        elif command.subtype == pg.AT_AddColumn:
            column = defined.column_def
            if command.missing_ok and known is not None and column.colname in known.columns:
                continue
            for constraint in tree.constraints_of(column):
                yield table, constraint, column


def not_valid(place: model.Place, table: tree.Name, name: str) -> str:
    """Return the statements that add the constraint of a place in two steps; the text is the user's own."""
    own = place.item.text.rstrip()
    return f"{own} NOT VALID;\n-- in the next migration:\n" + validate(table, name)


def validate(table: tree.Name, name: str) -> str:
    """Return the statement that checks the rows later, under a lock that stops nobody."""
    return f"ALTER TABLE {locks.shown(table)} VALIDATE CONSTRAINT {name};"


_LATER = "Add it NOT VALID, and validate it in a migration of its own: that takes ShareUpdateExclusiveLock only."


@model.rule(
    "foreign-key-validates",
    "error",
    "alter_table_stmt",
    condition="ADD FOREIGN KEY without NOT VALID on a table in use; ADD COLUMN … REFERENCES with a DEFAULT.",
    effect="ShareRowExclusiveLock on both tables while every row is looked up: writes to both wait.",
    workaround="NOT VALID first, VALIDATE CONSTRAINT in the next migration.",
    group="constraints",
    decides=("adding-foreign-key-constraint", "constraint-missing-not-valid"),
)
def _foreign(place: model.Place) -> Iterator[model.Hit]:
    for table, constraint, column in added(place):
        if constraint.contype != pg.CONSTR_FOREIGN or constraint.skip_validation:
            continue
        if column is not None and not _has_default(column):
            continue  # every row has NULL there, and the server knows it
        target = locks.shown(place.name(constraint.pktable))
        columns = tree.strings(constraint.fk_attrs) or [column.colname]
        name = constraint.conname or f"{table[1]}_{'_'.join(columns)}_fkey"
        if column is None:
            sql = not_valid(place, table, name)
        else:
            sql = (
                f"ALTER TABLE {locks.shown(table)} ADD CONSTRAINT {name}\n    FOREIGN KEY ({column.colname}) "
                f"REFERENCES "
                f"{target} NOT VALID;\n-- in the next migration:\n{validate(table, name)}"
            )
        yield model.Hit(
            f"Takes ShareRowExclusiveLock on {locks.shown(table)} and {target}: blocks writes to both while every "
            f"row of "
            f"{locks.shown(table)} is checked.",
            sql,
            _LATER,
            lasts=(table,),
        )


def _has_default(column: Any) -> bool:
    kinds = (pg.CONSTR_DEFAULT, pg.CONSTR_GENERATED, pg.CONSTR_IDENTITY)
    return any(constraint.contype in kinds for constraint in tree.constraints_of(column))


@model.rule(
    "check-validates",
    "error",
    "alter_table_stmt",
    condition="ADD CONSTRAINT … CHECK without NOT VALID on a table in use; ADD COLUMN with a CHECK.",
    effect="AccessExclusiveLock while every row is checked: nobody reads or writes the table.",
    workaround="NOT VALID first, VALIDATE CONSTRAINT in the next migration.",
    group="constraints",
    decides=("constraint-missing-not-valid",),
)
def _check(place: model.Place) -> Iterator[model.Hit]:
    for table, constraint, column in added(place):
        if constraint.contype != pg.CONSTR_CHECK or constraint.skip_validation or _is_not_enforced(constraint):
            continue
        name = constraint.conname or f"{table[1]}_{column.colname if column is not None else 'check'}_check"
        if column is None:
            sql = not_valid(place, table, name)
        else:
            sql = (
                f"ALTER TABLE {locks.shown(table)} ADD COLUMN {column.colname} …;\n"
                f"ALTER TABLE {locks.shown(table)} ADD CONSTRAINT {name} CHECK (…) NOT VALID;\n"
                f"-- in the next migration:\n{validate(table, name)}"
            )
        text = locks.takes(locks.ACCESS_EXCLUSIVE, table, "while every row is checked")
        yield model.Hit(text, sql, _LATER, lasts=(table,))


def _is_not_enforced(constraint: Any) -> bool:
    return not constraint.is_enforced and not constraint.initially_valid and constraint.contype == pg.CONSTR_CHECK


_INDEXED = {"CONSTR_UNIQUE": "UNIQUE", "CONSTR_PRIMARY": "PRIMARY KEY", "CONSTR_EXCLUSION": "EXCLUDE"}


@model.rule(
    "constraint-builds-index",
    "error",
    "alter_table_stmt",
    condition="ADD UNIQUE, ADD PRIMARY KEY or ADD EXCLUDE on a table in use without USING INDEX.",
    effect="AccessExclusiveLock while the index builds: nobody reads or writes the table.",
    workaround="CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX.",
    group="constraints",
    decides=("disallowed-unique-constraint", "adding-serial-primary-key-field"),
)
def _builds_index(place: model.Place) -> Iterator[model.Hit]:
    for table, constraint, column in added(place):
        word = _INDEXED.get(pg.ConstrType.Name(constraint.contype), "")
        if not word or constraint.indexname:
            continue
        columns = tree.strings(constraint.keys) or ([column.colname] if column is not None else [])
        suffix = "pkey" if word == "PRIMARY KEY" else "key"
        name = constraint.conname or "_".join([table[1], *(columns if suffix == "key" else []), suffix])
        sql = (
            f"-- in a migration with `-- transactional: false`:\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "
            f"{name}\n"
            f"    ON {locks.shown(table)} ({', '.join(columns)});\n-- in the next one:\n"
            f"ALTER TABLE {locks.shown(table)} ADD CONSTRAINT {name} {word} USING INDEX {name};"
        )
        if word == "EXCLUDE":
            sql = ""
        yield model.Hit(
            locks.takes(locks.ACCESS_EXCLUSIVE, table, "while the index builds"),
            sql,
            "" if sql else "No server builds it concurrently: add it while the table is small, or when nobody writes.",
            lasts=(table,),
        )


def proved(place: model.Place, table: tree.Name, column: str) -> bool | None:
    """Tell whether a valid CHECK or the column itself says that it has no NULL; None where it cannot be told."""
    known = place.table(table)
    if known is None:
        return False
    if column in known.columns and known.columns[column].not_null:
        return True
    for constraint in known.constraints.values():
        if constraint.valid and column in constraint.not_null:
            return True
        if constraint.valid and constraint.kind == "unknown" and column in constraint.name:
            return None
    return False


@model.rule(
    "set-not-null-scans",
    "error",
    "alter_table_stmt",
    condition="SET NOT NULL on a table in use without a valid CHECK (column IS NOT NULL) that proves it; ADD "
    "CONSTRAINT "
    "… NOT NULL without NOT VALID; ADD PRIMARY KEY USING INDEX of columns that may be null.",
    effect="AccessExclusiveLock while every row is read: nobody reads or writes the table.",
    workaround="A CHECK that is NOT VALID, then VALIDATE CONSTRAINT, then SET NOT NULL, which needs no scan.",
    group="constraints",
    decides=("adding-not-nullable-field", "constraint-missing-not-valid"),
)
def _set_not_null(place: model.Place) -> Iterator[model.Hit]:
    if place.stmt.objtype != pg.OBJECT_TABLE:
        return
    table = place.name(place.stmt.relation)
    if place.is_empty(table):
        return
    for column in _made_not_null(place, table):
        proof = proved(place, table, column)
        if proof:
            continue
        name = f"{table[1]}_{column}_not_null"
        if proof is None:
            yield model.Hit(
                f"A constraint named after {column} is valid; whether it says IS NOT NULL is not in these files.",
                level="note",
            )
            continue
        yield model.Hit(
            locks.takes(locks.ACCESS_EXCLUSIVE, table, "while every row is read"),
            f"ALTER TABLE {locks.shown(table)} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID;\n"
            f"-- in the next migration:\n{validate(table, name)}\n-- in the one after it:\n"
            f"ALTER TABLE {locks.shown(table)} ALTER COLUMN {column} SET NOT NULL;\n"
            f"ALTER TABLE {locks.shown(table)} DROP CONSTRAINT {name};",
            lasts=(table,),
        )


def _made_not_null(place: model.Place, table: tree.Name) -> Iterator[str]:
    known = place.table(table)
    for command in tree.commands(place.node):
        constraint = tree.definition(command).constraint
        if command.subtype == pg.AT_SetNotNull:
            yield command.name
        elif command.subtype == pg.AT_AddConstraint and constraint.contype == pg.CONSTR_NOTNULL:
            if not constraint.skip_validation:
                yield from tree.strings(constraint.keys)
        elif constraint.indexname and constraint.contype == pg.CONSTR_PRIMARY and known is not None:
            index = place.catalog.indexes.get((table[0], constraint.indexname))
            yield from (column for column in (index.columns if index else ()) if column in known.columns)


@model.rule(
    "validate-under-lock",
    "error",
    "alter_table_stmt",
    condition="VALIDATE CONSTRAINT in a transaction that holds a strong lock on the table, as ADD CONSTRAINT NOT VALID "
    "in the same file does.",
    effect="The rows are checked under the lock that NOT VALID was to avoid.",
    workaround="VALIDATE CONSTRAINT in a migration of its own, or in a file with `-- mode: statements`.",
    group="constraints",
    decides=("constraint-missing-not-valid",),
)
def _validated_at_once(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    held = next((lock for lock in place.held if lock.table == table and lock.mode in locks.STRONG), None)
    together = [c for c in tree.commands(place.node) if c.subtype != pg.AT_ValidateConstraint]
    if place.is_empty(table):
        return
    for command in tree.commands(place.node):
        if command.subtype == pg.AT_ValidateConstraint and (held is not None or together):
            where = f"since line {held.line}" if held is not None else "by the other commands of this statement"
            mode = held.mode if held is not None else locks.ACCESS_EXCLUSIVE
            yield model.Hit(
                f"{mode} is held on {locks.shown(table)} {where}: it {locks.BLOCKS[mode]} while every row is checked.",
                f"-- in a migration of its own:\n{validate(table, command.name)}",
                lasts=(table,),
            )


@model.rule(
    "domain-constraint-scans",
    "error",
    "alter_domain_stmt",
    condition="ALTER DOMAIN … ADD CONSTRAINT without NOT VALID, or SET NOT NULL; VALIDATE CONSTRAINT as a warning.",
    effect="Every table with a column of the domain is read under ShareLock: writes to all of them wait.",
    workaround="ADD CONSTRAINT … NOT VALID, then ALTER DOMAIN … VALIDATE CONSTRAINT in the next migration.",
    group="constraints",
    decides=("ban-alter-domain-with-add-constraint",),
)
def _domain(place: model.Place) -> Iterator[model.Hit]:
    alter = place.stmt
    name = tree.qualified(tree.strings(alter.type_name), place.schema)
    if place.is_new_object("domain", name):
        return
    constraint = tree.definition(alter).constraint
    if alter.subtype == "O" or (alter.subtype == "C" and not constraint.skip_validation):
        yield model.Hit(
            f"Takes ShareLock on every table with a column of {locks.shown(name)}, and reads all of their rows.",
            f"{place.item.text} NOT VALID;" if alter.subtype == "C" else "",
        )
    elif alter.subtype == "V":
        yield model.Hit(
            f"Reads all rows of every table with a column of {locks.shown(name)} under ShareLock: writes wait.",
            remedy="It has to be done once: at an hour with few writes, in a migration of its own.",
            level="warning",
        )


@model.rule(
    "foreign-key-cascades",
    "warning",
    "alter_table_stmt",
    condition="A foreign key that is dropped and made again with ON DELETE CASCADE.",
    effect="A DELETE that was refused until now removes the rows that refer to it, without asking.",
    workaround="NO ACTION, and an application that removes them itself; `-- breaking: …` says that it is meant.",
    group="constraints",
)
def _cascades(place: model.Place) -> Iterator[model.Hit]:
    for table, constraint, _ in added(place):
        if constraint.contype != pg.CONSTR_FOREIGN or constraint.fk_del_action != "c":
            continue
        gone = [
            command.name
            for other in place.others[: place.number + 1]
            if other.node.WhichOneof("node") == "alter_table_stmt"
            and place.name(other.node.alter_table_stmt.relation) == table
            for command in tree.commands(other.node)
            if command.subtype == pg.AT_DropConstraint
        ]
        again = [name for name in gone if name == constraint.conname or "fk" in name]
        if again and not place.script.directives.breaking:
            target = locks.shown(place.name(constraint.pktable))
            yield model.Hit(f"A DELETE on {target} removes rows of {locks.shown(table)} from here on: it was refused.")
