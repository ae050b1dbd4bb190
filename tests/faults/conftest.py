"""Options and fixtures of the tests that interrupt, kill and race deployers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Project

pytest.register_assert_rewrite("tests.faults.deployers", "tests.faults.oracle")

from tests.faults import deployers, sample  # noqa: E402 - after their assertions learned to explain themselves


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the number of random kills be chosen: few in CI, hundreds when the engine has changed."""
    parser.addoption("--kills", type=int, default=8, help="random instants to try for each way to die (default 8)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that draws a random instant its seeds."""
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("--kills", default=8)
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
def role(admin: psycopg.Connection) -> Iterator[Callable[[str], str]]:
    """Make login roles without any right, their password their name; they are dropped with the server."""
    made: list[str] = []

    def make(name: str) -> str:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        made.append(name)
        return name

    yield make
    # What they own or were granted lives in the test's databases, which go away on their own.
    for name in made:
        admin.execute(f"ALTER ROLE {name} NOLOGIN")
