"""The fast path: with nothing to do it is quick and quiet, else it does the work, then becomes the command."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata.postgres import urls
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
BOOT = [sys.executable, "-m", "schemata.boot"]
HEAVY = {
    "psycopg",
    "yoyo",
    "sqlalchemy",
    "docker",
    "dataclasses",
    "tomllib",
    "json",
    "re",
    "invoke",
    "argparse",
    "subprocess",
    "logging",
    "schemata.config",
    "schemata.commands",
}


@pytest.fixture
def pending(project: Project) -> Project:
    """Give a project with one migration that is pending."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one ();\n", "DROP TABLE app.one;\n")
    return project


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'app'")}


def _imported(project: Project, *arguments: str, **environment: str) -> set[str]:
    """Return the modules that a boot imports, once it has ended well."""
    ended = project.run([sys.executable, "-X", "importtime", "-m", "schemata.boot", *arguments], **environment)
    assert ended.returncode == 0, ended.stderr
    return set(re.findall(r"\| +(\S+)$", ended.stderr, re.MULTILINE))


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "working tree"])
def test_with_nothing_to_do_nothing_heavy_is_imported(pending: Project, schemata: CommandLine, sealed: bool) -> None:
    """An up-to-date boot imports neither psycopg nor yoyo nor anything else that its one question does not need."""
    if sealed:
        assert schemata("seal").returncode == 0
    assert pending.boot().returncode == 0
    seen = _imported(pending)
    baseline = set(
        re.findall(
            r"\| +(\S+)$",
            pending.run([sys.executable, "-X", "importtime", "-c", "import ctypes"]).stderr,
            re.MULTILINE,
        )
    )
    assert (seen - baseline) & HEAVY == set()
    assert {name for name in seen if name.partition(".")[0] == "schemata"} <= {
        "schemata",
        "schemata.client",
        "schemata.client.location",
        "schemata.client.stamps",
        "schemata.entrypoint",
        "schemata.entrypoint.boot_queue",
        "schemata.entrypoint.connect",
        "schemata.errors",
        "schemata.history",
        "schemata.history.up_to_date",
        "schemata.migrations",
        "schemata.migrations.builds",
        "schemata.migrations.revision",
        "schemata.postgres",
        "schemata.postgres.backoff",
        "schemata.postgres.failures",
        "schemata.postgres.libpq",
        "schemata.postgres.query_client",
        "schemata.postgres.urls",
        "schemata.report",
        "schemata.report.log",
    }


