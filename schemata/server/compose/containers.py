"""The Docker engine through its SDK: what a Compose project left there, and how it is.

Importing the SDK takes about a quarter of a second: modules that need it import it late.
"""

import contextlib
import dataclasses
import datetime
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any

import docker  # type: ignore[import-untyped]
import requests
from docker import errors as refusals

from schemata import errors

_PROJECT = "com.docker.compose.project"
_STOP_SECONDS = 5


@dataclasses.dataclass(frozen=True)
class Container:
    """A container of a Compose project.

    :param status: of Docker: created, running, restarting, exited, dead, paused.
    :param health: starting, healthy, unhealthy; empty without a health check.
    :param ports: of the container, to the port of this machine where each is published.
    :param ready_after: seconds from its start to the first health check that passed, if that is still known.
    :param folder: the project's folder, from where it was started.
    """

    id: str
    name: str
    service: str
    number: int
    status: str
    health: str
    exit_code: int
    restarts: int
    started: str
    ports: Mapping[int, int]
    ready_after: float | None
    folder: str
    is_oneoff: bool

    @property
    def is_well(self) -> bool:
        """Tell whether it runs and nothing is known against it."""
        return self.status == "running" and self.health in ("", "healthy")

    @property
    def ended(self) -> bool:
        """Tell whether its program ended by itself, even if Docker keeps starting it again."""
        return self.status in ("exited", "dead", "restarting") or (self.restarts > 0 and not self.is_well)

    @property
    def condition(self) -> str:
        """Return how it is, in words."""
        if self.ended and self.restarts > 0:
            # While it runs once more, Docker says 0.
            code = f"exit code {self.exit_code}, " if self.status == "restarting" else ""
            return f"ends by itself, {code}started again {self.restarts} times"
        if self.ended:
            return f"ended, exit code {self.exit_code}"
        return f"{self.status}, {self.health}" if self.health else self.status


@dataclasses.dataclass(frozen=True)
class Belongings:
    """What one Compose project has at the engine, by its label and nothing else."""

    containers: tuple[Container, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]


class EngineFailed(errors.NotAvailable):
    """The engine refused a request, or went away."""

    def __init__(self, output: str) -> None:
        super().__init__(f"the Docker engine refused a request: {output}", "See `docker info`; run it again.")


