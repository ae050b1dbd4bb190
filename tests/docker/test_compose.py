"""The whole system in containers: `inv dev-up --server docker`, and `docker compose` by hand."""

import json
import re
import secrets
import select
import signal
import subprocess
from collections.abc import Callable
from typing import Any
from urllib import parse

import docker
import pytest
import yaml

from schemata.services import health
from tests.conftest import REPOSITORY, shell_code
from tests.docker.conftest import SERVICES, System, command_of, password_of, port_of
from tests.patience import until
from tests.services import paging

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker")]

_ONCE = """
    SELECT count(*) = count(DISTINCT migration_id) AND count(*) = (SELECT applied FROM schemata.head)
    FROM schemata._yoyo_migration
"""


@pytest.fixture
def belongings(client: docker.DockerClient) -> Callable[[str], list[str]]:
    """Return what the engine has of a Compose project, asked past our own code."""

    def find(name: str) -> list[str]:
        label = {"label": f"com.docker.compose.project={name}"}
        kinds = (client.containers.list(all=True, filters=label), client.networks.list(filters=label))
        return [item.name for kind in (*kinds, client.volumes.list(filters=label)) for item in kind]

    return find


def _by_hand(system: System) -> None:
    """Do what .env.example says; the password has every character that a URL gives a meaning."""
    example = (system.root / ".env.example").read_text(encoding="utf-8")
    text = example.replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD='p@ss/w:o%rd?#&'")
    (system.root / ".env").write_text(text, encoding="utf-8")


def test_dev_up_ends_with_four_ready_services(started: tuple[System, dict[str, Any]], system: System) -> None:
    """The report has every service: ready, where it is, at which revision, after how long; and it is so."""
    _, said = started
    rows = {row["name"]: row for row in said["services"]}
    assert set(rows) == set(SERVICES)
    for service, row in rows.items():
        assert row["state"] == "ready"
        assert row["revision"] == said["revision"] == system.query("SELECT last_id FROM schemata.head")[0]
        assert row["ready_after"] > 0
        assert system.ask(service, "/health").ok
    assert system.query(_ONCE) == ["t"]


def test_dev_up_twice_changes_nothing(system: System) -> None:
    """The second time the very same containers run on, and the report says so."""
    before = system.signature()
    done = system.inv("dev-up", "--json", timeout=300)
    assert done.returncode == 0, done.stderr
    assert '"was_running": true' in done.stdout
    assert '"was_running": false' not in done.stdout
    assert password_of(system) not in done.stdout + done.stderr
    assert system.signature() == before


def test_dev_up_starts_what_was_stopped(system: System) -> None:
    """A container that somebody stopped runs again, its time counted from this start; the others are left alone."""
    system.container("trading-svc").stop()
    done = system.inv("dev-up", "--json", timeout=300)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["services"]}
    assert {name for name, row in rows.items() if not row["was_running"]} == {"trading-svc"}
    assert 0 < rows["trading-svc"]["ready_after"] < 60


def test_a_container_may_do_little(system: System) -> None:
    """Each service has a read-only root, no capability, no new privileges, limits, and ports of the loopback only."""
    for service in SERVICES:
        container = system.container(service)
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Memory"] > 0
        assert host["NanoCpus"] > 0
        assert host["PidsLimit"] > 0
        assert port_of(container) > 0
        assert container.exec_run(["sh", "-c", "touch /app/x"]).exit_code != 0
    assert port_of(system.container("postgres")) > 0


def test_each_list_pages_while_others_insert(system: System) -> None:
    """Walking each list of the containers gives every row that was there at the start, once."""
    url = _url(system)
    before = paging.seed(url, 2000)
    with paging.inserting(url):
        for path, there in before.items():
            service = "financial-svc" if path in paging.FINANCIAL else "trading-svc"
            found = paging.walk(system.base(service), path)
            assert len(found) == len(set(found)), path
            assert there <= set(found), path


def _url(system: System) -> str:
    """Return the database's URL on this machine, from what the engine says of its container."""
    password = parse.quote(password_of(system), safe="")
    return f"postgresql://app:{password}@127.0.0.1:{port_of(system.container('postgres'))}/ai_service"


