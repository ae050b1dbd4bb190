"""The development server of a project: up, down, clean, logs, psql; and the same commands on a server elsewhere."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import instance, server_state
from tests.conftest import Project
from tests.patience import until

ONE = "app.20250101000001.one"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Project]:
    """Give a project without DATABASE_URL and with one migration; its server is removed afterwards."""
    # The server's own user must be able to enter.
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    made = Project(tmp_path)
    made.configure()
    made.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    yield made
    instance.remove(made.root / ".schemata")


def _url(text: str) -> str:
    found = re.search(r"^URL: (\S+)$", text, re.MULTILINE)
    assert found, text
    return found[1]


def _count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM app.one").fetchone()
        assert row is not None
        return int(row[0])


def test_the_life_of_a_development_server(local: Project) -> None:
    """Up starts and migrates, twice is once; down keeps the rows; up finds them; clean removes them; all say what."""
    first = local.inv("dev-up")
    assert first.returncode == 0, first.stderr
    assert "made and started" in first.stdout
    url = _url(first.stdout)
    assert json.loads(local.inv("dev-up", "--json").stdout)["url"] == url, "scripts take it from there"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO app.one VALUES (1)")

    again = local.inv("dev-up")
    assert "was running" in again.stdout
    assert _url(again.stdout) == url
    running = server_state.find_running(local.root / ".schemata")
    assert running is not None
    assert (running.data / "postmaster.pid").exists()

    status = local.inv("migrate-status", "--check")
    assert status.returncode == 0
    assert "(dev server, PostgreSQL" in status.stdout
    assert url.split(":")[2].split("@")[0] not in status.stdout

    wrong = local.inv("rollback", "--confirm", "another")
    assert wrong.returncode == 1, "a name that is given has to be the right one, on the dev server too"
    assert "--confirm another is not the database of" in wrong.stderr
    assert _count(url) == 1

    down = local.inv("dev-down")
    assert (down.returncode, down.stdout) == (0, "The server is stopped; its data stay.\n")
    assert not (running.data / "postmaster.pid").exists()
    assert local.inv("dev-down").stdout == "The server was not running.\n"
    stopped = local.inv("migrate-status")
    assert stopped.returncode == 3
    assert "the dev server is not running" in stopped.stderr
    assert "Start it: inv dev-up" in stopped.stderr

    up = local.inv("dev-up")
    assert "started" in up.stdout
    assert "made" not in up.stdout
    assert _url(up.stdout) == url, "the port is remembered"
    assert _count(url) == 1

    clean = local.inv("dev-down-clean")
    assert (clean.returncode, clean.stdout) == (0, "The server is stopped and its data are deleted.\n")
    assert not running.data.exists()
    assert not (local.root / ".schemata").exists()
    assert local.inv("dev-down-clean").stdout == "There was nothing to delete.\n"
    assert _count(_url(local.inv("dev-up").stdout)) == 0


def test_psql_and_logs(local: Project) -> None:
    """psql runs commands and files on the server, keeps the password out of the process list; logs shows its log."""
    assert "was never started" in local.inv("logs").stderr
    url = _url(local.inv("dev-up").stdout)
    ended = local.inv("psql", "--command", "SELECT 6 * 7 AS answer, current_database()")
    assert ended.returncode == 0, ended.stderr
    assert "42" in ended.stdout
    script = local.root / "script.sql"
    script.write_text("SELECT 'from a file';\nSELECT nothing;\nSELECT 'not reached';\n")
    ended = local.inv("psql", "--file", str(script))
    assert ended.returncode == 3  # psql's own code for a failed script
    assert "from a file" in ended.stdout
    assert "not reached" not in ended.stdout
    assert local.inv("psql", "--command", "SELECT nothing").returncode == 1

    password = url.split(":")[2].split("@")[0]
    process = local.start("psql", "--command", "SELECT pg_sleep(60)")
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            _await_query(connection, "SELECT pg_sleep(60)", process)
            arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
            assert arguments[0].endswith(b"psql"), "the command has become psql"
            assert not any(password.encode() in argument for argument in arguments)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
            )
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.communicate()

    logged = local.inv("logs", "--lines", "500")
    assert logged.returncode == 0
    assert 'column "nothing" does not exist' in logged.stdout
    assert len(local.inv("logs", "--lines", "2").stdout.splitlines()) == 2
    assert local.inv("logs", "--lines", "-1").returncode == 2


def _await_query(connection: psycopg.Connection, query: str, process: subprocess.Popen[str]) -> None:
    """Wait until another session runs the query."""

    def runs() -> bool:
        assert process.poll() is None, f"{query} never ran; {process.poll()}"
        active = "SELECT 1 FROM pg_stat_activity WHERE query = %s AND state = 'active'"
        return connection.execute(active, [query]).fetchone() is not None

    until(runs, f"{query} runs")


def test_a_failed_migration_leaves_the_server_running(local: Project) -> None:
    """dev-up tells the failure, exit 1, and the server answers, so that one can look."""
    local.write("app.20250101000002.two", "SELECT nothing;\n")
    ended = local.inv("dev-up")
    assert ended.returncode == 1
    assert "two.sql:1:8" in ended.stderr
    assert server_state.find_running(local.root / ".schemata") is not None
    assert local.inv("migrate-status").returncode == 0


def test_the_dev_server_comes_before_the_environment_and_url_before_both(local: Project, database: str) -> None:
    """--url wins over the running dev server, which wins over DATABASE_URL; boot prefers DATABASE_URL."""
    assert local.inv("dev-up").returncode == 0
    assert "(dev server, " in local.inv("migrate-status", DATABASE_URL=database).stdout
    assert "(--url, " in local.inv("migrate-status", "--url", database, DATABASE_URL="postgresql://nowhere/").stdout
    assert local.boot(DATABASE_URL=database).returncode == 0
    assert _count(database) == 0
    assert local.boot().returncode == 0


def test_the_dev_server_is_rolled_back_only_with_a_yes(local: Project) -> None:
    """Where there is no terminal to ask on a rollback shows what it would destroy, and asks for --yes."""
    assert local.inv("dev-up").returncode == 0
    ended = local.inv("rollback")
    assert ended.returncode == 2
    assert "there is no terminal to ask on" in ended.stderr
    assert f"roll back {ONE}\n    drop table app.one: 0 rows" in ended.stderr
    assert "--dry-run, then add --yes" in ended.stderr
    for answer, code in (("n", 1), ("", 1), ("y", 0)):
        ended_with, text = _on_a_terminal(local, ["rollback"], answer)
        assert ended_with == code, text
        assert f"roll back {ONE}" in text
        assert ("Nothing was changed." in text) == (code == 1)
    assert local.inv("migrate-status", "--check").returncode == 4


def _on_a_terminal(project: Project, command: list[str], answer: str) -> tuple[int, str]:
    """Run a command for a person who answers its question; return its exit code and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(project.root)
        os.execve(sys.executable, [sys.executable, "-m", "invoke", *command], {**project.env(), "TERM": "dumb"})
    text = b""
    with contextlib.suppress(OSError):  # raised when the other end is closed
        while piece := os.read(terminal, 65536):
            text += piece
            if text.endswith(b"[y/N] "):
                os.write(terminal, answer.encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


@pytest.fixture
def external(project: Project) -> Project:
    """Give a project whose server is elsewhere."""
    project.configure('[tool.schemata.server]\nkind = "external"\n')
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    return project


def test_an_external_server_is_migrated_but_never_stopped(external: Project) -> None:
    """dev-up waits for it and migrates it, password hidden; dev-down and logs are refused."""
    ended = external.inv("dev-up")
    assert ended.returncode == 0, ended.stderr
    assert "external" in ended.stdout
    assert "external" in ended.stdout
    assert re.search(r"URL: postgresql://schemata:\*\*\*@", ended.stdout)
    password = external.url.split(":")[2].split("@")[0]
    for flags in ([], ["--no-services"]):
        told = external.inv("dev-up", "--json", *flags)
        assert json.loads(told.stdout)["url"] == external.url.replace(f":{password}@", ":***@")
        assert password not in told.stdout + told.stderr
    assert _count(external.url) == 0
    for command in ("dev-down", "logs"):
        refused = external.inv(command)
        assert refused.returncode == 2
        assert 'the server is "external": this project did not start it' in refused.stderr
    assert not (external.root / ".schemata" / "server.json").exists()
    nowhere = external.run([sys.executable, "-m", "invoke", "dev-up"], DATABASE_URL="")
    assert nowhere.returncode == 2
    assert "neither --url nor DATABASE_URL" in nowhere.stderr
    assert "export DATABASE_URL=" in nowhere.stderr


def test_cleaning_an_external_database_needs_its_name(external: Project) -> None:
    """Without its name nothing is dropped; with it the project's schemas and the history go, and nothing else."""
    assert external.inv("dev-up").returncode == 0
    with psycopg.connect(external.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA other; CREATE TABLE other.t (); CREATE TABLE public.t ()")
        refused = external.inv("dev-down-clean")
        assert refused.returncode == 1
        assert "is not this project's dev server, this command destroys data" in refused.stderr
        assert external.confirm.replace("=", " ") in refused.stderr
        assert _count(external.url) == 0
        ended = external.inv("dev-down-clean", external.confirm)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith("Dropped app, schemata in postgresql://schemata:***@")
        found = connection.execute(
            "SELECT to_regnamespace('app'), to_regnamespace('schemata'), to_regclass('other.t')::text,"
            " to_regclass('public.t')::text"
        ).fetchone()
        assert found == (None, None, "other.t", "t")
    assert external.inv("dev-up").returncode == 0


def test_what_looks_like_production_is_cleaned_only_by_its_name(external: Project, admin: psycopg.Connection) -> None:
    """A database called live… asks for its name; another name is refused."""
    old = external.url.rpartition("/")[2]
    name = f"live_{old}"
    admin.execute(f'ALTER DATABASE "{old}" RENAME TO "{name}"')
    url = external.url.replace(old, name)
    try:
        assert external.inv("dev-up", DATABASE_URL=url).returncode == 0
        for flags, says in ((["--yes"], f"--confirm {name}"), (["--confirm", old], "is not the database of")):
            refused = external.inv("dev-down-clean", *flags, DATABASE_URL=url)
            assert refused.returncode == 1
            assert says in refused.stderr
            assert _count(url) == 0
        assert external.inv("dev-down-clean", "--confirm", name, DATABASE_URL=url).returncode == 0
    finally:
        admin.execute(f'ALTER DATABASE "{name}" RENAME TO "{old}"')


def test_doctor_says_what_is_there_and_what_to_type(local: Project) -> None:
    """A machine without a started server is told to start it; a broken setting is FAILED with its remedy, exit 1."""
    ended = local.inv("doctor")
    assert "dev server" in ended.stdout
    assert "inv dev-up" in ended.stdout
    assert "Traceback" not in ended.stderr
    local.configure("scemas = []")
    ended = local.inv("doctor")
    assert ended.returncode == 1
    assert "Did you mean schemas?" in ended.stdout


def test_nothing_of_the_callers_postgresql_environment_reaches_the_dev_server(local: Project) -> None:
    """PGHOST, PGUSER, PGOPTIONS and the like of the caller are about other servers."""
    misleading = {"PGHOST": "/nowhere", "PGUSER": "nobody", "PGDATABASE": "nothing", "PGPORT": "1"}
    assert local.inv("dev-up", **misleading).returncode == 0
    assert local.inv("migrate-status", **misleading).returncode == 0
    assert local.inv("psql", "--command", "SELECT 1", **misleading).returncode == 0
    assert os.path.isdir(local.root / ".schemata")
