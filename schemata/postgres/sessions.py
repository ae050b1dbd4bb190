"""psycopg's home: connections that deploy, scripts sent whole, errors with their place.

Everything that writes to a database goes through here. Questions that only read go through
`asking`, which does without psycopg where it can.
"""

import contextlib
import getpass
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import generators, pq

from schemata import errors
from schemata.postgres import deployer
from schemata.system import signals

# A backend whose client is gone notices within this time also in the middle of a statement, so that
# the lock of a killed deployer is free soon (PostgreSQL 14+; not on every platform).
_CHECK_CLIENT = "SET client_connection_check_interval = '5s'"
_CANCEL_PATIENCE = 5.0  # seconds
_KEEPALIVES: dict[str, Any] = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
# When the network goes away no end of the connection is seen: then these free the lock. A deployer is silent
# for moments only, between two tries at most for the longest backoff. What somebody configured stays.
_BOUNDS = {
    "idle_in_transaction_session_timeout": "1min",
    "idle_session_timeout": "5min",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}

# What every migration may leave in the session, and what takes it back. DISCARD ALL would do it all, but it
# would release the deploy lock as well.
_RESET = ("RESET SESSION AUTHORIZATION", "RESET ALL")
_RESET_OBJECTS = ("CLOSE ALL", "UNLISTEN *", "DEALLOCATE ALL", "DISCARD TEMP", "DISCARD SEQUENCES")
# Only text that calls functions or names one of these can leave an object behind; plain DDL cannot.
_MAKES_OBJECTS = re.compile(
    r"temp|listen|cursor|prepare|execute|select|insert|update|delete|merge|copy|refresh|truncate|\b(?:do|call)\b",
    re.IGNORECASE,
)
_DROPS_PREPARED = re.compile(r"deallocate|discard|prepare", re.IGNORECASE)

Notice = Callable[[str], None]
Result = pq.abc.PGresult


