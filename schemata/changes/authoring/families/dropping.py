"""A column or a table goes: first nobody has to write it, then it is set aside, then it is dropped."""

from schemata.changes.authoring import checks, draft, names, table
from schemata.changes.authoring.families import altering, privileges

_ALLOW = "the contract set it aside, and no release asks for it"
_IRREVERSIBLE = "the values are gone; a backup has them"


def column(request: draft.Request) -> draft.Draft:
    """Return the files that drop a column which the next release does not use."""
    old = checks.column(request, request.words[0])
    checks.droppable(request, old)
    changed = request.table
    what = f"{changed.sql}.{old.sql}"
    kept = names.kept(old.name, changed.column_names)
    free = [f"ALTER COLUMN {old.sql} SET DEFAULT {request.options.default}"] if request.options.default else []
    back = (
        [f"ALTER COLUMN {old.sql} SET DEFAULT {old.default}" if old.default else f"ALTER COLUMN {old.sql} DROP DEFAULT"]
        if free
        else []
    )
    why = ["The next release neither reads nor writes it; the one before goes on."]
    undo_why: tuple[str, ...] = ()
    has_value = old.default or old.identity or old.generated or request.options.default
    if old.not_null and not has_value:
        free.append(f"ALTER COLUMN {old.sql} DROP NOT NULL")
        back.append(altering.restored_not_null(request, old))
        why.append(
            "A row that the next release writes has NULL in it: where the one before cannot read that, give it a "
            "default instead (--default)."
        )
        undo_why = (f"Rows that have NULL in {old.sql} keep it from being NOT NULL again: fill them first.",)
    statements = [altering.alter(changed, free)] if free else []
    undo = [altering.alter(changed, back)] if back else []
    statements.append(_comment(f"COLUMN {what}", f"Goes with the change {request.id}: no longer used."))
    undo.append(_comment(f"COLUMN {what}", old.comment))
    expand = draft.File("expand", f"Use {what} no more.", tuple(why), tuple(statements), tuple(undo), undo_why)
    contract = draft.File(
        "contract",
        f"Set {what} aside, as {names.quoted(kept)}.",
        ("It is renamed, not dropped: `inv change-undo` gives it its name back.",),
        (f"ALTER TABLE {changed.sql} RENAME COLUMN {old.sql} TO {names.quoted(kept)};",),
        (f"ALTER TABLE {changed.sql} RENAME COLUMN {names.quoted(kept)} TO {old.sql};",),
        ("The values are as they were.",),
        breaking=f"a release that asks for {what} fails",
    )
    finish = draft.File(
        "finish",
        f"Drop what the contract kept of {what}.",
        ("Its indexes and constraints go with it.",),
        (altering.alter(changed, [f"DROP COLUMN {names.quoted(kept)}"]),),
        irreversible=_IRREVERSIBLE,
        allow={"drop-column": _ALLOW},
    )
    return draft.Draft((expand, contract, finish), notes=_goes_with(changed, old))


def _goes_with(changed: table.Table, old: table.Column) -> tuple[str, ...]:
    found = [index.name for index in changed.indexes if old.name in index.columns]
    found += [one.name for one in changed.constraints if old.name in one.columns and one.kind in "cf"]
    notes: tuple[str, ...] = (f"With the column go: {', '.join(sorted(found))}.",) if found else ()
    names_it = [name for name, source in changed.triggers if old.name in source]
    if names_it:
        notes += (f"The functions of these triggers name it: {', '.join(names_it)}. Write them without it first.",)
    return notes


def _comment(target: str, text: str) -> str:
    return f"COMMENT ON {target} IS {privileges.literal(text) if text else 'NULL'};"


def whole(request: draft.Request) -> draft.Draft:
    """Return the files that drop a table which the next release does not use."""
    changed = request.table
    checks.table_droppable(request)
    kept = names.kept(changed.name, changed.relations)
    aside = names.quoted(changed.schema, kept)
    expand = draft.File(
        "expand",
        f"Use {changed.sql} no more.",
        ("The next release neither reads nor writes it; the one before goes on.",),
        (_comment(f"TABLE {changed.sql}", f"Goes with the change {request.id}: no longer used."),),
        (_comment(f"TABLE {changed.sql}", changed.comment),),
    )
    contract = draft.File(
        "contract",
        f"Set {changed.sql} aside, as {aside}.",
        ("It is renamed, not dropped: `inv change-undo` gives it its name back.",),
        (f"ALTER TABLE {changed.sql} RENAME TO {names.quoted(kept)};",),
        (f"ALTER TABLE {aside} RENAME TO {names.quoted(changed.name)};",),
        ("The rows are as they were.",),
        breaking=f"a release that asks for {changed.sql} fails",
    )
    finish = draft.File(
        "finish",
        f"Drop what the contract kept of {changed.sql}.",
        ("Its indexes, constraints and sequences go with it.",),
        (f"DROP TABLE {aside};",),
        irreversible="the rows are gone; a backup has them",
        allow={"drop-table": _ALLOW},
    )
    return draft.Draft((expand, contract, finish))
