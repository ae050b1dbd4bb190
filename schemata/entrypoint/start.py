"""The entrypoint of a container, once there is something to do or to wait for."""

import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from schemata import config, errors, lazy, targets
from schemata.client import location
from schemata.deploy import plans
from schemata.entrypoint import boot_queue, child, connect
from schemata.history import status, tables
from schemata.migrations import builds, checkout, files, lookup, migration
from schemata.postgres import libpq, waiting
from schemata.report import log, progress

# Loaded when they are used: a start that only waits needs neither.
if TYPE_CHECKING:
    from schemata.deploy import migrate
    from schemata.services import manage
else:
    migrate = lazy.Module("schemata.deploy.migrate")
    manage = lazy.Module("schemata.services.manage")

# Seconds between two tries of the one that has come out of the boot queue.
_AT_WORK = 0.1


class BuildChanged(errors.ConfigError):
    """The manifest of a sealed build does not say what its files say."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} does not match the migration files, so this build is not the one that was sealed",
            "Seal it again when the image is built: schemata seal (and `schemata seal --check` in CI).",
        )


def run(
    project: checkout.Checkout,
    url: str,
    connector: connect.Connector,
    until: str,
    lines: log.Log,
    connection: libpq.Connection | None,
    *,
    on_existing_objects: bool = False,
) -> libpq.Connection | None:
    """Bring the database to this build; without a `connection` wait until somebody else has. Raises errors.Error.

    A server that went away and a deploy lock that is held are tried again, as often as `connector` has retry delays; a
    migration that fails is not. Returns the connection that did it: the one that was given, unless that was lost.
    A failure leaves none open.
    """
    settings, found = project.settings, project.migrations
    parsed = _sealed(settings, found)
    if until:
        lookup.find(found, until)
    choice = _choice(settings, url)
    if connection is None:
        _wait(settings, choice, found, until, connector, lines)
        return None
    return _migrate(
        project, parsed, choice, until, connector, lines, connection, on_existing_objects=on_existing_objects
    )


def target(project: checkout.Checkout, url: str) -> tuple[str, bool]:
    """Return the URL of the database, and whether it is the dev server's, where a database may be made."""
    choice = _choice(project.settings, url)
    return choice.url, choice.is_dev


def refuse(service: str, known: Sequence[str]) -> NoReturn:
    """Refuse a name that the project does not declare: it would start without what its service needs."""
    error = manage.NoSuchService(service, known)
    error.hint += " To start a program that is not a service, leave the name out: python -m schemata.boot -- COMMAND"
    raise error


def generate(
    root: str, folders: Sequence[str], service: str, url: str, log_format: str, connector: connect.Connector
) -> str:
    """Have a child process generate the typed client, so that what it loads goes with it; return its folder.

    That is the first of `folders`, or the second where the first holds another user's. The child says itself
    what went wrong; then SystemExit carries its exit code. A signal ends the child first.
    """
    command = [sys.executable, "-m", "schemata.client.generate", root, service, *folders]
    # The URL may hold a password: not among the arguments, which everybody on the machine may read.
    environment = {**os.environ, "DATABASE_URL": url, "SCHEMATA_LOG_FORMAT": log_format, "SCHEMATA_ROOT": root}
    try:
        while (code := child.run(command, environment)) == errors.BUSY and connector.pause():
            pass
    except OSError as error:
        raise errors.NotAvailable(
            f"{command[0]} cannot be run by UID {os.geteuid()} ({error.strerror or error}), so the typed client was"
            " not generated",
            "Let every user run that Python, or ship a client that fits: `inv generate` when the image is built.",
        ) from error
    if code < 0:
        raise errors.Error(
            f"the typed client was not generated: the process that writes it was ended by signal {-code}",
            "It needs about 100 MiB of memory; look at the container's limit.",
        )
    if code not in (errors.DONE, location.BESIDE):
        raise SystemExit(code)
    return folders[code == location.BESIDE]


def _sealed(settings: config.Config, sources: tuple[migration.Migration, ...]) -> dict[str, migration.Parsed]:
    """Return what the parser found when the build was sealed; refuse a build that is not what was sealed."""
    if not (settings.migrations / builds.SEAL).exists():
        return {}
    locked = files.locked(settings.migrations)
    if locked is None or not locked.fits(sources):
        raise BuildChanged(settings.migrations / files.MANIFEST)
    return {id_: parsed for id_, (_, parsed) in locked.members.items()}


