"""Every kind of change under the load of two versions of the application: no statement fails, no value is wrong."""

import contextlib
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import psycopg.sql
import pytest

from schemata.server.embedded import binaries
from tests import two_versions
from tests.conftest import Project
from tests.faults import pooler
from tests.integration.changes import under_load
from tests.integration.changes.under_load import CASES, Case
from tests.patience import until


@pytest.fixture
def structure(project: Project, programs: binaries.Binaries) -> Callable[[], str]:
    """Return what pg_dump says of the structure of the application's schema."""
    command = [str(programs.program("pg_dump")), "--restrict-key=x", "--schema=app", "--schema-only", project.url]
    return lambda: subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _passed(ran: under_load.Ran) -> None:
    application = ran.application
    assert not application.failures, application.failures[:5]
    assert not application.wrong, application.wrong[:5]
    assert not ran.left, ran.left[:5]
    for clients in (application.old, application.new):
        assert all(client.counted.statements > 10 for client in clients)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_fails_and_nothing_is_lost(case: Case, project: Project) -> None:
    """Expand, backfill, contract and finish with both versions at work; rows, values and their number are exact."""
    _passed(under_load.run(project, case, 50_000))


def test_a_plain_rename_fails_in_the_same_harness(project: Project) -> None:
    """The harness can fail: the old version meets a column that is gone."""
    old, new = CASES[0].versions
    under_load.prepare(project, CASES[0], 1000)
    for path in (project.root / "migrations" / "app").glob("*.sql"):
        if ".seed." not in path.name:
            path.unlink()
    project.write("app.20990101000000.rename", "-- Rename.\nALTER TABLE app.t RENAME COLUMN a TO z;\n")
    application = two_versions.Application(project.url, old, new, 1000, threads=2)
    application.start_old()
    try:
        under_load.command(project, "migrate")
    finally:
        application.stop()
    assert any("42703" in text for text in application.failures)


def test_values_that_nobody_keeps_in_step_are_found(project: Project) -> None:
    """The harness can find a wrong value: without the trigger what the old version writes is not seen by the new."""

    def without_trigger() -> None:
        with psycopg.connect(project.url, autocommit=True) as connection:
            query = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'app.t'::regclass AND NOT tgisinternal"
            ((name,),) = connection.execute(query).fetchall()
            connection.execute(psycopg.sql.SQL("DROP TRIGGER {} ON app.t").format(psycopg.sql.Identifier(name)))

    ran = under_load.run(project, CASES[0], 1000, sabotage=without_trigger, until="both")
    assert ran.application.wrong


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[4]], ids=lambda case: case.name)
def test_through_a_pooler_in_transaction_mode(case: Case, project: Project, tmp_path: Path) -> None:
    """Clients, backfill and contract go through PgBouncer; each version reads and writes its own names."""
    folder = tmp_path / "pooler"
    folder.mkdir()
    with pooler.running(folder, project.url, "transaction", 8) as through:
        _passed(under_load.run(project, case, 10_000, pooled=through(project.url)))


def test_an_abort_in_the_middle_of_the_backfill(project: Project, structure: Callable[[], str]) -> None:
    """The old version never notices, and the structure is what it was before the expand."""
    case, rows = CASES[0], 5000
    under_load.prepare(project, case, rows)
    before = structure()
    application = two_versions.Application(project.url, *case.versions, rows)
    application.start_old()
    try:
        under_load.command(project, "migrate")
        running = project.start("change-backfill", under_load.CHANGE, "--batch=100", "--pause=100ms")
        with psycopg.connect(project.url, autocommit=True) as connection:

            def begun() -> bool:
                with contextlib.suppress(psycopg.errors.UndefinedTable):
                    return connection.execute("SELECT FROM schemata.changes WHERE rows > 300").rowcount > 0
                return False

            until(begun)
        refused = project.inv("change-abort", under_load.CHANGE, project.confirm)
        assert refused.returncode == 5, refused.stderr
        assert f"pid {running.pid}" in refused.stderr
        running.send_signal(signal.SIGINT)
        assert running.wait() == 130
        under_load.command(project, "change-abort", under_load.CHANGE, project.confirm)
    finally:
        application.stop()
    assert not application.failures, application.failures[:5]
    assert not application.wrong, application.wrong[:5]
    assert structure() == before
    with psycopg.connect(project.url) as connection:
        assert not application.left(connection, case.versions[0])
