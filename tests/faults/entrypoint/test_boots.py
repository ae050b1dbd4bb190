"""Boots that are stopped at each of their moments, that come in crowds, and that may write nowhere."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.entrypoint import boot_queue
from schemata.postgres import lock_holder
from schemata.server.embedded import server_state
from tests.conftest import REPOSITORY, Project
from tests.faults import deployers
from tests.patience import PATIENCE, PROMPT, until

ONE = "app.20250101000001.one"


@pytest.fixture
def pending(project: Project) -> Project:
    """Give a project with one migration that is pending."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY);\n", "DROP TABLE app.one;\n")
    return project


@pytest.fixture
def start(pending: Project) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start boots that become a command which would be seen; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def boot(
        *arguments: str, program: tuple[str, ...] = ("-m", "schemata.boot"), **extra: str
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *program, *arguments, "--", "touch", str(pending.root / "started")],
            cwd=pending.root,
            env=pending.env(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield boot
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def _stop(process: subprocess.Popen[str], project: Project) -> str:
    """Send SIGTERM; check that it ends soon, with 143 and without its command; return what it said."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(PATIENCE)
    seconds = time.monotonic() - began
    _, said = process.communicate()
    assert code == 143, said
    assert seconds < PROMPT, said
    assert "Traceback" not in said
    assert not (project.root / "started").exists()
    return said


def _seen(observer: psycopg.Connection, what: str, *parameters: object) -> Callable[[], object]:
    sql = f"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND {what}"
    return lambda: observer.execute(sql, parameters).fetchall()


@pytest.mark.parametrize("flags", [[], ["--wait-only"]], ids=["migrate", "wait only"])
def test_sigterm_while_a_server_does_not_answer(
    pending: Project, start: Callable[..., subprocess.Popen[str]], flags: list[str]
) -> None:
    """A login that hangs, because the other side says nothing, is given up."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start(*flags, "--url", f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d")
        silent.settimeout(PATIENCE)
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(8)  # its first message: it waits for the answer from now on
            _stop(process, pending)


