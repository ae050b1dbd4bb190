"""The deploy lock while somebody holds it: who is named, who waits how long, and who is never harmed."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator

import psycopg
import pytest

from schemata.postgres import lock_holder
from tests.conftest import Project
from tests.faults import deployers, oracle
from tests.patience import until

_WAITING = "waiting for the deploy lock"


@pytest.fixture
def blocked(project: Project) -> Project:
    """Give a project with a table, and a pending index that another session's snapshot will freeze."""
    project.write("app.20250101000000.t", "-- A table.\nCREATE TABLE app.t (id int PRIMARY KEY, value int);\n")
    assert project.inv("migrate").returncode == 0
    project.write(
        "app.20250101000001.index",
        "-- An index.\n-- transactional: false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_value ON app.t (value);\n",
    )
    return project


@contextlib.contextmanager
def _old_snapshot(url: str) -> Iterator[psycopg.Connection]:
    """Hold a snapshot that every CREATE INDEX CONCURRENTLY waits for, until COMMIT."""
    with deployers.session(url) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class")
        yield connection


def test_a_waiter_never_kills_an_index_build(blocked: Project, observer: psycopg.Connection) -> None:
    """Deployers that wait for one which builds an index do not end its build: all exit 0 and the index is valid."""
    with _old_snapshot(blocked.url) as snapshot, contextlib.ExitStack() as stack:
        builder = stack.enter_context(deployers.running(blocked, "migrate"))
        backend = deployers.freezes(observer, "CREATE INDEX CONCURRENTLY")
        waiters = [stack.enter_context(deployers.running(blocked, "migrate")) for _ in range(3)]
        for waiter in waiters:
            deployers.hears(waiter, _WAITING)
        assert builder.poll() is None
        assert deployers.holder(observer) == backend
        snapshot.execute("COMMIT")
        for process in (builder, *waiters):
            code, said = deployers.ended(process)
            assert code == 0, said
            # Not even once was the build broken off and started again.
            assert "deadlock" not in said
            assert "building it again" not in said
    oracle.assert_settled(blocked, blocked.url)
    states = observer.execute(
        "SELECT state FROM schemata.attempts WHERE migration_id = 'app.20250101000001.index'"
    ).fetchall()
    assert states == [("applied",)]


def test_a_waiter_names_the_holder_and_gives_up(blocked: Project, observer: psycopg.Connection) -> None:
    """A waiter says who holds the lock; with --lock-wait it ends with exit 5, names it again, and changes nothing."""
    with _old_snapshot(blocked.url), deployers.running(blocked, "migrate") as holder:
        backend = deployers.freezes(observer, "CREATE INDEX CONCURRENTLY")
        named = f"backend {backend}: deployer on {socket.gethostname()[:24]}, pid {holder.pid}, since 2"
        with deployers.running(blocked, "migrate") as patient:
            assert f"held by {named}" in deployers.hears(patient, _WAITING)
        waited = blocked.inv("migrate", "--lock-wait", "1s")
        assert waited.returncode == 5
        assert f"the deploy lock is held by {named}" in waited.stderr
        assert "it was not released within 1 s" in waited.stderr
        assert "CREATE INDEX CONCURRENTLY" in waited.stderr
        assert "Traceback" not in waited.stderr
        assert deployers.holder(observer) == backend


def test_an_unprivileged_waiter_names_the_holder_too(
    blocked: Project, observer: psycopg.Connection, role: Callable[[], str]
) -> None:
    """A role that may not see other sessions still learns host and pid, and that the rest is hidden from it."""
    name = role()
    observer.execute(f"GRANT USAGE ON SCHEMA schemata, app TO {name}")
    observer.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA schemata TO {name}")
    with _old_snapshot(blocked.url), deployers.running(blocked, "migrate") as holder:
        backend = deployers.freezes(observer, "CREATE INDEX CONCURRENTLY")
        url = deployers.as_role(blocked.url, name)
        waited = blocked.inv("migrate", "--lock-wait", "1s", DATABASE_URL=url)
        assert waited.returncode == 5, waited.stderr
        assert f"backend {backend}: deployer on {socket.gethostname()[:24]}, pid {holder.pid}" in waited.stderr
        assert "its query is hidden from this role" in waited.stderr
        assert "CREATE INDEX" not in waited.stderr


