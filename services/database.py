"""How the services reach PostgreSQL: the settings of every connection, and what an error of one means."""

import os
from typing import Any, Final

import psycopg
import psycopg.conninfo

from schemata import errors
from schemata.migrations import revision as revisions
from schemata.postgres import urls
from services import values

#: Seconds that a try to connect may take, and a request's statement.
CONNECT_TIMEOUT: Final = 2
STATEMENT_TIMEOUT: Final = 3.0
#: Seconds that a transaction may stand still: who is frozen in one, or without power, holds its locks no longer.
IDLE_IN_TRANSACTION: Final = 10.0
#: After how many seconds of silence the other end of a connection is asked whether it lives, how often, how many times.
_KEEPALIVE: Final = (10, 5, 3)
_DEAD_AFTER: Final = 25_000  # milliseconds
#: Bytes of application_name that PostgreSQL keeps; it cuts off the rest at the end, where the revision is.
_NAME_LIMIT: Final = 63

#: The server is away, stops, starts, is full, is read-only, or has not the tables yet: all of it passes.
_AWAY = ("08", "57P", "53", "25006", "42P01", "3F000", "42703", "3D000", "28", "42501", "58")
#: Another transaction was in the way, or the statement took too long: it may be tried again.
_AGAIN = ("40", "55P03", "57014")


def settings(service: str, revision: str = "") -> dict[str, Any]:
    """Return the arguments of psycopg.connect for DATABASE_URL, which may be written as Prisma or SQLAlchemy would.

    `revision` is the last migration of the service's build: its sessions tell it, so that a change of the database
    knows who still is of the version before.

    Raises ConfigError without it, or when libpq cannot read it.
    """
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        raise errors.ConfigError(
            "DATABASE_URL is not set: the service does not know its database",
            "Start it with `inv dev-up`, or set DATABASE_URL=postgresql://USER:PASSWORD@HOST/DATABASE.",
        )
    known, _ = urls.normalise(url)
    try:
        read = psycopg.conninfo.conninfo_to_dict(known)
    except psycopg.ProgrammingError as error:
        raise errors.ConfigError(
            f"DATABASE_URL cannot be read: {urls.conceal(str(error).strip(), known)}",
            "Write it as postgresql://USER:PASSWORD@HOST/DATABASE, with special characters percent-encoded.",
        ) from error
    idle, interval, count = _KEEPALIVE
    return {
        "keepalives_idle": idle,
        "keepalives_interval": interval,
        "keepalives_count": count,
        "tcp_user_timeout": _DEAD_AFTER,
        **read,
        "application_name": application_name(service, revision),
        "connect_timeout": CONNECT_TIMEOUT,
        # Through a pooler in transaction mode a prepared statement is on another connection the next time.
        "prepare_threshold": None,
        "autocommit": True,
    }


def application_name(service: str, revision: str = "") -> str:
    """Return what the sessions of a service are called: its name and the time of its build's last migration.

    >>> application_name("financial-svc", "tagging.20250903090000.tag_invoices_paid_late")
    'financial-svc@20250903090000'
    >>> application_name("billing", "")
    'billing'
    """
    moment = revisions.time_of(revision)
    build = f"@{moment}" if moment else ""
    return service.encode()[: _NAME_LIMIT - len(build)].decode(errors="ignore") + build


def session(statement_timeout: float = STATEMENT_TIMEOUT, lock_timeout: float = 0) -> str:
    """Return the SQL that each new connection begins with; as startup options a pooler would refuse them.

    Seconds; 0 is no limit. The keepalives are the server's, which finds out with them that this end is gone.
    """
    idle, interval, count = _KEEPALIVE
    settings = {
        "statement_timeout": round(statement_timeout * 1000),
        "lock_timeout": round(lock_timeout * 1000),
        "idle_in_transaction_session_timeout": round(IDLE_IN_TRANSACTION * 1000),
        "tcp_keepalives_idle": idle,
        "tcp_keepalives_interval": interval,
        "tcp_keepalives_count": count,
        "tcp_user_timeout": _DEAD_AFTER,
    }
    texts = [*(f"{name} = {value}" for name, value in settings.items()), "timezone = 'UTC'", *values.SETTINGS]
    return "; ".join(f"SET {text}" for text in texts)


def is_away(error: psycopg.Error) -> bool:
    """Tell whether the database could not be asked, so that the same request may succeed later."""
    if error.sqlstate is None:  # libpq itself: refused, no such host, the connection broke
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith((*_AWAY, *_AGAIN))


def in_words(error: psycopg.Error) -> str:
    """Return why the database could not be asked, without names of hosts, accounts or tables."""
    state = error.sqlstate or ""
    if state in ("57P03", "57P01", "57P02"):
        return "the database is starting or stopping"
    if state.startswith("28"):
        return "the database refuses the login"
    if state == "3D000":
        return "the database does not exist"
    if state.startswith("53"):
        return "the database has no connection or memory left"
    if state == "42501":
        return "the account may not read the history of migrations"
    if state in ("42P01", "42703", "3F000"):
        return "the database is not at a revision that this build knows"
    if state == "55P03":
        return "another transaction is in the way"
    if state == "57014":
        return "the database does not answer in time"
    return "the database cannot be reached" if not state else f"the database answers with an error ({state})"
