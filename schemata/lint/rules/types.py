"""Types and keys of new tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import locks, objects, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

_BETTER = {
    "json": ("jsonb", "it has no equality: DISTINCT, GROUP BY and UNION fail, and no index serves it"),
    "money": ("numeric(20, 4)", "its value depends on lc_monetary of the session, and it rounds to that currency"),
    "timetz": ("timestamptz", "a time zone without a date has no offset: summer time is lost"),
    "bpchar": ("text", "it is padded with blanks, which comparisons ignore and LIKE does not"),
    "timestamp": ("timestamptz", "it stores no moment: what it means depends on who reads it"),
    "serial": ("bigint GENERATED ALWAYS AS IDENTITY", "its sequence has privileges and an owner of its own"),
    "xml": ("text", "it has no equality and no index"),
}
_NOTES = ("timestamp", "serial", "xml")


@model.rule(
    "discouraged-type",
    "warning",
    "create_stmt",
    "alter_table_stmt",
    condition="A column of type json, money, timetz or char(n); timestamp without time zone, serial and xml as a note.",
    effect="Each has a better one beside it, and changing the type later writes the whole table again.",
    workaround="jsonb, numeric, timestamptz, text with a CHECK, GENERATED ALWAYS AS IDENTITY.",
    group="types",
    decides=("ban-char-field", "prefer-timestamp-tz", "prefer-identity"),
)
def _types(place: model.Place) -> Iterator[model.Hit]:
    for column in columns(place):
        names = [name for name in tree.strings(column.type_name.names) if name != "pg_catalog"]
        word = {"serial4": "serial", "serial8": "serial", "bigserial": "serial", "smallserial": "serial",
                "serial2": "serial"}.get(names[-1] if names else "", names[-1] if names else "")  # fmt: skip
        if word in _BETTER and len(names) == 1:
            better, why = _BETTER[word]
            shown = {"bpchar": "char", "timetz": "time with time zone", "timestamp": "timestamp without time zone"}
            yield model.Hit(
                f"{column.colname} is {shown.get(word, word)}: {why}.",
                remedy=f"Write {column.colname} {better}.",
                at=place.offset(column.location),
                level="note" if word in _NOTES else None,
            )


def columns(place: model.Place) -> Iterator[Any]:
    """Give the columns that a statement makes."""
    if place.kind == "create_stmt":
        yield from (item.column_def for item in place.stmt.table_elts if item.HasField("column_def"))
    elif place.kind == "alter_table_stmt":
        for command in tree.commands(place.node):
            if command.subtype == pg.AT_AddColumn:
                yield tree.definition(command).column_def


@model.rule(
    "no-primary-key",
    "warning",
    each="file",
    condition="CREATE TABLE without a primary key, also none that a later statement of the file adds.",
    effect="No row can be named: no batches, no upsert, no logical replication of UPDATE and DELETE.",
    workaround="id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, or a key of what is unique.",
    group="types",
)
def _no_key(whole: model.Whole) -> Iterator[model.Located]:
    for item in whole.script.statements:
        node = item.node
        which = node.WhichOneof("node")
        if which == "create_stmt":
            create = node.create_stmt
            name = whole.name(create.relation)
            if create.HasField("partbound") or create.relation.relpersistence == "t":
                continue
        elif which == "create_table_as_stmt" and node.create_table_as_stmt.objtype == pg.OBJECT_TABLE:
            name = whole.name(node.create_table_as_stmt.into.rel)
        else:
            continue
        table = whole.catalog.tables.get(name)
        if table is None or table.made_in != whole.script.path or table.temporary or _has_key(table):
            continue
        yield model.Located(whole.script.path, item.offset, model.Hit(f"No row of {locks.shown(name)} can be named."))


def _has_key(table: objects.Table) -> bool:
    if table.primary_key() is not None or table.inherits or table.partition_of is not None:
        return True
    return not table.complete and bool(table.columns)  # LIKE … INCLUDING ALL takes the key over


@model.rule(
    "foreign-key-without-index",
    "warning",
    each="end",
    condition="A foreign key whose columns are the beginning of no index of its table.",
    effect="Each DELETE of a referenced row, and each UPDATE of its key, reads the whole table, under a lock on that "
    "row.",
    workaround="CREATE INDEX on the columns of the key.",
    group="types",
)
def _no_index(end: model.End) -> Iterator[model.Located]:
    for script in end.scripts:
        if script.is_rollback:
            continue
        for item in script.statements:
            for name, constraint in _foreign_keys(end.catalog, script.schema, item.node):
                if not _is_indexed(end.catalog, name, constraint):
                    columns_ = ", ".join(constraint.columns)
                    target = locks.shown(constraint.target or ("", ""))
                    index = f"idx_{name[1]}_{'_'.join(constraint.columns)}"
                    yield model.Located(
                        script.path,
                        item.offset,
                        model.Hit(
                            f"A DELETE on {target} reads all of {locks.shown(name)}: no index begins with "
                            f"({columns_}).",
                            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {locks.quoted(index)}\n"
                            f"    ON {locks.quoted(*name)} ({', '.join(map(locks.quoted, constraint.columns))});",
                        ),
                    )


def _foreign_keys(
    catalog: objects.Catalog, schema: str, node: Any
) -> Iterator[tuple[tuple[str, str], objects.Constraint]]:
    """Give the foreign keys that a statement adds and that are still there at the end."""
    which = node.WhichOneof("node")
    if which not in ("create_stmt", "alter_table_stmt"):
        return
    name = tree.name_of(getattr(node, which).relation, schema)
    table = catalog.tables.get(name)
    # Of a table that is older than the files nobody knows the indexes.
    if table is None or table.temporary or not table.made_in:
        return
    for part in tree.walk(node):
        if isinstance(part, pg.ColumnDef):
            inside = [c for c in tree.constraints_of(part) if c.contype == pg.CONSTR_FOREIGN]
            wanted: set[tuple[str, ...]] = {(str(part.colname),)} if inside else set()
        elif isinstance(part, pg.Constraint) and part.contype == pg.CONSTR_FOREIGN and part.fk_attrs:
            wanted = {tuple(tree.strings(part.fk_attrs))}
        else:
            continue
        yield from ((name, c) for c in table.constraints.values() if c.kind == "foreign" and c.columns in wanted)


def _is_indexed(catalog: objects.Catalog, table: tuple[str, str], constraint: objects.Constraint) -> bool:
    wanted = set(constraint.columns)
    for index in catalog.indexes_of(table):
        leading = set(index.columns[: len(wanted)])
        # The first column of a key of several is enough to find the rows; `WHERE x IS NOT NULL` leaves none out.
        if leading == wanted or (len(wanted) > 1 and index.columns and index.columns[0] in wanted):
            return True
    return False


@model.rule(
    "replica-identity",
    "warning",
    "alter_table_stmt",
    condition="REPLICA IDENTITY NOTHING on a table in use.",
    effect="Where the table is published, every UPDATE and DELETE of it fails, for each session; else a subscriber of "
    "later on gets neither.",
    workaround="REPLICA IDENTITY DEFAULT with a primary key, or USING INDEX of a unique one.",
    group="types",
    decides=("ban-replica-identity",),
)
def _identity(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    for command in tree.commands(place.node):
        identity = tree.definition(command).replica_identity_stmt
        if command.subtype == pg.AT_ReplicaIdentity and identity.identity_type == "n" and not place.is_empty(table):
            yield model.Hit(
                f"UPDATE and DELETE of {locks.shown(table)} fail wherever it is published.",
                f"ALTER TABLE {locks.shown(table)} REPLICA IDENTITY DEFAULT;",
            )
