"""Run a transactional migration: the file whole, its record, one COMMIT for both."""

import contextlib
import dataclasses
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from schemata import errors
from schemata.deploy import lock
from schemata.deploy.other_tool import ledger
from schemata.postgres import activity, lock_holder, queries, scripts, sessions
from schemata.sql import lexer, position

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
RETRIED = (LOCK_NOT_AVAILABLE, DEADLOCK)
_DIVISION_BY_ZERO = "22012"
_INSUFFICIENT_PRIVILEGE = "42501"
_VERY_LARGE = 1024 * 1024  # characters of one statement
_END = 1024  # characters of space after the last statement

# Sent as the second statement of a transaction through a pooler: fails where somebody else has the lock.
POOLED_LOCK = f"SELECT 1 / pg_try_advisory_xact_lock({lock_holder.KEY})::int"

# "COPY t, line 3, column a: …", in any language that keeps the order; the name may hold anything but a line end.
_COPIED_ROW = re.compile(r"^COPY .*?, [^\d\n,:]+ (\d+)(?=[,:]|$)", re.MULTILINE)
_BACKSLASHES = re.compile(r"standard_conforming_strings\s*(?:=|to)\s*'?(?:off|false|no|0)", re.IGNORECASE)

# Settings of a file that would be in the way of the record. SET LOCAL: what the file wants to keep, it keeps. What is
# deferred to the COMMIT is done before, with the settings of the file.
_IN_THE_WAY = ("search_path", "client_encoding", "statement_timeout", "set_config")
_NEUTRAL = (
    "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = 0; "
    "SET LOCAL client_encoding = 'UTF8'"
)

Info = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Budget:
    """What one statement may cost others, and how often to try again. Times in seconds, 0 = no limit."""

    lock_timeout: float
    statement_timeout: float
    attempts: int
    backoff: float
    backoff_cap: float


@dataclasses.dataclass(frozen=True)
class Script:
    """A file to run: what it is called in reports, and where its unqualified names go.

    `unmoved` is SQL that fails with a division by zero once the history is not what the plan was made from; `mirrored`
    names another tool's ledger that is written right behind the record, by one statement.
    """

    migration_id: str
    path: str
    sql: str
    search_path: Sequence[str]
    unmoved: str = ""
    mirrored: str = ""


@dataclasses.dataclass(frozen=True)
class Ran:
    """How a script went: its statements, its tries, the seconds of the last one."""

    statements: int
    tries: int
    seconds: float


class Body(Protocol):
    """What is run between the prologue and the record, where it is not the SQL of the file."""

    def send(self, session: sessions.Session, script: Script, before: str) -> int:
        """Run it in the transaction that `before` opens, and return how many results came, as `send` does."""

    def place(self, script: Script, failure: sessions.StatementFailed, extra: int) -> position.Position | None:
        """Return where in the file a failure belongs."""


class ScriptFailed(errors.MigrationError):
    """A statement of a migration failed. Whatever its transaction had done is rolled back.

    `kept` counts the statements before it that are committed; `partly` tells that it may have committed a part itself.
    """

    def __init__(
        self,
        script: Script,
        failure: sessions.StatementFailed,
        at: position.Position | None,
        *,
        kept: int = 0,
        partly: bool = False,
    ) -> None:
        self.script = script
        self.failure = failure
        self.kept = kept
        self.partly = partly
        self.line = at.line if at else None
        self.column = at.column if at else None
        self.sqlstate = failure.sqlstate
        where = f"{script.path}:{at.line}:{at.column}" if at else script.path
        lines = [f"{script.migration_id} failed at {where}" if at else f"{script.migration_id} failed ({where})"]
        if at and at.excerpt:
            lines.append(f"  {at.excerpt}")
        lines.append(f"  PostgreSQL {failure.sqlstate}: {failure.message}")
        for label, text in (("Detail", failure.detail), ("Hint", failure.server_hint), ("Context", failure.context)):
            if text:
                lines.append(f"  {label}: {text}".replace("\n", "\n    "))
        super().__init__("\n".join(lines))


class LockTimeout(errors.Busy):
    """DDL did not get its lock within any of its tries; nothing was changed."""

    def __init__(self, script: Script, tries: int, blockers: Sequence[lock_holder.Holder], line: int | None) -> None:
        by = "; ".join(holder.describe() for holder in blockers) or "sessions that ended before they could be named"
        where = f"{script.path}:{line}" if line else script.path
        super().__init__(
            f"{script.migration_id} did not get its lock in {tries} tries ({where}); blocked by {by}",
            "Nothing of it was changed. Run again when they are done; to end one of them: "
            + (f"SELECT pg_terminate_backend({blockers[0].pid});" if blockers else "see pg_stat_activity."),
        )
        self.blockers = tuple(blockers)


class NotRecorded(errors.Error):
    """The role may not write the history, so nothing was kept."""

    def __init__(self, migration_id: str, failure: sessions.StatementFailed) -> None:
        super().__init__(
            f"{migration_id} was rolled back, because this role may not write the history: {failure.message}",
            "The role needs SELECT, INSERT, UPDATE and DELETE on all tables of the history's schema, or to own them.",
        )


