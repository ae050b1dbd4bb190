"""The "docker" kind of server: compose.yaml as it stands, through Docker Compose and the Docker SDK."""

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from schemata import config, errors
from schemata.postgres import libpq, query_client
from schemata.report import progress
from schemata.server.compose import command_line, project
from schemata.services import health, manage, outcome
from schemata.system import signals

if TYPE_CHECKING:
    from schemata.server.compose import containers

_LOG_LINES = 15
_PROBE_SECONDS = 3.0
_ANSWER_SECONDS = 10.0
_CLEAN_ROUNDS = 5


class NotHealthy(errors.Error):
    """The containers were started, and one of them is not ready. They are left as they are."""

    def __init__(self, what: str, name: str, lines: tuple[str, ...], states: str, hint: str, exit_code: int) -> None:
        self.service = name
        self.exit_code = exit_code
        shown = "\n".join(f"  {line}" for line in lines) or "  (nothing)"
        super().__init__(f"{what}\n{states}\nThe last lines of the log of {name}:\n{shown}", hint)


class ForeignProject(errors.Error):
    """The Compose project of this name was started from another folder."""

    def __init__(self, name: str, folder: str) -> None:
        self.project, self.folder = name, folder
        super().__init__(
            f"the Compose project {name} was started from {folder}, so its data belong to that folder and are "
            f"not deleted from here",
            "Run the command there; or here with --yes; or set COMPOSE_PROJECT_NAME to a name of your own.",
        )


def up(settings: config.Config, *, reporter: progress.Reporter = progress.SILENT) -> tuple[outcome.State, ...]:
    """Build the image, start everything of the Compose file and wait until it is healthy; say how each service is.

    Twice in a row changes nothing. When one does not become healthy the containers stay as they are, to be looked
    at; when Ctrl-C or SIGTERM comes, what this call started, and data that it had begun to make, are gone again.
    """
    with signals.raised():
        composition = project.of(settings)
        strangers = [item.name for item in settings.services if item.name not in composition.services]
        if strangers:
            raise errors.ConfigError(
                f"{composition.project.file} has no service {strangers[0]}, which [tool.schemata.services] names",
                "Give both the same names.",
            )
        with connect() as engine:
            before = engine.belongings(composition.name)
            composition = project.with_password(settings, composition, before.volumes, reporter)
            try:
                return _start(settings, composition, engine, before, reporter)
            except KeyboardInterrupt:
                with signals.held():
                    reporter.info("Interrupted: taking down what was started ...")
                    _take_back(composition, engine, before)
                raise


def _start(
    settings: config.Config,
    composition: project.Composition,
    engine: "containers.Engine",
    before: "containers.Belongings",
    reporter: progress.Reporter,
) -> tuple[outcome.State, ...]:
    reporter.info(f"Docker Compose project {composition.name}: building and starting ...")
    try:
        done = command_line.up(composition.project, settings.compose.patience)
    except command_line.PortTaken as error:
        # Where a container has it, the process that listens is Docker's own and says nothing.
        owner = engine.publisher(error.port) or error.owner
        raise command_line.PortTaken(error.port, owner, _variable(composition, error.port)) from error
    after = engine.belongings(composition.name)
    if done.code != 0:
        raise _not_healthy(composition, engine, after, done.complaint)
    old = {container.id: container.started for container in before.containers}
    return tuple(
        _state(item, [found for found in after.containers if found.service == item.name and not found.is_oneoff], old)
        for item in settings.services
    )


def _state(item: config.Service, replicas: "list[containers.Container]", old: dict[str, str]) -> outcome.State:
    if not replicas:
        return outcome.State(item.name, outcome.STOPPED, detail="Compose started no container of this service")
    was_running = all(old.get(container.id) == container.started for container in replicas)
    ports = [port for container in replicas for port in list(container.ports.values())[:1]]
    url = f"http://127.0.0.1:{ports[0]}" if ports else ""
    known = [container.ready_after for container in replicas if container.ready_after is not None]
    state = outcome.State(
        item.name,
        outcome.READY if all(container.is_well for container in replicas) else outcome.UNREADY,
        url,
        ready_after=max(known) if known and not was_running else None,
        was_running=was_running,
        detail=f"{len(replicas)} replicas" if len(replicas) > 1 else "",
    )
    if not (item.ready and url):
        return state
    # Healthy it is, but the port of this machine may be a moment later.
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        answer = health.ask(url + item.ready, _PROBE_SECONDS)
        if answer.ok or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if not answer.ok:
        return dataclasses.replace(state, state=outcome.UNREADY, detail=answer.reason)
    return dataclasses.replace(state, revision=answer.revision)


def _not_healthy(
    composition: project.Composition, engine: "containers.Engine", after: "containers.Belongings", output: str
) -> errors.Error:
    """Return what to say about the first container that is not well."""
    rows = [container for container in after.containers if not container.is_oneoff]
    unwell = sorted((item for item in rows if not item.is_well), key=_suspicion)
    states = "\n".join(f"  {container.name}: {container.condition}" for container in rows)
    if not unwell:
        return command_line.ComposeFailed(
            "up", output.strip().splitlines()[-1] if output.strip() else "it wrote nothing"
        )
    worst = unwell[0]
    lines = tuple(_hidden(line, composition.password) for line in engine.log(worst.id, _LOG_LINES))
    hint = f"Fix it and run it again. All of its log: inv logs {worst.service} --server docker"
    if any("password authentication failed" in line for line in lines):
        hint = (
            f"The data were made with another password: set {project.PASSWORD} to that one (in .env), "
            "or delete the data: inv dev-down-clean --server docker"
        )
    code = errors.NEEDS_PERSON if worst.ended else errors.NOT_AVAILABLE
    what = f"{worst.service} did not become ready: {worst.name} {worst.condition}."
    return NotHealthy(what, worst.service, lines, states, hint, code)