def test_sigterm_while_the_library_does_not_come_back(
    pending: Project, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """A name that is looked up for minutes inside libpq, where no handler of Python's can run, is left alone."""
    stuck = (
        "import ctypes, sys\n"
        "from schemata import boot\n"
        "from schemata.postgres import query_client\n"
        "def connect(*_, **__):\n"
        "    print('stuck', file=sys.stderr, flush=True)\n"
        "    lock = ctypes.create_string_buffer(64)\n"  # a mutex of glibc's and musl's, not yet taken
        "    while True: ctypes.CDLL(None).pthread_mutex_lock(lock)\n"
        "query_client.connect = connect\n"
        "sys.exit(boot.main(sys.argv[1:]))"
    )
    process = start(program=("-c", stuck))
    deployers.hears(process, "stuck")
    _stop(process, pending)


def test_sigterm_while_it_sleeps_between_tries(pending: Project, start: Callable[..., subprocess.Popen[str]]) -> None:
    """A refused connection is tried again later; the sleep ends at once, and one JSON line says why."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://u:verysecret@127.0.0.1:{closed.getsockname()[1]}/d"
        process = start("svc", "--log-format", "json", "--url", url)
        first = json.loads(deployers.hears(process, "waiting for"))
        said = _stop(process, pending)
    assert (first["level"], first["service"], first["event"]) == ("info", "svc", "note")
    assert json.loads(said)["event"] == "stopped"
    assert "verysecret" not in json.dumps(first) + said


def test_sigterm_while_it_waits_at_the_gate(
    pending: Project, observer: psycopg.Connection, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """While another start is at work this one waits, and can be stopped; it leaves no session behind."""
    observer.execute("SELECT pg_advisory_lock(%s)", (boot_queue.QUEUE_KEY,))
    process = start()
    waiting = _seen(
        observer, "application_name = 'schemata boot' AND query LIKE '%%advisory_lock%%' AND state = 'idle'"
    )
    until(waiting, "it waits at the gate")
    _stop(process, pending)
    until(lambda: not _seen(observer, "application_name LIKE 'schemata%%'")(), "its session ends")


def test_sigterm_while_it_waits_for_the_deploy_lock(
    pending: Project, observer: psycopg.Connection, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """A deploy that somebody else holds up can be stopped."""
    observer.execute("SELECT pg_advisory_lock(%s)", (lock_holder.KEY,))
    process = start()
    deployers.hears(process, "waiting for the deploy lock")
    _stop(process, pending)


@pytest.mark.parametrize("transactional", [True, False], ids=["transactional", "not transactional"])
def test_sigterm_during_a_statement(
    pending: Project, observer: psycopg.Connection, start: Callable[..., subprocess.Popen[str]], transactional: bool
) -> None:
    """The statement is cancelled on the server, its migration rolled back and recorded as interrupted."""
    head = "-- Two.\n" if transactional else "-- Two.\n-- transactional: false\n"
    pending.write("app.20250101000002.two", f"{head}CREATE TABLE app.two ();\nSELECT pg_sleep(300);\n")
    process = start("svc", SCHEMATA_LOG_FORMAT="json")
    sleeping = _seen(observer, "wait_event = 'PgSleep'")
    until(sleeping, "the statement runs")
    said = _stop(process, pending)
    last = json.loads(said.splitlines()[-1])
    assert (last["error"], last["exit_code"], last["level"]) == ("Interrupted", 143, "error")
    assert not sleeping()
    state = observer.execute("SELECT state FROM schemata.attempts WHERE migration_id LIKE '%.two'").fetchall()
    assert state == [("interrupted",)]
    tables = observer.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'app' ORDER BY 1").fetchall()
    assert tables == ([("one",)] if transactional else [("one",), ("two",)])


def test_sigterm_while_the_client_is_generated(
    pending: Project, observer: psycopg.Connection, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """The child ends with its parent, is reaped, and leaves neither a session nor half a client."""
    pending.configure(deployers.CLIENT)
    assert pending.boot().returncode == 0
    with deployers.session(pending.url) as blocker:
        # Nobody can make a table now, as the process that tries the client does, and everybody can read.
        blocker.execute("BEGIN; LOCK TABLE pg_catalog.pg_attribute IN SHARE MODE")
        process = start("svc")
        generating = _seen(observer, "application_name = 'schemata generate' AND wait_event_type = 'Lock'")
        until(generating, "the client is tried")
        _stop(process, pending)
    until(lambda: not _seen(observer, "application_name LIKE 'schemata%%'")(), "its sessions end")
    assert list((pending.root / "client").iterdir()) == []


def test_sigterm_between_the_migration_and_the_command(
    pending: Project, observer: psycopg.Connection, start: Callable[..., subprocess.Popen[str]]
) -> None:
    """When everything is migrated and the command is not there yet, what was applied stays and nothing starts."""
    pending.configure(deployers.CLIENT)
    folder = pending.root / "client" / "app_client"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "STAMP")  # whoever reads it waits until somebody writes
    process = start("svc")
    deployers.hears(process, "applied 1")
    until(lambda: not _seen(observer, "application_name LIKE 'schemata%%'")(), "its sessions end")
    _stop(process, pending)
    assert observer.execute("SELECT count(*) FROM schemata._yoyo_migration").fetchone() == (1,)


@pytest.mark.slow
def test_fifty_boots_on_an_empty_database(database: str, tmp_path: Path) -> None:
    """All fifty succeed, and each of the platform's migrations was applied exactly once, all by one of them."""
    project = Project(tmp_path, database)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(REPOSITORY / "migrations", tmp_path / "migrations")
    shutil.copytree(REPOSITORY / "services" / "client", tmp_path / "services" / "client")
    ended = deployers.crowd(project, 50, "financial-svc")
    assert [code for code, _ in ended] == [0] * 50, [text for code, text in ended if code]
    expected = deployers.ids(tmp_path)
    with psycopg.connect(database) as connection:
        logged = connection.execute("SELECT migration_id FROM schemata._yoyo_log WHERE operation = 'apply'").fetchall()
        states = connection.execute("SELECT migration_id, state FROM schemata.attempts").fetchall()
    assert sorted(row[0] for row in logged) == expected
    assert sorted(states) == [(id_, "applied") for id_ in expected]
    assert sum(f"applied {len(expected)};" in text for _, text in ended) == 1


def test_replicas_generate_into_one_volume_at_once(pending: Project, tmp_path: Path) -> None:
    """Four starts that share a folder for the client all end well, and leave one whole client and nothing else."""
    pending.configure(deployers.CLIENT)
    shared = tmp_path / "shared"
    ended = deployers.crowd(pending, 4, "svc", SCHEMATA_CLIENT_DIR=str(shared))
    assert [code for code, _ in ended] == [0] * 4, ended
    assert [path.name for path in shared.iterdir()] == ["app_client"]
    names = {path.name for path in (shared / "app_client").iterdir()}
    assert names == {"__init__.py", "_base.py", "_loaders.py", "_sqltypes.py", "app.py", "py.typed", "STAMP"}


def test_the_umask_keeps_nobody_out(pending: Project, tmp_path: Path) -> None:
    """What one replica generates the others can read, whatever its umask is."""
    pending.configure(deployers.CLIENT)
    shared = tmp_path / "new" / "shared"
    ended = subprocess.run(
        [sys.executable, "-m", "schemata.boot", "svc"],
        cwd=pending.root,
        env=pending.env(SCHEMATA_CLIENT_DIR=str(shared)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        umask=0o077,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [shared.parent, shared, *shared.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o755}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o644}


def test_a_python_that_may_not_be_run(pending: Project) -> None:
    """Where no child can be started the boot says so, exit 3, and does not become the command."""
    pending.configure(deployers.CLIENT)
    python = pending.root / "python"
    python.write_text("")
    code = f"import sys; sys.executable = {str(python)!r}; from schemata import boot; sys.exit(boot.main(sys.argv[1:]))"
    ended = pending.run([sys.executable, "-c", code, "svc", "--", "echo", "started"])
    assert (ended.returncode, ended.stdout) == (3, ""), ended.stderr
    assert f"NotAvailable: {python} cannot be run by UID {os.getuid()} (Permission denied)" in ended.stderr
    assert "Traceback" not in ended.stderr


class Replicas:
    """Starts of one service as several users, in a project that all can read, with one folder that all can write."""

    def __init__(self, root: Path, database: str, python: str) -> None:
        self.project = Project(root, database)
        self.project.configure(deployers.CLIENT)
        self.project.write(ONE, "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY);\n")
        self.python = python
        self.spare = root / "spare"
        self.spare.mkdir()
        self.spare.chmod(0o1777)
        root.chmod(0o755)

    def start(self, uid: int, *, umask: int = 0o022) -> subprocess.Popen[str]:
        """Start as a user; the command says where the client was found."""
        paths = [str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))]
        script = "import app_client; print(app_client.__file__, hasattr(app_client.app, 'Two'))"
        return subprocess.Popen(
            [self.python, "-m", "schemata.boot", "svc", "--", self.python, "-c", script],
            cwd="/",
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": os.pathsep.join(paths),
                "PYTHONDONTWRITEBYTECODE": "1",
                "DATABASE_URL": self.project.url,
                "SCHEMATA_ROOT": str(self.project.root),
                "SCHEMATA_CLIENT_DIR": str(self.spare),
            },
            user=uid,
            group=uid,
            extra_groups=[],
            umask=umask,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ready(self, *started: subprocess.Popen[str]) -> set[str]:
        """Wait for starts, all of which must end well with the newest client; return where they had it from."""
        said = [process.communicate(timeout=PATIENCE * 3) for process in started]
        for process, (_, err) in zip(started, said, strict=True):
            assert process.returncode == 0, err
            assert "Traceback" not in err
        places = {out.split()[0]: out.split()[1] for out, _ in said}
        assert set(places.values()) == {"True"}, places
        return {str(Path(place).parent.relative_to(self.spare)) for place in places}