class HistoryMoved(errors.Busy):
    """Another deployer moved the history although we held the lock; our transaction was rolled back."""

    def __init__(self, migration_id: str) -> None:
        super().__init__(
            f"the history changed while {migration_id} ran, so it was rolled back",
            "Something writes to the history without the deploy lock. Run again.",
        )


def milliseconds(seconds: float) -> str:
    """Return a PostgreSQL timeout.

    >>> milliseconds(1.5)
    "'1500ms'"
    """
    return f"'{round(seconds * 1000)}ms'"


def sqlstate_of(error: errors.Error) -> str:
    """Return with which code the server refused; empty where the refusal is not the server's."""
    if isinstance(error, ScriptFailed):
        return error.sqlstate
    return LOCK_NOT_AVAILABLE if isinstance(error, LockTimeout) else ""


def search_path(names: Sequence[str]) -> str:
    """Return the value of a search_path setting."""
    return ", ".join(queries.identifier(name) for name in names)


def prologue(
    session: sessions.Session, script: Script, budget: Budget, *, durable: bool, pooled_lock: bool
) -> tuple[str, int]:
    """Return what is sent before the file in the same message, and how many statements that is."""
    parts = ["BEGIN"]
    if pooled_lock:
        # Raises at once where somebody else holds the lock: no statement of the file runs then.
        # The lock was nobody's between the plan and this transaction.
        parts += [POOLED_LOCK, script.unmoved or "SELECT 1"]
    name = session.client.application_name(script.migration_id)
    parts += [
        f"SET LOCAL search_path = {search_path(script.search_path)}",
        f"SET LOCAL lock_timeout = {milliseconds(budget.lock_timeout)}",
        f"SET LOCAL statement_timeout = {milliseconds(budget.statement_timeout)}",
        f"SET LOCAL application_name = {queries.literal(name)}",
    ]
    if not durable:
        # WAL is ordered: a later durable commit, and the last one always is, makes this one durable too.
        parts.append("SET LOCAL synchronous_commit = off")
    return "; ".join(parts) + ";\n", len(parts)


def run(
    session: sessions.Session,
    script: Script,
    record: Callable[[int], str],
    budget: Budget,
    *,
    durable: bool,
    monitor: activity.Monitor,
    info: Info,
    body: Body | None = None,
) -> Ran:
    """Run a script in one transaction together with the record that `record(statement_count)` returns.

    Either both are committed or neither is. A lock that is not free is tried again, whole, with backoff. Raises
    ScriptFailed, LockTimeout, HistoryMoved, or postgres.ConnectionLost, after which only the history knows whether the
    COMMIT arrived.
    """
    before, extra = prologue(session, script, budget, durable=durable, pooled_lock=session.pooled)
    for attempt in range(1, budget.attempts + 1):
        started = time.monotonic()
        monitor.begin()
        try:
            with rolled_back(session):
                count = (body.send if body else send)(session, script, before) - extra
                if sessions.may_lose_lock(script.sql) and not session.pooled and not lock.still_ours(session):
                    raise HistoryMoved(script.migration_id)
                monitor.end()
                _record(session, script, record(count))
            return Ran(count, attempt, time.monotonic() - started)
        except sessions.StatementFailed as failure:
            blockers = monitor.end()
            if session.pooled and taken(failure):
                raise lock.Taken from failure
            if session.pooled and failure.index == 2 and failure.sqlstate == _DIVISION_BY_ZERO:
                raise HistoryMoved(script.migration_id) from failure
            at = _place(script, failure, extra) if body is None else body.place(script, failure, extra)
            if failure.sqlstate not in RETRIED:
                raise ScriptFailed(script, failure, at) from failure
            if attempt == budget.attempts:
                raise LockTimeout(script, attempt, blockers, at.line if at else None) from failure
            pause = lock_holder.backoff(attempt, budget.backoff, budget.backoff_cap, random.random)
            named = "; ".join(holder.describe() for holder in blockers) or "a session that could not be seen"
            info(
                f"{script.migration_id}: {failure.message} (try {attempt} of {budget.attempts}); blocked by {named}; "
                f"again in {pause:.1f} s"
            )
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _place(script: Script, failure: sessions.StatementFailed, extra: int) -> position.Position | None:
    return position.where(script.sql, failure.position, failure.index - extra)


def _record(session: sessions.Session, script: Script, text: str) -> None:
    """Write the record, commit, and clean the session, in one message."""
    # A file may have changed the role; the history is written by the role that connected.
    after = "" if session.pooled else f"; {session.epilogue(script.sql)}"
    before = "RESET SESSION AUTHORIZATION; RESET ROLE"
    write_record(session, script, before, f"{text}; COMMIT{after}")


