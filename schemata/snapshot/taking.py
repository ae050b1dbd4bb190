"""Take a snapshot of a database that a command works on: which schemas, and what to say where a lock is in the way."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence

from schemata import config, errors, targets
from schemata.config import values
from schemata.postgres import activity, libpq, lock_holder, queries, query_client, urls
from schemata.report import progress
from schemata.snapshot import model, reading

#: Seconds that a read waits for a lock.
LOCK_WAIT = 5.0
_LOCK_NOT_AVAILABLE = "55P03"
# Seconds for the second session to log in: what it would do is done by the first one meanwhile.
_LOGIN = 2.0


class StructureLocked(errors.NotAvailable):
    """The structure could not be read: DDL that runs holds a lock on something whose definition is to be printed."""

    def __init__(self, choice: targets.Choice, lock_wait: float, holders: Sequence[lock_holder.Holder]) -> None:
        who = "; ".join(holder.describe() for holder in holders)
        super().__init__(
            f"the structure of {urls.redact(choice.url)} could not be read within {lock_wait:g} s: other sessions "
            f"change it, and their locks refuse even a look at it" + (f"\n  {who}" if who else ""),
            "Run again when they are done, or wait longer: --lock-wait 1min",
        )


def scope(settings: config.Config, schemas: str = "", all_schemas: bool = False) -> tuple[str, ...] | None:
    """Return the schemas that the flags name, else those of the settings; None for all that there are."""
    if schemas and all_schemas:
        raise errors.ConfigError("--schemas and --all-schemas exclude each other", "Leave one of them out.")
    if all_schemas:
        return None
    names: tuple[str, ...] = values.list_of(values.text_of)(schemas, "--schemas")
    if settings.history_schema in names:
        raise errors.ConfigError(
            f"the schema {settings.history_schema} holds the history, which is not compared as structure",
            "inv migrate-status compares it with the files.",
        )
    return names or settings.schemas


def refuse_unknown(
    settings: config.Config, schemas: str, absent: Collection[str], there: Iterable[str], where: str
) -> None:
    """Refuse a schema that the flag names and nobody has: a name that is not spelt right would be equal everywhere.

    One of the settings may be absent, until it is migrated. :param absent: those that were looked for in vain.
    :param there: those that were read, and others that exist. :param where: where they were looked for, in words.
    """
    for name in values.list_of(values.text_of)(schemas, "--schemas"):
        if name in absent and name not in settings.schemas:
            known = sorted({*settings.schemas, *(one for one in there if one not in absent)})
            raise errors.ConfigError(f"there is no schema {name} in {where}", values.suggest(name, known))


@contextlib.contextmanager
def another(choice: targets.Choice) -> Iterator[queries.Ask]:
    """Open another session with the database for the time of the block, for `reading` to share its work with."""
    with query_client.connect(choice.url, timeout=_LOGIN, application_name="schemata") as session:
        yield session.query


def take(
    settings: config.Config,
    choice: targets.Choice,
    connection: libpq.Connection,
    schemas: Sequence[str] | None,
    *,
    lock_wait: float = LOCK_WAIT,
    alone: bool = False,
    reporter: progress.Reporter = progress.SILENT,
    dependencies: bool = False,
) -> model.Snapshot:
    """Return the structure of a database. Changes nothing, works for any role.

    A large one is read over two sessions if the server has another one, unless it is read `alone`: for a caller who
    reads several databases at the same time. Raises StructureLocked, which names who holds the lock where that can be
    seen.
    """
    # So that who blocks is seen before the wait is over; without a free connection it is not.
    patience = min(1.0, max(0.05, lock_wait / 4))
    monitors: list[activity.Monitor] = []

    @contextlib.contextmanager
    def watched(session: libpq.Connection) -> Iterator[queries.Ask]:
        with activity.Monitor(choice.url, session.backend_pid, patience, reporter.info) as monitor:
            monitors.append(monitor)
            monitor.begin()
            yield session.query

    @contextlib.contextmanager
    def second() -> Iterator[queries.Ask]:
        with (
            query_client.connect(choice.url, timeout=_LOGIN, application_name="schemata") as session,
            watched(session) as ask,
        ):
            yield ask

    with watched(connection) as ask:
        try:
            return reading.read(
                ask,
                schemas,
                history=settings.history_schema,
                lock_wait=lock_wait,
                dependencies=dependencies,
                second=None if alone else second,
            )
        except libpq.QueryFailed as failure:
            if failure.sqlstate != _LOCK_NOT_AVAILABLE:
                raise
            holders = dict.fromkeys(holder for monitor in monitors for holder in monitor.end())
            raise StructureLocked(choice, lock_wait, tuple(holders)) from failure
