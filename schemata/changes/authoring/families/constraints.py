"""Constraints that are added while the table is in use: unique, foreign key, check."""

from schemata import errors
from schemata.changes.authoring import checks, draft, expressions, names, table
from schemata.changes.authoring.families import altering

_FAILS = (
    "A row that breaks it and is written fails from here on, whichever release writes it; the rows from before are "
    "looked at by the contract."
)


def _columns(request: draft.Request, text: str) -> tuple[table.Column, ...]:
    return tuple(checks.column(request, names.quoted(name)) for name in names.several(text, "the column"))


def _constraint_name(request: draft.Request, columns: tuple[table.Column, ...], suffix: str) -> str:
    if request.options.name:
        return checks.new_constraint(request, names.single(request.options.name, "the constraint"))
    stem = "_".join([request.table.name, *(column.name for column in columns)])
    return names.made(stem, suffix, request.table.constraint_names | request.table.relations)


def unique(request: draft.Request) -> draft.Draft:
    """Return the files that make columns unique: the index beside reads and writes, then a constraint of it."""
    columns = _columns(request, request.words[0])
    changed = request.table
    if changed.kind == "p":
        raise draft.Refused(
            f"{changed.sql} is partitioned: a unique index of it cannot be built beside writes",
            "Build one on each partition concurrently, and attach them to one on ONLY the parent: inv migrate-new",
        )
    name = checks.new_relation(request, _constraint_name(request, columns, "_key"))
    listed = ", ".join(column.sql for column in columns)
    build = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {names.quoted(name)} ON {changed.sql} ({listed});"
    expand = draft.File(
        "expand",
        f"Build the unique index of {changed.sql} ({listed}).",
        (
            "Beside reads and writes. Where there are duplicates it fails and names one: remove them and run it again. "
            "A row that is a duplicate is refused from here on, whichever release writes it.",
        ),
        (altering.statement_of(request, name, build),),
        (f"DROP INDEX CONCURRENTLY IF EXISTS {names.quoted(changed.schema, name)};",),
        mode="statements",
        undo_mode="statements",
    )
    return draft.Draft((expand, altering.unique_by_index(changed, name, build)))


def check(request: draft.Request) -> draft.Draft:
    """Return the files that add a CHECK: for rows that are written, then for all."""
    name = checks.new_constraint(request, names.single(request.words[0], "the constraint"))
    expression = expressions.checked(request.words[1], "the condition")
    for column in expressions.columns(expression):
        checks.column(request, names.quoted(column))
    return _validated(request, name, f"CHECK ({expression})", f"Check {request.table.sql}: {names.quoted(name)}.", ())


def foreign_key(request: draft.Request) -> draft.Draft:
    """Return the files that add a foreign key: an index where none is, for rows that are written, then for all."""
    columns = _columns(request, request.words[0])
    changed, referred = request.table, request.referred
    assert referred is not None
    if changed.kind == "p" and request.major < 18:
        raise draft.Refused(
            f"{changed.sql} is partitioned: PostgreSQL {request.major} has no foreign key NOT VALID there",
            "Add it to each partition with NOT VALID, validate each, and then to the parent: inv migrate-new",
        )
    _, given = reference(request.words[1], changed.schema)
    keys = given or next((index.keys for index in referred.indexes if index.primary), ())
    if len(keys) != len(columns):
        raise errors.ConfigError(
            f"{len(columns)} columns cannot refer to {len(keys)} of {referred.sql}"
            if keys
            else f"{referred.sql} has no primary key to refer to",
            f"Name the columns: {referred.sql}.id, or '{referred.sql}(a, b)'.",
        )
    for key in keys:
        checks.column(draft.Request(request.id, request.kind, referred, ()), names.quoted(key))
    if not any(set(index.keys) == set(keys) and index.unique and index.immediate for index in referred.indexes):
        listed = ", ".join(names.quoted(key) for key in keys)
        raise draft.Refused(
            f"{referred.sql} ({listed}) is not unique, which a foreign key needs",
            f"Make it so first: inv change-new add-unique {referred.sql} {','.join(names.quoted(key) for key in keys)}",
        )
    name = _constraint_name(request, columns, "_fkey")
    own = ", ".join(column.sql for column in columns)
    target = ", ".join(names.quoted(key) for key in keys)
    definition = f"FOREIGN KEY ({own}) REFERENCES {referred.sql} ({target})"
    index = _index(request, columns)
    return _validated(
        request, name, definition, f"Let {changed.sql} ({own}) refer to {referred.sql} ({target}).", index
    )


def reference(text: str, schema: str) -> tuple[tuple[str, str], tuple[str, ...]]:
    """Return the table that a foreign key refers to and its columns, empty for the primary key.

    >>> reference("app.users.id", "app"), reference("app.users(a, b)", "app"), reference("users", "app")
    ((('app', 'users'), ('id',)), (('app', 'users'), ('a', 'b')), (('app', 'users'), ()))
    """
    head, found, rest = text.partition("(")
    if found and rest.rstrip().endswith(")"):
        return names.table(head.strip(), schema), names.several(rest.rstrip()[:-1], "the column")
    parts = names.parse(text, "the referred table")
    if len(parts) == 3:
        return (parts[0], parts[1]), (parts[2],)
    return names.table(text, schema), ()


def _index(request: draft.Request, columns: tuple[table.Column, ...]) -> tuple[draft.File, ...]:
    """Return the file that builds the index which every DELETE of a referred row needs; none where there is one."""
    wanted = [column.name for column in columns]
    changed = request.table
    if any(sorted(index.keys[: len(wanted)]) == sorted(wanted) and index.plain for index in changed.indexes):
        return ()
    if changed.kind == "p":
        return ()
    pattern = request.index_name.format(table=changed.name, columns="_".join(wanted))
    name = names.made(pattern, "", changed.relations)
    listed = ", ".join(column.sql for column in columns)
    return (
        draft.File(
            "expand",
            f"Build the index of {changed.sql} ({listed}).",
            ("Without it each DELETE of a row that is referred to would read the whole table.",),
            (f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {names.quoted(name)} ON {changed.sql} ({listed});",),
            (f"DROP INDEX CONCURRENTLY IF EXISTS {names.quoted(changed.schema, name)};",),
            part="index",
            mode="statements",
            undo_mode="statements",
        ),
    )


def _validated(
    request: draft.Request, name: str, definition: str, title: str, before: tuple[draft.File, ...]
) -> draft.Draft:
    sql = names.quoted(name)
    expand = draft.File(
        "expand",
        title,
        (_FAILS,),
        (altering.alter(request.table, [f"ADD CONSTRAINT {sql} {definition} NOT VALID"]),),
        (altering.alter(request.table, [f"DROP CONSTRAINT {sql}"]),),
    )
    contract = draft.File(
        "contract",
        f"Validate {sql} of {request.table.sql}.",
        ("Reads every row, beside reads and writes. Where one breaks it, it fails: correct the row, run it again.",),
        (altering.alter(request.table, [f"VALIDATE CONSTRAINT {sql}"]),),
        (altering.not_valid_again(request.table, name, f"CONSTRAINT {sql} {definition}"),),
        (altering.NOT_VALID_AGAIN,),
    )
    return draft.Draft((*before, expand, contract))
