"""Where in a file something went wrong."""

import dataclasses

from schemata.sql import lexer, statement

_WIDTH = 100


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
    if not lexer.is_plain(sql):
        return _where_in_spans(sql, position, index)
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


def _where_in_spans(sql: str, position: int | None, index: int) -> Position | None:
    """Return the place in a text that is not for the parser; of a row that COPY refused it is the row."""
    for number, span in enumerate(lexer.spans(sql)):
        if span.start < position <= span.stop if position is not None else number == index:
            at = position or span.start + 1
            line, column = statement.locate(sql, at)
            if span.data is not None and at > span.data[0]:
                return Position(line, column, statement.excerpt(sql, at - 1))
            return Position(line, column, lexer.brief(sql, span.start, span.end, _WIDTH))
    return None


def of(sql: str, item: statement.Statement) -> Position:
    """Return the place of a statement."""
    line, column = statement.locate(sql, item.offset + 1)
    return Position(line, column, statement.excerpt(sql, item))
