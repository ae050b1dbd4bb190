"""dev-up: start the project's server, migrate its database, start its services.

`inv dev-up` with nothing to do goes through here without psycopg, psutil or the SQL parser.
"""

import contextlib
import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from schemata import config, errors, lazy, targets
from schemata.client import stamps
from schemata.history import up_to_date
from schemata.migrations import builds, checkout, files
from schemata.postgres import libpq, query_client, urls
from schemata.report import progress, results
from schemata.server.embedded import instance, server_state
from schemata.services import managed_process
from schemata.system import signals

# Loaded when they are used: with nothing to do none of them is.
if TYPE_CHECKING:
    from schemata.deploy import migrate
    from schemata.server import after_up, docker, programs
    from schemata.services import manage
else:
    migrate = lazy.Module("schemata.deploy.migrate")
    after_up = lazy.Module("schemata.server.after_up")
    docker = lazy.Module("schemata.server.docker")
    programs = lazy.Module("schemata.server.programs")
    manage = lazy.Module("schemata.services.manage")

_WAS = {"new": "made and started", "stopped": "started", "running": "was running"}
_FOLLOW_PAUSE = 0.2  # seconds between two looks at a log


@dataclasses.dataclass(frozen=True)
class _Up:
    """A server that answers, and the database on it at these files' revision."""

    choice: targets.Choice
    was: str
    version: str
    revision: str
    applied: int
    build: str


