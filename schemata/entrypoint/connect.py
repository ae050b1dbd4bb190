"""Reach the database: log in again and again, quickly at first, and ask the one question of a boot.

Light: a start that waits for its server must not hold the whole engine in memory.
"""

import time

from schemata.history import up_to_date
from schemata.migrations import builds
from schemata.postgres import failures, libpq, query_client, urls

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would be an import on the fast path
    from collections.abc import Callable

_AWAY = ("57P01", "57P02", "57P03")
_CANCELLED = "57014"
_LATE = 3.0  # seconds without an answer to the question, until that is said


class Connector:
    """A database as a boot sees it from outside, and how long it goes on trying.

    :param url: as libpq takes it.
    :param rests: seconds to sleep between tries; taken away as they are used, by all that wait here.
    """

    def __init__(self, url: str, retry_delays: "list[float]", info: "Callable[[str], None]") -> None:
        self.url = url
        self.info = info
        self.tries = 0
        self.spent = 0.0
        self._delays = list(retry_delays)
        self._heard = ""

    def connect(
        self, build: builds.Build, *, standby_will_do: bool, create: bool, database_may_come: bool
    ) -> "tuple[libpq.Connection, up_to_date.Answer | None]":
        """Return a connection, and what the database has; None where it has no history that can be read.

        A standby is good enough when it has all there is to do. With `create` a missing database is made;
        with `database_may_come` it is waited for. Raises waiting.ServerNotReady when the rests are used up
        or waiting is hopeless. A failure leaves no connection open.
        """
        while True:
            self.tries += 1
            connection = None
            detail = ""
            try:
                connection = query_client.connect(self.url, timeout=10, application_name="schemata boot")
                answer = self._ask(connection, build.settings["history"])
                if up_to_date.up_to_date(answer, build):
                    return connection, answer
                reason = _not_ready(connection, answer, standby_will_do)
                if reason is None:
                    return connection, answer
                connection.close()
            except libpq.ConnectFailed as error:
                reason, detail = failures.classify(error.sqlstate, str(error)), str(error)
            except (libpq.ConnectionLost, libpq.QueryFailed) as error:
                if connection is not None:
                    connection.close()
                reason, detail = failures.after_login(error.sqlstate, str(error)), str(error)
            except BaseException:
                if connection is not None:
                    connection.close()
                raise
            if not (reason.missing_database and create and self._create()):
                self._rest(reason, detail, hopeless=reason.missing_database and not (create or database_may_come))

    def pause(self, most: float = float("inf")) -> bool:
        """Sleep until the next try, for `most` seconds at the most; False when no time is left."""
        if not self._delays:
            return False
        pause = self._delays.pop(0)
        if pause > most:
            self._delays.insert(0, pause - most)
            pause = most
        self.spent += pause
        time.sleep(pause)
        return True

    @property
    def patience(self) -> float:
        """Return the seconds that are left to wait."""
        return sum(self._delays)

    def _rest(self, reason: failures.Reason, detail: str, *, hopeless: bool) -> None:
        # Imported here: a start that works never needs it.
        from schemata.postgres import waiting

        if reason.hopeless or hopeless or not self._delays:
            kind = waiting.DatabaseNotFound if reason.missing_database else waiting.ServerNotReady
            error = kind(self.url, reason, detail, self.tries)
            if reason.missing_database:
                error.hint = "Create it, or let the boot do it: [tool.schemata] create_database = true."
            raise error
        self._tell(reason)
        self.pause()

    def _tell(self, reason: failures.Reason) -> None:
        if reason.text != self._heard:
            self._heard = reason.text
            self.info(f"waiting for {urls.redact(self.url)}: {reason.text} (for up to {self.patience:.0f} s)")

    def _ask(self, connection: libpq.Connection, history: str) -> "up_to_date.Answer | None":
        # Who waits in a pooler's queue keeps its place there, and says so.
        late = (_LATE, lambda: self._tell(failures.of("no_session")))
        try:
            return up_to_date.ask(connection, history, late)
        except libpq.QueryFailed as error:
            if error.sqlstate in _AWAY or (error.sqlstate == _CANCELLED and not _answers(connection)):
                raise
            return None  # the whole engine says what it is

    def _create(self) -> bool:
        """Make the database; False when the server is not ready for that either."""
        # Imported here: few starts make a database.
        from schemata.postgres import waiting

        try:
            name = waiting.database_of(self.url)
            if waiting.create_database(self.url, name, application_name="schemata boot"):
                self.info(f"created the database {name}")
        except waiting.ServerNotReady as error:
            if error.reason.hopeless or error.reason.missing_database:
                raise
            return False
        return True


def _answers(connection: libpq.Connection) -> bool:
    """Tell whether there is a session behind the connection at all, although one question was not answered."""
    try:
        return connection.query("SELECT 1", timeout=2) == [("1",)]
    except libpq.QueryFailed:
        return False


def _not_ready(
    connection: libpq.Connection, answer: "up_to_date.Answer | None", standby_will_do: bool
) -> "failures.Reason | None":
    if connection.is_socket:
        # Imported here: only through a socket can it be the temporary server of an image's first start.
        from schemata.postgres import waiting

        return waiting.not_ready(connection, standby_will_do)
    if standby_will_do:
        return None
    if answer is not None:
        standby = answer.standby
    else:
        standby = connection.query("SELECT pg_is_in_recovery()", timeout=10) == [("t",)]
    return failures.of("standby") if standby else None
