"""Run the steps of a migration in Python: yoyo's code calls them, on the session and in the transaction of a deploy."""

import contextlib
import dataclasses
import io
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from schemata import errors
from schemata.deploy import lock, transactional
from schemata.deploy.python import connection, failures, loading
from schemata.migrations import migration
from schemata.postgres import queries, query_client, sessions
from schemata.sql import position

# Said at the beginning of the transaction; gone once that was ended, also where another was begun.
_MARK = "schemata.transaction"
_LEFT = "Nothing of it is left; the migrations before it stay as they are. Fix the file, then run again."

Info = Callable[[str], None]


class Backend:
    """What yoyo's steps ask of a backend. A savepoint is set only where an error is to be ignored."""

    DatabaseError = psycopg.DatabaseError
    has_transactional_ddl = True

    def __init__(self, lent: connection.MigrationConnection, index: int = 0) -> None:
        self.connection = lent
        self.tolerant = False
        self._index = index
        self._savepoints = 0

    def cursor(self) -> psycopg.Cursor[Any]:
        """Return a cursor, as yoyo does for a step of SQL."""
        return self.connection.cursor()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what a step did if it fails and that is ignored. A lock that was not free is never ignored."""
        if not self.tolerant:
            yield
            return
        self._savepoints += 1
        name = queries.identifier(f"schemata_{self._savepoints}")
        self.connection.execute(f"SAVEPOINT {name}")
        try:
            yield
        except psycopg.Error as error:
            if error.sqlstate in transactional.RETRIED:
                raise statement_failed(error, self._index) from error
            self.connection.execute(f"ROLLBACK TO SAVEPOINT {name}")
            raise
        self.connection.execute(f"RELEASE SAVEPOINT {name}")


class StepFailed(sessions.StatementFailed):
    """The server refused something that a step sent; `place` is where in the file that is."""

    place: position.Position | None = None


@dataclasses.dataclass(frozen=True)
class Body:
    """A migration in Python as `transactional.run` runs one: instead of the file's SQL, its steps."""

    item: migration.Migration
    rollback: bool
    info: Info

    def send(self, session: sessions.Session, script: transactional.Script, before: str) -> int:
        """Run the steps in the transaction that `before` opens; return how many results that and they gave."""
        loaded = loading.load(self.item, self.info)
        if self.rollback:
            loading.check_reversible(self.item, loaded.steps)
        with connection.lent(session, transactional=True) as lent:
            # What a step computes by itself takes as long as it takes.
            own = f"SET LOCAL {_MARK} = 'open'; SET LOCAL idle_in_transaction_session_timeout = 0;"
            first = len(session.script(before + own)) - 2
            chosen = list(reversed(loaded.steps)) if self.rollback else list(loaded.steps)
            for number, step in enumerate(chosen):
                backend = Backend(lent, first + number)
                backend.tolerant = tolerates(step)
                call(session, step, backend, self, first + number, _LEFT)
                self._check(lent, step)
            if session.rows(f"SHOW {_MARK}") != [("open",)]:
                raise failures.CallFailed(
                    self.item.id,
                    self.item.path,
                    None,
                    "one of its steps ended the transaction that it runs in, or took every setting of it back",
                    "Remove COMMIT, ROLLBACK, RESET ALL and DISCARD from it. What it committed itself is not recorded.",
                )
        if not session.pooled and not lock.still_ours(session):
            raise transactional.HistoryMoved(self.item.id)
        return first + len(chosen)

    def place(
        self, script: transactional.Script, failure: sessions.StatementFailed, extra: int
    ) -> position.Position | None:
        """Return where in the file a failure belongs; None where it is none of a step's."""
        return failure.place if isinstance(failure, StepFailed) else None

    def _check(self, lent: connection.MigrationConnection, step: Any) -> None:
        status = lent.info.transaction_status
        if status == TransactionStatus.INTRANS:
            return
        if lent.closed:
            raise sessions.ConnectionLost("the connection ended while a step in Python ran")
        what = "it ended the transaction that it runs in"
        hint = "Remove COMMIT and ROLLBACK from it. What it committed itself is not recorded."
        if status == TransactionStatus.INERROR:
            what = "it went on after the server had refused a statement, so nothing of it can be committed"
            hint = f"Put what may fail into `with connection.transaction():`, or into a step of its own. {_LEFT}"
        line = _line_of_call(step)
        where = f"{self.item.path}:{line}" if line else self.item.path
        raise failures.CallFailed(self.item.id, where, line, what, hint)


