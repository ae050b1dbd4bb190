"""A deploy that dies in the middle of a migration in Python: nothing is half recorded, and the next one goes on."""

import os
import signal
import textwrap

import psycopg
import pytest

from tests.conftest import Project
from tests.patience import until

FILL = "app.20250102000000.fill"


def _write(project: Project, text: str) -> None:
    path = project.root / "migrations" / "app" / f"{FILL}.py"
    path.write_text("from yoyo import step\n\n" + textwrap.dedent(text), encoding="utf-8")


def _count(project: Project) -> int:
    with psycopg.connect(project.url) as connection:
        row = connection.execute("SELECT count(*) FROM app.t").fetchone()
    assert row
    return int(row[0])


def _lock_is_free(project: Project) -> bool:
    with psycopg.connect(project.url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    return row == (0,)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("where", ["time.sleep(60)", "connection.execute('SELECT pg_sleep(60)')"])
def test_a_call_that_dies_in_a_transaction_leaves_nothing(project: Project, number: signal.Signals, where: str) -> None:
    """What it did is rolled back, the lock is free, and the next run applies it whole; SIGTERM ends with 143."""
    project.write("app.20250101000000.t", "CREATE TABLE app.t (a int);\n")
    marker = project.root / "sleeping"
    _write(
        project,
        f"""
        import pathlib, time
        marker = pathlib.Path({str(marker)!r})

        def fill(connection):
            connection.execute("INSERT INTO t VALUES (1)")
            if not marker.exists():
                marker.touch()
                {where}

        step(fill, "DELETE FROM app.t")
        """,
    )
    run = project.start("migrate")
    until(marker.exists)
    os.kill(run.pid, number)
    _, said = run.communicate(timeout=60)
    assert run.returncode == (143 if number == signal.SIGTERM else -9)
    if number == signal.SIGTERM:
        assert "stopped by SIGTERM" in said
        assert "Traceback" not in said
    until(lambda: _lock_is_free(project))
    assert _count(project) == 0
    again = project.inv("migrate")
    assert again.returncode == 0, again.stderr
    assert _count(project) == 1


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_call_that_dies_between_two_batches(project: Project, idempotent: bool) -> None:
    """Its batches stay; the next run goes on where the file says that it may, and asks a person where it does not."""
    project.write("app.20250101000000.t", "CREATE TABLE app.t (a int PRIMARY KEY);\n")
    marker = project.root / "sleeping"
    _write(
        project,
        f"""
        import pathlib, time
        marker = pathlib.Path({str(marker)!r})
        __transactional__ = False
        __idempotent__ = {idempotent}

        def fill(connection):
            for number in range(4):
                connection.execute("INSERT INTO t VALUES (%s) ON CONFLICT DO NOTHING", (number,))
                if number == 1 and not marker.exists():
                    marker.touch()
                    time.sleep(60)

        step(fill, "DELETE FROM app.t")
        """,
    )
    run = project.start("migrate")
    until(marker.exists)
    run.kill()
    run.communicate(timeout=60)
    until(lambda: _lock_is_free(project))
    assert _count(project) == 2
    again = project.inv("migrate")
    if not idempotent:
        assert again.returncode == 1
        assert "must be judged by a person" in again.stderr
        assert "__idempotent__ = True" in again.stderr
        assert project.inv("migrate-resolve", project.confirm, FILL, "--rolled-back").returncode == 0
        again = project.inv("migrate")
    assert again.returncode == 0, again.stderr
    assert _count(project) == 4


@pytest.mark.parametrize("sealed", [False, True])
def test_a_boot_runs_a_migration_in_python_with_one_connection(project: Project, sealed: bool) -> None:
    """The connection of the start is made again through psycopg, also where the role has no other."""
    project.write("app.20250101000000.t", "CREATE TABLE app.t (a int);\n")
    _write(project, "step(lambda c: c.execute('INSERT INTO t VALUES (1)'), '')\n")
    role = f"one_{project.root.name}"
    with psycopg.connect(project.url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'one' CONNECTION LIMIT 1")
        connection.execute(f'GRANT CREATE ON DATABASE "{name}" TO "{role}"')
    try:
        url = psycopg.conninfo.make_conninfo(project.url, user=role, password="one")
        if sealed:
            assert project.inv("seal").returncode == 0
        started = project.boot("--", "echo", "started", DATABASE_URL=url)
        assert started.returncode == 0, started.stderr
        assert "started" in started.stdout
        assert _count(project) == 1
        again = project.boot("--", "echo", "started", DATABASE_URL=url)
        assert (again.returncode, "started" in again.stdout) == (0, True)
    finally:
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