@pytest.fixture
def replicas(database: str) -> Iterator[Replicas]:
    """Give a project whose image has a stale client, for several users."""
    python = _python_for_others()
    if os.getuid() != 0 or python is None:
        pytest.skip("only root may become another user, and a Python that others may run is needed")
    # Not pytest's own folder, which is closed to others.
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        made = Replicas(Path(place), database, python)
        assert made.project.boot("svc").returncode == 0
        made.project.write("app.20250101000002.two", "-- Two.\nCREATE TABLE app.two (id int PRIMARY KEY);\n")
        for path in made.project.root.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        made.spare.chmod(0o1777)
        yield made


def test_replicas_of_different_users_share_a_folder(replicas: Replicas) -> None:
    """Three users start at once where nobody can replace what another one wrote: all are ready, and a later one too."""
    assert replicas.ready(*(replicas.start(uid, umask=0o077) for uid in (54321, 54322, 54323))) == {"app_client"}
    assert replicas.ready(replicas.start(54324)) == {"app_client"}
    assert [path.name for path in replicas.spare.iterdir()] == ["app_client"]


@pytest.mark.parametrize("sticky", [True, False], ids=["sticky", "not sticky"])
def test_another_users_client_is_in_the_way(replicas: Replicas, sticky: bool) -> None:
    """A stale or unreadable package of another user is left, and one is made beside it, which the next start finds."""
    left = replicas.spare / "app_client"
    shutil.copytree(replicas.project.root / "client" / "app_client", left)
    for path in (left, *left.iterdir()):
        os.chown(path, 54321, 54321)
    if not sticky:
        replicas.spare.chmod(0o777)
        left.chmod(0o700)
    text = (left / "app.py").read_text()
    assert replicas.ready(replicas.start(54322, umask=0o077)) == {"uid-54322/app_client"}
    made = (replicas.spare / "uid-54322" / "app_client").stat().st_mtime_ns
    assert replicas.ready(replicas.start(54322)) == {"uid-54322/app_client"}
    assert (replicas.spare / "uid-54322" / "app_client").stat().st_mtime_ns == made
    assert (left / "app.py").read_text() == text
    # The one whose it is replaces it; now it fits, and is readable, for everybody.
    assert replicas.ready(replicas.start(54321)) == {"app_client"}
    assert replicas.ready(replicas.start(54323)) == {"app_client"}


