"""What is removed: tables, columns and rows that nobody gets back, and what a running application still asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import column_types, locks, replay, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

_NOTE = "Say in the leading comment who no longer needs it, and since when: `-- breaking: …`."
_ROWS = ("table", "schema", "database", "materialized view", "foreign table", "sequence")
_CALLED = ("view", "function", "procedure", "routine", "aggregate", "type", "domain", "extension")


def declared(place: model.Place) -> model.Severity | None:
    """Return the severity of a break: a note where the file says that it breaks and why, else that of the rule."""
    return "note" if place.script.directives.breaking else None


def made_again(place: model.Place, kind: str, name: tuple[str, str], dropped: Any) -> bool:
    """Tell whether a later statement of the same transaction creates what this one drops, and callers find it."""
    if not place.in_transaction:
        return False
    for other in place.others[place.number + 1 :]:
        node = other.node
        match node.WhichOneof("node"):
            case "view_stmt" if kind == "view":
                if place.name(node.view_stmt.view) == name:
                    return not lost(place, name, node.view_stmt)
            case "create_function_stmt" if kind in ("function", "procedure", "routine"):
                create = node.create_function_stmt
                made = tree.qualified(tree.strings(create.funcname), place.schema)
                if made == name and _answers(create, dropped.object_with_args):
                    return True
            case "create_table_as_stmt" if kind == "materialized view":
                if place.name(node.create_table_as_stmt.into.rel) == name:
                    return True
    return False


def lost(place: model.Place, name: tuple[str, str], view: Any) -> list[str]:
    """Return the columns that a view showed and that it does not show as it is made again, as far as both tell."""
    known, now = place.catalog.views.get(name), tree.shown(view)
    return [column for column in known.shows if column not in now] if known and now else []


def _answers(create: Any, dropped: Any) -> bool:
    """Tell whether calls of a function that is dropped find the one that is created."""
    if dropped.args_unspecified:
        return True
    parameters = [item.function_parameter for item in create.parameters]
    left = (pg.FUNC_PARAM_OUT, pg.FUNC_PARAM_TABLE)
    taken = [one for one in parameters if one.mode not in left]
    old = [column_types.type_of(item.type_name) for item in dropped.objargs]
    new = [column_types.type_of(one.arg_type) for one in taken]
    return new[: len(old)] == old and all(one.HasField("defexpr") for one in taken[len(old) :])


def _dropped(place: model.Place, kinds: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, str]]]:
    kind = replay.kind_of(place.stmt.remove_type)
    if kind in kinds:
        for name, item in zip(tree.objects(place.stmt, place.schema), place.stmt.objects, strict=True):
            temporary = kind == "table" and place.is_empty(name)
            if not temporary and not place.is_new_object(kind, name) and not made_again(place, kind, name, item):
                yield kind, name


def _called(kind: str, name: tuple[str, str]) -> str:
    return f"{kind} {name[1] if kind in ('schema', 'extension') else locks.shown(name)}"


@model.rule(
    "drop-table",
    "error",
    "drop_stmt",
    "dropdb_stmt",
    "drop_owned_stmt",
    condition="DROP TABLE, SCHEMA, DATABASE, SEQUENCE, FOREIGN TABLE, MATERIALIZED VIEW or DROP OWNED of what existed "
    "before the migration.",
    effect="Its rows are gone, and a release that still runs fails at the next query.",
    workaround="Stop using it in one release, drop it in a later one; `-- breaking: …` says that this is so.",
    group="removed",
    decides=("ban-drop-table", "ban-drop-schema", "ban-drop-database", "ban-drop-sequence"),
)
def _drop_table(place: model.Place) -> Iterator[model.Hit]:
    if place.kind == "drop_stmt":
        for kind, name in _dropped(place, _ROWS):
            yield model.Hit(
                f"Removes the {_called(kind, name)} and what is in it; a release that still asks for it fails.",
                remedy=_NOTE,
                level=declared(place),
            )
    else:
        yield model.Hit("Removes everything that is in it.", remedy=_NOTE, level=declared(place))


@model.rule(
    "drop-object",
    "error",
    "drop_stmt",
    condition="DROP VIEW, FUNCTION, PROCEDURE, AGGREGATE, TYPE, DOMAIN or EXTENSION of what existed before the "
    "migration, and is not created again in the same transaction with all of its columns, or for the same arguments.",
    effect="A release that still runs fails at the next query that uses it.",
    workaround="Stop using it in one release, drop it in a later one; `-- breaking: …` says that this is so.",
    group="removed",
    decides=("ban-drop-view", "ban-drop-function", "ban-drop-type", "ban-drop-domain", "ban-drop-extension"),
)
def _drop_object(place: model.Place) -> Iterator[model.Hit]:
    for kind, name in _dropped(place, _CALLED):
        yield model.Hit(
            f"Removes the {_called(kind, name)}; a release that still uses it fails.",
            remedy=_NOTE,
            level=declared(place),
        )


@model.rule(
    "drop-cascade",
    "error",
    "drop_stmt",
    "truncate_stmt",
    "alter_table_stmt",
    condition="CASCADE on what existed before the migration.",
    effect="Everything that depends on it goes too, also what these files do not name: views, foreign keys, rows.",
    workaround="Name what is to go, each in a statement of its own.",
    group="removed",
    decides=("ban-truncate-cascade",),
)
def _cascade(place: model.Place) -> Iterator[model.Hit]:
    text = "What depends on it goes too, whatever that is on the server where this runs."
    if place.kind == "truncate_stmt":
        if place.stmt.behavior == pg.DROP_CASCADE:
            yield model.Hit("Every table whose foreign keys refer to it is emptied too.")
    elif place.kind == "drop_stmt":
        kind = replay.kind_of(place.stmt.remove_type)
        names = tree.objects(place.stmt, place.schema)
        if place.stmt.behavior == pg.DROP_CASCADE and not all(place.is_new_object(kind, name) for name in names):
            yield model.Hit(text)
    elif not place.is_empty(place.name(place.stmt.relation)):
        kinds = (pg.AT_DropColumn, pg.AT_DropConstraint)
        commands = [c for c in tree.commands(place.node) if c.subtype in kinds and c.behavior == pg.DROP_CASCADE]
        if commands:
            yield model.Hit(text)


@model.rule(
    "drop-column",
    "error",
    "alter_table_stmt",
    condition="DROP COLUMN or DROP ATTRIBUTE on what existed before the migration.",
    effect="Its values are gone, and a release that still names it fails at the next query.",
    workaround="Stop using it in one release, drop it in a later one; `-- breaking: …` says that this is so.",
    group="removed",
    decides=("ban-drop-column",),
)
def _drop_column(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    if place.is_empty(table) or place.is_new_object("type", table):
        return
    for command in tree.commands(place.node):
        if command.subtype == pg.AT_DropColumn:
            yield model.Hit(
                f"Removes the values of {locks.shown(table)}.{command.name}; a release that still names it fails.",
                remedy=_NOTE,
                level=declared(place),
            )


@model.rule(
    "drop-constraint",
    "warning",
    "alter_table_stmt",
    condition="DROP CONSTRAINT, DROP IDENTITY, DROP EXPRESSION on a table in use, unless the constraint is added "
    "again in "
    "the same transaction, or says no more than NOT NULL does.",
    effect="What it kept true is not kept from then on; ON CONFLICT and foreign keys that need it fail.",
    workaround="Say who keeps it true from now on: `-- breaking: …`.",
    group="removed",
    decides=("ban-drop-constraint", "ban-drop-generated-expression"),
)
def _drop_constraint(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    known = place.table(table)
    if place.is_empty(table) or place.stmt.objtype != pg.OBJECT_TABLE:
        return
    for command in tree.commands(place.node):
        if command.subtype in (pg.AT_DropIdentity, pg.AT_DropExpression):
            yield model.Hit(
                f"{locks.shown(table)}.{command.name} gets no value by itself any more.", level=declared(place)
            )
        if command.subtype != pg.AT_DropConstraint or _is_added(place, table, command.name):
            continue
        constraint = known.constraints.get(command.name) if known else None
        if constraint is not None and _is_needless(place, table, constraint.kind, constraint.uses, constraint.not_null):
            continue
        if constraint is not None and constraint.kind == "unknown" and constraint.valid:
            continue  # validated in these files for a SET NOT NULL or an ATTACH that stands beside it
        level = declared(place)
        if level is None and (constraint.kind == "primary" if constraint else command.name.endswith("_pkey")):
            level = "error"  # replication, upserts and the foreign keys that refer to it need it
        yield model.Hit(f"What {command.name} kept true of {locks.shown(table)} is not kept from then on.", level=level)


def _is_added(place: model.Place, table: tuple[str, str], name: str) -> bool:
    for other in place.others[place.number :] if place.in_transaction else (place.item,):
        node = other.node
        if node.WhichOneof("node") == "alter_table_stmt" and place.name(node.alter_table_stmt.relation) == table:
            for command in tree.commands(node):
                constraint = tree.definition(command).constraint
                if command.subtype == pg.AT_AddConstraint and constraint.conname == name:
                    return True
    return False


def _is_needless(
    place: model.Place, table: tuple[str, str], kind: str, uses: frozenset[str], not_null: frozenset[str]
) -> bool:
    """Tell whether a CHECK says of its columns only that they are not null, which they are by themselves too."""
    known = place.table(table)
    if known is None or kind != "check":
        return False
    attached = known.partition_of is not None
    mine = [
        command.name
        for other in place.others[: place.number + 1]
        if other.node.WhichOneof("node") == "alter_table_stmt"
        and place.name(other.node.alter_table_stmt.relation) == table
        for command in tree.commands(other.node)
        if command.subtype == pg.AT_SetNotNull
    ]
    settled = all((name in known.columns and known.columns[name].not_null) or name in mine for name in uses)
    return attached or (uses == not_null and bool(uses) and settled)


@model.rule(
    "drop-not-null",
    "note",
    "alter_table_stmt",
    condition="DROP NOT NULL on a table in use.",
    effect="A reader that takes the value for given meets NULL from then on.",
    workaround="Let every reader know NULL first.",
    group="removed",
    decides=("ban-drop-not-null",),
)
def _drop_not_null(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    for command in tree.commands(place.node):
        if command.subtype == pg.AT_DropNotNull and not place.is_empty(table):
            yield model.Hit(
                f"A reader that takes {locks.shown(table)}.{command.name} for given meets NULL from here on."
            )


@model.rule(
    "truncate",
    "error",
    "truncate_stmt",
    condition="TRUNCATE of a table that existed before the migration.",
    effect="AccessExclusiveLock; all rows are gone, and no trigger of a row sees it.",
    workaround="DELETE what is to go, in batches; `-- breaking: …` says that the rows are not needed.",
    group="removed",
)
def _truncate(place: model.Place) -> Iterator[model.Hit]:
    tables = [name for item in place.stmt.relations if not place.is_empty(name := place.name(item.range_var))]
    if tables:
        yield model.Hit(
            f"Empties {', '.join(map(locks.shown, tables))} under AccessExclusiveLock.",
            remedy=_NOTE,
            level=declared(place),
        )


@model.rule(
    "revoke",
    "warning",
    "grant_stmt",
    "grant_role_stmt",
    condition="REVOKE of a privilege or a role; of PUBLIC, where the object existed before the migration and more than "
    "CREATE or TEMPORARY is taken.",
    effect="A session that works by it is refused at its next statement.",
    workaround="Say who loses what, and that nobody uses it: `-- breaking: …`. Of PUBLIC on a new object it is right.",
    group="removed",
    decides=("ban-revoke",),
)
def _revoke(place: model.Place) -> Iterator[model.Hit]:
    if place.stmt.is_grant or place.script.directives.breaking:
        return
    grantees = place.stmt.grantees if place.kind == "grant_stmt" else place.stmt.grantee_roles
    if all(item.role_spec.roletype == pg.ROLESPEC_PUBLIC for item in grantees) and not _is_used(place):
        return
    roles = ", ".join(item.role_spec.rolename or "PUBLIC" for item in grantees)
    yield model.Hit(f"What {roles} did by it is refused from here on.")


def _is_used(place: model.Place) -> bool:
    """Tell whether what PUBLIC loses may be in use: a privilege to read, write or call, on what was there before."""
    taken = {item.access_priv.priv_name for item in place.stmt.privileges} if place.kind == "grant_stmt" else set()
    if place.kind != "grant_stmt" or (taken and taken <= {"create", "temporary", "temp"}):
        return False
    made = {
        tree.qualified(tree.strings(node.create_function_stmt.funcname), place.schema)
        for node in (other.node for other in place.others)
        if node.WhichOneof("node") == "create_function_stmt"
    }
    kind = replay.kind_of(place.stmt.objtype)
    for item in place.stmt.objects:
        match kind:
            case "table" | "sequence":
                name = place.name(item.range_var)
                old = not place.is_empty(name) and not any(place.is_new_object(k, name) for k in ("view", "sequence"))
            case "function" | "procedure" | "routine":
                name = tree.qualified(tree.strings(item.object_with_args.objname), place.schema)
                old = name not in made and not place.is_new_object("function", name)
            case "schema":
                old = not place.is_new_object("schema", ("", item.string.sval))
            case _:
                old = kind == "database"
        if old:
            return True
    return False