def _suspicion(container: "containers.Container") -> int:
    """Return how little a container is to blame: one that ended explains one that only waits for it."""
    if container.ended:
        return 0
    return {"unhealthy": 1, "starting": 2}.get(container.health, 3)


def _take_back(composition: project.Composition, engine: "containers.Engine", before: "containers.Belongings") -> None:
    """Remove what was not there before; Compose may still be at work, so look until there is nothing more."""
    running = {container.id for container in before.containers if container.status == "running"}
    quiet = 0
    for _ in range(_CLEAN_ROUNDS):
        try:
            # A volume that this call made is half of a database at best, and would be taken for a whole one.
            removed = engine.remove(composition.name, besides=before, volumes=True)
            started = [
                container
                for container in engine.belongings(composition.name).containers
                if container.status in ("running", "restarting") and container.id not in running
            ]
            for container in started:
                engine.stop(container.id)
        except errors.NotAvailable:
            removed, started = ("?",), []  # something of it is just being made
        quiet = 0 if removed or started else quiet + 1
        if quiet == 2:
            return
        time.sleep(0.3)


def down(settings: config.Config, *, reporter: progress.Reporter = progress.SILENT) -> str:
    """Stop and remove the project's containers and networks; its volumes, the data, stay."""
    composition = project.of(settings)
    with connect() as engine:
        found = engine.belongings(composition.name)
    if not found.containers and not found.networks:
        return f"The Compose project {composition.name} was not running."
    reporter.info(f"Docker Compose project {composition.name}: stopping ...")
    command_line.down(composition.project)
    return f"The Compose project {composition.name} is stopped; its data stay."


def clean(
    settings: config.Config, *, yes: bool = False, reporter: progress.Reporter = progress.SILENT
) -> tuple[str, ...]:
    """Stop the project's containers and remove them, its networks and its volumes; return what was removed.

    Nothing without this Compose project's label is touched. What was started from another folder needs `yes`.
    The image stays.
    """
    composition = project.of(settings)
    with connect() as engine:
        found = engine.belongings(composition.name)
        foreign = [item.folder for item in found.containers if item.folder and not _same(item.folder, settings.root)]
        if foreign and not yes:
            raise ForeignProject(composition.name, foreign[0])
        if found.containers:
            reporter.info(f"Docker Compose project {composition.name}: removing ...")
            command_line.down(composition.project, volumes=True)
        nothing = dataclasses.replace(found, containers=(), networks=(), volumes=())
        engine.remove(composition.name, besides=nothing, volumes=True)
        left = engine.belongings(composition.name)
    composition.secret.unlink(missing_ok=True)
    gone = [f"container {item.name}" for item in found.containers if item not in left.containers]
    gone += [f"network {name}" for name in found.networks if name not in left.networks]
    gone += [f"volume {name}" for name in found.volumes if name not in left.volumes]
    return tuple(gone)


def logs(settings: config.Config, name: str = "", *, follow: bool = False, lines: int = 50) -> Iterator[str]:
    """Give the last lines of a service's log, the database's without a name; with `follow`, each new one too."""
    composition = project.of(settings)
    name = name or settings.compose.database
    if name not in composition.services:
        known = ", ".join(sorted(composition.services))
        raise errors.ConfigError(f"{composition.project.file} has no service {name}", f"It has {known}.")
    with connect() as engine:
        found = tuple(item for item in engine.belongings(composition.name).containers if item.service == name)
        if not found:
            raise errors.NotAvailable(
                f"{name} of the Compose project {composition.name} has no container, so there is no log",
                "Start it: inv dev-up --server docker",
            )
        yield from engine.logs(found, lines, follow=follow)


def version(database_url: str) -> str:
    """Return the version of PostgreSQL that a database runs on; empty where it does not answer."""
    try:
        with query_client.connect(database_url, timeout=_PROBE_SECONDS, application_name="schemata") as connection:
            found = connection.query("SHOW server_version", timeout=_PROBE_SECONDS)
    except (libpq.ConnectFailed, libpq.ConnectionLost, libpq.QueryFailed):
        return ""
    return str(found[0][0]).partition(" ")[0]


def engine_version() -> str:
    """Return the versions of Docker and Compose in words. Raises NotAvailable where either is not there."""
    engine, plugin = command_line.versions()
    return f"Docker {engine}, Compose {plugin}"


def connect() -> "containers.Engine":
    """Connect to the engine that the docker command uses. Raises NotAvailable."""
    try:
        # Imported here: the SDK takes a quarter of a second, and only the docker kind of server needs it.
        from schemata.server.compose import containers
    except ImportError as error:
        raise errors.NotAvailable(
            'the server is "docker", and the Python package docker is not installed',
            "pip install 'pgschemata[docker]'",
        ) from error
    try:
        return containers.Engine(command_line.host())
    except containers.EngineFailed:
        command_line.versions()  # says it better: not installed, not running, not permitted
        raise


def _variable(composition: project.Composition, port: int) -> str:
    """Return the variable that says a service's port, by the convention of <NAME>_PORT."""
    for name, facts in composition.services.items():
        for published in facts.get("ports") or ():
            first, _, last = str(published.get("published") or "0").partition("-")
            if first.isdecimal() and int(first) <= port <= int(last or first):
                return manage.variable(name)
    return ""


def _same(folder: str, root: Path) -> bool:
    try:
        return os.path.samefile(folder, root)
    except OSError:
        return False


def _hidden(text: str, password: str) -> str:
    return text.replace(password, "***") if password else text