@pytest.mark.parametrize("connector", ["", "1"], ids=["libpq", "psycopg"])
def test_it_migrates_and_becomes_the_command(pending: Project, connector: str) -> None:
    """What is pending is applied, then the same process is the command: arguments, process id, exit code."""
    script = 'echo $$; for word in "$@"; do echo "[$word]"; done; exit 7'
    words = ["--url", "a b", "", "--", "$HOME", "--wait-only"]
    for _ in range(2):  # once with something to do, once without
        process = subprocess.Popen(
            [*BOOT, "svc", "--", "sh", "-c", script, "sh", *words],
            cwd=pending.root,
            env=pending.env(SCHEMATA_NO_LIBPQ=connector),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out, err = process.communicate(timeout=60)
        assert process.returncode == 7, err
        assert out.splitlines() == [str(process.pid), *[f"[{word}]" for word in words]]
        assert _tables(pending.url) == {"one"}
    assert re.fullmatch(rf"svc: ready after [\d.]+ s; the database is at {ONE}\n", err)


def test_signals_reach_the_command_as_if_it_had_been_started_alone(pending: Project) -> None:
    """SIGTERM, SIGINT and SIGPIPE have their default actions in the command."""
    for _ in range(2):
        ended = pending.boot("--", sys.executable, "-c", "import os; print(open('/proc/self/status').read())")
        ignored = re.search(r"SigIgn:\s+([0-9a-f]+)", ended.stdout)
        assert ignored
        mask = int(ignored[1], 16)
        # Python itself ignores SIGPIPE from its start, so only a plain program can tell of that one.
        assert not mask & 1 << signal.SIGTERM - 1
        assert not mask & 1 << signal.SIGINT - 1
        plain = pending.boot("--", "cat", "/proc/self/status").stdout
        assert int(re.findall(r"SigIgn:\s+([0-9a-f]+)", plain)[0], 16) & (1 << signal.SIGPIPE - 1) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--", "/no/such/program"], 3, ("/no/such/program cannot be run: No such file",)),
        (["--wiat-only"], 2, ("there is no option --wiat-only", "usage: python -m schemata.boot")),
        (["--until"], 2, ("--until needs a value",)),
        (["--url="], 2, ("--url is empty",)),
        (["a", "b"], 2, ("only one SERVICE can be started, but two are named: a and b",)),
        (["--"], 2, ("there is no command after --",)),
        (["--until", "app.20250101000001.onn"], 2, ("there is no migration app.20250101000001.onn", f"mean {ONE}?")),
    ],
)
def test_what_cannot_be_is_refused(pending: Project, arguments: list[str], code: int, says: tuple[str, ...]) -> None:
    """A missing command is exit 3, a wrong command line exit 2; each is told without a traceback."""
    ended = pending.boot(*arguments)
    assert ended.returncode == code, ended.stderr
    for part in says:
        assert part in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_is_printed(pending: Project) -> None:
    """--help prints the usage and touches nothing; after -- it belongs to the command."""
    assert pending.boot("--help").stdout.startswith("usage: python -m schemata.boot")
    assert _tables(pending.url) == set()
    assert pending.boot("--", "printf", "%s", "--help").stdout == "--help"


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "working tree"])
def test_a_slip_in_the_services_name(pending: Project, schemata: CommandLine, sealed: bool) -> None:
    """Where services are declared, a command under another name is exit 2 with the nearest one, before anything else;
    without a command or without a name it starts, and so does a service that is declared."""
    pending.configure('[tool.schemata.services.finance-svc]\ncommand = ["true"]\n')
    if sealed:
        assert schemata("seal").returncode == 0
    for url in ({}, {"DATABASE_URL": "postgresql://u@127.0.0.1:1/d"}):
        refused = pending.boot("finacne-svc", "--", "echo", "started", **url)
        assert (refused.returncode, refused.stdout) == (2, ""), refused.stderr
        assert "NoSuchService: there is no service 'finacne-svc'" in refused.stderr
        assert "Did you mean finance-svc? To start a program that is not a service" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert _tables(pending.url) == set()
    assert pending.boot("migrate").returncode == 0
    assert _tables(pending.url) == {"one"}
    for name in ([], ["finance-svc"]):
        assert pending.boot(*name, "--", "echo", "started").stdout == "started\n"


def test_a_name_is_looked_up_where_an_older_engine_remembered(pending: Project) -> None:
    """A stat cache that knows no services is not trusted with them."""
    pending.configure('[tool.schemata.services.svc]\ncommand = ["true"]\n')
    assert pending.boot("svc", "--", "true").returncode == 0
    cache = pending.root / ".schemata" / "stat-cache"
    text = cache.read_text()
    assert "services svc\n" in text
    older = text.replace("\nservices svc\n", "\n").replace("schemata stat cache 3\n", "schemata stat cache 1\n")
    assert older.startswith("schemata stat cache 1\n")
    cache.write_text(older)
    assert pending.boot("svcs", "--", "true").returncode == 2


def test_a_failing_migration_stops_the_start(pending: Project) -> None:
    """The command is not run, the failure is told with its place, and the exit code is 1."""
    pending.write(TWO, "SELECT nothing;\n")
    ended = pending.boot("svc", "--", "echo", "started")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{TWO}.sql:1:8" in ended.stderr
    assert _tables(pending.url) == {"one"}


def test_until_migrates_no_further(pending: Project) -> None:
    """--until ID applies ID and what comes before; with --wait-only it waits for ID alone."""
    pending.write(TWO, "CREATE TABLE app.two ();\n")
    assert pending.boot("--until", ONE).returncode == 0
    assert _tables(pending.url) == {"one"}
    assert pending.boot("--wait-only", f"--until={ONE}").returncode == 0
    ended = pending.boot("--wait-only", "--until", TWO, SCHEMATA_WAIT_ATTEMPTS="2", SCHEMATA_WAIT_DELAY="10ms")
    assert ended.returncode == 5
    assert f"waiting for {TWO}" in ended.stderr
    assert _tables(pending.url) == {"one"}
    assert pending.boot().returncode == 0
    assert _tables(pending.url) == {"one", "two"}