@pytest.mark.parametrize("how", ["killed", "terminated"])
def test_the_waiter_inherits_the_lock(how: str, blocked: Project, observer: psycopg.Connection) -> None:
    """When the holder dies the waiter gets the lock without a word from anybody, and finishes the work."""
    with (
        _old_snapshot(blocked.url) as snapshot,
        deployers.running(blocked, "migrate") as holder,
        deployers.running(blocked, "migrate") as waiter,
    ):
        first = deployers.freezes(observer, "CREATE INDEX CONCURRENTLY")
        # Either of the two may have been first.
        if str(holder.pid) not in _application(observer, first):
            holder, waiter = waiter, holder
        deployers.hears(waiter, _WAITING)
        os.kill(holder.pid, signal.SIGKILL if how == "killed" else signal.SIGTERM)
        code, said = deployers.ended(holder)
        assert code == (137 if how == "killed" else 143), said
        second = until(
            lambda: (backend := deployers.holder(observer)) not in (None, first) and backend, "the waiter gets the lock"
        )
        assert str(waiter.pid) in _application(observer, int(str(second)))
        snapshot.execute("COMMIT")
        code, said = deployers.ended(waiter)
        assert code == 0, said
    oracle.assert_settled(blocked, blocked.url)


def _application(observer: psycopg.Connection, backend: int) -> str:
    row = observer.execute("SELECT application_name FROM pg_stat_activity WHERE pid = %s", (backend,)).fetchone()
    return str(row[0]) if row else ""


def test_a_boot_waits_like_a_migrate(blocked: Project, observer: psycopg.Connection) -> None:
    """A boot whose lock wait and tries run out ends with exit 5 and names the holder."""
    blocked.configure('[tool.schemata.locks]\nwait = "500ms"\n[tool.schemata.wait]\nattempts = 2\ndelay = "100ms"\n')
    with _old_snapshot(blocked.url), deployers.running(blocked, "migrate") as holder:
        deployers.freezes(observer, "CREATE INDEX CONCURRENTLY")
        booted = blocked.boot("--", "echo", "never")
        assert booted.returncode == 5
        assert f"pid {holder.pid}" in booted.stderr
        assert "never" not in booted.stdout


def test_a_foreign_session_with_the_lock_is_described(blocked: Project) -> None:
    """A lock that no deployer holds is described by what the server knows: application, user and address."""
    with deployers.session(blocked.url, application_name="psql of somebody") as somebody:
        somebody.execute(f"SELECT pg_advisory_lock({lock_holder.KEY})")
        waited = blocked.inv("migrate", "--lock-wait", "1s")
        assert waited.returncode == 5
        assert f"backend {somebody.info.backend_pid}: psql of somebody, user schemata, from 127.0.0.1" in waited.stderr
    assert blocked.inv("migrate").returncode == 0


def test_yoyos_lock_row_is_waited_for(blocked: Project, observer: psycopg.Connection) -> None:
    """A row of plain yoyo's lock is waited for, its pid named; exit 5 when it stays, 0 when it goes in time."""
    observer.execute("INSERT INTO schemata.yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4711)")
    waited = blocked.inv("migrate", "--lock-wait", "1s")
    assert waited.returncode == 5
    assert "plain yoyo, client pid 4711" in waited.stderr
    assert observer.execute("SELECT count(*) FROM schemata._yoyo_migration").fetchone() == (1,)
    with deployers.running(blocked, "migrate") as waiter:
        heard = deployers.hears(waiter, "waiting for yoyo's lock row")
        assert "4711" in heard
        observer.execute("DELETE FROM schemata.yoyo_lock")
        code, said = deployers.ended(waiter)
        assert code == 0, said
    oracle.assert_settled(blocked, blocked.url)
