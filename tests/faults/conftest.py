"""Options and fixtures of the tests that interrupt, kill and race deployers."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.postgres import urls
from schemata.server.embedded import server_state
from tests.conftest import Project

pytest.register_assert_rewrite("tests.faults.deployers", "tests.faults.oracle")

from tests.faults import deployers, sample  # noqa: E402 - after their assertions learned to explain themselves


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the number of random kills be chosen: few in CI, hundreds when the engine has changed."""
    parser.addoption("--kills", type=int, help="random instants to try for each way to die (default 8, --again 2)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that draws a random instant its seeds."""
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("--kills", default=None) or (2 if metafunc.config.getoption("--again") else 8)
        metafunc.parametrize("seed", range(count), ids=lambda seed: f"seed{seed}")


@pytest.fixture
def observer(database: str) -> Iterator[psycopg.Connection]:
    """Give a session on the test's database that looks on, in autocommit."""
    with deployers.session(database, application_name="observer") as connection:
        yield connection


@pytest.fixture
def sample_project(tmp_path: Path, database: str) -> Project:
    """Give the project of `sample`, whose DATABASE_URL is an empty database."""
    made = Project(tmp_path, database, schemas=sample.SCHEMAS)
    made.configure()
    sample.write(made)
    return made


@pytest.fixture
def role(server: server_state.Server, admin: psycopg.Connection) -> Iterator[Callable[[], str]]:
    """Make login roles without any right; the password of each is its name."""
    made: list[str] = []

    def make() -> str:
        name = f"role_{uuid.uuid4().hex[:12]}"
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        made.append(name)
        return name

    yield make
    for name in made:
        # What it was granted goes first, in the test's databases, which are dropped only later.
        for (database,) in admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test_%'").fetchall():
            with deployers.session(urls.with_database(server.url, database)) as connection:
                connection.execute(f"DROP OWNED BY {name}")
        admin.execute(f"DROP ROLE {name}")
