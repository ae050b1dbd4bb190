"""Deployers, backends and servers die at random instants; one plain rerun makes everything good."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from schemata.postgres import urls
from schemata.server.embedded import binaries, instance, server_state
from tests import conftest
from tests.conftest import Project
from tests.faults import deployers, oracle, sample


@dataclass(frozen=True)
class Uninterrupted:
    """The run that nobody disturbed: its result, its migrations, the seconds of its longest one."""

    dump: str
    count: int
    longest: float


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory,
    server: server_state.Server,
    admin: psycopg.Connection,
    programs: binaries.Binaries,
) -> Iterator[Uninterrupted]:
    """Migrate once without a fault, and measure it."""
    name = f"uninterrupted_{os.getpid()}"
    admin.execute(f"CREATE DATABASE {name}")
    root = tmp_path_factory.mktemp("uninterrupted")
    project = Project(root, urls.with_database(server.url, name), schemas=sample.SCHEMAS)
    project.configure()
    count = sample.write(project)
    assert count >= 60
    deployer = deployers.Deployer(project, root / "log", "migrate")
    assert deployer.wait() == 0, deployer.said()
    oracle.assert_settled(project, project.url)
    with psycopg.connect(project.url) as connection:
        row = connection.execute("SELECT max(duration_ms) / 1000 FROM schemata.attempts").fetchone()
    assert row is not None
    yield Uninterrupted(oracle.comparable(conftest.pg_dump(programs, project.url)), count, float(row[0]))
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def mortal(programs: binaries.Binaries) -> Iterator[server_state.Server]:
    """Run a server that may be killed: its data are as safe as a server's in production."""
    with instance.temporary(programs, unsafe=False) as running:
        yield running


@pytest.fixture
def deployer(sample_project: Project) -> Iterator[Callable[[], deployers.Deployer]]:
    """Start deployers of the sample; none outlives the test."""
    started: list[deployers.Deployer] = []

    def start() -> deployers.Deployer:
        log = sample_project.root / f"log{len(started)}"
        started.append(deployers.Deployer(sample_project, log, "migrate"))
        return started[-1]

    yield start
    for one in started:
        one.end()


def _instant(running: deployers.Deployer, url: str, seed: str, known: Uninterrupted) -> int | None:
    """Return at a random instant of the run, with the backend that deploys; None when the run is over by then.

    So many migrations in, then up to the length of the longest one later: every part of the run is hit
    however fast the machine is at the moment.
    """
    dice = random.Random(seed)
    after = dice.randrange(known.count)
    rest = dice.random() * known.longest
    with deployers.session(url) as connection:
        backend = None
        while running.running:
            backend = deployers.holder(connection) or backend
            if backend and (not after or _applied(connection) >= after):
                break
            time.sleep(0.001)
        time.sleep(rest)  # the instant itself: whatever the deployer does now is interrupted
        return backend


def _applied(connection: psycopg.Connection) -> int:
    try:
        row = connection.execute("SELECT applied FROM schemata.head").fetchone()
    except psycopg.errors.Error:
        return 0  # there is no history yet
    return int(row[0]) if row else 0


def _assert_healed(
    project: Project,
    start: Callable[[], deployers.Deployer],
    programs: binaries.Binaries,
    known: Uninterrupted,
    by_command_line: bool,
) -> None:
    """One plain rerun exits 0; structure, data and history are those of a run that nobody disturbed."""
    again = start()
    assert again.wait() == 0, again.said()
    oracle.assert_settled(project, project.url)
    assert oracle.comparable(conftest.pg_dump(programs, project.url)) == known.dump
    if by_command_line:
        oracle.assert_status_ok(project)
    else:
        status = deployers.Deployer(project, project.root / "status", "migrate-status")
        assert status.wait() == 0, status.said()


_SIGNALS = {
    "deployer-SIGKILL": (signal.SIGKILL, {137}),
    "deployer-SIGTERM": (signal.SIGTERM, {143}),
    "deployer-SIGINT": (signal.SIGINT, {130}),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", _SIGNALS)
def test_a_rerun_heals_a_stopped_deployer(
    kind: str,
    seed: int,
    sample_project: Project,
    deployer: Callable[[], deployers.Deployer],
    programs: binaries.Binaries,
    uninterrupted: Uninterrupted,
) -> None:
    """A deployer that is killed, terminated or interrupted at any instant leaves what one rerun makes good."""
    number, codes = _SIGNALS[kind]
    first = deployer()
    _instant(first, sample_project.url, f"{kind}{seed}", uninterrupted)
    first.signal(number)
    # 0: the run was over when its instant came.
    assert first.wait() in {*codes, 0}, first.said()
    assert "Traceback" not in first.said()
    _assert_healed(sample_project, deployer, programs, uninterrupted, by_command_line=seed == 0)


@pytest.mark.slow
def test_a_rerun_heals_a_terminated_backend(
    seed: int,
    sample_project: Project,
    deployer: Callable[[], deployers.Deployer],
    programs: binaries.Binaries,
    uninterrupted: Uninterrupted,
    admin: psycopg.Connection,
) -> None:
    """When the server ends the deployer's session the deployer exits 3, and one rerun makes everything good."""
    first = deployer()
    backend = _instant(first, sample_project.url, f"backend{seed}", uninterrupted)
    admin.execute("SELECT pg_terminate_backend(%s)", (backend,))
    assert first.wait() in {3, 0}, first.said()
    assert "Traceback" not in first.said()
    _assert_healed(sample_project, deployer, programs, uninterrupted, by_command_line=seed == 0)


@pytest.mark.slow
def test_a_rerun_heals_a_killed_server(
    seed: int,
    sample_project: Project,
    deployer: Callable[[], deployers.Deployer],
    programs: binaries.Binaries,
    uninterrupted: Uninterrupted,
    mortal: server_state.Server,
) -> None:
    """When the server itself is killed and started again the deployer exits 3, and one rerun makes everything good."""
    name = f"seed{seed}"
    with deployers.session(urls.with_database(mortal.url, "postgres")) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    sample_project.url = urls.with_database(mortal.url, name)
    first = deployer()
    _instant(first, sample_project.url, f"server{seed}", uninterrupted)
    postmaster = int((mortal.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    again = instance.start(Path(mortal.log).parent, database=mortal.database, binaries_of=programs)
    assert again.url == mortal.url
    assert first.wait() in {3, 0}, first.said()
    assert "Traceback" not in first.said()
    _assert_healed(sample_project, deployer, programs, uninterrupted, by_command_line=seed == 0)
    with deployers.session(urls.with_database(mortal.url, "postgres")) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
