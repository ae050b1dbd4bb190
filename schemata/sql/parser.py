"""PostgreSQL's own parser (libpg_query through postgast), with its traps kept in one place.

Its offsets are bytes of the UTF-8 text; it ends silently at a NUL character; and its result cannot be
decoded with protobuf's default limit when about fifty operators are nested.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemata import lazy

if TYPE_CHECKING:
    import postgast
    from google.protobuf import message
    from postgast import pg_query_pb2 as pg
else:
    message = lazy.Module("google.protobuf.message")
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")


BOM = "\ufeff"


class Refused(Exception):
    """The grammar refuses a text at the 1-based character `position`."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


def parse(text: str) -> pg.ParseResult:
    """Return the parse tree of a text without byte order mark; its offsets are bytes.

    Raises `Refused`, which names the likely cause when the text was written for psql.
    """
    if "\0" in text:
        raise Refused(text.index("\0") + 1, "a NUL character: PostgreSQL would read nothing after it")
    try:
        return _decoded(text)
    except postgast.PgQueryError as error:
        # The position is a byte too; 0 when the parser does not know it.
        before = text.encode()[: max(error.cursorpos - 1, 0)].decode(errors="ignore")
        cause = _cause(before, text[len(before) :])
        message = f"{error.message} ({cause})" if cause else error.message
        raise Refused(len(before) + 1, message) from error


def tokens(text: str) -> list[tuple[int, int]]:
    """Return (start, end) in bytes of every token but comments. Raises `Refused` for an open quote or NUL."""
    if "\0" in text:
        raise Refused(text.index("\0") + 1, "a NUL character: PostgreSQL would read nothing after it")
    comments = (pg.SQL_COMMENT, pg.C_COMMENT)
    try:
        scanned = postgast.scan(text).tokens
    except postgast.PgQueryError as error:
        before = text.encode()[: max(error.cursorpos - 1, 0)].decode(errors="ignore")
        raise Refused(len(before) + 1, error.message) from error
    return [(token.start, token.end) for token in scanned if token.token not in comments]


def words(text: str) -> list[str]:
    """Return the text of every token but comments. Raises `Refused` as `tokens` does."""
    data = text.encode()
    return [data[start:end].decode() for start, end in tokens(text)]


def qualified(parts: list[str]) -> tuple[str | None, str]:
    """Return (schema or None, name) of a dotted name; a database in front is left out.

    >>> qualified(["app", "t"]), qualified(["t"])
    (('app', 't'), (None, 't'))
    """
    return (parts[-2] if len(parts) > 1 else None), parts[-1]


def names(item: pg.Node) -> list[str]:
    """Return the parts of the name that an object of a DROP or COMMENT carries."""
    # A function's arguments are left aside: their types are names as well.
    roots = item.object_with_args.objname if item.HasField("object_with_args") else [item]
    return [part.sval for root in roots for _, part in postgast.walk(root) if isinstance(part, pg.String)]


def _decoded(text: str) -> pg.ParseResult:
    try:
        return postgast.parse(text)
    except message.DecodeError:
        pass
    # Each operator of `a || b || c …` is nested in the next, two levels an operator, and the limit is
    # 100 levels. The switch is global and only loosens, so a moment of it in another thread harms nobody.
    too_deep = Refused(1, "an expression is nested too deeply to be read; write it in parts")
    try:
        from google._upb import _message  # other builds of protobuf do not have it
    except ImportError:
        raise too_deep from None
    _message.SetAllowOversizeProtos(True)
    try:
        return postgast.parse(text)
    except message.DecodeError:
        raise too_deep from None
    finally:
        _message.SetAllowOversizeProtos(False)


def _cause(before: str, rest: str) -> str:
    # A guess, so regular expressions are good enough here.
    if re.search(r"\bcopy\b[^;]*\bfrom\s+stdin\b[^;]*;", before, re.IGNORECASE):
        return "the rows of COPY … FROM STDIN begin on the line after its semicolon"
    if command := re.match(r"\\\S+", rest):
        return f"{command[0]} is a command of psql, not SQL"
    if variable := re.match(r":['\"]?\w+['\"]?", rest):
        return f"{variable[0]} is a variable of psql, not SQL"
    if rest.startswith(BOM):
        return "a byte order mark inside the text: remove it"
    return ""
