"""The column of the matrix that is real Docker: compose.yaml, the image of the services, one PostgreSQL container.

The states that Docker can bring about by itself; the others are of the database, and the other columns have them.
"""

import dataclasses
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.deploy import migrate
from schemata.server.embedded import binaries
from tests.coldstart import composition, proofs
from tests.coldstart.composition import System
from tests.coldstart.conftest import NOTED, Noted
from tests.coldstart.proofs import MIGRATIONS, SERVICES, SETTINGS

_LATE = 5.0
_REPLICAS = 3
_DATABASE = "ai_service"
_MARK = "the app was started"


@pytest.fixture(scope="module")
def engine() -> str:
    """Return the engine's version."""
    return composition.require_engine()


@pytest.fixture(scope="module")
def system(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a Compose project with its image built; nothing of it remains."""
    with composition.alone(), composition.system(tmp_path_factory.mktemp("compose")) as made:
        yield made


@pytest.fixture
def database(system: System) -> str:
    """Give an empty database in a running server, and no service that uses it. Returns its URL."""
    system.clear()
    system.compose("up", "--detach", "--wait", "postgres")
    with psycopg.connect(system.url("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {_DATABASE}")
    return system.url()


@pytest.fixture
def noted(request: pytest.FixtureRequest, engine: str) -> Noted:
    """Give what the test says of its cell."""
    found = request.node.stash[NOTED] = Noted("docker", f"Docker {engine}")
    return found


def _head(system: System, programs: binaries.Binaries) -> proofs.Head:
    with psycopg.connect(system.url("postgres"), autocommit=True) as admin:
        return proofs.fresh_head(system.url("postgres"), admin, programs)


def _ends_current(
    system: System, found: list[composition.Container], began: float, programs: binaries.Binaries, noted: Noted
) -> None:
    """Wait until all are ready; the database is at the current schema then."""
    head = _head(system, programs)
    try:
        assert composition.revisions(found) == {head.revision}
    finally:
        noted.phases, noted.revision = composition.phases(found, began), next((one.revision for one in found), "")
    proofs.assert_current(system.url(), head, programs)


def test_no_server_yet(system: System, programs: binaries.Binaries, noted: Noted) -> None:
    """The four services are there 5 s before the server, whose volume is new: they become ready by themselves."""
    system.compose("down", "--volumes", "--timeout", "2")
    began = time.time()
    system.compose("up", "--detach", "--no-deps", *SERVICES)
    time.sleep(_LATE)  # the state itself: so long there is no server
    first = system.containers()
    assert sorted(one.service for one in first) == sorted(SERVICES)
    system.compose("up", "--detach", "--no-deps", "postgres")
    # Those that waited, not their successors.
    composition.revisions(first)
    assert [one.id for one in system.containers()] == [one.id for one in first]
    _ends_current(system, first, began, programs, noted)


def test_empty_database(system: System, database: str, programs: binaries.Binaries, noted: Noted) -> None:
    """`docker compose up` on a database without anything in it."""
    began = time.time()
    system.compose("up", "--detach", "--wait", "--wait-timeout", "120")
    _ends_current(system, system.containers(), began, programs, noted)


def test_changed_history(
    system: System, database: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted
) -> None:
    """The database was migrated with another text of one file than the image has: exit 1, the diff, no app."""
    root = tmp_path / "edited"
    shutil.copytree(SETTINGS.migrations, root / "migrations", ignore=shutil.ignore_patterns("manifest"))
    shutil.copy(SETTINGS.root / "pyproject.toml", root)
    edited = root / "migrations" / "financial" / "financial.20250618080000.create_clients.sql"
    line = "ALTER TABLE financial.clients ADD COLUMN nickname text;"
    edited.write_text(f"{edited.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    migrate.migrate(config.load(root, {}), url=database)
    before = proofs.whole_dump(programs, database)
    said = _refused(system)
    assert edited.stem in said
    assert f"-{line}" in said, said
    proofs.assert_same(proofs.whole_dump(programs, database), before, "the refused boot changed the database")


def test_full_database(system: System, database: str, programs: binaries.Binaries, noted: Noted) -> None:
    """Everything is there but the history: exit 1, what is there is named, no app."""
    migrate.migrate(SETTINGS, url=database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA schemata CASCADE")
    before = proofs.whole_dump(programs, database)
    said = _refused(system)
    assert "the schemas hold objects, but no migration is recorded" in said
    assert "financial: " in said
    proofs.assert_same(proofs.whole_dump(programs, database), before, "the refused boot changed the database")


def test_ahead_accepted(system: System, database: str, newer: Path, programs: binaries.Binaries, noted: Noted) -> None:
    """The image restarts on the next release's database, which it accepts: every service serves, nothing changes."""
    migrate.migrate(config.load(newer, {}), url=database)
    before = proofs.whole_dump(programs, database)
    accepts = f"{MIGRATIONS[0].timestamp}..{proofs.NEWER.split('.')[1]}"
    began = time.time()
    found = [system.start(service, f"SCHEMATA_ACCEPTS={accepts}") for service in SERVICES]
    assert composition.revisions(found) == {proofs.NEWER}
    noted.phases, noted.revision = composition.phases(found, began), proofs.NEWER
    proofs.assert_smoke(database, dataclasses.replace(SETTINGS, accepts=accepts))
    system.clear()
    proofs.assert_same(proofs.whole_dump(programs, database), before, "the older image changed the database")


def test_ahead_refused(system: System, database: str, newer: Path, programs: binaries.Binaries, noted: Noted) -> None:
    """The image on the next release's database, which it does not accept: exit 1, both revisions, no app."""
    migrate.migrate(config.load(newer, {}), url=database)
    before = proofs.whole_dump(programs, database)
    said = _refused(system)
    assert proofs.NEWER in said
    assert MIGRATIONS[-1].id in said
    proofs.assert_same(proofs.whole_dump(programs, database), before, "the refused boot changed the database")


def test_concurrent(system: System, database: str, programs: binaries.Binaries, noted: Noted) -> None:
    """Three containers of each service start at once: all become ready, each migration is applied once."""
    began = time.time()
    scales = [option for service in SERVICES for option in ("--scale", f"{service}={_REPLICAS}")]
    system.compose("up", "--detach", "--no-deps", *scales, *SERVICES)
    found = system.containers()
    assert len(found) == _REPLICAS * len(SERVICES)
    _ends_current(system, found, began, programs, noted)


def test_current(system: System, database: str, programs: binaries.Binaries, noted: Noted) -> None:
    """Containers that are restarted with nothing to do write nothing."""
    migrate.migrate(SETTINGS, url=database)
    before = proofs.whole_dump(programs, database)
    system.compose("up", "--detach", "--no-deps", *SERVICES)
    composition.revisions(system.containers())
    began = time.time()
    system.compose("restart", "--no-deps", *SERVICES)
    _ends_current(system, system.containers(), began, programs, noted)
    proofs.assert_same(proofs.whole_dump(programs, database), before, "a boot with nothing to do wrote something")


def _refused(system: System) -> str:
    """Run a service whose app would say that it was started: exit 1, and it was not. Returns what the boot said."""
    found = system.run(SERVICES[0], SERVICES[0], "--", "echo", _MARK)
    said = found.stdout + found.stderr
    assert found.returncode == errors.NEEDS_PERSON, said
    assert _MARK not in said
    assert "Traceback" not in said
    return said
