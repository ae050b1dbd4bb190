"""What /health and /ready say while the database goes, freezes and comes back, and how a service stops."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config, readiness
from schemata.deploy import migrate
from schemata.server.embedded import binaries, instance
from services import database
from tests.conftest import REPOSITORY
from tests.patience import PROMPT, until
from tests.services import conftest
from tests.services.conftest import SESSIONS, Service, serving, starting

ALL = ("financial-svc", "trading-svc", "worker-financial", "worker-trading")
LISTS = {"financial-svc": "/clients", "trading-svc": "/orders"}


class Server:
    """A PostgreSQL that may be killed and started again under the same URL."""

    def __init__(self, home: Path, programs: binaries.Binaries) -> None:
        self._home = home
        self._programs = programs
        self.start()

    def start(self) -> None:
        """Start it, where it was."""
        running = instance.start(self._home, database="app", binaries_of=self._programs, unsafe=True)
        self.url = running.url
        self._data = running.data

    @property
    def postmaster(self) -> int:
        """Return its process id."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def children(self) -> list[int]:
        """Return the ids of the processes of its sessions, and of the rest of it."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.postmaster)], capture_output=True, check=True)
        return [int(word) for word in listed.stdout.split()]


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory, programs: binaries.Binaries) -> Iterator[Server]:
    """Give a server of this file's own, with the platform migrated."""
    home = tmp_path_factory.mktemp("server") / ".schemata"
    server = Server(home, programs)
    try:
        assert migrate.migrate(config.load(REPOSITORY, {}), url=server.url).done
        yield server
    finally:
        instance.remove(home)


@pytest.mark.parametrize("name", ALL)
def test_each_service_lives_and_is_ready(name: str, platform: str, tmp_path: Path) -> None:
    """Each of the four answers /health and, on a migrated database, /ready with its revision."""
    with serving(tmp_path, name, platform) as service:
        assert service.ask("/health").json == {"status": "alive"}
        answer = service.ask("/ready")
        assert answer.status == 200
        assert answer.json["status"] == "ready"
        assert answer.json["revision"] == answer.json["build"] != ""
        assert "GET" not in service.said(), "probes are not worth a line of the log"


