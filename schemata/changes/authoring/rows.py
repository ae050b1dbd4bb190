"""The rows of the development database that a constraint would refuse, as queries; what to do about them."""

from collections.abc import Callable

from schemata.changes.authoring import checks, draft, expressions, names
from schemata.changes.authoring.families import constraints


def refused(request: draft.Request, has_row: Callable[[str], bool]) -> None:
    """Refuse a constraint that rows of the database that was asked break already: the contract would fail on them."""
    query, hint = _query(request)
    if query and has_row(query):
        raise draft.Refused(
            f"{request.table.sql} has rows that break it, in the database that was asked; the contract would fail, and "
            "an UPDATE of such a row before",
            f"{hint} They are: {query}",
        )


def _query(request: draft.Request) -> tuple[str, str]:
    words, changed = request.words, request.table
    if request.kind == "set-not-null" and not request.options.default:
        column = checks.column(request, words[0]).sql
        return (
            f"SELECT FROM {changed.sql} WHERE {column} IS NULL",
            "Let the change fill them: --default EXPR; or correct them first.",
        )
    if request.kind == "add-check":
        condition = expressions.checked(words[1], "the condition")
        return f"SELECT FROM {changed.sql} WHERE NOT ({condition})", "Correct them first, in a migration of their own."
    if request.kind == "add-unique":
        columns = [checks.column(request, names.quoted(name)).sql for name in names.several(words[0], "the column")]
        listed = ", ".join(columns)
        filled = " AND ".join(f"{column} IS NOT NULL" for column in columns)
        return (
            f"SELECT FROM {changed.sql} WHERE {filled} GROUP BY {listed} HAVING count(*) > 1",
            "Remove the duplicates first, in a migration of their own.",
        )
    if request.kind == "add-foreign-key" and request.referred is not None:
        return _orphans(request), "Correct them first, in a migration of their own."
    return "", ""


def _orphans(request: draft.Request) -> str:
    assert request.referred is not None
    columns = names.several(request.words[0], "the column")
    _, given = constraints.reference(request.words[1], request.table.schema)
    keys = given or next((index.keys for index in request.referred.indexes if index.primary), ())
    pairs = [f"r.{names.quoted(key)} = t.{names.quoted(column)}" for column, key in zip(columns, keys, strict=False)]
    filled = " AND ".join(f"t.{names.quoted(column)} IS NOT NULL" for column in columns)
    return (
        f"SELECT FROM {request.table.sql} t WHERE {filled} AND NOT EXISTS "
        f"(SELECT FROM {request.referred.sql} r WHERE {' AND '.join(pairs)})"
    )
