"""What can be known about a rollback file before anybody needs it."""

from collections.abc import Iterable

from schemata import errors
from schemata.migrations import leading_comment, migration, precheck, psql
from schemata.sql import statement

_SHOWN = 3


def check(item: migration.Migration) -> tuple[statement.Statement, ...]:
    """Refuse a rollback file that could not be run, with its line; return its statements.

    The migration's `rollback_sql` must have been read. None where there is no rollback file.
    """
    if not item.rollback_path:
        return ()
    if item.is_python:
        return precheck.check_python(item, rollback=True)
    try:
        found = statement.split(item.rollback_sql)
    except statement.SyntaxProblem as problem:
        raise migration.InvalidMigration(
            f"{item.rollback_path}:{problem.line}:{problem.column}",
            0,
            problem.message,
            psql.advice(item.rollback_sql, problem)
            or "Correct the rollback file: as it is, the migration could not be rolled back.",
        ) from problem
    if leading_comment.parse_directives(item.rollback_sql, item.rollback_path).outside:
        raise migration.InvalidMigration(
            item.rollback_path,
            0,
            "`-- outside:` is about the migration, and has no effect in its rollback",
            "Remove the line, or write `-- irreversible: reason` in the migration instead of the rollback.",
        )
    if not found:
        raise migration.InvalidMigration(
            item.rollback_path,
            0,
            "the rollback has no statement: it would remove the record and leave the objects",
            "Write the SQL that undoes the migration, or `-- irreversible: reason` in the migration instead.",
        )
    return precheck.check_script(item.rollback_path, item.rollback_sql, mode=item.rollback_mode)


def problems(items: Iterable[migration.Migration | errors.Error]) -> tuple[str, ...]:
    """Return what is wrong with the rollback files, a sentence each, the first few and how many more there are.

    In the place of a migration whose rollback could not even be read stands why.
    """
    found = []
    for item in items:
        try:
            if isinstance(item, errors.Error):
                raise item
            check(item)
        except errors.Error as problem:
            found.append(f"{problem.message} (the migration itself is not affected)")
    if len(found) > _SHOWN:
        found[_SHOWN:] = [f"{len(found) - _SHOWN} more rollback files could not be run; `inv seal` refuses them"]
    return tuple(found)