@pytest.mark.parametrize("name", ALL)
def test_it_starts_without_a_database(name: str, tmp_path: Path) -> None:
    """Without a database a service lives, is unready at once and says why; its lists answer 503."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret-word@127.0.0.1:{nobody.getsockname()[1]}/d"
        with serving(tmp_path, name, url) as service:
            began = time.monotonic()
            answer = service.ask("/ready")
            assert time.monotonic() - began < PROMPT
            assert answer.status == 503
            assert answer.json["reason"] == "the database cannot be reached"
            assert service.ask("/health").status == 200
            if name in LISTS:
                refused = service.ask(LISTS[name])
                assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
                assert refused.headers["Content-Type"] == "application/problem+json"
            assert "secret-word" not in service.said()


def test_it_comes_back_with_the_database(own_server: Server, tmp_path: Path) -> None:
    """A kill -9 of PostgreSQL makes all four unready, and its restart ready by itself; /health stays 200."""
    with (
        serving(tmp_path, ALL[0], own_server.url) as financial,
        serving(tmp_path, ALL[1], own_server.url) as trading,
        serving(tmp_path, ALL[2], own_server.url) as first,
        serving(tmp_path, ALL[3], own_server.url) as second,
    ):
        services = (financial, trading, first, second)
        for service in services:
            until(lambda one=service: one.ask("/ready").status == 200)
        for service in (financial, trading):
            assert service.ask(LISTS[service.name]).status == 200
        children = own_server.children()
        os.kill(own_server.postmaster, signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
        for service in services:
            answer = service.ask("/ready")
            assert (answer.status, answer.json["status"]) == (503, "unready")
            assert service.ask("/health").status == 200
        for service in (financial, trading):
            assert service.ask(LISTS[service.name]).status == 503
        own_server.start()
        for service in services:
            until(lambda one=service: one.ask("/ready").status == 200)
        for service in (financial, trading):
            until(lambda one=service: one.ask(LISTS[one.name]).status == 200)
        assert all(service.process.poll() is None for service in services)


def test_a_frozen_database_is_not_waited_for(own_server: Server, tmp_path: Path) -> None:
    """While PostgreSQL stands still /ready says so soon each time, and knows when it goes on."""
    with serving(tmp_path, "trading-svc", own_server.url) as service:
        until(lambda: service.ask("/ready").status == 200)
        assert service.ask("/orders").status == 200
        frozen = [own_server.postmaster, *own_server.children()]
        try:
            for number in frozen:
                os.kill(number, signal.SIGSTOP)
            for _ in range(3):
                began = time.monotonic()
                assert service.ask("/ready").status == 503
                assert time.monotonic() - began < PROMPT
                # The list has the question for its key before it, which is not answered either.
                assert service.ask("/orders").status == 503
            assert service.ask("/health", timeout=PROMPT).status == 200
        finally:
            for number in reversed(frozen):
                os.kill(number, signal.SIGCONT)
        until(lambda: service.ask("/ready").status == 200)
        until(lambda: service.ask("/orders").status == 200)


def test_the_wrong_revision_is_unready(platform: str, database: str, tmp_path: Path) -> None:
    """On a database behind its build, ahead of it, or never migrated a service is unready and names both revisions."""
    with serving(tmp_path, "trading-svc", database) as service:
        answer = service.ask("/ready")
        assert answer.status == 503
        assert "no migration is recorded" in answer.json["reason"]
    older = tmp_path / "older"
    shutil.copytree(REPOSITORY / "migrations", older / "migrations")
    shutil.copy(REPOSITORY / "pyproject.toml", older)
    last = max(older.glob("migrations/*/*.*"), key=lambda path: path.name.split(".")[1]).name.split(".")[1]
    for path in older.glob(f"migrations/*/*.{last}.*"):
        path.unlink()
    with serving(tmp_path, "trading-svc", platform, older) as service:
        reason = service.ready()["reason"]
        assert last in reason
        assert "accepts no other revision" in reason
    with serving(tmp_path, "trading-svc", platform, older, SCHEMATA_ACCEPTS=f"..{last}") as service:
        assert service.ask("/ready").status == 200
    newer = tmp_path / "newer"
    shutil.copytree(REPOSITORY / "migrations", newer / "migrations")
    shutil.copy(REPOSITORY / "pyproject.toml", newer)
    (newer / "migrations" / "trading" / "trading.29990101000000.later.sql").write_text(
        "-- Add nothing.\n-- irreversible: a test\n\nSELECT 1;\n"
    )
    with serving(tmp_path, "trading-svc", platform, newer) as service:
        reason = service.ready()["reason"]
        assert last in reason
        assert "this build needs trading.29990101000000.later" in reason


@pytest.mark.parametrize("name", ALL)
def test_its_sessions_tell_the_build(platform: str, tmp_path: Path, name: str) -> None:
    """All of them, those of pools too: who still is of the version before is found by it."""
    last = readiness.build(str(REPOSITORY)).last
    moment = last.split(".")[1]
    with serving(tmp_path, name, platform) as service, psycopg.connect(platform, autocommit=True) as observer:
        if name in LISTS:
            assert service.ask(LISTS[name]).status == 200
        until(lambda: service.ask("/ready").status == 200)
        names = (
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
        )
        found = {row[0] for row in observer.execute(names, (observer.info.backend_pid,)) if row[0]}
        assert found == {f"{name}@{moment}"}


def test_a_long_name_keeps_the_build() -> None:
    """The server would cut off the end, where the build is."""
    name = database.application_name("ä" * 40, "app.20250102000002.built")
    assert name.endswith("@20250102000002")
    assert len(name.encode()) <= 63
    assert set(name.partition("@")[0]) == {"ä"}


def test_a_stop_lets_requests_finish(platform: str, tmp_path: Path) -> None:
    """SIGTERM refuses new connections, lets the request in flight be answered, and ends with exit code 0."""
    with serving(tmp_path, "financial-svc", platform) as service, psycopg.connect(platform) as blocker:
        service.made("/clients", name="Before")
        blocker.execute("LOCK TABLE financial.clients IN EXCLUSIVE MODE")
        answers: list[conftest.Answer] = []
        thread = threading.Thread(target=lambda: answers.append(service.post("/clients", {"name": "In flight"})))
        thread.start()
        with psycopg.connect(platform, autocommit=True) as observer:
            waiting = SESSIONS + " AND wait_event_type = 'Lock'"
            until(lambda: observer.execute(waiting, ("financial-svc",)).fetchone() == (1,))
        service.process.send_signal(signal.SIGTERM)
        until(lambda: not listens(service))
        blocker.rollback()
        thread.join()
        assert answers[0].status == 201
        assert service.ends(5) == 0
        assert blocker.execute("SELECT count(*) FROM financial.clients").fetchone() == (2,)


def listens(service: Service) -> bool:
    """Tell whether a new connection is accepted."""
    try:
        return service.ask("/health").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("name", ["financial-svc", "trading-svc"])
def test_a_stop_ends_in_time(name: str, platform: str, tmp_path: Path) -> None:
    """SIGTERM during a request that waits for the database ends the process, and its session, within five seconds."""
    with serving(tmp_path, name, platform) as service, psycopg.connect(platform) as blocker:
        assert service.ask(LISTS[name]).status == 200
        blocker.execute("LOCK TABLE financial.clients, trading.orders")
        thread = threading.Thread(target=lambda: listens_to(service, LISTS[name]))
        thread.start()
        with psycopg.connect(platform, autocommit=True) as observer:
            until(lambda: observer.execute(SESSIONS + " AND wait_event_type = 'Lock'", (name,)).fetchone() == (1,))
            service.process.send_signal(signal.SIGTERM)
            assert service.ends(5) in (0, 143)
            thread.join()
            until(lambda: observer.execute(SESSIONS, (name,)).fetchone() == (0,))


def listens_to(service: Service, path: str) -> None:
    """Send a request whose answer may never come."""
    try:
        service.ask(path)
    except OSError:
        return


@pytest.mark.parametrize("name", ALL)
def test_it_can_be_stopped_at_once(name: str, platform: str, tmp_path: Path) -> None:
    """SIGTERM ends an idle service soon with 0, and SIGINT with 130."""
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        with serving(tmp_path, name, platform) as service:
            service.process.send_signal(number)
            assert service.ends(PROMPT) == code, service.said()
            assert "stopped" in service.said()
            assert "Traceback" not in service.said()


def test_it_can_be_stopped_during_its_imports(platform: str, tmp_path: Path) -> None:
    """SIGTERM before the service listens ends it with 143, at whatever import it is."""
    with starting(tmp_path, "financial-svc", platform) as service:
        status = Path(f"/proc/{service.process.pid}/status")
        caught = 1 << (signal.SIGTERM - 1)

        def handled() -> bool:
            line = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
            return bool(int(line.split()[1], 16) & caught)

        until(handled, pause=0.001)
        service.process.send_signal(signal.SIGTERM)
        assert service.ends(5) == 143
        assert "listening" not in service.said()
        assert "Traceback" not in service.said()


def test_wrong_settings_end_it(platform: str, tmp_path: Path) -> None:
    """Without DATABASE_URL, or with one or a port that makes no sense, the exit code is 2; with a taken port, 3."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for url, extra, code, said in (
            ("", {}, 2, "DATABASE_URL is not set"),
            ("postgresql://u:secret-word@h/d?nonsense=1", {}, 2, "DATABASE_URL cannot be read"),
            (platform, {"PORT": "http"}, 2, "PORT=http is no port"),
            (platform, {"PORT": port}, 3, "cannot be listened on"),
        ):
            with starting(tmp_path, "trading-svc", url, **extra) as service:
                assert service.ends() == code, service.said()
                assert said in service.said()
                assert "secret-word" not in service.said()
                assert "Traceback" not in service.said()