class Engine:
    """A connection to the engine; close it."""

    def __init__(self, host: str = "") -> None:
        """Connect to the engine at `host` where that is a socket of this machine, else where the environment says."""
        with _worded():
            is_local = host.startswith(("unix://", "npipe://"))
            self._client: Any = docker.DockerClient(base_url=host) if is_local else docker.from_env()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def __enter__(self) -> "Engine":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def belongings(self, project: str) -> Belongings:
        """Return the project's containers (by service and number), networks and volumes."""
        with _worded():
            only = {"label": f"{_PROJECT}={project}"}
            found = []
            # One by one and not by the list: a container may go between the two, and then it is not there.
            for row in self._client.api.containers(all=True, filters=only):
                with contextlib.suppress(refusals.NotFound):
                    found.append(_described(self._client.api.inspect_container(row["Id"])))
            found.sort(key=lambda container: (container.service, container.number))
            networks = sorted(network.name for network in self._client.networks.list(filters=only))
            volumes = sorted(volume.name for volume in self._client.volumes.list(filters=only))
            return Belongings(tuple(found), tuple(networks), tuple(volumes))

    def publisher(self, port: int) -> str:
        """Return the container that has a port of this machine, in words; empty where none has."""
        with _worded():
            for row in self._client.api.containers(filters={"publish": str(port)}):
                name = row["Names"][0].lstrip("/")
                project = row["Labels"].get(_PROJECT)
                return f"container {name}" + (f" of the Compose project {project}" if project else "")
        return ""

    def log(self, container_id: str, lines: int, *, follow: bool = False) -> Iterator[str]:
        """Give the last lines of a container's log; with `follow`, then each new one until it ends."""
        with _worded():
            stream = self._client.api.logs(container_id, stream=True, follow=follow, tail=lines)
            rest = b""
            for piece in stream:
                *whole, rest = (rest + piece).split(b"\n")
                yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
            if rest:
                yield rest.decode(errors="replace")

    def logs(self, containers: tuple[Container, ...], lines: int, *, follow: bool = False) -> Iterator[str]:
        """Give the logs of several containers; of more than one, each line begins with its container's name."""
        if len(containers) == 1:
            yield from self.log(containers[0].id, lines, follow=follow)
        elif not follow:
            for container in containers:
                yield from (f"{container.name} | {line}" for line in self.log(container.id, lines))
        else:
            yield from self._together(containers, lines)

    def _together(self, containers: tuple[Container, ...], lines: int) -> Iterator[str]:
        heard: queue.Queue[str | None] = queue.Queue()

        def listen(container: Container) -> None:
            try:
                for line in self.log(container.id, lines, follow=True):
                    heard.put(f"{container.name} | {line}")
            except errors.NotAvailable as error:
                heard.put(f"{container.name} | {error.message}")
            finally:
                heard.put(None)

        for container in containers:
            threading.Thread(target=listen, args=(container,), daemon=True).start()
        left = len(containers)
        while left:
            line = heard.get()
            if line is None:
                left -= 1
            else:
                yield line

    def stop(self, container_id: str) -> None:
        """Stop a container; one that is gone is stopped."""
        with _worded(), contextlib.suppress(refusals.NotFound):
            self._client.api.stop(container_id, timeout=_STOP_SECONDS)

    def remove(self, project: str, *, besides: Belongings, volumes: bool) -> tuple[str, ...]:
        """Remove what the project has and `besides` does not name: containers, networks and, if asked, volumes.

        Returns what was removed, each with its kind.
        """
        removed = []
        found = self.belongings(project)
        kept = {container.id for container in besides.containers}
        going = [container for container in found.containers if container.id not in kept]
        with futures.ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda container: self.stop(container.id), going))
        for container in going:
            with _worded(), contextlib.suppress(refusals.NotFound):
                self._client.api.remove_container(container.id, v=True, force=True)
                removed.append(f"container {container.name}")
        with _worded():
            for name in sorted(set(found.networks) - set(besides.networks)):
                with contextlib.suppress(refusals.NotFound):
                    self._client.api.remove_network(name)
                    removed.append(f"network {name}")
            for name in sorted(set(found.volumes) - set(besides.volumes)) if volumes else ():
                with contextlib.suppress(refusals.NotFound):
                    self._client.api.remove_volume(name)
                    removed.append(f"volume {name}")
        return tuple(removed)


def _described(facts: Mapping[str, Any]) -> Container:
    state, labels = facts["State"], facts["Config"]["Labels"] or {}
    health = state.get("Health") or {}
    published = facts["NetworkSettings"]["Ports"] or {}
    return Container(
        id=facts["Id"],
        name=facts["Name"].lstrip("/"),
        service=labels.get("com.docker.compose.service", ""),
        number=int(labels.get("com.docker.compose.container-number", "0") or 0),
        status=state["Status"],
        health=health.get("Status", "") if health.get("Status") != "none" else "",
        exit_code=state["ExitCode"],
        restarts=facts.get("RestartCount", 0),
        started=state["StartedAt"],
        ports={int(port.partition("/")[0]): int(ends[0]["HostPort"]) for port, ends in published.items() if ends},
        ready_after=_ready_after(state["StartedAt"], health.get("Log") or ()),
        folder=labels.get("com.docker.compose.project.working_dir", ""),
        is_oneoff=labels.get("com.docker.compose.oneoff") == "True",
    )


def _ready_after(started: str, checks: "Sequence[Mapping[str, Any]]") -> float | None:
    """Return the seconds until the first check that passed.

    >>> ended = {"01": 0, "05": 1, "06": 0}
    >>> checks = [{"End": f"2026-01-01T00:00:{second}Z", "ExitCode": code} for second, code in ended.items()]
    >>> _ready_after("2026-01-01T00:00:04Z", checks)  # the first one is of the run before
    2.0
    """
    own = [check for check in checks if _moment(check["End"]) >= _moment(started)]
    # Docker keeps the last five checks. If the oldest of them passed already, nobody knows which was the first.
    if own and (len(own) < 5 or own[0]["ExitCode"] != 0):
        for check in own:
            if check["ExitCode"] == 0:
                return (_moment(check["End"]) - _moment(started)).total_seconds()
    return None


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@contextlib.contextmanager
def _worded() -> Iterator[None]:
    """Raise EngineFailed for what the SDK or its HTTP client raises."""
    try:
        yield
    except (refusals.DockerException, requests.RequestException) as error:
        raise EngineFailed(str(error)) from error
