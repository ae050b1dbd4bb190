"""The project's services as processes of this machine: start what is not as it should be, wait, say how each is."""

import dataclasses
import hashlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.postgres import urls
from schemata.report import progress
from schemata.services import code_files, managed_process, outcome, startup
from schemata.system import processes, signals

STOP_PATIENCE = 5.0  # seconds from SIGTERM to SIGKILL
# What in the environment makes a service another one: the settings it reads, and all that begins with these, but not
# where the project is, which programs serve the database, and how patiently one waits for it.
_HEEDED = ("SCHEMATA_", "SERVICES_")
_UNHEEDED = (
    *("SCHEMATA_ROOT", "SCHEMATA_PG_BIN", "SCHEMATA_LIBPQ", "SCHEMATA_NO_LIBPQ", "SCHEMATA_TEST_PG_BIN"),
    *("SCHEMATA_SERVER_", "SCHEMATA_COMPOSE_", "SCHEMATA_LOCKS_", "SCHEMATA_WAIT_", managed_process.MARK),
)
_LOCK_PATIENCE = 30.0  # seconds beyond what the services themselves may take


class PortInUse(errors.NotAvailable):
    """A service's port is taken; nothing was started."""

    def __init__(self, name: str, port: int, owner: str) -> None:
        self.service, self.port, self.owner = name, port, owner
        super().__init__(
            f"port {port}, which {name} is to have, is used by {owner}, so nothing was started",
            f"Stop that program, or set {variable(name)} to another port.",
        )


class NoSuchService(errors.ConfigError):
    """A name is not one of the project's services."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.service = name
        hint = config.values.suggest(name, known) if known else "Declare it: [tool.schemata.services.NAME]"
        super().__init__(f"there is no service {name!r} in [tool.schemata.services]", hint)


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of the services.

    :param complaints: for each that is not ready why, and the end of its log.
    """

    states: tuple[outcome.State, ...] = ()
    complaints: tuple[str, ...] = ()
    exit_code: int = errors.DONE


def variable(name: str) -> str:
    """Return the environment variable that says a service's port.

    >>> variable("financial-svc")
    'FINANCIAL_SVC_PORT'
    """
    return f"{name.upper().replace('-', '_')}_PORT"


def chosen(
    settings: config.Config, only: str = "", environ: Mapping[str, str] = os.environ
) -> tuple[config.Service, ...]:
    """Return the project's services, or those that `only` names (separated by commas), with their ports.

    <NAME>_PORT in the environment wins over the setting. Raises ConfigError for a name or a port that is none.
    """
    known = [item.name for item in settings.services]
    wanted = [name.strip() for name in only.split(",") if name.strip()] or known
    for name in wanted:
        if name not in known:
            raise NoSuchService(name, known)
    result: list[config.Service] = []
    for item in settings.services:
        text = environ.get(variable(item.name)) if item.port else None
        if text:
            port = config.values.count(1, 65535)(text, variable(item.name))
            item = dataclasses.replace(item, port=port)
        taken = [other.name for other in result if other.port == item.port != 0]
        if taken:
            where = variable(item.name)
            raise config.values.InvalidSetting(where, f"{item.port} is the port of {taken[0]} too")
        result.append(item)
    return tuple(item for item in result if item.name in wanted)


def require_ports(settings: config.Config, wanted: Sequence[config.Service]) -> None:
    """Refuse, before anything is started, a port that somebody else has. Raises PortInUse. Changes nothing."""
    ours: set[int] | None = None
    for item in wanted:
        running = managed_process.find(settings.state_dir, item.name)
        if not item.port or (running is not None and running.port == item.port):
            continue
        # Imported here: where all services run, no port is looked at.
        from schemata.server.embedded import postmaster

        if postmaster.is_free(item.port):
            continue
        if ours is None:
            ours = set(
                managed_process.strays(settings.state_dir)
            )  # those whose file was lost too; they are stopped first
        users = processes.listeners(item.port)
        if not users or not all(pid in ours for pid in users):
            raise PortInUse(item.name, item.port, processes.user_of_port(item.port))