def test_a_url_of_another_tool_is_understood(platform: str, tmp_path: Path) -> None:
    """A DATABASE_URL as SQLAlchemy or Prisma writes it leads to the database."""
    url = platform.replace("postgresql://", "postgresql+psycopg://")
    with serving(tmp_path, "trading-svc", f"{url}?schema=public&connection_limit=5") as service:
        assert service.ask("/ready").status == 200
        assert service.ask("/orders").status == 200


def test_the_probe(trading: Service, tmp_path: Path) -> None:
    """The container's probe exits 0 on a ready service, 1 where none listens, and needs no package."""
    port = trading.base.rpartition(":")[2]
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for number, code in ((port, 0), (str(nobody.getsockname()[1]), 1), ("x", 1)):
            probe = subprocess.run(
                [sys.executable, "-I", "-S", str(REPOSITORY / "services" / "health.py")],
                env={"PORT": number},
                cwd=tmp_path,
                capture_output=True,
                check=False,
            )
            assert (probe.returncode, probe.stdout, probe.stderr) == (code, b"", b"")


def test_logs_for_programs(platform: str, tmp_path: Path) -> None:
    """With SCHEMATA_LOG_FORMAT=json every line is an object; a request's line has its status and its id."""
    with serving(tmp_path, "trading-svc", platform, SCHEMATA_LOG_FORMAT="json") as service:
        answer = service.ask("/orders?limit=0&cursor=%0a%0d")
        until(lambda: "/orders" in service.said())
        lines = [json.loads(line) for line in service.said().splitlines()]
        assert {line["service"] for line in lines} == {"trading-svc"}
        (line,) = [line for line in lines if line["message"] == "GET /orders"]
        assert line["status"] == 400
        assert line["request_id"] in answer.json["instance"]
        assert answer.headers["X-Request-Id"] == line["request_id"]
