"""Wait for a server with a real login over the real route, and say why it is not there yet.

Light: the wait at a container's start imports this, and nothing of psycopg.
"""

import os
import time

from schemata import errors
from schemata.postgres import failures, libpq, query_client, urls

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` itself would be an import on the fast path
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

#: Tries of a command that has just closed a connection of its own, and the seconds between them.
AGAIN = 50
_AGAIN = 0.1

_STATE = """SELECT pg_is_in_recovery()::text, (SELECT setting = '' AND source = 'command line'
    FROM pg_settings WHERE name = 'listen_addresses')::text"""


class ServerNotReady(errors.NotAvailable):
    """The server did not let us in, for a reason that is told."""

    def __init__(self, url: str, reason: failures.Reason, detail: str, tries: int) -> None:
        shown = urls.redact(url)
        often = f" after {tries} tries" if tries > 1 else ""
        first = detail.strip().partition("\n")[0]
        super().__init__(f"{shown}: {reason.text}{often}" + (f"\n  {first}" if first else ""), reason.hint)
        self.reason = reason


class DatabaseNotFound(ServerNotReady):
    """The server is well, but has no such database."""


class DatabaseNotCreated(errors.Error):
    """The server refused to make a database."""

    def __init__(self, name: str, failure: libpq.QueryFailed) -> None:
        super().__init__(
            f"the database {name} could not be created: {failure.message}",
            f"Have it created by a role with CREATEDB: CREATE DATABASE {name};",
        )


def until_free(login: "Callable[[], T]", is_crowded: "Callable[[Exception], bool]", tries: int = AGAIN) -> "T":
    """Log in; a server without a free connection is asked again in a moment, so many times in all.

    A connection that was just closed here may still count there. What `is_crowded` does not know is raised at once.
    """
    for left in reversed(range(tries)):
        try:
            return login()
        except Exception as error:
            if not (left and is_crowded(error)):
                raise
        time.sleep(_AGAIN)
    raise AssertionError("the last try returns or raises")


def connect(
    url: str,
    *,
    application_name: str,
    attempts: int = 1,
    delay: float = 2.0,
    timeout: float = 10.0,
    accept_standby: bool = False,
    info: "Callable[[str], None] | None" = None,
    through_psycopg: bool = False,
) -> libpq.Connection:
    """Log in, trying `attempts` times `delay` seconds apart; hopeless reasons end it at once.

    `say(text)` hears each new reason. Raises ServerNotReady with the last reason, DatabaseNotFound
    when only the database is missing. A failure leaves no connection open.
    """
    heard = ""
    for attempt in range(1, attempts + 1):
        connection = None
        detail = ""
        try:
            connection = query_client.connect(
                url, timeout=timeout, application_name=application_name, through_psycopg=through_psycopg
            )
            reason = not_ready(connection, accept_standby)
            if reason is None:
                return connection
            connection.close()
        except libpq.ConnectFailed as error:
            reason, detail = failures.classify(error.sqlstate, str(error)), str(error)
        except (libpq.ConnectionLost, libpq.QueryFailed) as error:
            if connection is not None:
                connection.close()
            reason, detail = failures.after_login(error.sqlstate, str(error)), str(error)
        if reason.missing_database:
            raise DatabaseNotFound(url, reason, detail, attempt)
        if reason.hopeless or attempt == attempts:
            raise ServerNotReady(url, reason, detail, attempt)
        if info is not None and reason.text != heard:
            heard = reason.text
            info(f"waiting for {urls.redact(url)}: {heard} (try {attempt} of {attempts}, every {delay:g} s)")
        time.sleep(delay)
    raise AssertionError("the last try returns or raises")


def not_ready(connection: libpq.Connection, accept_standby: bool) -> "failures.Reason | None":
    """Return what a server that let us in still lacks; None when it is ready."""
    standby, temporary = connection.query(_STATE, timeout=10)[0]
    if standby == "true" and not accept_standby:
        return failures.of("standby")
    if connection.is_socket and temporary == "true":
        return failures.of("temporary_server")
    return None


def database_of(url: str) -> str:
    """Return the database's name that libpq reads from the settings, its own defaults included."""
    with connect(urls.with_database(url, "postgres"), application_name="schemata", accept_standby=True) as connection:
        user = str(connection.user)
    return urls.database_of(url) or os.environ.get("PGDATABASE") or user


def create_database(url: str, name: str, *, application_name: str, timeout: float = 10.0) -> bool:
    """Create a database through the server's database `postgres`; losing the race is success.

    Returns whether it was this call that created it.
    """
    with connect(urls.with_database(url, "postgres"), timeout=timeout, application_name=application_name) as c:
        quoted = name.replace('"', '""')
        try:
            c.query(f'CREATE DATABASE "{quoted}"', timeout=120)
        except libpq.QueryFailed as error:
            # 42P04: it exists; 23505: somebody creates it in this moment.
            if error.sqlstate in ("42P04", "23505"):
                return False
            raise DatabaseNotCreated(name, error) from error
    return True
