"""SQL text as statements: where each one stands, what kind it is, what it touches.

The parser is PostgreSQL's own grammar (libpg_query through postgast), so nothing here is matched
by regular expressions; a large text, and one with rows for COPY, is cut for it by `lexer`. Offsets and columns are
characters, here and for all callers.

Importing this module loads the parser (about 0.15 s): keep it off the path of a start with nothing to do.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from schemata import lazy
from schemata.sql import kinds, lexer, literals, parser

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

Kind = kinds.Kind

_OUTSIDE: frozenset[Kind] = frozenset(
    {
        "create index concurrently",
        "drop index concurrently",
        "reindex concurrently",
        "vacuum",
        "other outside transaction",
    }
)
_REPAIRABLE: frozenset[Kind] = frozenset(
    {
        "create index concurrently",
        "drop index concurrently",
        "reindex concurrently",
        "alter type add value",
        "vacuum",
    }
)
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


class SyntaxProblem(Exception):
    """The parser rejects a text at `line` and `column` (both count from 1, in characters)."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column
        self.message = message


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, from its first token to its last: no comment around it, no semicolon.

    It stands in `sql` from `offset` to `end`, in characters; `line` counts from 1. `data` are the ends of the rows
    that follow a COPY.  In a large text neither its own text nor its tree is kept: both are made when asked for.
    """

    sql: str = field(repr=False, compare=False)
    offset: int
    end: int
    line: int
    kind: Kind
    data: tuple[int, int] | None = None
    tree: pg.Node | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """Return the statement as it is written."""
        return self.sql[self.offset : self.end]

    @property
    def rows(self) -> str:
        """Return the rows that follow a COPY, as they are written; empty where there are none."""
        return self.sql[slice(*self.data)] if self.data is not None else ""

    @property
    def node(self) -> pg.Node:
        """Return the parser's oneof wrapper: `node.WhichOneof("node")` names the statement."""
        return self.tree if self.tree is not None else parser.parse(self.text).stmts[0].stmt


