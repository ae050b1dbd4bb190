"""What can go wrong with Docker: each is said in three parts, with its exit code, and without a traceback."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker.conftest import System

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker")]


@pytest.fixture
def port() -> Iterator[int]:
    """Give a port of the loopback on which this process listens."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def _override(system: System, text: str) -> None:
    (system.root / "compose.override.yaml").write_text(text, encoding="utf-8")


def _refused(system: System, *command: str, code: int, **extra: str) -> str:
    done = system.inv(*(command or ("dev-up",)), timeout=300, **extra)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_docker(another: System, tmp_path: Path) -> None:
    """Without a program docker the command says what to install."""
    empty = tmp_path / "bin"
    empty.mkdir()
    assert "no program docker" in _refused(another, code=3, PATH=str(empty))


def test_no_engine(another: System, tmp_path: Path) -> None:
    """Where no engine answers the command says so, for each verb."""
    nowhere = f"unix://{tmp_path}/none.sock"
    for command in ("dev-up", "dev-down", "dev-down-clean"):
        said = _refused(another, command, code=3, DOCKER_HOST=nowhere)
        assert "does not answer" in said
        assert nowhere in said


def test_no_compose_plugin(another: System, tmp_path: Path) -> None:
    """A docker without `compose` is said to be that."""
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho \"docker: 'compose' is not a docker command.\" >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    assert "Compose plugin" in _refused(another, code=3, PATH=f"{tmp_path}:/usr/bin:/bin")


def test_no_file(another: System) -> None:
    """A project without compose.yaml is told which file is missing."""
    (another.root / "compose.yaml").unlink()
    assert str(another.root / "compose.yaml") in _refused(another, code=2)


def test_a_broken_file(another: System) -> None:
    """What Compose cannot read is said in Compose's words, with the file's name."""
    _override(another, "services: [")
    assert "cannot be used" in _refused(another, code=2)


def test_a_port_that_is_taken(another: System, port: int) -> None:
    """The port, its owner and the variable that says another one are named."""
    said = _refused(another, code=3, TRADING_SVC_PORT=str(port))
    assert f"port {port} is taken by" in said
    assert "python" in said
    assert "TRADING_SVC_PORT" in said


def test_a_port_of_another_container(another: System, system: System) -> None:
    """Where a container has the port, the container and its project are named."""
    taken = system.base("trading-svc").rpartition(":")[2]
    said = _refused(another, code=3, TRADING_SVC_PORT=taken)
    assert f"{system.name}-trading-svc-1" in said


def test_an_image_that_is_nowhere(another: System) -> None:
    """An image that cannot be fetched is named, with the variables that name images."""
    said = _refused(another, code=3, POSTGRES_IMAGE="localhost:1/nowhere:1")
    assert "POSTGRES_IMAGE" in said


def test_a_build_that_fails(another: System) -> None:
    """The last lines of a failed build are shown, and nothing is started."""
    path = another.root / "services" / "Dockerfile"
    path.write_text(path.read_text(encoding="utf-8") + "\nRUN echo this is why && false\n", encoding="utf-8")
    said = _refused(another, code=1)
    assert "this is why" in said
    assert another.containers(ended=True) == []


def test_a_service_that_ends(another: System) -> None:
    """A service that ends by itself: that and its last lines are said, its container stays, exit 1."""
    _override(another, "services: {trading-svc: {command: [trading-svc, --, sh, -c, 'echo this is why; exit 7']}}")
    said = _refused(another, code=1)
    assert "trading-svc" in said
    assert "this is why" in said
    assert another.containers("trading-svc", ended=True)
    assert "ends by itself" in said


def test_a_service_that_never_answers(another: System) -> None:
    """A service that runs and is never ready: its last lines are shown, exit 3."""
    _override(
        another,
        "services: {trading-svc: {command: [trading-svc, --, sh, -c, 'echo this is why; sleep 600'],"
        " healthcheck: {interval: 500ms, retries: 2, start_period: 2s}}}",
    )
    said = _refused(another, code=3)
    assert "trading-svc" in said
    assert "this is why" in said


def test_a_password_that_was_lost(another: System) -> None:
    """Data whose password nobody knows are left alone; a wrong one is said to be that."""
    assert another.inv("dev-up", timeout=300).returncode == 0
    assert another.inv("dev-down", timeout=120).returncode == 0
    for path in (another.root / ".schemata").glob("compose*"):
        path.unlink()
    assert f"{another.name}_postgres-data" in _refused(another, code=1)
    assert another.containers(ended=True) == []
    said = _refused(another, code=1, POSTGRES_PASSWORD="not-the-old-one")
    assert "made with another password" in said
    assert "not-the-old-one" not in said


def test_a_project_of_another_folder(another: System, make_system: Callable[..., Any]) -> None:
    """What was started from another folder is not deleted from here, unless --yes says so."""
    elsewhere = make_system()
    elsewhere.environment["COMPOSE_PROJECT_NAME"] = another.name
    assert another.compose("up", "-d", "postgres", POSTGRES_PASSWORD="x").returncode == 0
    said = _refused(elsewhere, "dev-down-clean", code=1)
    assert str(another.root) in said
    assert another.containers("postgres")
    assert elsewhere.inv("dev-down-clean", "--yes", timeout=120).returncode == 0
    assert another.containers(ended=True) == []


def test_a_service_that_is_not_in_the_file(another: System) -> None:
    """A service of the settings that Compose does not know is a mistake in the settings."""
    path = another.root / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[tool.schemata.services.nobody]\ncommand = ["true"]\n')
    assert "nobody" in _refused(another, code=2)
