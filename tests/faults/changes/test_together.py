"""Runs of one backfill at the same time, and runs that are told to stop."""

import contextlib
import signal

import psycopg
import pytest

from tests import backfills
from tests.conftest import Project
from tests.faults import deployers
from tests.patience import until


def _rows(connection: psycopg.Connection) -> int:
    """Return how many rows a run that is under way has done."""
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        row = connection.execute("SELECT rows FROM schemata.changes WHERE runner IS NOT NULL").fetchone()
        return int(row[0]) if row else 0
    return 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_two_at_once_exclude_each_other_and_a_signal_ends_between_batches(
    project: Project, number: int, code: int
) -> None:
    """The second names the first and does nothing; the first, told to stop, says how far it is."""
    backfills.expanded(project, backfills.table("bigint", 300))
    command = ("change-backfill", backfills.CHANGE)
    with deployers.session(project.url) as connection:
        first = deployers.Deployer(project, project.root / "log", *command, "--batch", "100", "--pause", "1h")
        until(lambda: _rows(connection) == 100 or not first.running, first.said)
        row = connection.execute("SELECT runner FROM schemata.changes").fetchone()
        second = project.inv(*command)
        assert second.returncode == 5, second.stderr
        assert row is not None
        assert f"is run by another process: {row[0]}" in second.stderr
        assert row[0].startswith("pid ")
        first.signal(number)
        assert first.wait() == code, first.said()
        assert "between two batches: 100 rows are done and stay" in first.said()
        assert f"Go on: inv change-backfill {backfills.CHANGE}" in first.said()
        assert project.inv(*command).returncode == 0
        assert backfills.counts(connection) == (0, 0, 300)


def test_deploys_go_on_while_a_backfill_runs(project: Project) -> None:
    """The lock of a backfill is its own: a migrate does not wait for it, and the backfill is recorded all the same."""
    backfills.expanded(project, backfills.table("bigint", 300))
    command = ("change-backfill", backfills.CHANGE, "--batch", "100", "--pause", "1s")
    with deployers.session(project.url) as connection:
        first = deployers.Deployer(project, project.root / "log", *command)
        until(lambda: _rows(connection) == 100 or not first.running, first.said)
        project.write("app.20250101000001.another", "CREATE TABLE app.other (id bigint PRIMARY KEY);\n")
        applied = project.inv("migrate", "--to", "app.20250101000001.another", "--allow-out-of-order")
        assert applied.returncode == 0, applied.stderr
        assert first.wait() == 0, first.said()
        assert backfills.counts(connection) == (0, 0, 300)
        assert backfills.is_recorded(connection)
