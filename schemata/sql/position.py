"""Where in a file something went wrong."""

import dataclasses

from schemata.sql import statement


@dataclasses.dataclass(frozen=True)
class Position:
    """A line and a column (both from 1, in characters) and the statement that stands there."""

    line: int
    column: int
    excerpt: str


def where(sql: str, position: int | None, index: int) -> Position | None:
    """Return the place of a failure, from the server's 1-based position or else from the statement's number.

    None when neither says anything: an error at COMMIT belongs to no statement.
    """
    try:
        statements = statement.split(sql)
    except statement.SyntaxProblem:
        statements = ()
    if position is not None:
        line, column = statement.locate(sql, position)
        holder = next((item for item in reversed(statements) if item.offset < position), None)
        return Position(line, column, statement.excerpt(sql, holder if holder is not None else position - 1))
    if 0 <= index < len(statements):
        item = statements[index]
        return of(sql, item)
    return None


def of(sql: str, item: statement.Statement) -> Position:
    """Return the place of a statement."""
    line, column = statement.locate(sql, item.offset + 1)
    return Position(line, column, statement.excerpt(sql, item))
