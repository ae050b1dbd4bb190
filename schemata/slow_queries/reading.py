"""What pg_stat_statements says of a database: found where it is, in the database itself or in the maintenance one."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from schemata import errors, targets
from schemata.migrations import revision as revisions
from schemata.postgres import libpq, queries, urls, waiting
from schemata.slow_queries import counts

EXTENSION = "pg_stat_statements"
#: Its view shows the whole server, so one database that everybody has is enough, and no structure gets it.
MAINTENANCE = "postgres"

_QUERIES = queries.load("statements", os.path.join(os.path.dirname(__file__), "queries"))


class NotCollected(errors.ConfigError):
    """The server does not collect what its statements take, or nobody can read it."""


@dataclasses.dataclass(frozen=True)
class Counted:
    """One look, which application sent which statement last, and from how many milliseconds on plans are logged.

    :param hidden: how many statements of others this role may not read.
    :param plans_logged_from: of auto_explain; -1 where it logs nothing, None where it is not loaded.
    """

    look: counts.Look
    applications: Mapping[str, frozenset[str]]
    hidden: int = 0
    plans_logged_from: int | None = None


def read(choice: targets.Choice, connection: libpq.Connection, database: str, *, install: bool = False) -> Counted:
    """Return what was counted for the database that `connection` is logged in to. Raises NotCollected.

    With `install`, and on the development server, the extension is made in the maintenance database where it lacks.
    """
    names: dict[str, str] = {"database": queries.literal(database)}
    with _collector(choice, connection, install or choice.is_dev) as (collector, schema, logged):
        names["schema"] = queries.identifier(schema)
        rows = _document(collector, "statements", names)
        reset, evicted, started, now = _document(collector, "moments", names)
    sessions = _document(connection, "sessions", names)
    hidden = [row for row in rows if row["query"] is None or row["query"] == "<insufficient privilege>"]
    seen = tuple(counts.entry(row) for row in rows if row not in hidden)
    look = counts.Look(str(now), str(reset), str(started), int(evicted or 0), seen)
    applications: dict[str, frozenset[str]] = {}
    for query_id, application in sessions:
        # What a service appends to tell its build would make another application of each release.
        name = revisions.of_application(application)[0]
        applications[query_id] = applications.get(query_id, frozenset()) | {name}
    return Counted(look, applications, len(hidden), None if logged is None else int(logged))


@contextlib.contextmanager
def _collector(
    choice: targets.Choice, connection: libpq.Connection, install: bool
) -> Iterator[tuple[libpq.Connection, str, str | None]]:
    """Give a connection to a database that has the extension, the extension's schema, and auto_explain's setting."""
    schema, libraries, available, collected, logged = _document(connection, "extension", {})
    if collected is None:
        raise NotCollected(
            f"the server of {urls.redact(choice.url)} does not collect which statements take its time: its "
            f"shared_preload_libraries has no {EXTENSION}" + ("" if available else ", which is not installed there"),
            _remedy(choice, libraries or "", available),
        )
    if schema is not None:
        yield connection, schema, logged
        return
    with contextlib.ExitStack() as stack:
        try:
            other = stack.enter_context(
                contextlib.closing(
                    waiting.connect(
                        urls.with_database(choice.url, MAINTENANCE), application_name="schemata", accept_standby=True
                    )
                )
            )
        except waiting.ServerNotReady as error:
            raise _nowhere(choice) from error
        schema = _document(other, "extension", {})[0]
        if schema is None:
            if not install:
                raise _nowhere(choice)
            try:
                other.query(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}")
            except libpq.QueryFailed as failure:
                raise _nowhere(choice) from failure
            schema = _document(other, "extension", {})[0]
        yield other, schema, logged


def _nowhere(choice: targets.Choice) -> NotCollected:
    return NotCollected(
        f"neither the database of {urls.redact(choice.url)} nor {MAINTENANCE} on the same server has the extension "
        f"{EXTENSION}, so what is collected cannot be read",
        f"As a superuser: inv slow-queries --install. Or, in {MAINTENANCE}, so that no structure differs:\n"
        f"  CREATE EXTENSION {EXTENSION};\n  GRANT pg_read_all_stats TO the_role_that_looks;",
    )


def _remedy(choice: targets.Choice, libraries: str, available: bool) -> str:
    if choice.is_dev:
        return "Start the server again: inv dev-down dev-up. Does server.settings have a shared_preload_libraries?"
    both = ", ".join(filter(None, (libraries, EXTENSION)))
    lines = [f"  ALTER SYSTEM SET shared_preload_libraries = {queries.literal(both)};  -- then start the server again"]
    lines.append(f"  CREATE EXTENSION {EXTENSION};  -- in the database {MAINTENANCE}")
    first = "As a superuser:" if available else "Install PostgreSQL's contrib package there. Then, as a superuser:"
    return "\n".join([first, *lines])


def _document(connection: libpq.Connection, name: str, names: Mapping[str, str]) -> Any:
    return json.loads(str(connection.query(_QUERIES[name].format(**names))[0][0]))
