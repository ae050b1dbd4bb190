"""A view in the place of a table, under its name: both names at once, and no second column."""

from collections.abc import Iterator

from schemata.changes.authoring import checks, draft, names, table
from schemata.changes.authoring.families import privileges

#: What a view cannot do that a table can; the application must do without as long as it stands there.
LIMITS = (
    "Through a view these fail: COPY … FROM, TRUNCATE, INSERT without a column list that gives every column, "
    "ON CONFLICT ON CONSTRAINT, a new foreign key to it, LOCK TABLE … ONLY, ctid and xmin."
)


def create(
    request: draft.Request, view: str, relation: str, columns: list[tuple[str, str]], *, comments: bool = True
) -> tuple[str, ...]:
    """Return the statements that make a view over a table, with its owner, privileges and comments.

    :param columns: of the view, each with that of the table which it shows.
    """
    changed = request.table
    option = " WITH (security_invoker = true)" if request.major >= checks.SECURITY_INVOKER else ""
    shown = ",\n    ".join(
        names.quoted(column) if column == name else f"{names.quoted(column)} AS {names.quoted(name)}"
        for name, column in columns
    )
    statements = [f"CREATE VIEW {view}{option} AS\nSELECT\n    {shown}\nFROM {relation};"]
    if changed.owner and changed.owner != request.user:
        statements.append(f"ALTER VIEW {view} OWNER TO {privileges.role(changed.owner)};")
    statements += privileges.on_relation(view, changed.grants)
    by_name = {column.name: column for column in changed.columns}
    statements += privileges.columns(view, [(name, by_name[column].grants) for name, column in columns])
    if comments:
        statements += _comments(changed, view, columns)
    return tuple(statements)


def _comments(changed: table.Table, view: str, columns: list[tuple[str, str]]) -> Iterator[str]:
    if changed.comment:
        yield f"COMMENT ON VIEW {view} IS {privileges.literal(changed.comment)};"
    by_name = {column.name: column for column in changed.columns}
    for name, column in columns:
        if by_name[column].comment:
            yield f"COMMENT ON COLUMN {view}.{names.quoted(name)} IS {privileges.literal(by_name[column].comment)};"


def rename_column(request: draft.Request, new: str) -> draft.Draft:
    """Return the files that give a column another name behind a view that has both."""
    changed = request.table
    old = checks.column(request, request.words[0])
    checks.viewable(request)
    base = names.made(changed.name, "_base", changed.relations)
    base_sql = names.quoted(changed.schema, base)
    both = [(column.name, column.name) for column in changed.columns] + [(new, old.name)]
    view = create(request, changed.sql, base_sql, both)
    aside = f"ALTER TABLE {changed.sql} RENAME TO {names.quoted(base)};"
    back = f"ALTER TABLE {base_sql} RENAME TO {names.quoted(changed.name)};"
    expand = draft.File(
        "expand",
        f"Show {changed.sql}.{old.sql} also as {names.quoted(new)}.",
        (
            f"The table becomes {base_sql}; a view of its name has both names of the one column. The release before "
            "goes on with the old name, the next one uses the new one. What is left out gets the table's defaults.",
            LIMITS,
            "One statement that writes both names is refused by the server (multiple assignments to same column).",
        ),
        (aside, *view),
        (f"DROP VIEW {changed.sql};", back),
    )
    contract = draft.File(
        "contract",
        f"Rename {changed.sql}.{old.sql} to {names.quoted(new)}, and take the view away.",
        ("The table is back under its name, as one, with the new name of the column.",),
        (
            f"DROP VIEW {changed.sql};",
            back,
            f"ALTER TABLE {changed.sql} RENAME COLUMN {old.sql} TO {names.quoted(new)};",
        ),
        (
            f"ALTER TABLE {changed.sql} RENAME COLUMN {names.quoted(new)} TO {old.sql};",
            aside,
            *view,
        ),
        ("No row moves: the one column has both names again, with all that was written.",),
        breaking=f"a release that asks for {changed.sql}.{old.sql} fails",
    )
    return draft.Draft((expand, contract), "samename", notes=(LIMITS, *_trigger_notes(changed, old.name)))


def _trigger_notes(changed: table.Table, column: str) -> Iterator[str]:
    for name, source in changed.triggers:
        if column in source:
            yield (
                f"The function of the trigger {name} names {column}: let the contract make it again with the new "
                "name, in the same transaction."
            )


def rename_table(request: draft.Request, new: str) -> draft.Draft:
    """Return the files that give a table another name, behind a view of the old one."""
    changed = request.table
    checks.viewable(request)
    target = names.quoted(changed.schema, new)
    view = create(request, changed.sql, target, [(column.name, column.name) for column in changed.columns])
    expand = draft.File(
        "expand",
        f"Rename {changed.sql} to {target}, and leave a view of the old name.",
        ("The release before goes on with the view, the next one uses the table.", LIMITS),
        (f"ALTER TABLE {changed.sql} RENAME TO {names.quoted(new)};", *view),
        (f"DROP VIEW {changed.sql};", f"ALTER TABLE {target} RENAME TO {names.quoted(changed.name)};"),
    )
    contract = draft.File(
        "contract",
        f"Drop the view {changed.sql}, the old name of {target}.",
        ("No row is touched.",),
        (f"DROP VIEW {changed.sql};",),
        view,
        ("The view is made again; it shows all that was written.",),
        breaking=f"a release that asks for {changed.sql} fails",
    )
    note = "Indexes, constraints and sequences keep their names, which have the old table's in them."
    return draft.Draft((expand, contract), "samename", notes=(LIMITS, note), tables=(target,))