def up(
    settings: config.Config,
    *,
    unsafe: bool = False,
    services: str = "",
    no_services: bool = False,
    restart: bool = False,
    on_existing_objects: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Table:
    """Start the project's server where it is not running, migrate its database to the files, start the services.

    Twice in a row changes nothing. A failed migration leaves the server running, and no service is started. With an
    external server nothing is started but the services; it is waited for and migrated.

    :param services: only these, separated by commas; the others are left as they are.
    :param restart: restart also those services that run as they should.
    """
    began = time.monotonic()
    if no_services and (services or restart):
        flag = "--services" if services else "--restart"
        raise errors.ConfigError(f"{flag} and --no-services exclude each other", "Give one of them.")
    if settings.server.kind == "docker":
        if services or no_services:
            raise errors.ConfigError(
                'the server is "docker", where Compose starts all that its file declares',
                f"For less: docker compose up --detach {services.replace(',', ' ') or settings.compose.database}",
            )
        if restart:
            raise errors.ConfigError(
                'the server is "docker", where each dev-up builds the images and replaces what changed',
                "Leave --restart out.",
            )
        if on_existing_objects:
            raise errors.ConfigError(
                'the server is "docker", where the entrypoints of the services migrate, which do not get this flag',
                f"First: docker compose up --detach --wait {settings.compose.database}; then: "
                "SCHEMATA_SERVER_KIND=docker inv migrate --on-existing-objects",
            )
        return _up_docker(settings, began, reporter)
    client = _client_stamp(settings)
    wanted: tuple[config.Service, ...] = ()
    if settings.services and not no_services:
        wanted = manage.chosen(settings, services)
        manage.require_ports(settings, wanted)
    elif services:
        raise manage.NoSuchService(services, ())
    done = _server(settings, unsafe, on_existing_objects, reporter)
    seconds = time.monotonic() - began
    states = manage.Report() if settings.services else None
    if wanted or (not no_services and managed_process.names(settings.state_dir)):
        states = manage.up(
            settings,
            wanted,
            done.choice.url,
            done.build,
            own_server=done.choice.is_dev,
            everything=not services,
            restart=restart,
            reporter=reporter,
        )
    table = _table(settings, done, seconds, states, is_client_new=_client_stamp(settings) != client)
    if no_services or not settings.after_up:  # only the database is up, or nothing follows
        return table
    own = done.choice.is_dev
    return after_up.run(settings, table, done.choice.url, done.build, own_server=own, reporter=reporter)


def _client_stamp(settings: config.Config) -> str:
    """Return what the project's own typed client says of itself: another text after a start generated it again."""
    if settings.client.package:
        with contextlib.suppress(OSError):
            return (settings.root / settings.client.folder / settings.client.package / stamps.FILE).read_text("utf-8")
    return ""


def _server(settings: config.Config, unsafe: bool, on_existing_objects: bool, reporter: progress.Reporter) -> _Up:
    if settings.server.kind == "embedded":
        server = _embedded(settings, unsafe, reporter, settings.server.extensions)
        known = _up_to_date(settings, server.url)
        if known is None and server.was == "running" and (names := programs.names(settings)):
            # It may have been started before a pending migration asked for an extension.
            server = _embedded(settings, unsafe, reporter, names)
        choice = targets.Choice(server.url, "dev server", is_dev=True)
        return _migrated(settings, choice, _WAS[server.was], server.version, known, reporter, on_existing_objects)
    choice = targets.choose(settings)
    known = _up_to_date(settings, choice.url)
    return _migrated(settings, choice, "external", "", known, reporter, on_existing_objects)


def _embedded(
    settings: config.Config, unsafe: bool, reporter: progress.Reporter, names: Sequence[str]
) -> server_state.Server:
    return instance.start(
        settings.state_dir,
        database=settings.database,
        binaries_of=lambda: programs.chosen(settings, reporter),
        settings=settings.server.settings,
        port=settings.server.port or None,
        unsafe=unsafe or settings.server.unsafe,
        info=reporter.info,
        extensions=names,
    )


def _up_docker(settings: config.Config, began: float, reporter: progress.Reporter) -> results.Table:
    try:
        states = docker.up(settings, reporter=reporter)
    except signals.Terminated as error:
        hint = "What this call started was taken down again."
        raise errors.Interrupted("stopped by SIGTERM", hint, errors.TERMINATED) from error
    choice = targets.choose(settings)
    # The services' entrypoints have migrated it already, unless there are none.
    known = _up_to_date(settings, choice.url)
    done = _migrated(settings, choice, "ready", docker.version(choice.url), known, reporter)
    code = errors.DONE if all(state.ok for state in states) else errors.NOT_AVAILABLE
    complaints = tuple(f"{state.name}: {state.detail}" for state in states if not state.ok)
    report = manage.Report(states, complaints, code) if settings.services else None
    table = _table(settings, done, time.monotonic() - began if report is None else None, report)
    return after_up.run(settings, table, choice.url, done.build, own_server=True, reporter=reporter)


def _migrated(
    settings: config.Config,
    choice: targets.Choice,
    was: str,
    version: str,
    known: tuple[str, str] | None,
    reporter: progress.Reporter,
    over: bool = False,
) -> _Up:
    if known is not None:
        return _Up(choice, was, version, known[0], 0, known[1])
    clock = files.clock()
    own = settings.server.kind == "embedded"
    to = "" if own else choice.url
    # By its URL the one in Docker is not known as the dev server.
    dev = choice.is_dev and not settings.backups.policy
    wanted = settings.without_backups() if dev else settings
    result = migrate.migrate(wanted, url=to, on_existing_objects=over, reporter=reporter)
    found = files.read(settings.migrations, settings.schemas)
    checkout.remember(settings, clock, found)
    # Imported here: an up-to-date database needs no file read and no digest of it.
    from schemata.migrations import checksums

    build = checksums.of([(item.id, item.checksum) for item in found])
    return _Up(choice, was, version, result.revision, len(result.done), build)


def _table(
    settings: config.Config,
    done: _Up,
    seconds: float | None,
    services: "manage.Report | None",
    *,
    is_client_new: bool = False,
) -> results.Table:
    kind = settings.server.kind
    # The password of our own server is made by us and opens nothing else; any other is a person's.
    url = done.choice.url if kind == "embedded" else urls.redact(done.choice.url)
    facts = {
        "url": url,
        "server": done.was,
        "version": done.version,
        "revision": done.revision,
        "applied": done.applied,
        "kind": kind,
    }
    shown = f"URL: {url}"
    following = "Next: inv migrate-status, inv smoke, inv psql"
    took = "-" if seconds is None else f"{seconds:.2f} s"
    if services is None:
        return results.Table(
            "",
            ("server", "state", "PostgreSQL", "applied now", "revision", "ready after"),
            ((kind, done.was, done.version, done.applied, done.revision or "-", took),),
            notes=("", shown, following),
            facts=facts,
        )
    rows = [(_database_name(done), done.was, _location(url), done.revision or "-", took)]
    for state in services.states:
        word = "was running" if state.ok and state.was_running else state.state
        after = "-" if state.ready_after is None else f"{state.ready_after:.2f} s"
        rows.append((state.name, word, state.url or "-", state.revision or "-", after))
    notes = ["", *(f"{text}\n" for text in services.complaints)]
    if is_client_new:
        where = f"{settings.client.folder}/{settings.client.package}"
        notes += [f"The typed client was written again: {where}; commit it with the migration."]
    count = f"{done.applied} migration{'' if done.applied == 1 else 's'} applied now"
    # In containers the services' own entrypoints came first; what they applied, their logs say.
    work = "the entrypoint of the services migrates" if kind == "docker" and not done.applied else count
    notes += [f"{kind}: {work}; the database is at {done.revision or 'no revision'}."]
    notes += [shown, f"{following}, inv logs SERVICE"]
    return results.Table(
        "",
        ("service", "state", "URL", "revision", "ready after"),
        tuple(rows),
        notes=tuple(notes),
        ok=services.exit_code == errors.DONE,
        exit_code=services.exit_code,
        facts={
            **facts,
            "services": [dataclasses.asdict(state) for state in services.states],
            "complaints": list(services.complaints),
        },
    )


def _database_name(done: _Up) -> str:
    return f"PostgreSQL {done.version}".rstrip()


def _location(url: str) -> str:
    """Return where a database is, without user, password and name: a column is narrow.

    >>> _location("postgresql://me:secret@127.0.0.1:21000/app?sslmode=disable")
    '127.0.0.1:21000'
    """
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0] or "-"


def _up_to_date(settings: config.Config, url: str) -> tuple[str, str] | None:
    """Return the database's revision and this build's digest if the stat cache proves that there is nothing to do."""
    build = builds.known(str(settings.root))
    if build is None or build.sealed:
        return None
    try:
        with query_client.connect(url, timeout=10, application_name="schemata dev-up") as connection:
            answer = up_to_date.ask(connection, settings.history_schema)
    except (libpq.ConnectFailed, libpq.ConnectionLost, libpq.QueryFailed):
        return None
    return (answer.last, build.digest) if answer is not None and up_to_date.up_to_date(answer, build) else None