def up(
    settings: config.Config,
    wanted: Sequence[config.Service],
    url: str,
    build: str,
    *,
    own_server: bool,
    everything: bool = True,
    restart: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> Report:
    """Start each service that does not run as it should, wait until all are ready, and say how each is.

    One that runs already with the same command, port, variables, code, database and migrations is left alone. One that
    ends or does not become ready in time leaves the others as they are. On Ctrl-C and SIGTERM what this call started
    is stopped.

    :param url: the database; its password reaches the services through their environment only.
    :param build: the digest of the migrations; with other ones a service has another build.
    :param own_server: the server is ours, and nothing that the caller's environment says of another one is passed on.
    :param everything: services that run and are declared no more are stopped.
    :param restart: nothing is left alone.
    """
    prints = {item.name: _fingerprint(settings, item, url, build, os.environ) for item in wanted}
    as_they_are = None if restart else _all_ready(settings, wanted, prints, everything=everything)
    if as_they_are is not None:
        return Report(as_they_are)
    patience = sum(item.patience for item in wanted) + _LOCK_PATIENCE
    # Imported here: with nothing to do there is nothing to explain about a disk.
    from schemata.server.embedded import state_directory

    begun: list[str] = []
    with signals.raised():
        try:
            with state_directory.plainly(settings.state_dir), managed_process.sole(settings.state_dir, patience):
                _make_way(settings, wanted, prints, reporter, everything=everything, restart=restart)
                return _up(settings, wanted, url, prints, begun, reporter, own_server=own_server)
        except KeyboardInterrupt as error:
            raise signals.interrupted(
                error,
                f"; stopped again: {', '.join(begun)}" if begun else "; no service was started",
                "The server and what ran before go on running: `inv dev-up` starts the rest, `inv dev-down` stops all.",
            ) from error


def _up(
    settings: config.Config,
    wanted: Sequence[config.Service],
    url: str,
    prints: Mapping[str, str],
    begun: list[str],
    reporter: progress.Reporter,
    *,
    own_server: bool,
) -> Report:
    """Start what does not run and wait, with the lock held; `begun` gets the names of what is started, before it is."""
    watched: list[startup.Start] = []
    try:
        for item in wanted:
            found = managed_process.find(settings.state_dir, item.name)
            if found is None:
                begun.append(item.name)
                watched.append(_started(settings, item, url, prints[item.name], own_server=own_server))
            else:
                state = outcome.State(item.name, outcome.STARTING, startup.url_of(item), was_running=True)
                watched.append(startup.Start(item, found, None, time.monotonic(), 0, state))
        startup.wait(watched, reporter)
    except KeyboardInterrupt:
        with signals.held():
            managed_process.stop(settings.state_dir, begun, STOP_PATIENCE, reporter.info)
        raise
    finally:
        for one in watched:
            if one.child is not None:
                one.child.release()
    for one in watched:
        if one.state.ok and not one.running.confirmed:
            managed_process.confirm(settings.state_dir, one.running)
    # As the server knows the password, and as it stands in the URL.
    secrets = (urls.without_password(url)[1], url.partition("://")[2].rpartition("@")[0].partition(":")[2])
    return Report(
        tuple(one.state for one in watched),
        tuple(startup.complaint(settings.state_dir, one, secrets) for one in watched if not one.state.ok),
        errors.worst([one.exit_code for one in watched]),
    )


def down(settings: config.Config, *, reporter: progress.Reporter = progress.SILENT) -> tuple[str, ...]:
    """Stop every service of this project that runs, also one that its file was lost of; return their names."""
    if not managed_process.folder_of(settings.state_dir).is_dir() and not managed_process.strays(settings.state_dir):
        return ()
    with managed_process.sole(settings.state_dir, _LOCK_PATIENCE):
        return managed_process.stop(settings.state_dir, None, STOP_PATIENCE, reporter.info)


def clean(settings: config.Config, *, reporter: progress.Reporter = progress.SILENT) -> tuple[str, ...]:
    """Stop every service of this project and delete their files and logs; return the names of those that ran."""
    stopped = down(settings, reporter=reporter)
    managed_process.remove(settings.state_dir)
    return stopped


def log_of(settings: config.Config, name: str) -> Path:
    """Return a service's log. Raises NoSuchService, or NotAvailable when it was never started."""
    known = [item.name for item in settings.services]
    if name not in known:
        raise NoSuchService(name, known)
    path = managed_process.log_of(settings.state_dir, name)
    if not path.exists():
        raise errors.NotAvailable(f"there is no log at {path}: {name} was never started", "Start it: inv dev-up")
    return path


def running(settings: config.Config) -> tuple[str, ...]:
    """Return the names of the declared services that run. Changes nothing."""
    return tuple(
        item.name for item in settings.services if managed_process.find(settings.state_dir, item.name) is not None
    )


def _all_ready(
    settings: config.Config, wanted: Sequence[config.Service], prints: Mapping[str, str], *, everything: bool
) -> tuple[outcome.State, ...] | None:
    """Return how the services are when there is nothing to do; None when there is something. Takes no lock."""
    if everything and set(managed_process.names(settings.state_dir)) - set(prints):
        return None
    states = []
    for item in wanted:
        found = managed_process.find(settings.state_dir, item.name)
        if found is None or found.fingerprint != prints[item.name] or not found.confirmed:
            return None
        managed_process.bound(settings.state_dir, item.name)
        revision = startup.revision(item)
        if revision is None:
            return None
        states.append(outcome.State(item.name, outcome.READY, startup.url_of(item), revision, was_running=True))
    return tuple(states)


def _make_way(
    settings: config.Config,
    wanted: Sequence[config.Service],
    prints: Mapping[str, str],
    reporter: progress.Reporter,
    *,
    everything: bool,
    restart: bool,
) -> None:
    """Stop what runs otherwise than it should, or is declared no more."""
    keep = set()
    # Those that bear our mark may have lost their file, and would keep their port.
    marked = set(managed_process.strays(settings.state_dir).values())
    for item in wanted:
        found = managed_process.find(settings.state_dir, item.name)
        if found is None:
            if item.name in marked:
                reporter.info(
                    f"{item.name} is started again: it runs, but what was known of it in {settings.state_dir} is lost."
                )
            continue
        if restart:
            reporter.info(f"{item.name} is started again, as asked.")
        elif found.fingerprint != prints[item.name]:
            reporter.info(
                f"{item.name} is started again: its settings, variables, code, database or migrations changed."
            )
        elif not found.confirmed and startup.revision(item) is None:
            reporter.info(f"{item.name} is started again: it runs, but never became ready.")
        else:
            keep.add(item.name)
    there = {*managed_process.names(settings.state_dir), *marked}
    declared = {item.name for item in settings.services}
    doomed = {name for name in there if name in prints or (everything and name not in declared)} - keep
    if doomed:
        stopped = managed_process.stop(settings.state_dir, doomed, STOP_PATIENCE, reporter.info)
        if gone := [name for name in stopped if name not in declared]:
            reporter.info(f"Stopped, because no settings declare it any more: {', '.join(gone)}")


def _started(
    settings: config.Config, item: config.Service, url: str, fingerprint: str, *, own_server: bool
) -> startup.Start:
    managed_process.bound(settings.state_dir, item.name)
    log = managed_process.log_of(settings.state_dir, item.name)
    log_from = log.stat().st_size if log.exists() else 0
    order = managed_process.Order(
        item.name,
        _command(item),
        _environment(settings, item, url, os.environ, own_server=own_server),
        settings.root,
        item.port,
        fingerprint,
    )
    began = time.monotonic()
    made, child = managed_process.start(settings.state_dir, order)
    return startup.Start(
        item, made, child, began, log_from, outcome.State(item.name, outcome.STARTING, startup.url_of(item))
    )


def _command(item: config.Service) -> list[str]:
    words = list(item.command)
    if words[0] in ("python", "python3"):
        words[0] = sys.executable
    return [sys.executable, "-m", "schemata.boot", item.name, "--", *words]


def environment(settings: config.Config, url: str, environ: Mapping[str, str], *, own_server: bool) -> dict[str, str]:
    """Return the variables of a program of the project that uses the database at `url`."""
    kept = {
        name: value
        for name, value in environ.items()
        if name != "PORT" and not (own_server and name.startswith("PG") and name[2:].isupper())
    }
    paths = [str(settings.root)]
    if settings.client.package:
        paths.append(str(settings.root / settings.client.folder))
    return {
        **kept,
        "DATABASE_URL": url,
        "SCHEMATA_ROOT": str(settings.root),
        "PYTHONPATH": os.pathsep.join(filter(None, [*paths, kept.get("PYTHONPATH", "")])),
        # A log that is read while the service runs.
        "PYTHONUNBUFFERED": kept.get("PYTHONUNBUFFERED", "1"),
    }


def _environment(
    settings: config.Config, item: config.Service, url: str, environ: Mapping[str, str], *, own_server: bool
) -> dict[str, str]:
    return {
        **environment(settings, url, environ, own_server=own_server),
        "HOST": startup.HOST,
        **({"PORT": str(item.port)} if item.port else {}),
    }


def _fingerprint(
    settings: config.Config, item: config.Service, url: str, build: str, environ: Mapping[str, str]
) -> str:
    # The environment's folder, not sys.executable: that is `python` or `python3`, by the way one came.
    facts = [sys.prefix, *item.command, str(item.port), item.ready, str(item.client), str(settings.root), url, build]
    facts += [settings.client.package, settings.client.folder, settings.accepts, *_code(settings, item)]
    # A variable that is empty counts as none.
    facts += [
        f"{name}={value}"
        for name, value in sorted(environ.items())
        if value and name.startswith(_HEEDED) and not name.startswith(_UNHEEDED)
    ]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def _code(settings: config.Config, item: config.Service) -> list[str]:
    """Return the facts of a service's code; not of the client, which follows the migrations and a start may write."""
    client = settings.client
    generated = settings.root / client.folder / client.package if client.package else None
    try:
        return code_files.facts(settings.root, item.code, generated)
    except OSError as error:
        where = f"[tool.schemata.services.{item.name}] code"
        raise config.values.InvalidSetting(where, f"{error.filename} cannot be read: {error.strerror}") from error
