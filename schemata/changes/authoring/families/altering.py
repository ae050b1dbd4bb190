"""Statements, and files of one purpose, that several families have."""

from collections.abc import Sequence

from schemata.changes.authoring import draft, expressions, names, table
from schemata.lint.rules import indexes

NOT_VALID_AGAIN = "Nothing is read: the rows from before count as not looked at again."


def alter(changed: table.Table, actions: Sequence[str]) -> str:
    """Return an ALTER TABLE, an action a line where they are several."""
    if len(actions) == 1:
        return f"ALTER TABLE {changed.sql} {actions[0]};"
    return f"ALTER TABLE {changed.sql}\n    " + ",\n    ".join(actions) + ";"


def statement_of(request: draft.Request, name: str, build: str) -> str:
    """Return the statement that builds an index, allowed to have a name that is not as the settings want it."""
    columns = expressions.named_columns(build)
    if not request.index_name or indexes.fits(name, request.index_name, request.table.name, columns):
        return build
    return f"-- lint: allow index-name: it is called as what it takes the place of, or becomes a constraint\n{build}"


def validate(changed: table.Table, name: str) -> str:
    """Return the statement that looks at every row for a constraint."""
    return alter(changed, [f"VALIDATE CONSTRAINT {names.quoted(name)}"])


def not_valid_again(changed: table.Table, name: str, definition: str) -> str:
    """Return the statement that makes a constraint one that was never validated.

    :param definition: with the word CONSTRAINT and its name.
    """
    return alter(changed, [f"DROP CONSTRAINT {names.quoted(name)}", f"ADD {definition} NOT VALID"])


def unique_by_index(changed: table.Table, name: str, build: str, deferred: str = "", part: str = "") -> draft.File:
    """Return the file that makes a constraint of a unique index; its rollback leaves the index."""
    index = names.quoted(changed.schema, name)
    spare = names.made(name, "_again", changed.relations)
    first = build.split(" ON ", 1)
    other = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {names.quoted(spare)} ON {first[1]}"
    return draft.File(
        "contract",
        f"Make a constraint of the unique index {index}.",
        ("The index is there and is valid: this is a moment's work, and no row is read.",),
        (
            alter(
                changed,
                [f"ADD CONSTRAINT {names.quoted(name)} UNIQUE USING INDEX {names.quoted(name)} {deferred}".rstrip()],
            ),
        ),
        (
            other,
            alter(changed, [f"DROP CONSTRAINT IF EXISTS {names.quoted(name)}"]),
            f"ALTER INDEX IF EXISTS {names.quoted(changed.schema, spare)} RENAME TO {names.quoted(name)};",
        ),
        ("The index goes with its constraint: another one is built before, so that no duplicate gets in.",),
        part=part,
        undo_mode="statements",
    )


def restored_not_null(request: draft.Request, old: table.Column) -> str:
    """Return the action that makes a column NOT NULL again, under the name that the constraint had."""
    usual = names.made(f"{request.table.name}_{old.name}", "_not_null")
    for one in request.table.constraints:
        if one.kind == "n" and one.columns == (old.name,) and one.name != usual:
            return f"ADD CONSTRAINT {names.quoted(one.name)} NOT NULL {old.sql}"
    return f"ALTER COLUMN {old.sql} SET NOT NULL"
