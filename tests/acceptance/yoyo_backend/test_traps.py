"""What goes wrong under yoyo's own backend, and not under ours: each test shows both.

Yoyo's command line is called in this process where that is enough; a process of its own is killed where it must be.
"""

import getpass
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from yoyo.backends.base import DatabaseBackend
from yoyo.scripts import main as yoyo_main

from schemata import errors
from schemata.postgres import lock_holder
from schemata.server.embedded import server_state
from tests.conftest import Project
from tests.patience import until

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
STOCK, OURS = "postgresql+psycopg", "schemata+postgresql"
Yoyo = Callable[..., None]


@pytest.fixture
def yoyo(project: Project, make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Yoyo:
    """Return a call of yoyo's command line: `yoyo(STOCK, "apply")`; both backends have a database of their own."""
    monkeypatch.chdir(project.root)
    databases = {STOCK: make_database(), OURS: make_database()}
    for url in databases.values():
        with psycopg.connect(url) as connection:
            connection.execute("CREATE SCHEMA app")

    def call(backend: str, command: str, *arguments: str, **options: str) -> None:
        url = options.get("url", databases[backend]).replace("postgresql", backend, 1)
        folder = project.root / "migrations" / "app"
        words = ["--no-config-file", "--batch", "-d", url, *arguments]
        yoyo_main.main([command, *words, *([] if command == "break-lock" else [str(folder)])])

    call.databases = databases  # type: ignore[attr-defined]
    return call


def ask(yoyo: Yoyo, backend: str, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query in a backend's database."""
    with psycopg.connect(yoyo.databases[backend]) as connection:  # type: ignore[attr-defined]
        return connection.execute(sql).fetchall()


def applied(yoyo: Yoyo, backend: str) -> list[object]:
    """Return the ids that are recorded as applied."""
    table = "schemata._yoyo_migration" if backend == OURS else "_yoyo_migration"
    return [row[0] for row in ask(yoyo, backend, f"SELECT migration_id FROM {table} ORDER BY 1")]


def test_trap_1_an_edited_file_reads_as_applied(project: Project, yoyo: Yoyo) -> None:
    """Yoyo's hash is of the id. We compare what ran."""
    project.write(ONE, "CREATE TABLE app.one (a int);\n")
    for backend in (STOCK, OURS):
        yoyo(backend, "apply")
    project.write(ONE, "CREATE TABLE app.one (a int, b int);\n")
    yoyo(STOCK, "apply")
    with pytest.raises(errors.MigrationError, match="was edited after it was applied"):
        yoyo(OURS, "apply")
    with pytest.raises(errors.MigrationError, match="was edited after it was applied"):
        yoyo(OURS, "rollback")


def test_trap_2_applied_and_unrecorded(project: Project, yoyo: Yoyo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Yoyo commits, and then asks who it is, which a UID without a passwd entry cannot tell. One commit has both."""
    project.write(ONE, "CREATE TABLE app.one (a int);\n")

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(KeyError):
        yoyo(STOCK, "apply")
    assert ask(yoyo, STOCK, "SELECT to_regclass('app.one')") == [("app.one",)]
    assert applied(yoyo, STOCK) == []
    yoyo(OURS, "apply")
    assert applied(yoyo, OURS) == [ONE]
    # Before the record nothing is there, whatever happens to the process in between.
    project.write(TWO, "CREATE TABLE app.two (a int);\n")
    monkeypatch.setattr("schemata.deploy.transactional._record", lambda *_: nobody())
    monkeypatch.setattr("schemata.deploy.apply.batch", lambda *_: ())
    with pytest.raises(KeyError):
        yoyo(OURS, "apply")
    assert ask(yoyo, OURS, "SELECT to_regclass('app.two')") == [(None,)]


def _killed(project: Project, yoyo: Yoyo, backend: str) -> subprocess.Popen[str]:
    """Start an apply that sleeps in the server, and kill it there."""
    url = yoyo.databases[backend].replace("postgresql", backend, 1)  # type: ignore[attr-defined]
    folder = str(project.root / "migrations" / "app")
    started = project.run_later("-m", "yoyo", "apply", "--no-config-file", "--batch", "-d", url, folder)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    until(lambda: ask(yoyo, backend, sleeping) == [(1,)])
    started.send_signal(signal.SIGKILL)
    started.wait()
    pids = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    ask(yoyo, backend, pids)  # as the server does by itself within seconds
    return started


def test_trap_3_a_killed_apply_leaves_its_lock(project: Project, yoyo: Yoyo) -> None:
    """Yoyo's lock is a row that only a person takes away. Ours is the session's, and ends with it."""
    project.write(ONE, "SELECT pg_sleep(60);\n")
    for backend in (STOCK, OURS):
        _killed(project, yoyo, backend)
    assert ask(yoyo, STOCK, "SELECT count(*) FROM yoyo_lock") == [(1,)]
    project.write(ONE, "CREATE TABLE app.one (a int);\n")
    yoyo(OURS, "apply")
    assert applied(yoyo, OURS) == [ONE]
    yoyo(OURS, "break-lock")


def test_trap_3_a_role_that_only_reads_is_told_that_it_is_locked(
    project: Project, yoyo: Yoyo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Yoyo's `list` writes a lock row. Ours asks, and takes no lock."""
    insert = DatabaseBackend._insert_lock_row
    monkeypatch.setattr(DatabaseBackend, "_insert_lock_row", lambda self, pid, _: insert(self, pid, 0.2, 0.1))
    project.write(ONE, "CREATE TABLE app.one (a int);\n")
    role = f"reader_{project.root.name.lower()}"[:60]
    for backend, schema in ((STOCK, "public"), (OURS, "schemata")):
        yoyo(backend, "apply")
        with psycopg.connect(yoyo.databases[backend], autocommit=True) as connection:  # type: ignore[attr-defined]
            if backend == STOCK:
                connection.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'secret'")
            connection.execute(f'GRANT USAGE ON SCHEMA {schema} TO "{role}"')
            connection.execute(f'GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO "{role}"')
    try:
        as_reader = {
            backend: re.sub(r"//[^@/]*@", f"//{role}:secret@", url)
            for backend, url in yoyo.databases.items()  # type: ignore[attr-defined]
        }
        with pytest.raises(Exception, match="locked"):
            yoyo(STOCK, "list", url=as_reader[STOCK])
        capsys.readouterr()
        yoyo(OURS, "list", url=as_reader[OURS])
        assert re.search(rf"(?m)^A\s+{re.escape(ONE)}\s", capsys.readouterr().out)
    finally:
        for backend in (STOCK, OURS):
            with psycopg.connect(yoyo.databases[backend], autocommit=True) as connection:  # type: ignore[attr-defined]
                connection.execute(f'DROP OWNED BY "{role}"')
        with psycopg.connect(yoyo.databases[STOCK], autocommit=True) as connection:  # type: ignore[attr-defined]
            connection.execute(f'DROP ROLE "{role}"')


def test_trap_4_a_savepoint_around_each_statement(project: Project, yoyo: Yoyo) -> None:
    """It breaks DDL that PostgreSQL takes, and a file's own COMMIT ends yoyo's transaction. We send the file whole."""
    project.write(
        ONE,
        """
        CREATE DOMAIN app.d AS int CONSTRAINT c CHECK (VALUE > 0);
        CREATE TABLE app.one (a app.d);
        ALTER DOMAIN app.d DROP CONSTRAINT c;
        CREATE TABLE app.other (a int);
        """,
    )
    with pytest.raises(psycopg.Error, match="cannot start a subtransaction"):
        yoyo(STOCK, "apply")
    yoyo(OURS, "apply")
    assert applied(yoyo, OURS) == [ONE]
    project.write(ONE, "BEGIN;\nCREATE TABLE app.half (a int);\nCOMMIT;\nSELECT 1 / 0;\n")
    with pytest.raises(psycopg.Error):
        yoyo(STOCK, "apply")
    assert ask(yoyo, STOCK, "SELECT to_regclass('app.half')") == [("app.half",)]
    project.write(ONE, "SELECT 1;\n")
    project.write(TWO, "BEGIN;\nCREATE TABLE app.half (a int);\nCOMMIT;\nSELECT 1 / 0;\n")
    with pytest.raises(errors.MigrationError):
        yoyo(OURS, "apply")
    assert ask(yoyo, OURS, "SELECT to_regclass('app.half')") == [(None,)]


def test_trap_5_a_new_schema_hides_the_history(project: Project, yoyo: Yoyo) -> None:
    """Yoyo looks its tables up through the search_path, and no longer finds them. Ours are named with their schema."""
    for backend in (STOCK, OURS):
        name = psycopg.conninfo.conninfo_to_dict(yoyo.databases[backend])["dbname"]  # type: ignore[attr-defined]
        with psycopg.connect(yoyo.databases[backend]) as connection:  # type: ignore[attr-defined]
            connection.execute(f'ALTER DATABASE "{name}" SET search_path = later, public')
    project.write(ONE, "CREATE SCHEMA later;\n")
    yoyo(STOCK, "apply")
    with pytest.raises(psycopg.Error, match='schema "later" already exists'):
        yoyo(STOCK, "apply")
    yoyo(OURS, "apply")
    yoyo(OURS, "apply")
    assert applied(yoyo, OURS) == [ONE]


def test_trap_6_a_rollback_that_is_not_there(project: Project, yoyo: Yoyo) -> None:
    """Yoyo takes the record away and leaves the table. We refuse."""
    project.write(ONE, "CREATE TABLE app.one (a int);\n", None)
    for backend in (STOCK, OURS):
        yoyo(backend, "apply")
    yoyo(STOCK, "rollback")
    assert applied(yoyo, STOCK) == []
    assert ask(yoyo, STOCK, "SELECT to_regclass('app.one')") == [("app.one",)]
    with pytest.raises(errors.MigrationError, match="cannot be rolled back"):
        yoyo(OURS, "rollback")
    assert applied(yoyo, OURS) == [ONE]


def test_trap_6_an_invalid_index_is_taken_for_one(project: Project, yoyo: Yoyo) -> None:
    """A unique index that could not be built is there, INVALID; IF NOT EXISTS then says that all is well."""
    project.write(ONE, "CREATE TABLE app.one (a int);\nINSERT INTO app.one VALUES (1), (1);\n")
    project.write(
        TWO,
        f"""\
        -- depends: {ONE}
        -- transactional: false
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_a ON app.one (a);
        """,
    )
    invalid = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('app.one_a') AND NOT indisvalid"
    for backend in (STOCK, OURS):
        with pytest.raises(Exception, match="could not create unique index"):
            yoyo(backend, "apply")
    yoyo(STOCK, "apply")
    assert applied(yoyo, STOCK) == [ONE, TWO]
    assert ask(yoyo, STOCK, invalid) == [(1,)]
    with pytest.raises(errors.MigrationError, match="could not create unique index"):
        yoyo(OURS, "apply")
    assert applied(yoyo, OURS) == [ONE]


def test_trap_7_connections_and_errors_in_the_log(project: Project, yoyo: Yoyo, server: server_state.Server) -> None:
    """Yoyo opens a connection for each migration and fails twice on purpose each time; we do neither."""
    for number in range(8):
        project.write(f"app.202501010000{number:02}.n{number}", f"CREATE TABLE app.n{number} (a int);\n")
    sessions = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    counted, failed = {}, {}
    for backend in (STOCK, OURS):
        before, logged = ask(yoyo, backend, sessions)[0][0], _errors(server)
        yoyo(backend, "apply")
        until(lambda backend=backend, before=before: ask(yoyo, backend, sessions)[0][0] > before)
        counted[backend] = int(str(ask(yoyo, backend, sessions)[0][0])) - int(str(before))
        failed[backend] = _errors(server) - logged
    assert counted[STOCK] > 8
    assert counted[OURS] < 6
    assert failed[STOCK] >= 1
    assert failed[OURS] == 0


def _errors(server: server_state.Server) -> int:
    return Path(server.log).read_text(encoding="utf-8", errors="replace").count("ERROR:")


def test_trap_8_a_directive_that_has_no_effect(project: Project, yoyo: Yoyo) -> None:
    """After a block comment yoyo reads no directive, and it sends a byte order mark. We refuse the one and read on."""
    project.write(ONE, "/* A header. */\n-- transactional: false\nCREATE TABLE app.one (a int);\n")
    yoyo(STOCK, "apply")
    assert applied(yoyo, STOCK) == [ONE]
    with pytest.raises(errors.MigrationError, match="comes after the leading comment"):
        yoyo(OURS, "apply")
    project.write(ONE, "SELECT 1;\n")
    path = project.write(TWO, "CREATE TABLE app.two (a int);\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    with pytest.raises(psycopg.Error, match="syntax error"):
        yoyo(STOCK, "apply")
    yoyo(OURS, "apply")
    assert applied(yoyo, OURS) == [ONE, TWO]


def test_two_at_once_apply_once(project: Project, yoyo: Yoyo) -> None:
    """Both end well: the second waits, looks again, and finds nothing left to do."""
    for number in range(6):
        project.write(f"app.202501010000{number:02}.n{number}", f"CREATE TABLE app.n{number} (a int);\n")
    url = yoyo.databases[OURS].replace("postgresql", OURS, 1)  # type: ignore[attr-defined]
    words = ("-m", "yoyo", "apply", "--no-config-file", "--batch", "-d", url, str(project.root / "migrations" / "app"))
    both = [project.run_later(*words) for _ in range(2)]
    for one in both:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said
    assert len(applied(yoyo, OURS)) == 6
    log = "SELECT count(*) FROM schemata._yoyo_log WHERE operation = 'apply'"
    assert ask(yoyo, OURS, log) == [(6,)]


def test_a_list_waits_for_nobody_and_an_apply_names_who_holds_the_lock(project: Project, yoyo: Yoyo) -> None:
    """The lock is that of `inv migrate`; what only reads goes past it."""
    project.write(ONE, "CREATE TABLE app.one (a int);\n")
    url = yoyo.databases[OURS].replace("postgresql", OURS, 1)  # type: ignore[attr-defined]
    words = ["--no-config-file", "--batch", "-d", url, str(project.root / "migrations" / "app")]
    with psycopg.connect(yoyo.databases[OURS], application_name="somebody") as holder:  # type: ignore[attr-defined]
        holder.execute(f"SELECT pg_advisory_lock({lock_holder.KEY})")
        listed = project.run([sys.executable, "-m", "yoyo", "list", *words])
        assert re.search(rf"(?m)^U\s+{re.escape(ONE)}\s", listed.stdout), listed.stderr
        busy = project.run([sys.executable, "-m", "yoyo", "apply", *words], SCHEMATA_LOCKS_WAIT="0s")
        assert busy.returncode == errors.BUSY
        assert str(holder.info.backend_pid) in busy.stderr
        assert "Traceback" not in busy.stderr


def test_every_command_of_yoyos_writes_the_one_history(
    project: Project, yoyo: Yoyo, capsys: pytest.CaptureFixture[str]
) -> None:
    """apply, rollback, reapply, mark, unmark and list agree with `inv migrate-status`; so does a file in Python."""
    project.environment["DATABASE_URL"] = yoyo.databases[OURS]  # type: ignore[attr-defined]
    project.write(ONE, "CREATE TABLE app.one (a int);\n", "DROP TABLE app.one;\n")
    text = f"""\
        from yoyo import step

        __depends__ = {{"{ONE}"}}
        step(lambda c: c.execute("INSERT INTO app.one VALUES (1)"), "DELETE FROM app.one")
        """
    (project.root / "migrations" / "app" / f"{TWO}.py").write_text(textwrap.dedent(text))
    yoyo(OURS, "apply")
    assert project.inv("migrate-status", "--check").returncode == 0
    yoyo(OURS, "reapply", "--all")
    assert applied(yoyo, OURS) == [ONE, TWO]
    assert ask(yoyo, OURS, "SELECT count(*) FROM app.one") == [(1,)]
    yoyo(OURS, "rollback", "--revision", TWO)
    assert applied(yoyo, OURS) == [ONE]
    yoyo(OURS, "mark")
    assert applied(yoyo, OURS) == [ONE, TWO]
    assert ask(yoyo, OURS, "SELECT count(*) FROM app.one") == [(0,)]
    assert project.inv("migrate-status", "--check").returncode == 0
    yoyo(OURS, "unmark", "--revision", TWO)
    capsys.readouterr()
    yoyo(OURS, "list")
    assert re.findall(r"(?m)^([AU])\s", capsys.readouterr().out) == ["A", "U"]
    log = [row[0] for row in ask(yoyo, OURS, "SELECT operation FROM schemata._yoyo_log ORDER BY created_at_utc")]
    assert log == [*["apply"] * 2, *["rollback"] * 2, *["apply"] * 2, "rollback", "mark", "unmark"]
    with pytest.raises(errors.ConfigError, match="--force"):
        yoyo(OURS, "apply", "--force")
    with pytest.raises(errors.ConfigError, match="--migration-table"):
        yoyo(OURS, "apply", "--migration-table", "mine")


def test_the_command_line_ends_without_a_traceback_and_with_our_exit_codes(project: Project) -> None:
    """An expected error is its text; 3 where there is no server, 1 where a file fails."""
    project.write(ONE, "SELECT nothing;\n")
    folder = str(project.root / "migrations" / "app")
    words = ["-m", "yoyo", "apply", "--no-config-file", "--batch"]
    failed = project.run([sys.executable, *words, "-d", project.url.replace("postgresql", OURS, 1), folder])
    assert failed.returncode == 1
    assert f"{ONE}.sql:1:8" in failed.stderr
    assert "Traceback" not in failed.stderr
    nobody = f"{OURS}://nobody@127.0.0.1:1/none"
    away = project.run([sys.executable, *words, "-d", nobody, folder])
    assert (away.returncode, "Traceback" in away.stderr) == (3, False)