def call(session: sessions.Session, step: Any, backend: Backend, body: Body, index: int, left: str) -> None:
    """Have yoyo run one step. Raises StepFailed, CallFailed or ConnectionLost; a signal goes through."""
    item, lent = body.item, backend.connection
    lent.last_query = ""
    try:
        with loading.quiet(body.info), _printed(body.info):
            (step.rollback if body.rollback else step.apply)(backend, False)
    except psycopg.Error as error:
        if lent.closed:
            raise sessions.ConnectionLost(str(error).strip()) from error
        if error.sqlstate is None:
            raise _call_failed(body, error, left) from error
        failed = statement_failed(error, index)
        failed.place = _place(body, error, lent.last_query)
        raise failed from error
    except StepFailed as failed:
        failed.place = _place(body, failed.__cause__ or failed, lent.last_query)
        raise
    except failures.TransactionRefused as refused:
        line, name = failures.place(refused.__traceback__, item.path)
        where = f"{item.path}:{line}, in {name}()" if line else item.path
        raise failures.CallFailed(item.id, where, line, refused.message, f"{refused.hint}\n{left}") from None
    except sessions.ConnectionLost:
        raise
    except (Exception, SystemExit) as error:
        # Whatever a step raises is told with its place; the engine's own traceback would say nothing.
        raise _call_failed(body, error, left) from error


def tolerates(step: Any) -> bool:
    """Tell whether an error of a step of yoyo's, or of one in its group, is to be ignored."""
    return bool(step.ignore_errors) or any(tolerates(one) for one in getattr(step.step, "steps", ()))


def statement_failed(error: psycopg.Error, index: int) -> StepFailed:
    """Return psycopg's error as the one of the engine's sessions: it has the same fields."""
    same: Any = error
    return StepFailed(same, index)


def _call_failed(body: Body, error: BaseException, left: str) -> failures.CallFailed:
    line, name = failures.place(error.__traceback__, body.item.path)
    where = body.item.path
    if line:
        where = f"{body.item.path}:{line}" + (f", in {name}()" if name.isidentifier() else "")
    return failures.CallFailed(body.item.id, where, line, failures.described(error), left)


def _place(body: Body, error: BaseException, query: str) -> position.Position | None:
    line, name = failures.place(error.__traceback__, body.item.path)
    if line:
        excerpt = " ".join(query.split())
        shown = excerpt if len(excerpt) <= 80 else excerpt[:79] + "…"
        return position.Position(line, 1, f"{name}(): {shown}" if shown else f"{name}()")
    first = loading.line_of(body.item, query, rollback=body.rollback)
    if first is None:
        return None
    diag = getattr(error, "diag", None)
    at = int(diag.statement_position) + first - 1 if diag is not None and diag.statement_position else None
    found = position.where("\n" * (first - 1) + query, at, 0)
    return found or position.Position(first, 1, query.strip().partition("\n")[0])


def _line_of_call(step: Any) -> int | None:
    code = getattr(getattr(step.step, "_apply", None), "__code__", None)
    return code.co_firstlineno if code is not None else None


@contextlib.contextmanager
def _printed(info: Info) -> Iterator[None]:
    """Report what a step prints, and the rows that yoyo prints of a SELECT: standard output is the command's."""
    lines = _Lines(info)
    with contextlib.redirect_stdout(lines):
        try:
            yield
        finally:
            lines.end()


class _Lines(io.StringIO):
    def __init__(self, info: Info) -> None:
        super().__init__()
        self._info, self._rest = info, ""

    def write(self, text: str) -> int:
        """Pass on each whole line."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._info(line)
        return len(text)

    def end(self) -> None:
        """Pass on what has no line end."""
        if self._rest:
            self._info(self._rest)
        self._rest = ""


def expect_psycopg(session: sessions.Session, migration_id: str) -> None:
    """Refuse a session that was opened before anybody knew that a migration in Python is pending."""
    # Another process rolled it back between the first question and the lock.
    if not query_client.is_through_psycopg(session.connection):
        raise errors.Busy(f"{migration_id} became pending while this run waited for the deploy lock", "Run again.")