def _python_for_others() -> str | None:
    """Return a Python of our version that a stranger may run."""
    ours = Path(os.path.realpath(sys.executable))
    if all(folder.stat().st_mode & stat.S_IXOTH for folder in ours.parents):
        return sys.executable
    return shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_an_arbitrary_user_without_a_home(database: str, server: server_state.Server) -> None:
    """A UID without a passwd entry, without HOME, in a folder where it may write nothing, migrates and starts."""
    python = _python_for_others()
    if python is None:
        pytest.skip("no Python here may be run by another user")
    # Not pytest's own folder, which is closed to others.
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        root = Path(place)
        project = Project(root, database)
        project.configure(deployers.CLIENT)
        project.write(ONE, "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY);\n")
        spare = root / "spare"
        spare.mkdir(mode=0o777)
        spare.chmod(0o1777)
        root.chmod(0o755)
        paths = [str(REPOSITORY), *(path for path in sys.path if path.endswith("site-packages"))]
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_URL": database,
            "SCHEMATA_ROOT": str(root),
            "SCHEMATA_CLIENT_DIR": str(spare),
        }
        assert 54321 not in {int(line.split(":")[2]) for line in Path("/etc/passwd").read_text().splitlines() if line}
        for _ in range(2):
            ended = subprocess.run(
                [python, "-m", "schemata.boot", "svc", "--", "sh", "-c", "id -u; echo $PYTHONPATH"],
                cwd="/",
                env=environment,
                user=54321,
                group=0,
                extra_groups=[],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE * 2,
                check=False,
            )
            assert ended.returncode == 0, ended.stderr
            uid, path = ended.stdout.split()
            assert uid == "54321"
            assert path.split(os.pathsep)[0] == str(spare)
        assert not (root / ".schemata").exists()
        refused = subprocess.run(
            [python, "-m", "schemata.boot", "svc"],
            cwd="/",
            env={**environment, "SCHEMATA_CLIENT_DIR": str(root / "closed")},
            user=54321,
            group=0,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert refused.returncode == 2, refused.stderr
        assert f"{root}/closed cannot be written (Permission denied)" in refused.stderr
        assert f"at {root}/closed (SCHEMATA_CLIENT_DIR)" in refused.stderr
