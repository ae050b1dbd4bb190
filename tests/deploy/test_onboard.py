"""`./scripts/onboard --server docker`: a real system in containers, by the script that a newcomer types."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.conftest import REPOSITORY
from tests.deploy import places, releases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker")]

_PARTS = (".dockerignore", ".env.example", "LICENSE", "README.md", "schemata", "scripts")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a checkout in a path with a space, whose environment is the one that runs the tests: no second minute."""
    root = places.copy(tmp_path.resolve() / "a clone")
    for name in _PARTS:
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, root / name)
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    script = f'. ./scripts/venv; root="{root}"; python="{python}"; describe_environment > .venv/installed'
    subprocess.run(["sh", "-euc", script], cwd=root, check=True)
    return root


@pytest.fixture
def environment(engine: "docker.DockerClient", checkout: Path) -> Iterator[dict[str, str]]:
    """Give the environment of a project of its own; nothing of it is left afterwards."""
    name = f"onboard-{uuid.uuid4().hex[:8]}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    made = {
        **{key: os.environ[key] for key in ("PATH", "HOME", "LANG", "DOCKER_HOST") if key in os.environ},
        **places.free_ports(),
        **releases.bases(),
        "POSTGRES_PORT": port,
        "COMPOSE_PROJECT_NAME": name,
        "APP_IMAGE": f"localhost/schemata-test-{name}:dev",
    }
    try:
        yield made
    finally:
        compose = ["docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "5"]
        subprocess.run(compose, cwd=checkout, env={**made, "POSTGRES_PASSWORD": "x"}, capture_output=True, check=False)
        engine.images.remove(made["APP_IMAGE"], force=True)


def test_a_clone_is_onboarded_on_docker(
    engine: "docker.DockerClient", checkout: Path, environment: dict[str, str]
) -> None:
    """It ends with four services that are ready in containers; again it changes none; the clean-up leaves nothing."""

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    label = {"label": f"com.docker.compose.project={environment['COMPOSE_PROJECT_NAME']}"}
    first = run("scripts/onboard", "--server", "docker")
    table = first[first.rindex("\nservice ") :]
    rows = re.findall(r"^([a-z-]+) .* (http://127\.0\.0\.1:(\d+))\b", table, flags=re.M)
    assert len(rows) == 4
    for name, url, port in rows:
        assert environment[f"{name.upper().replace('-', '_')}_PORT"] == port
        with urllib.request.urlopen(f"{url}/ready", timeout=10) as answer:
            assert json.load(answer)["status"] == "ready"
    assert re.search(r"^All \d+ checks passed\.$", first, flags=re.M)
    assert "export SCHEMATA_SERVER_KIND=docker" in first
    there = {container.id for container in engine.containers.list(filters=label)}
    assert len(there) == 5
    run("scripts/onboard", "--server=docker")
    assert {container.id for container in engine.containers.list(filters=label)} == there

    environment["SCHEMATA_SERVER_KIND"] = "docker"
    run(".venv/bin/python", "-m", "invoke", "dev-down-clean")
    assert engine.containers.list(all=True, filters=label) == []
    assert engine.volumes.list(filters=label) == []
    assert engine.networks.list(filters=label) == []