def _start(project: Project, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*BOOT, *arguments],
        cwd=project.root,
        env=project.env(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_wait_only_waits_for_another_process(pending: Project, dump: Callable[[str], str]) -> None:
    """It writes nothing itself, says what it waits for, and becomes the command once somebody migrated."""
    before = dump(pending.url)
    waiting = _start(pending, "worker", "--wait-only", "--", "echo", "started", SCHEMATA_WAIT_DELAY="50ms")
    assert waiting.stderr is not None
    first = waiting.stderr.readline()
    assert first.startswith(f"worker: waiting for {ONE}")
    assert dump(pending.url) == before
    assert pending.boot().returncode == 0
    out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (0, "started\n"), err


@pytest.mark.parametrize("flags", [[], ["--wait-only"]], ids=["migrate", "wait only"])
def test_sigterm_while_it_waits_ends_it_with_143(pending: Project, flags: list[str]) -> None:
    """A container that is stopped while it waits for its database ends at once, as PID 1 too."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://u@127.0.0.1:{closed.getsockname()[1]}/d"
        waiting = _start(pending, *flags, "--url", url)
        assert waiting.stderr is not None
        assert "no server accepts connections" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGTERM)
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 143
    assert "Traceback" not in err


def test_it_waits_for_a_server_that_comes_later(pending: Project) -> None:
    """A port that opens after the start is waited for; then the database is migrated."""
    host, port = re.findall(r"@([\d.]+):(\d+)/", pending.url)[0]
    connector = socket.socket()
    connector.bind(("127.0.0.1", 0))
    url = pending.url.replace(f":{port}/", f":{connector.getsockname()[1]}/")
    waiting = _start(pending, "--url", url, SCHEMATA_WAIT_DELAY="50ms")
    assert waiting.stderr is not None
    assert "no server accepts connections" in waiting.stderr.readline()
    connector.listen()
    stop = threading.Event()
    proxy = threading.Thread(target=_forward, args=(connector, (host, int(port)), stop), daemon=True)
    proxy.start()
    try:
        _, err = waiting.communicate(timeout=60)
    finally:
        stop.set()
        connector.close()
    assert waiting.returncode == 0, err
    assert _tables(pending.url) == {"one"}


def _forward(connector: socket.socket, to: tuple[str, int], stop: threading.Event) -> None:
    """Carry bytes both ways between whoever comes to the door and the server, until it is closed."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    while not stop.is_set():
        try:
            client, _ = connector.accept()
        except OSError:
            return
        server = socket.create_connection(to)
        for ends in ((client, server), (server, client)):
            threading.Thread(target=carry, args=ends, daemon=True).start()


def test_a_missing_database_ends_it_at_once(pending: Project) -> None:
    """Waiting cannot make a database: the start fails with code 3 at the first try."""
    ended = pending.boot("--url", urls.with_database(pending.url, "not_there"))
    assert ended.returncode == 3
    assert "the server has no such database" in ended.stderr
    assert "try" not in ended.stderr.replace("tries", "")


def test_a_sealed_build_reads_no_migration(pending: Project, schemata: CommandLine) -> None:
    """Once sealed and migrated, a boot needs the manifest alone: the files and settings may even be gone."""
    assert schemata("seal").returncode == 0
    assert pending.boot().returncode == 0
    for path in (pending.root / "migrations" / "app").iterdir():
        path.unlink()
    (pending.root / "pyproject.toml").unlink()
    ended = pending.boot("--", "echo", "started")
    assert (ended.returncode, ended.stdout) == (0, "started\n"), ended.stderr


def test_a_sealed_build_that_was_changed_is_refused(pending: Project, schemata: CommandLine) -> None:
    """With something to do, files that are not what was sealed stop the start, and nothing is applied."""
    assert schemata("seal").returncode == 0
    pending.write(ONE, "-- One.\nCREATE TABLE app.other ();\n")
    ended = pending.boot("--", "echo", "started")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "manifest does not match the migration files" in ended.stderr
    assert "schemata seal" in ended.stderr
    assert _tables(pending.url) == set()


def test_in_a_working_tree_every_edit_is_seen(pending: Project) -> None:
    """An edit of the same size with its old time put back, a new file, a removed file: none slips through."""
    assert pending.boot().returncode == 0
    assert pending.boot().stderr.count("\n") == 1
    path = pending.root / "migrations" / "app" / f"{ONE}.sql"
    facts = path.stat()
    text = path.read_text()
    path.write_text(text.replace("app.one", "app.eno"))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    ended = pending.boot()
    assert ended.returncode == 1
    assert "was edited after it was applied" in ended.stderr
    path.write_text(text)
    assert pending.boot().returncode == 0

    new = pending.write(TWO, "CREATE TABLE app.two ();\n")
    assert pending.boot().returncode == 0
    assert _tables(pending.url) == {"one", "two"}
    new.unlink()
    new.with_suffix(".rollback.sql").unlink()
    ended = pending.boot()
    assert ended.returncode == 1
    assert "ahead" in ended.stderr


def test_a_database_that_was_replaced_is_seen(pending: Project, make_database: Callable[..., str]) -> None:
    """What is remembered is about the files only: another database is migrated all the same."""
    assert pending.boot().returncode == 0
    other = make_database()
    assert pending.boot("--url", other).returncode == 0
    assert _tables(other) == {"one"}


def test_a_read_only_project_works(pending: Project, tmp_path: Path) -> None:
    """Where nothing can be written beside the files, a boot does the same, by reading them each time."""
    (pending.root / ".schemata").write_text("in the way: no folder can be made here\n")
    for _ in range(2):
        ended = pending.boot("--", "echo", "started")
        assert (ended.returncode, ended.stdout) == (0, "started\n"), ended.stderr
    assert _tables(pending.url) == {"one"}
    assert (pending.root / ".schemata").is_file()


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "working tree"])
def test_the_environment_wins_over_what_was_remembered(pending: Project, schemata: CommandLine, sealed: bool) -> None:
    """A setting given in the environment of one start counts in that start, sealed or not."""
    if sealed:
        assert schemata("seal").returncode == 0
    assert pending.boot(SCHEMATA_WAIT_ATTEMPTS="7", SCHEMATA_LOCKS_WAIT="5s").returncode == 0
    assert _tables(pending.url) == {"one"}
    with psycopg.connect(pending.url) as connection:
        connection.execute("DROP TABLE app.one")
    # Another history knows of nothing, so there the migration is pending.
    ended = pending.boot(SCHEMATA_HISTORY_SCHEMA="elsewhere")
    assert ended.returncode == 0, ended.stderr
    assert _tables(pending.url) == {"one"}
    if not sealed:
        other = pending.root / "other" / "app"
        other.mkdir(parents=True)
        (other / f"{TWO}.sql").write_text("CREATE TABLE app.two ();\n")
        with psycopg.connect(pending.url) as connection:
            connection.execute("DROP TABLE app.one")  # of what a third history does not know there may be nothing
        ended = pending.boot(SCHEMATA_HISTORY_SCHEMA="third", SCHEMATA_MIGRATIONS="other")
        assert ended.returncode == 0, ended.stderr
        assert _tables(pending.url) == {"two"}


