"""A DO block that commits in batches is stopped half way: no program can know what is left to do."""

import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Project
from tests.faults import deployers, oracle
from tests.patience import until

_ID = "app.20250101000001.backfill"
_RERUN = f"{_ID} was interrupted, and what is left of it must be judged by a person"
_RESOLVE = (
    f"inv migrate-resolve {_ID} --applied ",
    f"inv migrate-resolve {_ID} --rolled-back ",
)


@pytest.fixture
def batches(project: Project) -> Project:
    """Give a project whose second migration updates 30 rows, ten at a time, with a COMMIT after each ten."""
    project.write(
        "app.20250101000000.before",
        """\
        -- Before.
        CREATE TABLE app.t (id int PRIMARY KEY, done boolean NOT NULL);
        INSERT INTO app.t SELECT i, false FROM generate_series(1, 30) i;
        """,
    )
    project.write(
        _ID,
        """\
        -- Backfill.
        -- transactional: false
        CREATE TABLE app.progress (id int);
        DO $$
        BEGIN
            FOR batch IN 0..2 LOOP
                UPDATE app.t SET done = true WHERE NOT done AND id BETWEEN batch * 10 + 1 AND batch * 10 + 10;
                COMMIT;
            END LOOP;
        END $$;
        COMMENT ON TABLE app.progress IS 'done';
        """,
    )
    project.write("app.20250101000002.after", "-- After.\nCREATE TABLE app.after (id int);\n")
    return project


def _everything(observer: psycopg.Connection, dump: Callable[[str], str], project: Project) -> tuple[str, ...]:
    """Return all that a rerun might change: structure, data, and each row of the history."""
    tables = ("attempts", "head", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")
    rows = [str(observer.execute(f"SELECT * FROM schemata.{table} ORDER BY 1").fetchall()) for table in tables]
    return dump(project.url), *rows


def _done(observer: psycopg.Connection) -> int:
    row = observer.execute("SELECT count(*) FROM app.t WHERE done").fetchone()
    assert row is not None
    return int(row[0])


def _stop_half_way(how: str, project: Project, observer: psycopg.Connection, log: Path) -> None:
    """Stop a deployer after the first ten rows are committed, while it waits for a row that is locked."""
    before = deployers.Deployer(project, log, "migrate", "--to=app.20250101000000.before")
    assert before.wait() == 0, before.said()
    with deployers.session(project.url) as blocker:
        blocker.execute("BEGIN; SELECT FROM app.t WHERE id = 15 FOR UPDATE")
        first = deployers.Deployer(project, log, "migrate")
        backend = deployers.freezes(observer, "the second batch")
        if how == "killed":
            first.signal(signal.SIGKILL)
            assert first.wait() == 137
        elif how == "terminated":
            first.signal(signal.SIGTERM)
            assert first.wait() == 143
        else:
            observer.execute("SELECT pg_terminate_backend(%s)", (backend,))
            assert first.wait() == 3
        # While the row is locked the block cannot go on by itself.
        until(lambda: deployers.gone(observer, backend), "the backend ends")
    assert _done(observer) == 10


@pytest.mark.parametrize("how", ["killed", "terminated", "backend-ended"])
def test_a_rerun_asks_a_person_and_changes_nothing(
    how: str, tmp_path: Path, batches: Project, observer: psycopg.Connection, dump: Callable[[str], str]
) -> None:
    """The rerun exits 1 with what is done, indeterminate and not run, and both commands to type; all stays as it is."""
    _stop_half_way(how, batches, observer, tmp_path / "log")
    before = _everything(observer, dump, batches)

    for rerun in (batches.inv("migrate"), batches.boot(), batches.inv("migrate", "--to", _ID)):
        assert rerun.returncode == 1
        assert _RERUN in rerun.stderr
        assert "statement 1 (line 3) done: CREATE TABLE app.progress (id int)" in rerun.stderr
        assert "statement 2 (line 4) indeterminate" in rerun.stderr
        assert "statement 3 (line 11) not run: COMMENT ON TABLE app.progress IS 'done'" in rerun.stderr
        for command in _RESOLVE:
            assert command in rerun.stderr
        assert "Traceback" not in rerun.stderr
    assert _everything(observer, dump, batches) == before
    status = batches.inv("migrate-status")
    assert status.returncode == 1
    assert f"{_ID}" in status.stdout
    assert "interrupted" in status.stdout
    assert _everything(observer, dump, batches) == before


def test_rolled_back_runs_it_again(tmp_path: Path, batches: Project, observer: psycopg.Connection) -> None:
    """Once a person has undone its rest and said so, the migration runs from its start, and all is applied once."""
    _stop_half_way("backend-ended", batches, observer, tmp_path / "log")
    observer.execute("UPDATE app.t SET done = false")
    observer.execute("DROP TABLE app.progress")
    resolved = batches.inv("migrate-resolve", batches.confirm, _ID, "--rolled-back")
    assert resolved.returncode == 0, resolved.stderr
    assert batches.inv("migrate-status", "--check").returncode == 4
    rerun = batches.inv("migrate")
    assert rerun.returncode == 0, rerun.stderr
    assert _done(observer) == 30
    oracle.assert_settled(batches, batches.url)
    oracle.assert_status_ok(batches)


def test_applied_records_it_without_running(tmp_path: Path, batches: Project, observer: psycopg.Connection) -> None:
    """Once a person has finished it and said so, the migration counts as applied, is not run, and the rest follows."""
    _stop_half_way("backend-ended", batches, observer, tmp_path / "log")
    observer.execute("COMMENT ON TABLE app.progress IS 'done'")
    resolved = batches.inv("migrate-resolve", batches.confirm, _ID, "--applied")
    assert resolved.returncode == 0, resolved.stderr
    rerun = batches.inv("migrate")
    assert rerun.returncode == 0, rerun.stderr
    assert _done(observer) == 10
    applied = observer.execute("SELECT migration_id FROM schemata._yoyo_migration ORDER BY 1").fetchall()
    assert [row[0] for row in applied] == sorted(oracle.files(batches.root))
    states = observer.execute("SELECT state FROM schemata.attempts WHERE migration_id = %s ORDER BY attempt", (_ID,))
    assert [row[0] for row in states] == ["rolled back", "resolved"]
    again = batches.inv("migrate")
    assert again.returncode == 0, again.stderr
    assert batches.inv("migrate-status").returncode == 0
