"""What gets another name: a release that still runs asks for the old one."""

from __future__ import annotations

from collections.abc import Iterator

from schemata.lint import model
from schemata.lint.rules import removed
from schemata.lint.structure import locks, replay

_HARMLESS = ("index", "constraint", "trigger", "policy", "rule", "tablespace")


@model.rule(
    "rename-column",
    "error",
    "rename_stmt",
    condition="RENAME COLUMN on a table, a view or a type that existed before the migration.",
    effect="A release that still runs fails at the next query that names it.",
    workaround="Add a column of the new name, keep both the same by a trigger, drop the old one in a later release; or "
    "keep the column and give the view above it the new name.",
    group="renamed",
    decides=("renaming-column",),
)
def _column(place: model.Place) -> Iterator[model.Hit]:
    rename = place.stmt
    kind = replay.kind_of(rename.rename_type)
    table = place.name(rename.relation)
    if kind not in ("column", "attribute") or place.is_empty(table) or place.is_new_object("view", table):
        return
    yield model.Hit(
        f"A release that runs asks for {locks.shown(table)}.{rename.subname}, which is {rename.newname} from here on.",
        f"ALTER TABLE {locks.shown(table)} ADD COLUMN {rename.newname} …;\n-- a trigger that keeps both the same, then "
        f"the old rows in batches; drop {rename.subname} in a later release",
        level=removed.declared(place),
    )


@model.rule(
    "rename-table",
    "error",
    "rename_stmt",
    condition="RENAME of a table or a view that existed before the migration.",
    effect="A release that still runs fails at the next query that names it.",
    workaround="Rename it and, in the same transaction, create a view of the old name; drop that in a later release.",
    group="renamed",
    decides=("renaming-table",),
)
def _table(place: model.Place) -> Iterator[model.Hit]:
    rename = place.stmt
    kind = replay.kind_of(rename.rename_type)
    name = place.name(rename.relation)
    if kind not in ("table", "view", "materialized view", "foreign table") or place.is_empty(name):
        return
    if place.is_new_object(kind, name) or (place.in_transaction and _view_instead(place, name)):
        return
    yield model.Hit(
        f"A release that runs asks for {locks.shown(name)}, which is {rename.newname} from here on.",
        f"{place.item.text};\nCREATE VIEW {locks.shown(name)} AS SELECT * FROM "
        f"{locks.shown((name[0], rename.newname))};",
        level=removed.declared(place),
    )


def _view_instead(place: model.Place, name: tuple[str, str]) -> bool:
    later = (other.node for other in place.others[place.number + 1 :])
    return any(node.WhichOneof("node") == "view_stmt" and place.name(node.view_stmt.view) == name for node in later)


@model.rule(
    "rename-object",
    "error",
    "rename_stmt",
    "alter_enum_stmt",
    condition="RENAME of a schema, a function, a type, an enum value, a sequence or a role that existed before the "
    "migration; of an index, a constraint, a trigger or a policy it is a note.",
    effect="A release that still runs fails at the next query that names it.",
    workaround="Make a second one of the new name, and drop the old one in a later release.",
    group="renamed",
    decides=("renaming-object",),
)
def _object(place: model.Place) -> Iterator[model.Hit]:
    if place.kind == "alter_enum_stmt":
        if place.stmt.old_val:
            text = (
                f"A release that runs writes and reads '{place.stmt.old_val}', which is '{place.stmt.new_val}' "
                "from here on."
            )
            yield model.Hit(text, level=removed.declared(place))
        return
    rename = place.stmt
    kind = replay.kind_of(rename.rename_type)
    if kind in ("column", "attribute", "table", "view", "materialized view", "foreign table"):
        return
    name = place.name(rename.relation) if rename.HasField("relation") else ("", rename.subname or "it")
    if place.is_new_object(kind, name) or (kind in _HARMLESS and place.is_empty(name)):
        return
    if kind in _HARMLESS:
        yield model.Hit(f"The {kind} has another name from here on, in errors and in plans.", level="note")
    else:
        yield model.Hit(f"A release that runs asks for the old name of the {kind}.", level=removed.declared(place))


@model.rule(
    "set-schema",
    "error",
    "alter_object_schema_stmt",
    condition="SET SCHEMA of what existed before the migration.",
    effect="A release that still runs asks for it where it was.",
    workaround="Create a view of the old name in the old schema, in the same transaction; drop it in a later release.",
    group="renamed",
    decides=("ban-set-schema",),
)
def _set_schema(place: model.Place) -> Iterator[model.Hit]:
    move = place.stmt
    kind = replay.kind_of(move.object_type)
    name = place.name(move.relation) if move.HasField("relation") else ("", "it")
    if place.is_empty(name) or place.is_new_object(kind, name) or _view_instead(place, name):
        return
    yield model.Hit(
        f"A release that runs asks for {locks.shown(name)}, which is in {move.newschema} from here on.",
        level=removed.declared(place),
    )
