"""A real swarm of one node: the stack becomes ready, a good release rolls out without a gap, a bad one goes back."""

import contextlib
import http.client
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.deploy import conftest, releases
from tests.patience import until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker")]

SERVICES = ("financial-svc", "trading-svc", "worker-financial", "worker-trading")
# Two of the one that is watched for gaps; more would only take the machine's time.
REPLICAS = {"financial-svc": 2, "trading-svc": 1, "worker-financial": 1, "worker-trading": 1}


def _others(client: "docker.DockerClient") -> list[str]:
    """Return the running containers of networks in which names are looked up."""
    plain = {"bridge", "host", "none"}
    return [
        container.name
        for container in client.containers.list(ignore_removed=True)
        if not container.attrs["NetworkSettings"]["Networks"].keys() <= plain
    ]


@pytest.fixture
def swarm(engine: "docker.DockerClient") -> Iterator[None]:
    """Make the engine a swarm of one node, unless it is in one; leave only what was made here."""
    if engine.info()["Swarm"]["LocalNodeState"] == "active":
        yield
        return
    if others := _others(engine):
        # A fact of the engine: it forgets the names of every network, and only a restart brings them back.
        conftest.refuse(f"leaving a swarm would take the names of other services from {', '.join(others)}")
    engine.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1")
    try:
        yield
    finally:
        engine.swarm.leave(force=True)


