"""A real Docker engine, a copy of the platform, and its system in containers with names and ports of its own."""

import dataclasses
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from schemata import errors
from schemata.server import docker as compose_server
from schemata.server.compose import containers
from schemata.services import health
from tests.conftest import REPOSITORY, Project
from tests.patience import until

SERVICES = ("financial-svc", "trading-svc", "worker-financial", "worker-trading")
#: What services/Dockerfile and Compose need of the repository.
_PARTS = (
    ".dockerignore", ".env.example", "LICENSE", "README.md", "compose.yaml", "migrations", "pyproject.toml", "schemata",
    "services", "tasks.py",
)  # fmt: skip
_STAND_INS = {"PYTHON_IMAGE": "localhost/standin-python:3.13", "POSTGRES_IMAGE": "localhost/standin-postgres:18"}
_OUTSIDE = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(scope="session")
def engine() -> Iterator[containers.Engine]:
    """Connect to the engine; in CI its absence is a failure.

    One session at a time uses it: the tests of a swarm, when they leave it, empty the engine's name service.
    """
    try:
        compose_server.engine_version()
        found = compose_server.connect()
    except errors.NotAvailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI has to have Docker: {error}")
        pytest.skip(f"no Docker here: {error.message}")
    with found, Path(tempfile.gettempdir(), f"schemata-docker-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield found


@pytest.fixture(scope="session")
def client(engine: containers.Engine) -> Iterator[docker.DockerClient]:
    """Connect to the engine past our own code: an oracle."""
    found = docker.from_env()
    yield found
    found.close()


@pytest.fixture(scope="session")
def base_images(client: docker.DockerClient) -> dict[str, str]:
    """Return the base images: of the environment, else the stand-ins where they are, else Compose's defaults."""
    there = {tag for image in client.images.list() for tag in image.tags}
    named = {name: os.environ.get(name) or (tag if tag in there else "") for name, tag in _STAND_INS.items()}
    return {name: image for name, image in named.items() if image}


@dataclasses.dataclass
class System(Project):
    """A copy of the platform that is a Compose project of its own."""

    name: str = ""
    client: docker.DockerClient = None

    def compose(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run `docker compose …` by hand, as a person would, and return how it ended."""
        return self.run(["docker", "compose", "--ansi", "never", *arguments], **extra)

    def containers(self, service: str = "", *, ended: bool = False) -> list[Any]:
        """Return the running containers of a service, or of all; with `ended` those that ended too."""
        labels = [f"com.docker.compose.project={self.name}"]
        if service:
            labels.append(f"com.docker.compose.service={service}")
        return sorted(self.client.containers.list(all=ended, filters={"label": labels}), key=lambda item: item.name)

    def container(self, service: str) -> Any:
        """Return the one running container of a service."""
        (found,) = self.containers(service)
        return found

    def ask(self, service: str, path: str = "/ready") -> health.Answer:
        """Return what a service answers on its port of this machine."""
        return health.ask(f"{self.base(service)}{path}", 5)

    def base(self, service: str) -> str:
        """Return the URL of a service on this machine."""
        return f"http://127.0.0.1:{port_of(self.container(service))}"

    def query(self, sql: str) -> list[str]:
        """Return what the database says, asked by the psql of its own container: a line for each row."""
        done = self.container("postgres").exec_run(["psql", "-U", "app", "-d", "ai_service", "-AtXc", sql])
        assert done.exit_code == 0, done.output.decode()
        return done.output.decode().split("\n")[:-1]

    def signature(self) -> list[tuple[str, str]]:
        """Return what tells these containers, started then, from any others."""
        return [(item.id, item.attrs["State"]["StartedAt"]) for item in self.containers(ended=True)]


def port_of(container: Any) -> int:
    """Return the port of this machine that leads to a container."""
    ends = [end for ends in container.attrs["NetworkSettings"]["Ports"].values() for end in ends or ()]
    assert {end["HostIp"] for end in ends} == {"127.0.0.1"}
    return int(ends[0]["HostPort"])


@pytest.fixture(scope="session")
def platform_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what an image is built from once: every system of the session is built from the same."""
    root = tmp_path_factory.mktemp("platform")
    for part in _PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__", "manifest"))
        else:
            shutil.copy2(source, root / part)
    return root


@pytest.fixture(scope="session")
def make_system(
    engine: containers.Engine,
    client: docker.DockerClient,
    base_images: dict[str, str],
    platform_files: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., System]]:
    """Make copies of the platform, each a Compose project on free ports; what they leave is removed at the end."""
    made: list[System] = []

    def make() -> System:
        name = f"schemata-test-{secrets.token_hex(4)}"
        root = tmp_path_factory.mktemp(name)
        shutil.copytree(platform_files, root, dirs_exist_ok=True)
        ports = [f"{service.upper().replace('-', '_')}_PORT" for service in ("postgres", *SERVICES)]
        outside = {key: os.environ[key] for key in _OUTSIDE if key in os.environ}
        environment = {
            **outside,
            **dict.fromkeys(ports, ""),
            **base_images,
            "APP_IMAGE": f"localhost/schemata-test:{name}",
            "COMPOSE_PROJECT_NAME": name,
            "SCHEMATA_SERVER_KIND": "docker",
        }
        system = System(root, environment=environment, name=name, client=client)
        made.append(system)
        return system

    yield make
    for system in made:
        _remove(system, engine)


def _remove(system: System, engine: containers.Engine) -> None:
    """Remove what a system left, its images too: Compose writes the project's name into each, so none is shared."""
    engine.remove(system.name, besides=containers.Belongings((), (), ()), volumes=True)
    for image in system.client.images.list(filters={"label": f"com.docker.compose.project={system.name}"}):
        system.client.images.remove(image.id, force=True)


@pytest.fixture(scope="session")
def started(make_system: Callable[..., System]) -> tuple[System, dict[str, Any]]:
    """Build and start a system from nothing by `inv dev-up`; return it and what the command said.

    The URLs are looked at here: a container that is started again later has another port.
    """
    system = make_system()
    done = system.inv("dev-up", "--json", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert {row["name"]: row["url"] for row in said["services"]} == {name: system.base(name) for name in SERVICES}
    return system, said


@pytest.fixture(scope="session")
def _system(started: tuple[System, dict[str, Any]]) -> System:
    return started[0]


@pytest.fixture(scope="session")
def app_image(_system: System) -> str:
    """Return the name of the image that the session's system was built with."""
    return _system.environment["APP_IMAGE"]


@pytest.fixture
def system(_system: System) -> System:
    """Give the running system, every service ready; a test that hurts it waits until it is well again."""
    for service in SERVICES:
        until(lambda service=service: _system.ask(service).ok, f"{service} is ready", 60)
    return _system


@pytest.fixture
def another(make_system: Callable[..., System], system: System, engine: containers.Engine) -> Iterator[System]:
    """Give a second system that is not started; the image is built already. What it leaves is removed."""
    made = make_system()
    yield made
    _remove(made, engine)


@pytest.fixture
def docker_run(_system: System, app_image: str, client: docker.DockerClient) -> Iterator[Callable[..., Any]]:
    """Run containers of the session's image beside the system, on its network; they are removed afterwards."""
    made: list[Any] = []

    def run(*command: str, **options: Any) -> Any:
        environment = {
            "DATABASE_URL": "postgresql://app@postgres:5432/ai_service",
            "PGPASSWORD": password_of(_system),
            **options.pop("environment", {}),
        }
        container = client.containers.run(
            app_image,
            list(command) or None,
            detach=True,
            environment=environment,
            network=f"{_system.name}_default",
            labels={"com.docker.compose.project": _system.name, "com.docker.compose.oneoff": "True"},
            **options,
        )
        made.append(container)
        return container

    yield run
    for container in made:
        container.remove(force=True, v=True)


def password_of(system: System) -> str:
    """Return the database's password, as its container got it."""
    found = dict(pair.split("=", 1) for pair in system.container("postgres").attrs["Config"]["Env"])
    return str(found["POSTGRES_PASSWORD"])


def command_of(service: str) -> tuple[str, ...]:
    """Return the command of a service's container."""
    return (service, "--", "python", "-m", f"services.{service.replace('-', '_')}")
