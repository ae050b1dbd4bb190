"""The application uses a table that a migration wants: short waits, retries, and the blocker by its name."""

import psycopg
import pytest

from tests.conftest import Project
from tests.faults import deployers, oracle

_ALTER = "app.20250101000001.alter"
_SETTINGS = """
[tool.schemata.locks]
lock_timeout = "150ms"
attempts = {attempts}
backoff = "20ms"
backoff_cap = "50ms"
"""


@pytest.fixture
def contended(project: Project) -> Project:
    """Give a project with a table, a pending change of it, and a migration after that."""
    project.write("app.20250101000000.t", "-- A table.\nCREATE TABLE app.t (id int PRIMARY KEY);\n")
    assert project.inv("migrate").returncode == 0
    project.write(_ALTER, "-- A column.\nCREATE TABLE app.early (id int);\nALTER TABLE app.t ADD COLUMN late int;\n")
    project.write("app.20250101000002.more", "-- More.\nCREATE TABLE app.more (id int);\n")
    return project


def _reader(url: str) -> psycopg.Connection:
    reader = psycopg.connect(url, application_name="report of the month", autocommit=True)
    reader.execute("BEGIN; LOCK TABLE app.t IN ACCESS SHARE MODE")
    return reader


def test_ddl_retries_and_succeeds(contended: Project) -> None:
    """DDL that does not get its lock tries again, naming the session in its way, and succeeds when that ends."""
    contended.configure(_SETTINGS.format(attempts=10_000))
    with _reader(contended.url) as reader, deployers.running(contended, "migrate") as deployer:
        heard = deployers.hears(deployer, "; again in ")
        assert f"{_ALTER}: canceling statement due to lock timeout (try " in heard
        assert f"blocked by backend {reader.info.backend_pid}: report of the month" in heard
        # Between two tries and during them the application's own queries go on.
        with psycopg.connect(contended.url, options="-c statement_timeout=20s") as application:
            application.execute("SELECT count(*) FROM app.t")
        reader.execute("COMMIT")
        code, said = deployers.ended(deployer)
        assert code == 0, said
    oracle.assert_settled(contended, contended.url)


@pytest.mark.parametrize("transactional", [True, False], ids=["transactional", "non-transactional"])
def test_tries_that_run_out(transactional: bool, contended: Project, observer: psycopg.Connection) -> None:
    """When the tries run out the deploy ends with exit 5 and names the blocker and the line; a rerun goes on."""
    contended.configure(_SETTINGS.format(attempts=3))
    if not transactional:
        contended.write(_ALTER, "-- A column.\n-- transactional: false\nALTER TABLE app.t ADD COLUMN late int;\n")
    with _reader(contended.url) as reader:
        refused = contended.inv("migrate")
        assert refused.returncode == 5, refused.stderr
        assert f"LockTimeout: {_ALTER} did not get its lock" in refused.stderr
        assert f"{_ALTER}.sql:3" in refused.stderr
        assert f"blocked by backend {reader.info.backend_pid}: report of the month" in refused.stderr
        assert f"SELECT pg_terminate_backend({reader.info.backend_pid});" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert observer.execute("SELECT to_regclass('app.early'), to_regclass('app.more')").fetchone() == (None, None)
    assert observer.execute("SELECT count(*) FROM schemata._yoyo_migration").fetchone() == (1,)
    states = observer.execute("SELECT state FROM schemata.attempts WHERE migration_id = %s", (_ALTER,)).fetchall()
    assert states == [("failed",)]
    assert deployers.holder(observer) is None
    rerun = contended.inv("migrate")
    assert rerun.returncode == 0, rerun.stderr
    oracle.assert_settled(contended, contended.url)
    oracle.assert_status_ok(contended)
