"""Where the statements of an SQL text begin and end, told without the parser: for what is large, and for COPY's rows.

The rules are those of psql's lexer: a semicolon ends a statement unless it stands in quotes, in a comment, in the
parentheses of CREATE RULE or in the body of BEGIN ATOMIC. The parser builds a tree a statement, which a file of
300,000 INSERTs pays with a gigabyte, and it takes the rows that follow COPY … FROM STDIN for SQL; this finds the ends
at the speed of one regular expression. What it cannot end, an open quote, is one statement up to the end of the text:
the server then says what is wrong with it.

Backslashes in plain '…' are characters (standard_conforming_strings = on), as they are for the parser.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from schemata import lazy

if TYPE_CHECKING:
    from schemata.sql import patterns
else:
    patterns = lazy.Module("schemata.sql.patterns")

BOM = "\ufeff"
#: Above this many characters a text is not given to the parser whole.
LARGE = 128 * 1024
#: About how many characters of whole statements are sent, or parsed, at once.
PIECE = 256 * 1024

_WORD = re.compile(r"[A-Za-z]+")
_OF_ROWS = frozenset(("insert", "values"))
# An INSERT of rows that it writes out; ON CONFLICT behind them may change others. Both are asked of each statement of
# a large file: so without a pattern that ignores case, which is slower, where the text is long.
_WRITES_OUT = re.compile(r"(?i:insert\s+into\s+[^\s('-]+\s*(?:\([^()'-]*\)\s*)?values\b)")
_CONFLICT = re.compile("[cC][oO][nN][fF][lL][iI][cC][tT]")


class Span(NamedTuple):
    """One statement: its first character, the end of its text (before the semicolon), and the end of all of it.

    `data` are the ends of the rows that follow a COPY … FROM STDIN (None: it has none); the line `\\.` after them is
    not among them.  `apart` says that a command of psql, which is passed over, stands before it.
    """

    start: int
    end: int
    stop: int
    data: tuple[int, int] | None = None
    apart: bool = False


class Piece(NamedTuple):
    """What is sent in one message: whole statements, the last of them with its rows if it is a COPY."""

    start: int
    stop: int
    data: tuple[int, int] | None = None


class Outline(NamedTuple):
    """What one pass over a text finds: how many statements, a digest of them, the pieces to send, and `others`.

    Those are the statements that do more than add the rows that they write out, such as a file of INSERTs has few of.
    """

    statements: int
    digest: str
    pieces: tuple[Piece, ...]
    others: tuple[Span, ...]


def is_plain(sql: str) -> bool:
    """Tell whether a text can be parsed and sent whole: not large, without rows for COPY or commands of psql.

    >>> is_plain("SELECT 1;"), is_plain("COPY t FROM stdin;\\n1\\n\\\\.\\n")
    (True, False)
    """
    if len(sql) > LARGE:
        return False
    folded = sql.lower()  # a pattern that ignores case is slower, which a thousand files notice
    return not ("stdin" in folded or "stdout" in folded or "\\restrict" in sql or "\\unrestrict" in sql)


def spans(sql: str, start: int = 0) -> Iterator[Span]:
    """Give each statement of a text in order; `start` is the end of one, or 0.

    >>> sql = "-- a\\nSELECT ';'; COPY t FROM stdin;\\n1;\\n\\\\.\\nSELECT $$;$$"
    >>> [sql[span.start : span.end] for span in spans(sql)]
    ["SELECT ';'", 'COPY t FROM stdin', 'SELECT $$;$$']
    """
    at, size = start, len(sql)
    if at == 0 and sql.startswith(BOM):
        at = 1
    while True:
        at, apart = _gap(sql, at)
        if at >= size:
            return
        end = _end(sql, at)
        stop = min(end + 1, size)
        data = None
        if sql[at] in "cC":
            if patterns.HOLDS_MORE.match(sql, at):
                end = _end_of_body(sql, at, end)
                stop = min(end + 1, size)
            elif patterns.COPY_IN.match(sql, at, end):
                data, stop = _rows(sql, stop)
        yield Span(at, end, stop, data, apart)
        at = stop


def pieces(sql: str) -> tuple[Piece, ...]:
    """Cut a text into messages, each of whole statements: a plain text into one; a COPY's rows follow its piece.

    The commands of psql that are passed over are in none of them.
    """
    return (Piece(0, len(sql)),) if is_plain(sql) else outline(sql).pieces


def first_word(sql: str, start: int) -> str:
    """Return the first word of the statement that starts there, in lower case; empty where it has none."""
    word = _WORD.match(sql, start)
    return word[0].lower() if word else ""


@functools.lru_cache(maxsize=4)
def outline(sql: str) -> Outline:
    """Return the outline of a text.

    The digest is of the statements as they are written; comments and space between them do not count. The last ones
    are kept, because a deploy asks more than once, and it is the one pass over a large text that it makes.
    """
    digest = hashlib.sha256()
    count = first = last = 0
    cut: list[Piece] = []
    others = []
    for span in spans(sql):
        count += 1
        for start, end in ((span.start, span.end), span.data or (0, 0)):
            for at in range(start, end, PIECE):
                digest.update(sql[at : min(at + PIECE, end)].encode())
            digest.update(b"\0")
        if first_word(sql, span.start) not in _OF_ROWS or _does_more(sql, span.start, span.end):
            others.append(span)
        if first < last and (span.apart or span.stop - first > PIECE):
            cut.append(Piece(first, last))
            first = last
        if first == last:
            first = span.start
        last = span.stop
        if span.data is not None:
            last = min(span.end + 1, len(sql))
            cut.append(Piece(first, last, span.data))
            first = last
    if first < last:
        cut.append(Piece(first, last))
    return Outline(count, digest.hexdigest(), tuple(cut), tuple(others))


def _does_more(sql: str, start: int, end: int) -> bool:
    if sql[start] in "vV":
        return False
    if not _WRITES_OUT.match(sql, start, end):
        return True
    if not _CONFLICT.search(sql, start, end):
        return False
    return bool(_CONFLICT.search(patterns.COMMENT_OR_QUOTED.sub(" ", sql[start:end])))


def brief(sql: str, start: int, end: int, width: int) -> str:
    """Return a statement, or its beginning, on one line: without its comments, cut to `width` characters.

    >>> sql = "SELECT 1, -- one\\n  'a  b' FROM t"
    >>> brief(sql, 0, len(sql), 40)
    "SELECT 1, 'a b' FROM t"
    """
    # Much longer than what is shown, so that comments may stand before it.
    text = sql[start : min(end, start + 40 * width)]
    text = patterns.COMMENT_OR_QUOTED.sub(lambda match: match[0] if match[0][0] in "'\"" else " ", text)
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def _gap(sql: str, at: int) -> tuple[int, bool]:
    """Return where the next statement starts, and whether a command of psql was passed over."""
    apart = False
    while True:
        found = patterns.GAP.match(sql, at)
        at = found.end() if found else at
        if sql.startswith("/*", at):
            at = _after_comment(sql, at)
        elif sql.startswith("\\", at) and (line := patterns.RESTRICT_LINE.match(sql, at)):
            at, apart = line.end(), True
        else:
            return at, apart


def _end(sql: str, at: int) -> int:
    """Return where the semicolon stands that ends what is at `at`; the end of the text where there is none."""
    size = len(sql)
    while True:
        found = patterns.BODY.match(sql, at)
        at = found.end() if found else at
        if at >= size or sql[at] == ";":
            return at
        if sql[at] == "/":
            at = _after_comment(sql, at)
        elif quote := patterns.DOLLAR.match(sql, at):
            close = sql.find(quote[0], quote.end())
            at = size if close < 0 else close + len(quote[0])
        else:
            return size  # an open quote


def _after_comment(sql: str, at: int) -> int:
    depth = 0
    while edge := patterns.BLOCK_EDGE.search(sql, at):
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
        if depth == 0:
            return at
    return len(sql)


def _end_of_body(sql: str, start: int, end: int) -> int:
    """Return the end of a rule or a function, which may hold semicolons; the first one is at `end`."""
    while end < len(sql) and _is_open(sql, start, end):
        end = _end(sql, end + 1)
    return end


def _is_open(sql: str, start: int, end: int) -> bool:
    """Tell whether a block of BEGIN ATOMIC, or the parentheses of a rule, are open at `end`."""
    text = sql[start:end]
    atomic = patterns.ATOMIC.search(text)
    is_rule = str(patterns.HOLDS_MORE.match(text)[1]).lower() == "rule"  # type: ignore[index]
    depth = at = 0
    while (atomic or is_rule) and (found := patterns.INSIDE.search(text, at)):
        at = _after_comment(text, found.start()) if found["comment"] else found.end()
        if found["edge"] and is_rule:
            depth += 1 if found["edge"] == "(" else -1
        elif found["word"] and atomic and found.start() >= atomic.start():
            # As psql counts: BEGIN and CASE open, END closes.
            depth += -1 if found["word"].lower() == "end" else 1
    return depth > 0


def _rows(sql: str, stop: int) -> tuple[tuple[int, int] | None, int]:
    """Return the ends of the rows after a COPY whose text ends at `stop`, and the end of the line that ends them.

    They begin on the next line. None where something else than a comment stands on the same line, or nothing follows.
    """
    line = patterns.REST_OF_LINE.match(sql, stop)
    if line is None:
        return None, stop
    first = line.end() + 1
    if first >= len(sql):
        return None, stop
    at = first - 1
    while (at := sql.find("\n\\.", at)) >= 0:
        after = at + 3
        if sql.startswith("\r\n", after) or sql.startswith("\n", after) or after == len(sql):
            return (first, at + 1), after
        at = after
    return (first, len(sql)), len(sql)
