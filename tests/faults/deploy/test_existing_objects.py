"""Several deployers and a database that fills up meanwhile: what is somebody else's is seen, what is ours is not."""

import contextlib
import subprocess
from collections.abc import Iterator

import psycopg

from schemata.postgres import lock_holder
from tests.conftest import Project
from tests.faults import deployers, oracle

ONE = "app.20250101000001.one"
_DEPLOYERS = 5
_REFUSED = "the schemas hold objects, but no migration is recorded"


def test_what_comes_while_a_deployer_waits_is_seen_under_the_lock(
    project: Project, observer: psycopg.Connection
) -> None:
    """The schemas were empty when the command began, and are not when it gets the lock: nothing runs over it."""
    project.write(ONE, "-- One.\nDROP TABLE IF EXISTS app.t;\nCREATE TABLE app.t (id int);\n")
    with deployers.session(project.url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [lock_holder.KEY])
        with deployers.running(project, "migrate") as waiter:
            deployers.hears(waiter, "waiting for the deploy lock")
            other.execute("CREATE SCHEMA app; CREATE TABLE app.t AS SELECT generate_series(1, 1000) AS id")
            other.execute("SELECT pg_advisory_unlock(%s)", [lock_holder.KEY])
            code, said = deployers.ended(waiter)
    assert code == 1, said
    assert _REFUSED in said
    assert "app: 1 table (t)" in said
    assert observer.execute("SELECT count(*) FROM app.t").fetchone() == (1000,)


def test_deployers_that_start_together_take_nobodys_work_for_a_strangers(
    project: Project, observer: psycopg.Connection
) -> None:
    """While the first migration of one is committed the others look: each of them ends well, each file ran once."""
    for number in range(12):
        project.write(f"app.202501010001{number:02}.t{number}", f"-- T.\nCREATE TABLE app.t{number} ();\n")
    with contextlib.ExitStack() as stack:
        all_ = [stack.enter_context(deployers.running(project, "migrate")) for _ in range(_DEPLOYERS)]
        for process in all_:
            code, said = deployers.ended(process)
            assert code == 0, said
    oracle.assert_settled(project, project.url)


@contextlib.contextmanager
def building(
    project: Project, observer: psycopg.Connection
) -> Iterator[tuple[subprocess.Popen[str], psycopg.Connection, int]]:
    """Give a deployer in the middle of a first migration, what it waits for, and the pid of its backend.

    It goes on when that session ends its transaction.
    """
    project.write(
        ONE,
        "-- One.\n-- transactional: false\nCREATE TABLE app.t (id int);\n"
        "CREATE INDEX CONCURRENTLY t_id ON app.t (id);\n",
    )
    with deployers.session(project.url) as snapshot:
        snapshot.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        with deployers.running(project, "migrate") as builder:
            yield builder, snapshot, deployers.freezes(observer, "CREATE INDEX CONCURRENTLY")


def test_a_first_migration_that_runs_is_ours(project: Project, observer: psycopg.Connection) -> None:
    """In the middle of a non-transactional first migration status and a second deployer see no stranger's objects."""
    with building(project, observer) as (builder, snapshot, _):
        status = project.inv("migrate-status")
        assert _REFUSED not in status.stdout
        second = project.inv("migrate", "--lock-wait", "100ms")
        assert second.returncode == 5, second.stderr
        waiting = project.boot("--wait-only", SCHEMATA_WAIT_ATTEMPTS="2", SCHEMATA_WAIT_DELAY="100ms")
        assert waiting.returncode == 5, waiting.stderr
        snapshot.execute("COMMIT")
        code, said = deployers.ended(builder)
        assert code == 0, said
    oracle.assert_settled(project, project.url)


def test_a_killed_first_migration_goes_on(project: Project, observer: psycopg.Connection) -> None:
    """What a killed deployer left of a non-transactional first migration is gone on with, in no way refused."""
    with building(project, observer) as (builder, snapshot, backend):
        builder.kill()
        builder.wait()
        observer.execute("SELECT pg_terminate_backend(%s)", [backend])
        snapshot.execute("COMMIT")
    ended = project.inv("migrate")
    assert ended.returncode == 0, ended.stderr
    assert observer.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.t_id'::regclass").fetchone() == (
        True,
    )
