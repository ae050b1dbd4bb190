"""Deployers are frozen in a known statement by another session's lock or snapshot, and die exactly there."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Project, shell_code
from tests.faults import deployers, oracle
from tests.patience import PATIENCE, until

_BEFORE = """\
-- Before.
CREATE TABLE app.t (id int PRIMARY KEY, value int NOT NULL, note text);
CREATE INDEX t_old ON app.t (value);
INSERT INTO app.t SELECT i, i * 31 % 97, repeat('x', i % 9) FROM generate_series(1, 500) i;
"""
_AFTER = "-- After.\nALTER TABLE app.t ADD CONSTRAINT t_value_small CHECK (value < 100);\n"
_OUTSIDE = "-- Frozen.\n-- transactional: false\nSET work_mem = '8MB';\n{}\n"

# What freezes the statement: writers and readers hold a lock on the table, a snapshot only sees the past.
_WRITER = "BEGIN; LOCK TABLE app.t IN ROW EXCLUSIVE MODE"
_READER = "BEGIN; LOCK TABLE app.t IN ACCESS SHARE MODE"
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"
_VACUUMING = "BEGIN; LOCK TABLE app.t IN SHARE UPDATE EXCLUSIVE MODE"

_CASES = {
    "create-index-before-build": ("CREATE INDEX CONCURRENTLY t_new ON app.t (note);", _WRITER),
    "create-index-after-build": ("CREATE INDEX CONCURRENTLY t_new ON app.t (note);", _SNAPSHOT),
    "create-index-if-not-exists": ("CREATE INDEX CONCURRENTLY IF NOT EXISTS t_new ON app.t (note);", _SNAPSHOT),
    "create-unique-index": ("CREATE UNIQUE INDEX CONCURRENTLY t_new ON app.t (note, id);", _SNAPSHOT),
    "drop-index": ("DROP INDEX CONCURRENTLY app.t_old;", _READER),
    "reindex-index-before-build": ("REINDEX INDEX CONCURRENTLY app.t_old;", _WRITER),
    "reindex-index-after-build": ("REINDEX INDEX CONCURRENTLY app.t_old;", _SNAPSHOT),
    "reindex-index-after-swap": ("REINDEX INDEX CONCURRENTLY app.t_old;", _READER),
    "reindex-table-before-build": ("REINDEX TABLE CONCURRENTLY app.t;", _WRITER),
    "reindex-table-after-swap": ("REINDEX TABLE CONCURRENTLY app.t;", _READER),
    "vacuum": ("VACUUM app.t;", _VACUUMING),
    "ordinary-in-a-non-transactional-file": ("ALTER TABLE app.t ADD COLUMN more int;", _READER),
}


@pytest.fixture
def frozen_project(project: Project) -> Project:
    """Give a project whose second migration the test writes, with room for a wait of a minute."""
    project.configure('[tool.schemata.locks]\nlock_timeout = "60s"\n')
    project.write("app.20250101000000.before", _BEFORE)
    project.write("app.20250101000002.after", _AFTER)
    return project


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, str]:
    """Remember what each case gives when nothing disturbs it; the first test of a case fills it in."""
    return {}


def _die(how: str, first: deployers.Deployer, observer: psycopg.Connection, backend: int) -> None:
    match how:
        case "killed":
            first.signal(signal.SIGKILL)
            assert first.wait() == 137
        case "terminated":
            first.signal(signal.SIGTERM)
            assert first.wait() == 143, first.said()
            assert "stopped by SIGTERM" in first.said()
        case "interrupted":
            first.signal(signal.SIGINT)
            assert first.wait() == 130, first.said()
            assert "stopped by SIGINT" in first.said()
        case "backend-ended":
            observer.execute("SELECT pg_terminate_backend(%s)", (backend,))
            assert first.wait() == 3, first.said()
            assert "the connection to the server was lost" in first.said()
    assert "Traceback" not in first.said()


@pytest.mark.parametrize("how", ["killed", "terminated", "backend-ended"])
@pytest.mark.parametrize("case", _CASES)
def test_a_rerun_heals_what_was_frozen(
    case: str,
    how: str,
    tmp_path: Path,
    frozen_project: Project,
    make_database: Callable[..., str],
    observer: psycopg.Connection,
    dump: Callable[[str], str],
    undisturbed: dict[str, str],
) -> None:
    """A deployer that dies inside a repairable statement leaves what one rerun makes good."""
    sql, block = _CASES[case]
    frozen_project.write("app.20250101000001.frozen", _OUTSIDE.format(sql))
    if case not in undisturbed:
        alone = make_database()
        quiet = deployers.Deployer(frozen_project, tmp_path / "quiet", "migrate", f"--url={alone}")
        assert quiet.wait() == 0, quiet.said()
        undisturbed[case] = oracle.comparable(dump(alone))
    before = deployers.Deployer(frozen_project, tmp_path / "before", "migrate", "--to=app.20250101000000.before")
    assert before.wait() == 0, before.said()

    with deployers.session(frozen_project.url) as blocker:
        blocker.execute(block)
        first = deployers.Deployer(frozen_project, tmp_path / "first", "migrate")
        _die(how, first, observer, deployers.freezes(observer, sql))
        blocker.execute("COMMIT")

    again = deployers.Deployer(frozen_project, tmp_path / "again", "migrate")
    assert again.wait() == 0, again.said()
    oracle.assert_settled(frozen_project, frozen_project.url)
    assert oracle.comparable(dump(frozen_project.url)) == undisturbed[case]


@pytest.mark.parametrize("how", ["killed", "terminated", "interrupted", "backend-ended"])
def test_a_transactional_file_leaves_nothing(
    how: str, tmp_path: Path, frozen_project: Project, observer: psycopg.Connection, dump: Callable[[str], str]
) -> None:
    """A deployer that dies inside a transactional file leaves neither a part of it nor a record of it as applied."""
    frozen_project.write(
        "app.20250101000001.frozen",
        "-- Frozen.\nCREATE TABLE app.early (id int);\nALTER TABLE app.t ADD COLUMN late int;\n",
    )
    before = deployers.Deployer(frozen_project, tmp_path / "before", "migrate", "--to=app.20250101000000.before")
    assert before.wait() == 0, before.said()
    was = dump(frozen_project.url)
    with deployers.session(frozen_project.url) as blocker:
        blocker.execute(_READER)
        first = deployers.Deployer(frozen_project, tmp_path / "first", "migrate")
        backend = deployers.freezes(observer, "ALTER TABLE")
        _die(how, first, observer, backend)
        # The blocker still holds its lock, so the statement can only have been given up.
        until(lambda: deployers.gone(observer, backend), "the backend ends")
        assert dump(frozen_project.url) == was
        assert observer.execute("SELECT migration_id FROM schemata._yoyo_migration").fetchall() == [
            ("app.20250101000000.before",)
        ]
        states = [row[0] for row in observer.execute("SELECT state FROM schemata.attempts ORDER BY attempt")]
        assert states == ["applied"] + (["interrupted"] if how in ("terminated", "interrupted") else [])
        assert deployers.holder(observer) is None
        blocker.execute("COMMIT")
    again = deployers.Deployer(frozen_project, tmp_path / "again", "migrate")
    assert again.wait() == 0, again.said()
    oracle.assert_settled(frozen_project, frozen_project.url)


def test_an_interrupt_while_the_report_is_written(frozen_project: Project, observer: psycopg.Connection) -> None:
    """Ctrl-C after the work, while nobody reads the report, ends with exit 130 too; all stays applied."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    deployer = subprocess.Popen(
        [sys.executable, "-m", "invoke", "migrate"],
        cwd=frozen_project.root,
        env=frozen_project.env(),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)

    def is_over() -> bool:
        row = observer.execute("SELECT to_regclass('schemata.head')::text").fetchone()
        if row is None or row[0] is None:
            return False
        row = observer.execute("SELECT structure IS NOT NULL FROM schemata.head").fetchone()
        return bool(row and row[0]) and deployers.holder(observer) is None

    try:
        until(is_over, "the deploy is over")
        deployer.send_signal(signal.SIGINT)
        _, said = deployer.communicate(timeout=PATIENCE)
    finally:
        deployer.kill()
        os.close(reading)
    assert shell_code(deployer.returncode) == 130, said
    assert "Traceback" not in said
    oracle.assert_settled(frozen_project, frozen_project.url)
