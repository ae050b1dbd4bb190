"""SQL text as statements: where each one stands, what kind it is, what it touches.

The parser is PostgreSQL's own grammar (libpg_query through postgast), so nothing here is matched
by regular expressions. Offsets and columns are characters, here and for all callers.

Importing this module loads the parser (about 0.15 s): keep it off the path of a start with nothing to do.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

Kind = Literal[
    "create index concurrently",
    "drop index concurrently",
    "reindex concurrently",
    "alter type add value",
    "vacuum",
    "transaction control",
    "set",
    "do",
    "call",
    "discard",
    "other outside transaction",
    "other",
]

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

    `offset` is the character offset of the first token in the whole text, `line` counts from 1.
    `node` is the parser's oneof wrapper: `node.WhichOneof("node")` names the statement.
    """

    text: str
    offset: int
    line: int
    kind: Kind
    node: pg.Node = field(repr=False, compare=False)


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
    body = sql.removeprefix(parser.BOM)
    data = body.encode()
    try:
        parsed = parser.parse(body)
        tokens = parser.tokens(body)
    except parser.Refused as problem:
        raise SyntaxProblem(*locate(body, problem.position), problem.message) from problem
    starts = [start for start, _ in tokens]
    statements = []
    at, offset, line = 0, len(sql) - len(body), 1
    for raw in parsed.stmts:
        until = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(data)
        start = tokens[bisect.bisect_left(starts, raw.stmt_location)][0]
        end = tokens[bisect.bisect_left(starts, until) - 1][1]
        before, text = data[at:start].decode(), data[start:end].decode()
        offset += len(before)
        line += before.count("\n")
        statements.append(Statement(text, offset, line, _kind(raw.stmt), raw.stmt))
        at = end
        offset += len(text)
        line += text.count("\n")
    return tuple(statements)


def count(sql: str) -> int | None:
    """Return how many statements a text has; None where the grammar rejects it.

    >>> count("SELECT 1; SELECT 2"), count("SELEKT")
    (2, None)
    """
    try:
        return len(split(sql))
    except SyntaxProblem:
        return None


def fingerprint(sql: str) -> str:
    """Return a hex digest of what a text means: its tokens, without comments and white space.

    Case counts only inside quotes; line endings and the last semicolon do not count. It is made from the
    tokens' text, so another release of the parser gives the same digest. (libpg_query's own
    fingerprint leaves out the values of literals: it would miss a changed default.) A text that cannot be
    scanned is digested as it stands.
    """
    text = sql.removeprefix(parser.BOM).replace("\r\n", "\n")
    try:
        words = parser.words(text)
    except parser.Refused:
        return hashlib.sha256(text.encode()).hexdigest()
    while words and words[-1] == ";":
        words.pop()
    # The server folds only A-Z, whatever the encoding: É and é are two names.
    folded = (w if "'" in w or '"' in w or w.startswith("$") else w.translate(_LOWER) for w in words)
    return hashlib.sha256("\0".join(folded).encode()).hexdigest()


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


def copies_from_client(statement: Statement) -> bool:
    """Tell whether a COPY reads from or writes to the client."""
    copy = statement.node.copy_stmt
    return statement.node.WhichOneof("node") == "copy_stmt" and not copy.filename and not copy.is_program


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
        start = sql.rfind("\n", 0, at) + 1
        end = sql.find("\n", at)
        text = sql[start : end if end >= 0 else len(sql)].removeprefix(parser.BOM)
    else:
        data = at.text.encode()
        pieces, last = [], 0
        for start, end in parser.tokens(at.text):
            pieces.append(" " * (start > last) + data[start:end].decode())
            last = end
        text = "".join(pieces)
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def _kind(node: pg.Node) -> Kind:
    which = node.WhichOneof("node")
    match which:
        case "index_stmt" if node.index_stmt.concurrent:
            return "create index concurrently"
        case "drop_stmt" if node.drop_stmt.concurrent:
            return "drop index concurrently"
        case "reindex_stmt" if _has_option(node.reindex_stmt.params, "concurrently"):
            return "reindex concurrently"
        case "alter_enum_stmt" if not node.alter_enum_stmt.old_val:
            return "alter type add value"
        case "vacuum_stmt" if node.vacuum_stmt.is_vacuumcmd:
            return "vacuum"
        case "transaction_stmt":
            return "transaction control"
        case "variable_set_stmt":
            return "set"
        case "do_stmt":
            return "do"
        case "call_stmt":
            return "call"
        case "discard_stmt":
            return "discard"
        case _:
            return "other outside transaction" if _refused_in_transaction(which, node) else "other"


def _refused_in_transaction(which: str | None, node: pg.Node) -> bool:
    # The callers of PreventInTransactionBlock in the server's source.
    match which:
        case "createdb_stmt" | "dropdb_stmt" | "create_table_space_stmt" | "drop_table_space_stmt":
            return True
        case "alter_system_stmt" | "drop_subscription_stmt":
            return True
        case "alter_database_stmt":
            return any(option.def_elem.defname == "tablespace" for option in node.alter_database_stmt.options)
        case "cluster_stmt":
            return not node.cluster_stmt.HasField("relation")
        case "reindex_stmt":
            whole = (pg.REINDEX_OBJECT_SCHEMA, pg.REINDEX_OBJECT_SYSTEM, pg.REINDEX_OBJECT_DATABASE)
            return node.reindex_stmt.kind in whole
        case "create_subscription_stmt":
            options = node.create_subscription_stmt.options
            return _has_option(options, "connect", True) and _has_option(options, "create_slot", True)
        case "alter_subscription_stmt":
            return _alters_slot(node.alter_subscription_stmt)
        case "alter_table_stmt":
            commands = [command.alter_table_cmd for command in node.alter_table_stmt.cmds]
            return any(getattr(c, "def").partition_cmd.concurrent for c in commands)
        case _:
            return False


def _alters_slot(alter: pg.AlterSubscriptionStmt) -> bool:
    if alter.kind == pg.ALTER_SUBSCRIPTION_REFRESH:
        return True
    if alter.kind == pg.ALTER_SUBSCRIPTION_OPTIONS:
        return any(option.def_elem.defname in ("failover", "two_phase") for option in alter.options)
    changes = (
        pg.ALTER_SUBSCRIPTION_SET_PUBLICATION,
        pg.ALTER_SUBSCRIPTION_ADD_PUBLICATION,
        pg.ALTER_SUBSCRIPTION_DROP_PUBLICATION,
    )
    return alter.kind in changes and _has_option(alter.options, "refresh", True)


def _has_option(options: Iterable[pg.Node], name: str, default: bool = False) -> bool:
    for option in options:
        if option.def_elem.defname == name:
            argument = option.def_elem.arg
            if argument.HasField("boolean"):
                return bool(argument.boolean.boolval)
            if argument.HasField("integer"):
                return bool(argument.integer.ival)
            # The grammar reads `false` as a word, but `off` as the name of a type.
            word = parser.names(argument)[-1:] or ["true"]
            return word[0].lower() not in ("false", "off", "no", "0")
    return default


def _is_static_execute(following: list[str]) -> bool:
    if following[:1] == ["on"]:
        return True
    if following[:1] not in (["function"], ["procedure"]) or len(following) < 2:
        return False
    return following[1][0].isalpha() or following[1][0] in '_"'