def _choice(settings: config.Config, url: str) -> targets.Choice:
    # A container has DATABASE_URL; there it is the nearest word, before any dev server.
    try:
        return targets.choose(dataclasses.replace(settings, server=config.Server(kind="external")), url)
    except errors.ConfigError:
        return targets.choose(settings, url)


def _migrate(
    project: checkout.Checkout,
    parsed: dict[str, migration.Parsed],
    choice: targets.Choice,
    until: str,
    connector: connect.Connector,
    lines: log.Log,
    connection: libpq.Connection,
    *,
    on_existing_objects: bool,
) -> libpq.Connection:
    settings = project.settings
    # One policy, not one inside the other: each try here looks at the server once.
    once = dataclasses.replace(settings, wait=config.Wait(1, settings.wait.delay))
    heard = ""
    while True:
        phases = _Phases(lines)
        try:
            if connection.closed:
                connection = waiting.connect(choice.url, application_name="schemata boot")
                boot_queue.enter(connection)
            result = migrate.migrate(
                once,
                url=choice.url,
                to=until,
                on_existing_objects=on_existing_objects,
                sources=project.migrations,
                parsed=parsed,
                connection=connection,
                reporter=progress.Reporter(lines.info, phases.step, lines.verbose),
            )
        except (errors.NotAvailable, errors.Busy) as error:
            hopeless = isinstance(error, waiting.ServerNotReady) and (
                error.reason.hopeless or error.reason.missing_database
            )
            if hopeless:
                raise
            if error.message != heard:
                heard = error.message
                lines.info(f"{error.message}; trying again")
            # Quick: those that wait in the boot queue may take every connection that gets free, and wait for us.
            if not connector.pause(_AT_WORK):
                raise
            continue
        for note in (*choice.notes, *result.notes):
            lines.info(note)
        phases.end(f"applied {len(result.done)}; the database is at {result.revision or 'no revision'}")
        return connection


class _Phases:
    """Turns the steps of a migrate into phases: all before the first is about the schemas and the history."""

    def __init__(self, lines: log.Log) -> None:
        self._lines = lines
        self._began = time.time()
        self._migrating = False

    def step(self, done: int, total: int, what: str) -> None:
        """Hear of a step."""
        if not self._migrating:
            self._lines.phase("schemas", self._began, "the schemas and the history exist")
            self._migrating = True
            self._began = time.time()

    def end(self, text: str) -> None:
        """Say what was done."""
        self._lines.phase("migrate", self._began, text)
        if self._lines.format != "json":
            self._lines.info(text)


def _wait(
    settings: config.Config,
    choice: targets.Choice,
    sources: tuple[migration.Migration, ...],
    until: str,
    connector: connect.Connector,
    lines: log.Log,
) -> None:
    """Poll until what this build needs is applied; a standby will do."""
    heard = ""
    began = time.time()
    while True:
        try:
            with targets.connect(choice) as connection:
                left = _left(settings, sources, until, connection)
            if not left:
                lines.phase("migrate", began, "another process applied the migrations")
                return
            text = f"waiting for {left[0]}" + (f" and {len(left) - 1} more" if len(left) > 1 else "")
        except waiting.DatabaseNotFound as error:
            text = error.message
        except waiting.ServerNotReady as error:
            if error.reason.hopeless:
                raise
            text = error.message
        except targets.NoAnswer as error:
            text = error.message
        if text != heard:
            heard = text
            lines.info(f"{text}, for up to {connector.patience:.0f} s")
        if not connector.pause():
            break
    raise errors.Busy(
        f"{heard}, and this did not change within {connector.spent:.0f} s",
        "Read the log of the service that migrates, or run `inv migrate`.",
    )


def _left(
    settings: config.Config, sources: tuple[migration.Migration, ...], until: str, connection: libpq.Connection
) -> list[str]:
    if until and until in tables.History(settings.history_schema).read(connection.query).ids():
        return []
    compared = status.compare(settings, sources, connection.query, full=False, allow_out_of_order=True)
    # Nobody who migrates would get over these either.
    codes = () if until else ("changed", "missing", "ahead", "squash-behind")
    refused = [item for item in compared.of(*codes, *plans.OF_DATABASE) if item.exit_code != errors.DONE]
    if refused:
        raise plans.DeployRefused(refused)
    if until:
        return [until]
    pending = [item.id for item in compared.pending]
    halfway = [item.subject for item in compared.of("failed", "interrupted", "running") if item.subject not in pending]
    return [*pending, *(f"the end of {subject}" for subject in halfway)]