def test_commands_reach_the_database_in_its_container(system: System) -> None:
    """migrate-status, smoke and psql work on the container's database without being told where it is."""
    assert system.inv("migrate-status", "--check").returncode == 0
    assert system.inv("smoke").returncode == 0
    assert "ai_service" in system.inv("psql", "--command", "SELECT current_database()").stdout


def test_slow_queries_are_looked_for_in_a_container(system: System) -> None:
    """The server collects, and the service of the profile finds what it needs on a database that nobody prepared."""
    words = (
        "--profile",
        "watch",
        "run",
        "--rm",
        "-T",
        "slow-queries",
        "slow-queries",
        "--install",
        "--whole",
        "--json",
    )
    done = system.compose(*words, POSTGRES_PASSWORD=password_of(system))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["target"]["database"] == "ai_service"
    assert document["total_ms"] > 0
    assert not any("cannot be written" in note for note in document["notes"])


def test_logs_are_those_of_the_container(system: System) -> None:
    """`inv logs SERVICE` prints its last lines, the database's without a name, and refuses a name that is none."""
    lines = system.inv("logs", "trading-svc", "--lines", "3").stdout.splitlines()
    assert 0 < len(lines) <= 3
    assert "database system is ready" in system.inv("logs", "--lines", "500").stdout
    refused = system.inv("logs", "tradign-svc")
    assert refused.returncode == 2
    assert "trading-svc" in refused.stderr


def test_logs_follow(system: System) -> None:
    """`inv logs SERVICE --follow` prints what the service writes from then on, until Ctrl-C."""
    follower = system.start("logs", "trading-svc", "--follow", "--lines", "0")
    try:
        wanted = f"/{secrets.token_hex(6)}"
        until(lambda: system.ask("trading-svc", wanted).status == 401 and _has(follower), "a line arrives")
    finally:
        follower.send_signal(signal.SIGINT)
        assert shell_code(follower.wait(timeout=60)) == 130


def _has(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 0.2)
    return bool(ready) and bool(process.stdout.readline())


def test_a_killed_database_comes_back(system: System, app_image: str, client: docker.DockerClient) -> None:
    """After kill -9 of PostgreSQL /ready is 503 while /health stays 200; with PostgreSQL it comes back by itself."""
    before = system.signature()
    database = system.container("postgres")
    assert database.attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    # Docker would start it again within moments: it is to stay away until everybody has noticed.
    database.update(restart_policy={"Name": "no"})
    try:
        pid = database.attrs["State"]["Pid"]
        kill = ["-c", f"import os; os.kill({pid}, 9)"]
        client.containers.run(app_image, kill, entrypoint="python", pid_mode="host", user="0:0", remove=True)
        for service in SERVICES:
            answer = until(lambda service=service: _unready(system, service), f"{service} says that it is not ready")
            assert answer.reason
            assert system.ask(service, "/health").ok
    finally:
        database.update(restart_policy={"Name": "unless-stopped"})
        database.start()
    for service in SERVICES:
        until(lambda service=service: system.ask(service).ok, f"{service} is ready again", 60)
    ids = {container.id for service in SERVICES for container in system.containers(service)}
    assert {row for row in before if row[0] in ids} <= set(system.signature()), "a service was started again"


def _unready(system: System, service: str) -> health.Answer | None:
    answer = system.ask(service)
    return answer if answer.status == 503 else None