def test_a_sealed_build_in_another_folder(pending: Project, schemata: CommandLine) -> None:
    """Where the settings name another folder for the migrations, a sealed build is found there."""
    (pending.root / "migrations").rename(pending.root / "db")
    pending.configure('migrations = "db"')
    (pending.root / "migrations" / "app").rmdir()
    (pending.root / "migrations").rmdir()
    assert schemata("seal").returncode == 0
    assert (pending.root / "db" / "manifest").exists()
    assert pending.boot().returncode == 0
    assert _tables(pending.url) == {"one"}
    assert pending.boot("--", "echo", "started").stdout == "started\n"


def test_a_sealed_build_says_that_the_structure_is_another(pending: Project, schemata: CommandLine) -> None:
    """What the last migrate left is compared with the seal: nothing of the structure is read, and the start goes on."""
    assert schemata("lock").returncode == 0
    assert schemata("seal").returncode == 0
    said = "is not what this build's migrations make; `inv parity` shows what differs"
    first = pending.boot("--", "echo", "started")
    assert (first.returncode, said in first.stderr + first.stdout) == (0, False)
    with psycopg.connect(pending.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE app.stray ()")
    pending.write("app.20350101000000.later", "CREATE TABLE app.later ();\n")
    assert schemata("lock").returncode == 0
    assert schemata("seal").returncode == 0
    for _ in range(2):  # the one that migrates, and one with nothing to do
        ended = pending.boot("--", "echo", "started")
        assert ended.returncode == 0
        assert f"the structure of app {said}" in ended.stderr + ended.stdout