def this_client() -> deployer.Client:
    """Return who we are; a UID without a passwd entry is called by its number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    started = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return deployer.Client(host=socket.gethostname(), user=user, pid=os.getpid(), started=started)


class StatementFailed(Exception):
    """The server refused a script. `index` counts its statements from 0; `position` its characters from 1.

    `before` are the results of the statements before it.
    """

    def __init__(self, error: psycopg.Error, index: int, before: Sequence[Result] = ()) -> None:
        diag = error.diag
        super().__init__(diag.message_primary or str(error).strip())
        self.index = index
        self.before = tuple(before)
        self.sqlstate = error.sqlstate or ""
        self.message = diag.message_primary or str(error).strip()
        self.detail = diag.message_detail or ""
        self.server_hint = diag.message_hint or ""
        self.context = diag.context or ""
        self.position = int(diag.statement_position) if diag.statement_position else None


class ConnectionLost(Exception):
    """The connection ended while something was under way; what became of it must be asked."""


class Session:
    """One connection that deploys. Autocommit; every transaction is said explicitly."""

    def __init__(self, connection: psycopg.Connection, who: deployer.Client) -> None:
        self.connection = connection
        self.client = who
        self.pooled = False
        self.prepared = ""
        self._checks_client = False
        self._bounds: tuple[str, ...] = ()
        self._encoding = "utf-8"

    @property
    def pid(self) -> int:
        """Return the backend's process id."""
        return self.connection.info.backend_pid

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open (also a failed one)."""
        return self.connection.pgconn.transaction_status in (
            pq.TransactionStatus.INTRANS,
            pq.TransactionStatus.INERROR,
        )

    def script(self, text: str, meanwhile: Callable[[], None] | None = None) -> list[Result]:
        """Send text whole, as one simple query, and return one result a statement.

        `meanwhile` is called while the server works on it. Raises StatementFailed, after which an open
        transaction is failed but still open, or ConnectionLost. A signal cancels the running statement
        on the server and is raised again.
        """
        pgconn = self.connection.pgconn
        try:
            pgconn.send_query(text.encode(self._encoding))
            if meanwhile is not None:
                meanwhile()
            results: list[Result] = self.connection.wait(generators.execute(pgconn))
        except psycopg.OperationalError as error:
            raise ConnectionLost(str(error).strip()) from error
        except BaseException:
            self._abandon()
            raise
        for index, result in enumerate(results):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                failure = psycopg.errors.error_from_result(result, encoding=self._encoding)
                if pgconn.status == pq.ConnStatus.BAD:
                    raise ConnectionLost(str(failure).strip()) from failure
                raise StatementFailed(failure, index, results[:index]) from failure
            if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
                self._leave_copy()
                raise StatementFailed(psycopg.errors.FeatureNotSupported("COPY from or to the client"), index)
        return results

    def _abandon(self) -> None:
        """Cancel what is still running, so that the connection is of use again.

        psycopg does it for a signal that comes while it waits, but one may come a moment before or after.
        """
        if self.connection.closed or self.connection.pgconn.transaction_status != pq.TransactionStatus.ACTIVE:
            return
        with signals.held(), contextlib.suppress(psycopg.Error):
            self.connection.cancel_safe(timeout=_CANCEL_PATIENCE)
            self.connection.wait(generators.execute(self.connection.pgconn), timeout=_CANCEL_PATIENCE)

    def _leave_copy(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self.connection.pgconn.put_copy_end(b"this engine sends no COPY data")
        self.connection.close()

    def rows(self, text: str) -> list[tuple[str | None, ...]]:
        """Return the rows of the last statement of a script, as text."""
        result = self.script(text)[-1]
        return [
            tuple(
                None if (value := result.get_value(row, column)) is None else value.decode(self._encoding)
                for column in range(result.nfields)
            )
            for row in range(result.ntuples)
        ]

    def reset(self) -> None:
        """Forget whatever may have been left in the session; the lock stays."""
        self.script(self.epilogue("prepare"))

    def epilogue(self, text: str) -> str:
        """Return the SQL that takes back what a script of this text may have left in the session."""
        return "; ".join(self.epilogue_statements(text))

    def epilogue_statements(self, text: str) -> list[str]:
        """Return the statements of the epilogue one by one."""
        parts = list(_RESET)
        if _MAKES_OBJECTS.search(text):
            parts += _RESET_OBJECTS
            if self.prepared:
                parts.append(self.prepared)
        if self._checks_client:
            parts.append(_CHECK_CLIENT)
        return [*parts, *self._bounds]

    def keeps_prepared(self, text: str) -> bool:
        """Tell whether what is prepared in the session outlives a script of this text."""
        return bool(self.prepared) and not _DROPS_PREPARED.search(text)

    def prepare(self, text: str) -> None:
        """Prepare a statement for the whole session, and again after each epilogue that drops it."""
        if not self.pooled:
            self.script(f"DEALLOCATE ALL; {text}")
            self.prepared = text

    def settle(self) -> None:
        """Let the server notice, also in the middle of a statement, that we are gone, where its platform can."""
        with contextlib.suppress(StatementFailed):
            self.script(_CHECK_CLIENT)
            self._checks_client = True
        wanted = ", ".join(f"'{name}'" for name in _BOUNDS)
        free = self.rows(f"SELECT name FROM pg_settings WHERE name IN ({wanted}) AND source = 'default'")
        self._bounds = tuple(f"SET {name} = '{_BOUNDS[name]}'" for (name,) in free if name)
        if self._bounds:
            self.script("; ".join(self._bounds))

    def rollback(self) -> None:
        """End an open transaction, keeping nothing of it."""
        if not self.connection.closed and self.in_transaction:
            self.script("ROLLBACK")


@contextlib.contextmanager
def session(
    url: str, who: deployer.Client, *, timeout: float = 10.0, notice: Notice | None = None
) -> Iterator[Session]:
    """Open a session for a deploy and close it on the way out, which frees every lock that it holds.

    Raises NotAvailable when the server cannot be reached; `timeout` is in seconds.
    """
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=max(2, round(timeout)),
            application_name=who.application_name(),
            client_encoding="UTF8",
            **_KEEPALIVES,
        )
    except psycopg.Error as error:
        raise errors.NotAvailable(str(error).strip(), "Run `inv doctor`.") from error
    if notice is not None:
        connection.add_notice_handler(lambda diag: notice(f"{diag.severity}: {diag.message_primary}"))
    try:
        opened = Session(connection, who)
        # A pooler hands out a backend id of its own with the cancel key: that is how it is known.
        opened.pooled = opened.rows("SELECT pg_backend_pid()") != [(str(connection.pgconn.backend_pid),)]
        if not opened.pooled:
            opened.settle()
        yield opened
    finally:
        connection.close()


_SESSION_LOCK_LOSS = re.compile(r"advisory_unlock|\bdiscard\b", re.IGNORECASE)


def may_lose_lock(text: str) -> bool:
    """Tell whether a script might release the session's advisory locks.

    >>> may_lose_lock("DISCARD ALL"), may_lose_lock("SELECT 1")
    (True, False)
    """
    return bool(_SESSION_LOCK_LOSS.search(text))