@dataclass(frozen=True, slots=True)
class IndexTarget:
    """What a CREATE INDEX builds. `index` is None when the server chooses the name."""

    schema: str | None
    table: str
    index: str | None
    unique: bool
    if_not_exists: bool


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a REINDEX rebuilds: an index, table, schema, system or database (name None: the current one)."""

    what: Literal["index", "table", "schema", "system", "database"]
    schema: str | None
    name: str | None


def split(sql: str) -> tuple[Statement, ...]:
    """Return the statements of a text in order; empty when it holds only comments and white space.

    A byte order mark at the start is passed over. Raises `SyntaxProblem` for what the grammar rejects.
    """
    if lexer.is_plain(sql):
        start = len(sql) - len(sql.removeprefix(parser.BOM))
        return tuple(_split(sql, start, len(sql), 1, keep=True))
    return _split_pieces(sql)


def _split(sql: str, start: int, stop: int, line: int, *, keep: bool) -> Iterator[Statement]:
    """Give the statements of a part of a text that begins on `line`; `keep` their trees."""
    body = sql[start:stop]
    data = body.encode()
    try:
        parsed = parser.parse(body)
        tokens = parser.tokens(body)
    except parser.Refused as problem:
        raise SyntaxProblem(*locate(sql, start + problem.position), problem.message) from problem
    starts = [first for first, _ in tokens]
    at, offset = 0, start
    for raw in parsed.stmts:
        until = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(data)
        first = tokens[bisect.bisect_left(starts, raw.stmt_location)][0]
        last = tokens[bisect.bisect_left(starts, until) - 1][1]
        before, text = data[at:first].decode(), data[first:last].decode()
        offset += len(before)
        line += before.count("\n")
        tree = raw.stmt if keep else None
        yield Statement(sql, offset, offset + len(text), line, kinds.kind_of(raw.stmt), tree=tree)
        at = last
        offset += len(text)
        line += text.count("\n")


@functools.lru_cache(maxsize=2)  # a deploy asks three times
def _split_pieces(sql: str) -> tuple[Statement, ...]:
    """Return the statements of a text that is large, or holds rows for COPY; the parser sees a piece at a time."""
    keep = len(sql) <= lexer.LARGE
    statements: list[Statement] = []
    line, at = 1, 0
    for piece in lexer.pieces(sql):
        line += sql.count("\n", at, piece.start)
        at = piece.start
        made = _split(sql, piece.start, piece.stop, line, keep=keep)
        if piece.data is None:
            statements += made
            continue
        *before, copy = made
        statements += [*before, dataclasses.replace(copy, data=piece.data)]
    return tuple(statements)


def find(sql: str, words: frozenset[str], pattern: re.Pattern[str]) -> Iterator[Statement]:
    """Give the statements that begin with one of the words and match the pattern, each parsed by itself.

    What the grammar rejects is left out.
    """
    line, at = 1, 0
    for span in lexer.outline(sql).others:
        if lexer.first_word(sql, span.start) not in words or not pattern.search(sql, span.start, span.end):
            continue
        line += sql.count("\n", at, span.start)
        at = span.start
        with contextlib.suppress(SyntaxProblem):
            for made in _split(sql, span.start, span.end, line, keep=True):
                yield dataclasses.replace(made, data=span.data)


def count(sql: str) -> int | None:
    """Return how many statements a text has; None where the grammar rejects it, or it is too large to be asked.

    >>> count("SELECT 1; SELECT 2"), count("SELEKT")
    (2, None)
    """
    if len(sql) > lexer.LARGE:
        return None
    try:
        return len(split(sql))
    except SyntaxProblem:
        return None


def fingerprint(sql: str) -> str:
    """Return a hex digest of what a text means: its tokens, without comments and white space.

    Case counts only inside quotes; line endings, the last semicolon and what stands between the pieces of a literal
    that goes on over lines do not count. It is made from the
    tokens' text, so another release of the parser gives the same digest. (libpg_query's own
    fingerprint leaves out the values of literals: it would miss a changed default.) A text that cannot be
    scanned is digested as it stands, and so are the statements of a large one: `same_meaning` compares those.
    """
    if len(sql) > lexer.LARGE:
        return lexer.outline(sql).digest
    text = sql.removeprefix(parser.BOM).replace("\r\n", "\n")
    try:
        words = literals.whole(_words(text))
    except parser.Refused:
        return hashlib.sha256(text.encode()).hexdigest()
    while words and words[-1] == ";":
        words.pop()
    # The server folds only A-Z, whatever the encoding: É and é are two names.
    folded = (w if "'" in w or '"' in w or w.startswith("$") else w.translate(_LOWER) for w in words)
    return hashlib.sha256("\0".join(folded).encode()).hexdigest()


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """Give each token, and whether a line break stands between it and the one before."""
    for piece in lexer.pieces(text):
        data = text[piece.start : piece.stop].encode()
        last = 0
        for start, end in parser.tokens(text[piece.start : piece.stop]):
            yield data[start:end].decode(), b"\n" in data[last:start] or b"\r" in data[last:start]
            last = end
        if piece.data is not None:
            # The quotes keep the case of the rows from being folded.
            yield f"''{text[slice(*piece.data)]}", False


def same_meaning(one: str, other: str) -> bool:
    """Tell whether two texts differ in comments and formatting only, rows for COPY included.

    >>> same_meaning("SELECT 1; -- one", "select 1"), same_meaning("SELECT 1", "SELECT 2")
    (True, False)
    """
    if len(one) <= lexer.LARGE and len(other) <= lexer.LARGE:
        return fingerprint(one) == fingerprint(other)
    # Statement by statement, and the parser's scanner sees only those that are not written alike.
    for a, b in itertools.zip_longest(lexer.spans(one), lexer.spans(other)):
        if a is None or b is None:
            return False
        texts = one[a.start : a.end], other[b.start : b.end]
        if texts[0] != texts[1] and fingerprint(texts[0]) != fingerprint(texts[1]):
            return False
        if one[slice(*(a.data or (0, 0)))] != other[slice(*(b.data or (0, 0)))]:
            return False
    return True


def needs_no_transaction(statement: Statement) -> bool:
    """Tell whether the server refuses the statement inside a transaction block.

    What the text alone cannot show is not seen: REINDEX or CLUSTER of a partitioned table.
    """
    if statement.kind == "discard":
        return bool(statement.node.discard_stmt.target == pg.DISCARD_ALL)
    return statement.kind in _OUTSIDE


def is_repairable(statement: Statement) -> bool:
    """Tell whether the next run can settle an interrupted try at this statement without a person."""
    return statement.kind in _REPAIRABLE


def opens_or_ends_transaction(statement: Statement) -> bool:
    """Tell whether the statement begins, commits, rolls back or prepares a transaction (no savepoint does)."""
    savepoints = (pg.TRANS_STMT_SAVEPOINT, pg.TRANS_STMT_RELEASE, pg.TRANS_STMT_ROLLBACK_TO)
    return statement.kind == "transaction control" and statement.node.transaction_stmt.kind not in savepoints


def may_commit(statement: Statement) -> bool:
    """Tell whether a procedure or a DO block may commit on its own; where it is uncertain, yes.

    `EXECUTE FUNCTION` (a trigger's) and `EXECUTE ON` (a grant's) are no dynamic SQL and do not count.
    """
    if statement.kind == "call":
        return True
    if statement.kind != "do":
        return False
    for argument in statement.node.do_stmt.args:
        if argument.def_elem.defname != "as":
            continue
        try:
            words = [word.lower() for word in parser.words(argument.def_elem.arg.string.sval)]
        except parser.Refused:
            return True
        for number, word in enumerate(words):
            if word in ("commit", "rollback", "call"):
                return True
            if word == "execute" and not _is_static_execute(words[number + 1 : number + 3]):
                return True
    return False


def role_taken(statement: Statement) -> str | None:
    """Return the role that a SET ROLE or SET SESSION AUTHORIZATION takes, "" for the one that connected, else None."""
    change = statement.node.variable_set_stmt
    if statement.kind != "set" or change.name not in ("role", "session_authorization"):
        return None
    role = str(change.args[0].a_const.sval.sval) if change.args else ""
    return "" if role == "none" else role


def index_target(statement: Statement) -> IndexTarget | None:
    """Return what a CREATE INDEX builds, or None for any other statement."""
    if statement.node.WhichOneof("node") != "index_stmt":
        return None
    index = statement.node.index_stmt
    return IndexTarget(
        index.relation.schemaname or None,
        index.relation.relname,
        index.idxname or None,
        index.unique,
        index.if_not_exists,
    )


def dropped_indexes(statement: Statement) -> list[tuple[str | None, str]]:
    """Return (schema or None, name) of every index that a DROP INDEX names; empty for the rest."""
    drop = statement.node.drop_stmt
    if statement.node.WhichOneof("node") != "drop_stmt" or drop.remove_type != pg.OBJECT_INDEX:
        return []
    return [parser.qualified(parser.names(item)) for item in drop.objects]


def reindexed(statement: Statement) -> Reindexed | None:
    """Return what a REINDEX rebuilds, or None for any other statement."""
    if statement.node.WhichOneof("node") != "reindex_stmt":
        return None
    reindex = statement.node.reindex_stmt
    if reindex.kind == pg.REINDEX_OBJECT_INDEX:
        return Reindexed("index", reindex.relation.schemaname or None, reindex.relation.relname)
    if reindex.kind == pg.REINDEX_OBJECT_TABLE:
        return Reindexed("table", reindex.relation.schemaname or None, reindex.relation.relname)
    if reindex.kind == pg.REINDEX_OBJECT_SCHEMA:
        return Reindexed("schema", None, reindex.name)
    if reindex.kind == pg.REINDEX_OBJECT_SYSTEM:
        return Reindexed("system", None, reindex.name or None)
    return Reindexed("database", None, reindex.name or None)


def locate(sql: str, position: int) -> tuple[int, int]:
    """Return line and column of the character at a 1-based position, as the server reports positions.

    >>> locate("SELECT 1;\\nSELEKT 2", 11)
    (2, 1)
    """
    before = sql[: max(position - 1, 0)].removeprefix(parser.BOM)
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def excerpt(sql: str, at: Statement | int, width: int = 100) -> str:
    """Return one line that shows a statement, or the line around a 0-based offset, for a message.

    Comments and line breaks inside the statement are left out; longer than `width` characters is cut.

    >>> excerpt("SELECT 1,\\n  2 FROM t", 12)
    '2 FROM t'
    """
    if isinstance(at, int):
        # A line of a large file may be millions of characters long.
        start = max(sql.rfind("\n", 0, at) + 1, at - 5 * width)
        end = sql.find("\n", at, at + 5 * width)
        text = sql[start : end if end >= 0 else at + 5 * width].removeprefix(parser.BOM)
        line = " ".join(text.split())
        return line if len(line) <= width else line[: width - 1].rstrip() + "…"
    return lexer.brief(at.sql, at.offset, at.end, width)


def _is_static_execute(following: list[str]) -> bool:
    if following[:1] == ["on"]:
        return True
    if following[:1] not in (["function"], ["procedure"]) or len(following) < 2:
        return False
    return following[1][0].isalpha() or following[1][0] in '_"'
