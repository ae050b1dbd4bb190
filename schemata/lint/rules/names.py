"""Names: whose they are, and whether what they mean depends on anything else."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import column_types, locks, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


@model.rule(
    "unqualified-name",
    "warning",
    condition="A table, view, index, sequence, type or routine without a schema in front of it.",
    effect="What it means depends on the search_path: another tool, psql or a rollback by hand makes it elsewhere.",
    workaround="schema.name.",
    group="names",
    decides=("require-table-schema",),
)
def _unqualified(place: model.Place) -> Iterator[model.Hit]:
    if not place.script.in_project or place.script.imported or place.script.directives.replaces or place.is_body:
        return
    seen = set()
    for what, word, location in _without_schema(place):
        if word in seen:
            continue
        seen.add(word)
        yield model.Hit(
            f"{what} {word} has no schema.", remedy=f"Write {place.schema}.{word}.", at=place.offset(location)
        )


def _without_schema(place: model.Place) -> Iterator[tuple[str, str, int]]:
    node = place.node
    common = {part.ctename for part in tree.walk(node) if isinstance(part, pg.CommonTableExpr)}
    if place.kind == "rule_stmt":
        common |= {"old", "new"}
    temporary = {
        table.name[1]
        for table in place.catalog.tables.values()
        if table.temporary and table.made_in == place.script.path
    }
    for part in tree.walk(node):
        if isinstance(part, pg.RangeVar):
            known = part.relname in common | temporary or part.relpersistence == "t" or part.relname.startswith("pg_")
            if not part.schemaname and not known:
                yield "Relation", part.relname, part.location
        elif isinstance(part, pg.TypeName) and place.kind != "define_stmt":  # there it may be a function as well
            names = tree.strings(part.names)
            if (
                len(names) == 1
                and names[0] not in column_types.BUILTIN
                and not part.pct_type
                and not _of_extension(names[0])
            ):
                yield "Type", names[0], part.location
    if place.kind == "create_function_stmt" and len(place.stmt.funcname) == 1:
        yield "Routine", place.stmt.funcname[0].string.sval, 0
    if place.kind in _TYPES:
        made: Any = getattr(place.stmt, _TYPES[place.kind])
        if len(made) == 1 and hasattr(made[0], "string"):
            yield "Type", made[0].string.sval, 0
    if place.kind == "drop_stmt":
        yield from _dropped(place.stmt, temporary)


#: Where the name of what is made stands.
_TYPES = {"create_enum_stmt": "type_name", "create_domain_stmt": "domainname", "create_range_stmt": "type_name"}
_EXTENSION_TYPES = frozenset(
    ("citext", "hstore", "ltree", "lquery", "cube", "geometry", "geography", "vector", "halfvec")
)


def _of_extension(name: str) -> bool:
    return name in _EXTENSION_TYPES


def _dropped(drop: Any, temporary: Collection[str]) -> Iterator[tuple[str, str, int]]:
    if drop.remove_type in (pg.OBJECT_TABLE, pg.OBJECT_INDEX, pg.OBJECT_VIEW, pg.OBJECT_MATVIEW, pg.OBJECT_SEQUENCE):
        for item in drop.objects:
            parts = tree.strings(item.list.items)
            if len(parts) == 1 and parts[0] not in temporary:
                yield "Relation", parts[0], 0


def changed(place: model.Place) -> Iterator[tree.Name]:
    """Give what a statement makes, changes or removes, or whose rows it changes, with its schema."""
    match place.kind:
        case "create_stmt" | "alter_table_stmt" | "index_stmt" | "insert_stmt" | "update_stmt" | "delete_stmt":
            yield place.name(place.stmt.relation)
        case "create_trig_stmt" | "rule_stmt" | "merge_stmt" | "copy_stmt" | "refresh_mat_view_stmt":
            if place.stmt.relation.relname:
                yield place.name(place.stmt.relation)
        case "view_stmt":
            yield place.name(place.stmt.view)
        case "create_table_as_stmt":
            yield place.name(place.stmt.into.rel)
        case "create_seq_stmt" | "alter_seq_stmt":
            yield place.name(place.stmt.sequence)
        case "create_function_stmt":
            yield tree.qualified(tree.strings(place.stmt.funcname), place.schema)
        case "create_enum_stmt" | "alter_enum_stmt":
            yield tree.qualified(tree.strings(place.stmt.type_name), place.schema)
        case "create_domain_stmt":
            yield tree.qualified(tree.strings(place.stmt.domainname), place.schema)
        case "rename_stmt" | "alter_object_schema_stmt" if place.stmt.HasField("relation"):
            yield place.name(place.stmt.relation)
        case "truncate_stmt":
            yield from (place.name(item.range_var) for item in place.stmt.relations)
        case "drop_stmt":
            kinds = (pg.OBJECT_TABLE, pg.OBJECT_INDEX, pg.OBJECT_VIEW, pg.OBJECT_MATVIEW, pg.OBJECT_SEQUENCE,
                     pg.OBJECT_FUNCTION, pg.OBJECT_TYPE, pg.OBJECT_TRIGGER)  # fmt: skip
            if place.stmt.remove_type in kinds:
                yield from tree.objects(place.stmt, place.schema)


@model.rule(
    "wrong-schema",
    "warning",
    condition="A statement that changes what is in another schema than that of the file's folder.",
    effect="Who looks for the history of a schema finds it in another folder; a schema restored alone lacks it.",
    workaround="Put it into a migration of that schema, with `-- depends:` where the order matters.",
    group="names",
)
def _wrong_schema(place: model.Place) -> Iterator[model.Hit]:
    if not place.script.in_project or place.script.directives.replaces:
        return
    for name in changed(place):
        if name[0] in ("", place.schema, "pg_temp") or place.is_temporary(name):
            continue
        if name[0] == place.options.history_schema:
            yield model.Hit(
                f"{locks.shown(name)} is the history of the migrations, which the engine writes.", level="error"
            )
        elif name[0] in ("pg_catalog", "information_schema", "pg_toast"):
            yield model.Hit(
                f"{locks.shown(name)} is the system's: nobody knows what the server makes of it.", level="error"
            )
        elif name[0] not in place.options.schemas:
            yield model.Hit(
                f"{locks.shown(name)} is in no schema of the settings: smoke, parity and snapshots do not look at it.",
                remedy=f"Add {name[0]} to `schemas`, or change it elsewhere.",
            )
        else:
            yield model.Hit(
                f"{locks.shown(name)} is not in the schema {place.schema} of this folder.",
                remedy=f"inv migrate-new --schema {name[0]} makes a file there.",
            )


@model.rule(
    "table-if-not-exists",
    "warning",
    "create_stmt",
    condition="CREATE TABLE without IF NOT EXISTS in a file that is not one transaction.",
    effect="A run that was interrupted behind it cannot be repeated: the table is there already.",
    workaround="IF NOT EXISTS, or put it into a migration in a transaction, which leaves no half.",
    group="names",
    decides=("prefer-robust-stmts",),
)
def _table(place: model.Place) -> Iterator[model.Hit]:
    if not place.in_transaction and not place.stmt.if_not_exists and not place.is_body:
        yield model.Hit("A second run, after one that was interrupted, would stop here because the table is there.")


@model.rule(
    "schema-if-not-exists",
    "warning",
    "create_schema_stmt",
    condition="CREATE SCHEMA without IF NOT EXISTS.",
    effect="The engine makes the schemas of the settings before the first migration: the statement fails.",
    workaround="CREATE SCHEMA IF NOT EXISTS, or none at all.",
    group="names",
)
def _schema(place: model.Place) -> Iterator[model.Hit]:
    if not place.stmt.if_not_exists and not place.script.directives.replaces:
        yield model.Hit(f"The engine has made {place.stmt.schemaname} by then if the settings name it, and this fails.")
