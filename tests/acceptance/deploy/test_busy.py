"""Somebody else works on the database, or we are told to stop: who, for how long, and what is left."""

import signal
import subprocess
from collections.abc import Callable

import psycopg
import pytest

from schemata.postgres import lock_holder
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project
from tests.patience import until

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
DEPLOYER = "schemata ci-7 42 20250814T221815Z"
IMPATIENT = {
    "SCHEMATA_LOCKS_LOCK_TIMEOUT": "50ms",
    "SCHEMATA_LOCKS_ATTEMPTS": "2",
    "SCHEMATA_LOCKS_BACKOFF": "1ms",
}


@pytest.fixture
def one(project: Project, schemata: CommandLine) -> Project:
    """Give a project with one migration applied and one, which alters the same table, pending."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    assert schemata("migrate").returncode == 0
    project.write(
        TWO, "-- Two.\nSELECT 1;\nALTER TABLE app.one ADD two int;\n", "ALTER TABLE app.one DROP COLUMN two;\n"
    )
    return project


def _await(url: str, question: str, process: subprocess.Popen[str] | None = None) -> None:
    """Wait until a question has an answer."""
    with psycopg.connect(url, autocommit=True) as connection:

        def answered() -> bool:
            assert process is None or process.poll() is None, process.communicate()
            return connection.execute(question).fetchone() is not None  # type: ignore[arg-type]

        until(answered, question)


def test_a_held_deploy_lock_is_busy_with_its_holder(one: Project, schemata: CommandLine) -> None:
    """After --lock-wait the command ends with 5, names who holds the lock, and has changed nothing."""
    with psycopg.connect(one.url, application_name=DEPLOYER, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [lock_holder.KEY])
        says = (f"backend {holder.info.backend_pid}: deployer on ci-7, pid 42, since 20250814T221815Z", "0.3 s")
        for command in (["migrate"], ["rollback", one.confirm]):
            text = schemata.refused(*command, "--lock-wait", "300ms", code=5, says=(*says, "--lock-wait"))
            assert "LockNotAvailable: the deploy lock is held by" in text
        assert schemata.json("migrate-status")["migrations"][1]["state"] == "pending"
        assert schemata("migrate", "--dry-run").returncode == 0
        holder.execute("SELECT pg_advisory_unlock(%s)", [lock_holder.KEY])
    assert schemata("migrate").returncode == 0


def test_nothing_to_do_needs_no_lock(one: Project, schemata: CommandLine) -> None:
    """While somebody holds the deploy lock an up-to-date migrate and boot end well at once."""
    assert schemata("migrate").returncode == 0
    with psycopg.connect(one.url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [lock_holder.KEY])
        assert schemata("migrate", "--lock-wait", "0s").returncode == 0
        assert one.boot(SCHEMATA_LOCKS_WAIT="0s").returncode == 0


def test_a_table_lock_that_does_not_come_free_is_busy_with_its_holder(
    one: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """DDL that gets no lock is tried again, then ends with 5, the line, and who blocks; nothing of it is left."""
    with psycopg.connect(one.url, application_name="a report") as reader:
        reader.execute("SELECT * FROM app.one")
        before = dump(one.url)
        text = schemata.refused(
            "migrate",
            code=5,
            says=(
                "(try 1 of 2)",
                f"{TWO} did not get its lock in 2 tries",
                f"{TWO}.sql:3",
                f"backend {reader.info.backend_pid}: a report, user schemata",
                "idle in transaction",
                "SELECT * FROM app.one",
                f"SELECT pg_terminate_backend({reader.info.backend_pid});",
            ),
            **IMPATIENT,
        )
        assert "canceling statement due to lock timeout" in text
        assert dump(one.url) == before
        assert schemata.json("migrate-status")["migrations"][1]["state"] == "pending"
    assert schemata("migrate").returncode == 0


def test_status_never_waits(one: Project, schemata: CommandLine) -> None:
    """While DDL holds its exclusive lock on a table, status, dry run, smoke and an up-to-date boot answer."""
    assert schemata("migrate").returncode == 0
    with psycopg.connect(one.url) as ddl:
        ddl.execute("ALTER TABLE app.one ADD COLUMN other int")
        assert schemata("migrate-status").returncode in (0, 1)
        assert schemata("migrate", "--dry-run").returncode == 0
        assert schemata("smoke").returncode == 0
        assert one.boot().returncode == 0
        ddl.rollback()


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "SIGINT")], ids=["TERM", "INT"]
)
@pytest.mark.parametrize("transactional", [True, False], ids=["transactional", "non-transactional"])
def test_a_signal_cancels_rolls_back_and_says_so(
    project: Project, schemata: CommandLine, number: int, code: int, word: str, transactional: bool
) -> None:
    """The statement ends on the server too, the lock is free, the try is recorded, and the next run goes on."""
    directive = "" if transactional else "-- transactional: false\n"
    project.write(ONE, f"-- One.\n{directive}CREATE TABLE app.one ();\nSELECT pg_sleep(600);\n")
    deployer = project.start("migrate")
    _await(
        project.url,
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND wait_event = 'PgSleep'",
        deployer,
    )
    deployer.send_signal(number)
    _, err = deployer.communicate(timeout=60)
    assert deployer.returncode == code, err
    assert f"stopped by {word}; the statement was cancelled" in err
    assert "Traceback" not in err
    with psycopg.connect(project.url) as connection:
        # The process may be gone a moment before its backend is.
        running = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'schemata %%' AND pid <> %s"
        running += " AND datname = current_database()"
        while connection.execute(running, [connection.info.backend_pid]).fetchone():
            connection.rollback()
        assert connection.execute("SELECT pg_try_advisory_lock(%s)", [lock_holder.KEY]).fetchone() == (True,)
        assert connection.execute("SELECT state FROM schemata.attempts").fetchall() == [("interrupted",)]
        (table,) = connection.execute("SELECT to_regclass('app.one')::text").fetchone() or ()
    assert table == (None if transactional else "app.one")
    project.write(ONE, f"-- One.\n{directive}CREATE TABLE app.one ();\nSELECT 1;\n")
    assert schemata("migrate").returncode == 0
    assert schemata.json("migrate-status")["ok"] is True


@pytest.mark.parametrize(
    "command",
    [
        ["migrate"],
        ["rollback"],
        ["migrate-baseline", "--through", TWO, "--unverified", "--reason", "a test"],
        ["migrate-resolve", TWO, "--applied"],
    ],
    ids=lambda command: command[0],
)
def test_a_connection_that_is_cut_is_told(one: Project, command: list[str]) -> None:
    """When the server ends our session while we wait for the lock, the command ends with 3 and what to do."""
    with psycopg.connect(one.url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [lock_holder.KEY])
        deployer = one.start(*command, *([] if command == ["migrate"] else [one.confirm]))
        _await(one.url, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory_lock%' AND pid <>"
            " pg_backend_pid()", deployer)  # fmt: skip
        holder.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'schemata %' AND pid <> pg_backend_pid()"
        )
        _, err = deployer.communicate(timeout=60)
    assert deployer.returncode == 3, err
    assert "the connection to the server was lost" in err
    assert f"The history records: 1 applied, the last is {ONE}.\n" in err
    assert "Run again" in err
    assert "Traceback" not in err