def test_five_replicas_start_on_an_empty_database(another: System) -> None:
    """By hand, from nothing: five and three replicas become ready, and each migration is applied once."""
    _by_hand(another)
    done = another.compose(
        "up", "-d", "--build", "--wait", "--wait-timeout", "180",
        "--scale", "financial-svc=5", "--scale", "worker-financial=3", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    replicas = another.containers("financial-svc")
    assert len(replicas) == 5
    assert len({port_of(container) for container in replicas}) == 5
    assert len(another.containers("worker-financial")) == 3
    for container in (*replicas, *another.containers("worker-financial")):
        until(lambda found=container: health.ask(f"http://127.0.0.1:{port_of(found)}/ready", 5).ok, container.name)
    assert another.query(_ONCE) == ["t"]
    # What the tools of the profile do, on the same network.
    assert another.compose("run", "--rm", "-T", "psql", "-AtXc", "SELECT 1").stdout.strip() == "1"
    migrated = another.compose("run", "--rm", "-T", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert another.compose("down", "-v", timeout=120).returncode == 0


def test_services_may_come_before_the_database(another: System, belongings: Callable[[str], list[str]]) -> None:
    """Services that are started first wait for the database and become ready; clean then leaves nothing behind."""
    _by_hand(another)
    assert another.compose("up", "-d", "--no-deps", *SERVICES, timeout=300).returncode == 0
    until(lambda: all(container.logs() for container in another.containers()), "each says that it waits")
    assert another.compose("up", "-d", "--no-deps", "postgres").returncode == 0
    for service in SERVICES:
        until(lambda service=service: another.ask(service).ok, f"{service} is ready", 90)
    assert another.query(_ONCE) == ["t"]
    assert all(container.attrs["RestartCount"] == 0 for container in another.containers())

    # Its name differs by an ending, so it is another project's.
    stranger = another.client.volumes.create(
        f"{another.name}-2_postgres-data", labels={"com.docker.compose.project": f"{another.name}-2"}
    )
    try:
        there = belongings(another.name)
        done = another.inv("dev-down-clean", timeout=120)
        assert done.returncode == 0, done.stderr
        assert all(name in done.stdout for name in there)
        assert belongings(another.name) == []
        assert belongings(f"{another.name}-2") == [stranger.name]
    finally:
        stranger.remove()


def test_data_outlive_dev_down(another: System, belongings: Callable[[str], list[str]]) -> None:
    """dev-down leaves the volume and nothing else; the next dev-up finds the data, and opens them."""
    assert another.inv("dev-up", timeout=300).returncode == 0
    paging.seed(_url(another), 3)
    rows = another.query("SELECT count(*) FROM financial.clients")
    assert another.inv("dev-down", timeout=120).returncode == 0
    assert belongings(another.name) == [f"{another.name}_postgres-data"]
    assert another.inv("dev-up", timeout=300).returncode == 0
    assert another.query("SELECT count(*) FROM financial.clients") == rows
    assert another.inv("dev-down-clean", timeout=120).returncode == 0
    assert belongings(another.name) == []
    assert not list(another.root.glob(".schemata/compose*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_dev_up_leaves_nothing(
    another: System, belongings: Callable[[str], list[str]], number: signal.Signals
) -> None:
    """Ctrl-C or SIGTERM while containers are starting: what was started is gone again, the half-made data too."""
    process = another.start("dev-up")
    until(lambda: another.containers("postgres"), "the database's container runs", 120)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 143), said
    assert belongings(another.name) == []


def test_what_ran_before_survives_an_interrupt(another: System, belongings: Callable[[str], list[str]]) -> None:
    """An interrupted dev-up takes away what it started and leaves what ran before."""
    _by_hand(another)
    assert another.compose("up", "-d", "--wait", "postgres", timeout=120).returncode == 0
    before = another.signature()
    process = another.start("dev-up")
    until(lambda: len(another.containers()) > 1, "a service's container runs", 120)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert shell_code(process.returncode) == 130
    assert another.signature() == before
    assert f"{another.name}_postgres-data" in belongings(another.name)


def test_the_file_holds_no_secret() -> None:
    """compose.yaml takes every password from a variable without a default, and every port is the loopback's."""
    found = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
    for service in found["services"].values():
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|KEY|SECRET", key):
                assert re.fullmatch(r"\$\{\w+(:\?[^}]*|:-)\}", value), key
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert list(found["services"])[1:5] == list(SERVICES)
    for service in SERVICES:
        assert found["services"][service]["command"] == list(command_of(service))


def test_a_stopped_service_is_started_again(system: System) -> None:
    """dev-up starts what was stopped, and only that."""
    stopped = system.container("worker-trading")
    others = {row for row in system.signature() if row[0] != stopped.id}
    stopped.stop(timeout=5)
    stopped.reload()
    assert stopped.attrs["State"]["ExitCode"] in (0, 143), "it was not killed"
    assert system.inv("dev-up", timeout=300).returncode == 0
    assert system.ask("worker-trading").ok
    assert others <= set(system.signature())
