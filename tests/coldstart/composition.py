"""The platform in containers: compose.yaml as it stands, through the command line that a person types."""

import contextlib
import fcntl
import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from schemata.postgres import urls
from tests.coldstart import cells, proofs, starts
from tests.conftest import REPOSITORY
from tests.patience import until

_PATIENCE = 240.0  # seconds for a command; a first build installs packages
# Taken where they are, so that a machine without a registry needs no settings; the environment wins.
_STAND_INS = {"PYTHON_IMAGE": "localhost/standin-python:3.13", "POSTGRES_IMAGE": "localhost/standin-postgres:18"}
_DATABASE = "ai_service"
# Any free port of this machine for each, so that nothing is in the way of a developer's own system.
_PORTS = ("POSTGRES_PORT", *(f"{service.upper().replace('-', '_')}_PORT" for service in proofs.SERVICES))


def run(*command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in the repository, and return how it ended with all that it said."""
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def require_engine() -> str:
    """Return the engine's version; without an engine skip, and in CI fail."""
    problem = "there is no program docker"
    with contextlib.suppress(FileNotFoundError):
        found = run("docker", "version", "--format", "{{.Server.Version}}")
        plugin = run("docker", "compose", "version", "--short")
        if found.returncode == plugin.returncode == 0:
            return found.stdout.strip()
        problem = (found if found.returncode else plugin).stderr.strip().partition("\n")[0]
    if os.environ.get("CI"):
        pytest.fail(f"no Docker, which CI has to have: {problem}")
    pytest.skip(f"no Docker: {problem}")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Use the engine alone: tests of a swarm, when they leave it, empty the engine's name service."""
    with Path(tempfile.gettempdir(), f"schemata-docker-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass
class Container:
    """A container of a service, as it was when it was listed."""

    id: str
    name: str
    service: str
    port: int
    ready_at: float = 0.0
    revision: str = ""

    def is_ready(self) -> bool:
        """Tell whether its /ready answers 200."""
        if not self.ready_at:
            status, body = starts.ask(self.port)
            if status == 200:
                self.ready_at, self.revision = time.time(), str(body.get("revision", ""))
        return bool(self.ready_at)

    def said(self) -> str:
        """Return what it wrote until now."""
        found = run("docker", "logs", self.id)
        return found.stdout + found.stderr


@dataclass
class System:
    """A Compose project of its own name, with an image, a volume and ports of its own."""

    name: str
    password: str
    env_file: Path
    images: dict[str, str]
    extra: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables of compose.yaml; those of the caller or of an .env have no say."""
        return {
            **self.images,
            **dict.fromkeys(_PORTS, ""),
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_ENV_FILES": str(self.env_file),
            "APP_IMAGE": f"localhost/{self.name}",
            "POSTGRES_PASSWORD": self.password,
            "SCHEMATA_LOG_FORMAT": "json",
        }

    def compose(self, *arguments: str, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
        """Run `docker compose …`; fail with what it said unless it may fail."""
        found = run(
            "docker", "compose", "--ansi", "never", "--progress", "quiet", *arguments, environment=self.environment
        )
        said = f"docker compose {' '.join(arguments)} ended with {found.returncode}:\n{found.stdout}{found.stderr}"
        assert may_fail or found.returncode == 0, said[-4000:]
        return found

    def containers(self, *services: str) -> list[Container]:
        """Return the running containers of these services, or of all four."""
        listed = self.compose("ps", "--format", "json", "--no-trunc", *(services or proofs.SERVICES)).stdout
        return [
            Container(one["ID"], one["Name"], one["Service"], _published(one["Publishers"]))
            for one in map(json.loads, listed.splitlines())
        ]

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one container of a service to its end, with other words after the entrypoint."""
        return self.compose("run", "--rm", "--no-deps", "-T", service, *command, may_fail=True)

    def start(self, service: str, *environment: str) -> Container:
        """Start one container of a service by itself, with more in its environment."""
        name = f"{self.name}-{service}-alone"
        variables = [word for variable in environment for word in ("--env", variable)]
        self.extra.append(name)
        self.compose("run", "--detach", "--no-deps", "--service-ports", "--name", name, *variables, service)
        address = run("docker", "port", name, "8000").stdout.partition("\n")[0]
        return Container(name, name, service, int(address.rpartition(":")[2]))

    def url(self, database: str = _DATABASE) -> str:
        """Return the URL of a database for this machine."""
        address = self.compose("port", "postgres", "5432").stdout.strip()
        return urls.with_database(f"postgresql://app:{self.password}@{address}/postgres", database)

    def clear(self) -> None:
        """Remove the containers of the services; the database stays."""
        for name in self.extra:
            run("docker", "rm", "--force", name)
        self.extra.clear()
        self.compose("rm", "--stop", "--force", *proofs.SERVICES)

    def remove(self) -> None:
        """Remove everything of this project: containers, networks, volume, image."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "2", "--rmi", "local", may_fail=True)
        run("docker", "image", "rm", "--force", f"localhost/{self.name}")


@contextlib.contextmanager
def system(folder: Path) -> Iterator[System]:
    """Build the image and give a Compose project; nothing of it remains."""
    env_file = folder / "none.env"
    env_file.write_text("", encoding="utf-8")
    images = {name: os.environ.get(name, "") or _stand_in(tag) for name, tag in _STAND_INS.items()}
    made = System(
        f"coldstart-{secrets.token_hex(4)}",
        secrets.token_hex(12),
        env_file,
        {name: tag for name, tag in images.items() if tag},
    )
    try:
        made.compose("build")
        yield made
    finally:
        made.clear()
        made.remove()


def _stand_in(tag: str) -> str:
    return tag if run("docker", "image", "inspect", tag).returncode == 0 else ""


def _published(publishers: Sequence[dict[str, object]]) -> int:
    return next((int(str(one["PublishedPort"])) for one in publishers if one.get("PublishedPort")), 0)


def revisions(found: Sequence[Container]) -> set[str]:
    """Wait until each of them is ready; return the revisions that they are ready at."""
    until(
        lambda: not [one for one in found if not one.is_ready()],
        lambda: "ready: " + "\n".join(f"{one.name}:\n{one.said()[-2000:]}" for one in found if not one.ready_at),
    )
    return {one.revision for one in found}


def phases(found: Sequence[Container], began: float) -> tuple[cells.Phase, ...]:
    """Return the phases of their boots, and of their apps until the first answer, on a clock that begins at `began`."""
    result = []
    for one in found:
        boots = starts.phases_of(one.name.split("-", 2)[-1], one.said())
        result += [
            cells.Phase(boot.service, boot.name, round(max(0.0, boot.began - began), 3), boot.seconds) for boot in boots
        ]
        booted = max((boot.began + boot.seconds for boot in boots), default=began)
        if one.ready_at:
            took = round(max(0.0, one.ready_at - booted), 3)
            result.append(cells.Phase(one.name.split("-", 2)[-1], "app", round(booted - began, 3), took))
    return tuple(result)