def write_record(session: sessions.Session, script: Script, before: str, record: str) -> None:
    """Send a record and what ends its transaction, after the statements of `before`.

    Raises HistoryMoved, NotRecorded, ledger.NotMirrored, or ScriptFailed where the COMMIT is what fails.
    """
    try:
        if hinders_record(script.sql):
            session.script(_NEUTRAL)
        session.script(f"{before}; {record}")
    except sessions.StatementFailed as failure:
        is_record = failure.index == before.count(";") + 1  # else it is something that was deferred to the COMMIT
        if is_record and failure.sqlstate == _DIVISION_BY_ZERO:
            raise HistoryMoved(script.migration_id) from failure
        if is_record and failure.sqlstate == _INSUFFICIENT_PRIVILEGE:
            raise NotRecorded(script.migration_id, failure) from failure
        if script.mirrored and failure.index == before.count(";") + 2:
            raise ledger.NotMirrored(script.migration_id, script.mirrored, failure.message) from failure
        raise ScriptFailed(script, failure, None) from failure


def hinders_record(sql: str) -> bool:
    """Tell whether a file may change a setting that the record depends on, such as where its operators are found."""
    folded = sql.lower()
    return any(name in folded for name in _IN_THE_WAY)


def taken(failure: sessions.StatementFailed) -> lock.Taken | None:
    """Return what to raise when POOLED_LOCK, the second statement, is what failed."""
    return lock.Taken() if failure.index == 1 and failure.sqlstate == _DIVISION_BY_ZERO else None


def send(session: sessions.Session, script: Script, before: str, meanwhile: Callable[[], object] = lambda: None) -> int:
    """Send a file in the transaction that `before` opens, whole or in pieces, and return how many results came.

    Raises postgres.StatementFailed, whose index counts from the first statement of `before`, and whose position is
    one of the file, or None; and MigrationError where the file ended the transaction.
    """
    count = 0
    for piece in _pieces(session, script.sql):
        if before and piece.stop - piece.start > lexer.LARGE:
            # Not joined with a large text: that would be one copy of it more.
            count += len(session.script(before))
            before = ""
        try:
            count += len(session.script(_text(before, script.sql, piece), rows=rows(script.sql, piece.data)))
        except sessions.StatementFailed as failure:
            failure.index += count
            place_in(failure, script.sql, piece.start - len(before), piece.data)
            if failure.position is not None and failure.position <= piece.start:
                failure.position = None  # it is in `before`
            raise
        before = ""
        if not session.in_transaction:
            raise errors.MigrationError(
                f"{script.path} ended the transaction that it runs in",
                "Remove COMMIT or ROLLBACK from it; what it committed itself is not recorded.",
            )
    return count


def _pieces(session: sessions.Session, sql: str) -> Sequence[lexer.Piece]:
    pieces = lexer.pieces(sql)
    if len(pieces) == 1 or "\\restrict" in sql or any(piece.data is not None for piece in pieces):
        return pieces
    if not pieces or session.quotes_with_backslash or ("standard_conforming" in sql and _BACKSLASHES.search(sql)):
        # The lexer reads strings as the standard has them, so it may have cut one in two. The server knows better.
        return (lexer.Piece(0, len(sql)),)
    return _with_the_rest(pieces)


def _with_the_rest(pieces: Sequence[lexer.Piece]) -> Sequence[lexer.Piece]:
    """Join what little follows a very large statement to it: the end of the file is sent without a copy."""
    large, rest = pieces[-2:]
    if large.stop - large.start <= _VERY_LARGE or rest.stop - rest.start > lexer.PIECE:
        return pieces
    return (*pieces[:-2], lexer.Piece(large.start, rest.stop))


def _text(before: str, sql: str, piece: lexer.Piece) -> str | bytes | scripts.Tail:
    """Return what is sent of a file, in as few copies as can be: libpq makes two of its own."""
    is_last = len(sql) - piece.stop <= _END and not sql[piece.stop :].strip()
    if is_last and piece.data is None and not before and sql.isascii():
        return scripts.Tail(sql, piece.start)
    # As bytes: a large text is not there once more while libpq makes its copies.
    return (before + sql[piece.start : piece.stop]).encode()


def rows(sql: str, data: tuple[int, int] | None) -> Iterator[str] | None:
    """Return the rows of a COPY in parts of the text, or None where it has none."""
    if data is None:
        return None
    return (sql[at : min(at + lexer.LARGE, data[1])] for at in range(*data, lexer.LARGE))


def place_in(failure: sessions.StatementFailed, sql: str, offset: int, data: tuple[int, int] | None) -> None:
    """Make the position of a failure one of the file; `offset` is where the message that was sent begins there.

    A row that COPY refuses is found by the number that the server's context gives it.
    """
    if failure.position is not None:
        failure.position += offset
    elif data is not None and (row := _COPIED_ROW.search(failure.context)):
        at = data[0]
        for _ in range(int(row[1]) - 1):
            at = sql.find("\n", at, data[1]) + 1 or at
        failure.position = at + 1


@contextlib.contextmanager
def rolled_back(session: sessions.Session) -> Iterator[None]:
    """Roll an open transaction back when the block ends with any exception, a signal's included."""
    try:
        yield
    except sessions.ConnectionLost:
        raise
    except BaseException:
        with contextlib.suppress(sessions.ConnectionLost, sessions.StatementFailed):
            session.rollback()
        raise