@dataclass
class Stack:
    """A deployed stack, seen through the engine."""

    engine: "docker.DockerClient"
    name: str
    file: Path
    environment: dict[str, str] = field(default_factory=dict)

    def deploy(self, image: str) -> None:
        """Deploy the stack with this image."""
        done = subprocess.run(
            ["docker", "stack", "deploy", "--resolve-image", "never", "-c", self.file, self.name],
            env={**os.environ, **self.environment, "APP_IMAGE": image},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _service(self, name: str) -> Any:
        return self.engine.services.get(f"{self.name}_{name}")

    def running(self, name: str) -> list[str]:
        """Return the images of a service's replicas that are healthy; the engine calls no other running."""
        return [
            task["Spec"]["ContainerSpec"]["Image"]
            for task in self._service(name).tasks(filters={"desired-state": "running"})
            if task["Status"]["State"] == "running"
        ]

    def settled(self, image: str) -> bool:
        """Tell whether every service has its replicas, healthy and of this image, and is in no update."""
        return all(
            self.running(name) == [image] * number and self.update(name) not in ("updating", "rollback_started")
            for name, number in REPLICAS.items()
        )

    def update(self, name: str) -> str:
        """Return what became of the last update of a service."""
        return str((self._service(name).attrs.get("UpdateStatus") or {}).get("State", ""))

    def containers(self, name: str) -> list[Any]:
        """Return the running containers of a service."""
        label = f"com.docker.swarm.service.name={self.name}_{name}"
        return list(self.engine.containers.list(filters={"label": label}, ignore_removed=True))

    def ports(self, name: str) -> list[int]:
        """Return the ports of this machine that lead to the replicas of a service."""
        found = []
        for container in self.containers(name):
            for published in container.attrs["NetworkSettings"]["Ports"].values():
                found += [int(item["HostPort"]) for item in published or [] if ":" not in item["HostIp"]]
        return found

    def ready(self, name: str) -> int:
        """Return how many replicas of a service answer /ready with 200."""
        return sum(_ask(port) == 200 for port in self.ports(name))

    def sql(self, query: str) -> str:
        """Return what psql in the database's own container prints."""
        (container,) = self.containers("postgres")
        code, output = container.exec_run(["psql", "-U", "app", "-d", "ai_service", "-Atqc", query])
        assert code == 0, output
        return str(output.decode().strip())

    def dump(self) -> str:
        """Return the structure of the database as pg_dump of its container sees it."""
        (container,) = self.containers("postgres")
        code, output = container.exec_run(
            ["pg_dump", "-U", "app", "-d", "ai_service", "--schema-only", "--restrict-key=x"]
        )
        assert code == 0, output
        return str(output.decode())

    def describe(self) -> str:
        """Return what the engine says of each service's tasks, and the last lines of its log."""
        parts = []
        for name in ("postgres", *SERVICES):
            shown = [f"{self.name}_{name}", "--no-trunc"]
            for command in (["docker", "service", "ps", *shown], ["docker", "service", "logs", "--tail", "8", *shown]):
                done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
                parts.append(done.stdout + done.stderr)
        return "\n".join(parts)

    def remove(self) -> None:
        """Remove the stack, and wait until its containers, networks and volumes are gone."""
        label = {"label": f"com.docker.stack.namespace={self.name}"}
        subprocess.run(["docker", "stack", "rm", self.name], capture_output=True, timeout=60, check=False)
        until(
            lambda: (
                not self.engine.containers.list(all=True, filters=label, ignore_removed=True)
                and not self.engine.networks.list(filters=label)
            ),
            lambda: str(self.engine.containers.list(all=True, filters=label, ignore_removed=True)),
            90,
            pause=0.3,
        )
        for volume in self.engine.volumes.list(filters=label):
            volume.remove()


def _ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@pytest.fixture
def images(engine: "docker.DockerClient", tmp_path: Path) -> Iterator[releases.Images]:
    """Build three releases: the platform, one with a migration that adds, one with a migration that fails."""
    with releases.built(engine, tmp_path) as made:
        yield made


@pytest.fixture
def stack(
    engine: "docker.DockerClient",
    swarm: None,
    images: releases.Images,
    tmp_path: Path,
) -> Iterator[Stack]:
    """Deploy the first release as deploy/swarm.yaml says; only the waits after an update are shorter."""
    file = tmp_path / "swarm.yaml"
    document = yaml.safe_load((REPOSITORY / "deploy/swarm.yaml").read_text(encoding="utf-8"))
    for name in SERVICES:
        # What a release says that goes on serving while the next one migrates.
        document["services"][name]["environment"]["SCHEMATA_ACCEPTS"] = releases.ACCEPTS
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    replicas = {f"{name.upper().replace('-', '_')}_REPLICAS": str(number) for name, number in REPLICAS.items()}
    made = Stack(
        engine,
        f"test{uuid.uuid4().hex[:8]}",
        file,
        {"POSTGRES_PASSWORD": uuid.uuid4().hex, "UPDATE_MONITOR": "5s", **replicas, **releases.bases()},
    )
    try:
        made.deploy(images.first)
        until(lambda: made.settled(images.first), made.describe, 240, pause=0.3)
        yield made
    finally:
        made.remove()


@contextlib.contextmanager
def watched(stack: Stack, name: str) -> Iterator[list[int]]:
    """Ask every replica of a service in a loop; give the list of how many were ready, one entry a round."""
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            with contextlib.suppress(docker.errors.APIError):  # a container that went between two questions
                seen.append(stack.ready(name))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


# One test, because the engine is in one swarm: two at once, in two processes, would end each other's.
def test_a_stack_starts_goes_on_goes_back_and_goes(stack: Stack, images: releases.Images) -> None:
    """From nothing to ready; a release that adds leaves no gap; one that fails goes back by itself; nothing is left."""
    for name, number in REPLICAS.items():
        assert stack.ready(name) == number
    twice = "SELECT count(*) FROM (SELECT 1 FROM schemata.attempts GROUP BY migration_id HAVING count(*) > 1) AS twice"
    assert stack.sql(twice) == "0"
    assert int(stack.sql("SELECT count(*) FROM schemata.attempts WHERE state = 'applied'")) >= 25

    with watched(stack, "financial-svc") as seen:
        stack.deploy(images.good)
        until(lambda: stack.settled(images.good), stack.describe, 300, pause=0.3)
    assert {stack.update(name) for name in SERVICES} == {"completed"}
    assert stack.sql(f"SELECT count(*) FROM schemata.attempts WHERE migration_id = '{releases.GOOD}'") == "1"
    assert len(seen) > 5
    assert min(seen) >= 1, seen

    before = stack.dump()
    with watched(stack, "financial-svc") as seen:
        stack.deploy(images.bad)
        gone_back = {"rollback_completed"}
        until(lambda: {stack.update(name) for name in SERVICES} == gone_back, stack.describe, 300, pause=0.3)
        until(lambda: stack.settled(images.good), stack.describe, 120, pause=0.3)
    assert min(seen) >= 1, seen
    assert stack.dump() == before
    assert stack.sql(f"SELECT DISTINCT state FROM schemata.attempts WHERE migration_id = '{releases.BAD}'") == "failed"
    for name, number in REPLICAS.items():
        assert stack.ready(name) == number

    stack.remove()
    label = {"label": f"com.docker.stack.namespace={stack.name}"}
    for left in (stack.engine.containers.list(all=True, filters=label), stack.engine.networks.list(filters=label)):
        assert left == []
    for left in (stack.engine.volumes.list(filters=label), stack.engine.services.list(filters=label)):
        assert left == []
