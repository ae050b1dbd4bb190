"""A backfill that dies at any instant: with it at most its batch, and the next run does the rest, each row once."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.postgres import urls
from schemata.server.embedded import binaries, instance, server_state
from tests import backfills
from tests.conftest import Project
from tests.faults import deployers
from tests.patience import until

ROWS = 2000
COMMAND = ("change-backfill", backfills.CHANGE, "--batch", "40")
#: Instants of each way to die; with --whole fifty and more in all.
MANY, FEW = 17, 1
_LATEST = 0.02  # seconds between a batch that is seen and the kill


@pytest.fixture
def ready(project: Project) -> Project:
    """Give a project whose database waits for the backfill."""
    backfills.expanded(project, backfills.table("bigint", ROWS))
    return project


@pytest.fixture
def mortal(programs: binaries.Binaries, tmp_path: Path) -> Iterator[server_state.Server]:
    """Run a server that keeps what it has committed when it is killed."""
    with instance.temporary(programs, unsafe=False) as running:
        yield running


class Campaign:
    """Kills at seeded instants of a backfill, each on a clone of one database."""

    def __init__(self, project: Project, number: int) -> None:
        self.project = project
        self.chance = random.Random(number)
        self.runs = 0
        self._template = urls.database_of(project.url)
        self._server = urls.with_database(project.url, "postgres")

    def clone(self) -> None:
        """Make the database of the next kill."""
        name = f"{self._template}_{self.runs}"
        with deployers.session(self._server) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        self.project.url = urls.with_database(self.project.url, name)

    def drop(self) -> None:
        """Drop the database of the last kill."""
        with deployers.session(self._server) as connection:
            connection.execute(f'DROP DATABASE "{urls.database_of(self.project.url)}" WITH (FORCE)')

    def start(self, *arguments: str) -> deployers.Deployer:
        """Start a run."""
        self.runs += 1
        return deployers.Deployer(self.project, self.project.root / f"log{self.runs}", *(arguments or COMMAND))

    def at_an_instant(self, run: deployers.Deployer) -> int:
        """Wait until the run has come as far as chance wants; return its backend, 0 where it is over."""
        rows = self.chance.random() * 1.05 * ROWS - 0.05 * ROWS
        with deployers.session(self.project.url) as connection:
            until(lambda: not run.running or self._rows(connection) >= rows, pause=0.001)
            time.sleep(self.chance.random() * _LATEST)
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'schemata %' AND datname ="
                " current_database() AND application_name NOT LIKE 'schemata watch%'"
            ).fetchone()
        return found[0] if found else 0

    @staticmethod
    def _rows(connection: psycopg.Connection) -> int:
        try:
            row = connection.execute("SELECT rows FROM schemata.changes").fetchone()
        except psycopg.errors.UndefinedTable:
            return -ROWS
        return row[0] if row else -ROWS

    def check(self) -> None:
        """What is recorded as done is done; a plain rerun does the rest."""
        with deployers.session(self.project.url) as connection:
            done = connection.execute("SELECT count(*) FROM app.t WHERE updates > 0").fetchone()
            assert done is not None
            assert max(self._rows(connection), 0) == done[0]
        again = self.start()
        assert again.wait() == 0, again.said()
        with deployers.session(self.project.url) as connection:
            assert backfills.counts(connection) == (0, 0, ROWS)
            assert backfills.is_recorded(connection)
            assert connection.execute("SELECT applied FROM schemata.head").fetchone() == (3,)


@pytest.fixture
def count(pytestconfig: pytest.Config) -> int:
    """Return how many instants are tried."""
    return MANY if pytestconfig.getoption("--whole") else FEW


@pytest.mark.slow
def test_a_rerun_completes_what_a_killed_process_left(ready: Project, count: int) -> None:
    """After kill -9 of the process at any instant."""
    campaign = Campaign(ready, 1)
    for _ in range(count):
        campaign.clone()
        run = campaign.start()
        campaign.at_an_instant(run)
        run.signal(signal.SIGKILL)
        assert run.wait() in (137, 0), run.said()
        campaign.check()
        campaign.drop()


@pytest.mark.slow
def test_a_rerun_completes_what_a_killed_backend_left(ready: Project, count: int, admin: psycopg.Connection) -> None:
    """After the server ended the session at any instant, which the run tells with exit code 3."""
    campaign = Campaign(ready, 2)
    for _ in range(count):
        campaign.clone()
        run = campaign.start()
        admin.execute("SELECT pg_terminate_backend(%s)", [campaign.at_an_instant(run)])
        assert run.wait() in (3, 0), run.said()
        assert "Traceback" not in run.said()
        campaign.check()
        campaign.drop()


@pytest.mark.slow
def test_a_rerun_completes_what_a_killed_server_left(
    project: Project, count: int, mortal: server_state.Server, programs: binaries.Binaries
) -> None:
    """After kill -9 of the server at any instant, and its start again."""
    with deployers.session(urls.with_database(mortal.url, "postgres")) as connection:
        connection.execute("CREATE DATABASE mortal")
    project.url = urls.with_database(mortal.url, "mortal")
    backfills.expanded(project, backfills.table("bigint", ROWS))
    campaign = Campaign(project, 3)
    for _ in range(count):
        campaign.clone()
        run = campaign.start()
        campaign.at_an_instant(run)
        os.kill(int((mortal.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
        again = instance.start(Path(mortal.log).parent, database=mortal.database, binaries_of=programs)
        assert again.url == mortal.url
        assert run.wait() in (3, 0), run.said()
        assert "Traceback" not in run.said()
        campaign.check()
        campaign.drop()
