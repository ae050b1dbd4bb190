"""A view of each version of the application, in a schema of its own: the next version's has the new name."""

import re

from schemata import errors
from schemata.changes.authoring import checks, draft, names
from schemata.changes.authoring.families import privileges, same_name

#: For lint, which does not know that schema; in rollbacks it does not look at it.
_ALLOW = {"wrong-schema": "the views of a version lie in a schema of their own"}


def rename(request: draft.Request, new: str) -> draft.Draft:
    """Return the files that give a column, or the table, another name in the views of the next version."""
    changed = request.table
    checks.viewable(request)
    if not request.versions:
        raise draft.Refused(
            f"{changed.sql} has no view of a version: none is called {names.quoted(changed.name)} in a schema whose "
            f"name begins with {changed.schema}_",
            "Write them first: inv views-sync; or choose another way: --strategy samename",
        )
    schema = _next(request)
    columns = [(column.name, column.name) for column in changed.columns]
    is_table = request.kind == "rename-table"
    view = names.quoted(schema, new if is_table else changed.name)
    if is_table:
        rename_it = f"ALTER TABLE {changed.sql} RENAME TO {names.quoted(new)};"
        rename_back = f"ALTER TABLE {names.quoted(changed.schema, new)} RENAME TO {names.quoted(changed.name)};"
        what = f"{changed.sql} as {names.quoted(new)}"
    else:
        old = checks.column(request, request.words[0])
        columns = [(new if name == old.name else name, name) for name, _ in columns]
        rename_it = f"ALTER TABLE {changed.sql} RENAME COLUMN {old.sql} TO {names.quoted(new)};"
        rename_back = f"ALTER TABLE {changed.sql} RENAME COLUMN {names.quoted(new)} TO {old.sql};"
        what = f"{changed.sql}.{old.sql} as {names.quoted(new)}"
    newest = request.versions[-1]
    made = [] if schema in request.schemas else [f"CREATE SCHEMA IF NOT EXISTS {names.quoted(schema)};"]
    for to, privilege, again in newest.usage if made else ():
        option = " WITH GRANT OPTION" if again else ""
        made.append(f"GRANT {privilege} ON SCHEMA {names.quoted(schema)} TO {privileges.role(to)}{option};")
    made += same_name.create(request, view, changed.sql, columns)
    drop_schema = [] if schema in request.schemas else [f"DROP SCHEMA {names.quoted(schema)};"]
    olds = [names.quoted(one.schema, changed.name) for one in request.versions]
    expand = draft.File(
        "expand",
        f"Show {what} to the version {names.quoted(schema)}.",
        (
            f"The releases before go on with their views ({', '.join(olds)}), the next one uses {view}. The views of "
            "the other tables for that version are written by `inv views-sync`.",
        ),
        tuple(made),
        (f"DROP VIEW {view};", *drop_schema),
        allow=_ALLOW,
    )
    contract = draft.File(
        "contract",
        f"Rename {what}, and drop the views of the versions before.",
        (f"The view {view} follows the name.",),
        (*(f"DROP VIEW {old};" for old in olds), rename_it),
        (rename_back, *(text for one in request.versions for text in _again(request, one))),
        ("The views are made again; they show all that was written.",),
        allow=_ALLOW,
        breaking=f"a release that uses {', '.join(olds)} fails",
    )
    return draft.Draft((expand, contract), "view")


def _again(request: draft.Request, version: draft.Version) -> list[str]:
    view = names.quoted(version.schema, request.table.name)
    options = f" WITH ({', '.join(version.options)})" if version.options else ""
    made = [f"CREATE VIEW {view}{options} AS\n{version.definition}"]
    if version.owner != request.user:
        made.append(f"ALTER VIEW {view} OWNER TO {privileges.role(version.owner)};")
    return [*made, *privileges.on_relation(view, version.grants)]


def _next(request: draft.Request) -> str:
    """Return the schema of the next version: what --to says, else the newest one's with the next number."""
    newest = request.versions[-1].schema
    if request.options.to:
        schema = names.single(request.options.to, "the schema")
    else:
        number = re.fullmatch(r"(.*?)(\d+)", newest)
        if number is None:
            raise errors.ConfigError(
                f"the version of {newest} has no number, so that the next one's is not known", "Name it: --to SCHEMA"
            )
        schema = names.checked(f"{number[1]}{int(number[2]) + 1}", "the schema")
    if any(one.schema == schema for one in request.versions):
        raise draft.Refused(
            f"{names.quoted(schema, request.table.name)} is there already", "Name the next version: --to SCHEMA"
        )
    return schema
