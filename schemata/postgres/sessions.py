"""Sessions that deploy: scripts sent whole, errors with their place.

Everything that writes to a database goes through here. A session is made of a connection that is there already, so
that a start or a command gets along with one from its first question to its last.
"""

import contextlib
import getpass
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from schemata.postgres import deployer, libpq, queries, scripts
from schemata.sql import lexer
from schemata.system import signals

# A backend whose client is gone notices within this time also in the middle of a statement, so that
# the lock of a killed deployer is free soon (PostgreSQL 14+; not on every platform).
_CHECK_CLIENT = "SET client_connection_check_interval = '5s'"
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

_COPY_REFUSED = scripts.ServerError({"sqlstate": "0A000", "message_primary": "COPY from or to the client"})

Notice = Callable[[str, str], None]
Result = scripts.Result


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

    `before` are the results of the statements before it; `names` are the schema, table, column and constraint that the
    server attached to the error, whatever the language of its messages.
    """

    def __init__(self, error: scripts.ServerError, index: int, before: Sequence[Result] = ()) -> None:
        diag = error.diag
        super().__init__(diag.message_primary or str(error).strip())
        self.index = index
        self.before = tuple(before)
        self.sqlstate = error.sqlstate or ""
        self.message = diag.message_primary or str(error).strip()
        self.detail = diag.message_detail or ""
        self.server_hint = diag.message_hint or ""
        self.context = diag.context or ""
        names = (diag.schema_name, diag.table_name, diag.column_name, diag.constraint_name)
        self.names = tuple(name or "" for name in names)
        self.position = int(diag.statement_position) if diag.statement_position else None


class ConnectionLost(Exception):
    """The connection ended while something was under way; what became of it must be asked."""


class Session:
    """One connection that deploys. Autocommit; every transaction is said explicitly."""

    def __init__(self, connection: libpq.Connection, channel: scripts.Channel, who: deployer.Client) -> None:
        self.connection = connection
        self._channel = channel
        self.client = who
        self.pooled = False
        self.prepared = ""
        self._checks_client = False
        self._bounds: tuple[str, ...] = ()
        self._encoding = "utf-8"

    @property
    def pid(self) -> int:
        """Return the backend's process id."""
        return self.connection.backend_pid

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open (also a failed one)."""
        return self._channel.transaction_status in (scripts.IN_TRANSACTION, scripts.IN_ERROR)

    @property
    def quotes_with_backslash(self) -> bool:
        """Tell whether a backslash in a plain '…' escapes here: standard_conforming_strings is off."""
        return self.connection.parameter("standard_conforming_strings") == "off"

    def script(
        self,
        text: str | bytes | scripts.Tail,
        meanwhile: Callable[[], None] | None = None,
        *,
        rows: Iterable[str] | None = None,
    ) -> list[Result]:
        """Send text (or its UTF-8) whole, as one simple query, and return one result a statement.

        `meanwhile` is called while the server works on it; `rows` is what its last statement, a COPY … FROM STDIN,
        reads. Raises StatementFailed, after which an open transaction is failed but still open, or ConnectionLost. A
        signal cancels the running statement on the server and is raised again.
        """
        try:
            results = self._channel.run(text, meanwhile)
            if rows is not None and results and results[-1].status == scripts.COPY_IN:
                results[-1:] = self._channel.copy(part.encode(self._encoding) for part in rows)
        except (libpq.ConnectionLost, libpq.QueryFailed) as error:
            raise ConnectionLost(error.message) from error
        except BaseException:
            self._abandon()
            raise
        for index, result in enumerate(results):
            if result.error is not None:
                if self._channel.lost:
                    raise ConnectionLost(str(result.error)) from result.error
                raise StatementFailed(result.error, index, results[:index]) from result.error
            if result.status in scripts.COPY:
                self._channel.refuse_copy("this engine sends no COPY data")
                raise StatementFailed(_COPY_REFUSED, index)
        return results

    def _abandon(self) -> None:
        """Cancel what is still running, so that the connection is of use again, or close it where that hangs."""
        with signals.held():
            if self._channel.transaction_status == scripts.ACTIVE:
                self._channel.stop_copy("the deploy was stopped")
                self.connection.abandon()

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
        if len(text) > lexer.LARGE or _MAKES_OBJECTS.search(text):
            parts += _RESET_OBJECTS
            if self.prepared:
                parts.append(self.prepared)
        if self._checks_client:
            parts.append(_CHECK_CLIENT)
        return [*parts, *self._bounds]

    def keeps_prepared(self, text: str) -> bool:
        """Tell whether what is prepared in the session outlives a script of this text; a large one is not read."""
        return bool(self.prepared) and len(text) <= lexer.LARGE and not _DROPS_PREPARED.search(text)

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
        # The connection was made under another name, to which RESET ALL goes back.
        name = f"SET application_name = {queries.literal(self.client.application_name())}"
        self._bounds = (name, *(f"SET {name} = '{_BOUNDS[name]}'" for (name,) in free if name))
        self.script("; ".join(self._bounds))

    def rollback(self) -> None:
        """End an open transaction, keeping nothing of it."""
        if self.in_transaction:
            self.script("ROLLBACK")


@contextlib.contextmanager
def session(
    connection: libpq.Connection, who: deployer.Client, *, keep: bool = False, notice: Notice | None = None
) -> Iterator[Session]:
    """Make a deploy's session of a connection; close it on the way out, which frees every lock that it holds.

    With `keep` it is left open, with its locks, unless the block fails: then the caller closes it. Raises
    ConnectionLost.
    """
    channel = scripts.Channel(connection, notice)
    try:
        opened = Session(connection, channel, who)
        # A pooler hands out a backend id of its own with the cancel key: that is how it is known.
        opened.pooled = opened.rows("SELECT pg_backend_pid()") != [(str(connection.backend_pid),)]
        if not opened.pooled:
            opened.settle()
        yield opened
    except BaseException:
        connection.close()
        raise
    finally:
        if not keep:
            connection.close()
        channel.end()


_SESSION_LOCK_LOSS = re.compile(r"advisory_unlock|\bdiscard\b", re.IGNORECASE)


def may_lose_lock(text: str) -> bool:
    """Tell whether a script might release the session's advisory locks; a large one might: asking is cheaper.

    >>> may_lose_lock("DISCARD ALL"), may_lose_lock("SELECT 1")
    (True, False)
    """
    return len(text) > lexer.LARGE or bool(_SESSION_LOCK_LOSS.search(text))
