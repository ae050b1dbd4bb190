"""A service under load: a list of 100,000 rows over 50 connections, against a minimal endpoint with the same SQL."""

import contextlib
import dataclasses
import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import measure
import psutil
import psycopg
import sessions
import tables
from place import Position

from schemata import config
from schemata.deploy import migrate
from services import pool
from services.api_keys import commands, keys

_CONNECTIONS = 50
_TARGET = "/clients?limit=50"
#: Short turns, and more of them: a machine that is busy at times is so for both.
_SECONDS = 1.5
_TURNS = 3
_KEY = keys.make()
_HERE = Path(__file__).resolve().parent
_ROWS = """
INSERT INTO financial.clients (name, status, created_at)
SELECT 'Client ' || n, 'active', timestamptz '2026-01-01 00:00:00.000001+00' + n * interval '1 second'
FROM generate_series(1, %s) n
"""


@dataclasses.dataclass
class Served:
    """One that was measured: what each round gave, its memory (MiB) under load, its seconds until it listened.

    :param before: its sessions at the server before the first request. :param during: the most during any load.
    :param after: those after each load, and how many of them were still at work. :param failed: its answers of 5xx.
    """

    name: str
    url: str
    process: psutil.Process
    start: float
    observer: sessions.Observer
    before: int
    rounds: list[Mapping[str, float]] = dataclasses.field(default_factory=list)
    memory: float = 0.0
    during: int = 0
    after: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    requests: int = 0
    failed: int = 0

    def measure(self, seconds: float) -> None:
        """Load it once."""
        header = f"Authorization: Bearer {_KEY.text}"
        words = (sys.executable, str(_HERE / "load.py"), self.url + _TARGET, str(_CONNECTIONS), str(seconds), header)
        before = self._processor()
        with self.observer.most() as most:
            done = subprocess.run(words, capture_output=True, check=False, text=True)
        if done.returncode:
            raise measure.Failed(f"{self.name} {done.stderr[-600:]}")
        found: dict[str, float] = json.loads(done.stdout)
        found["processor"] = (self._processor() - before) / found["requests"]
        self.rounds.append(found)
        self.requests += int(found["requests"])
        self.failed += int(found["failed"])
        self.during = max(self.during, *most)
        self.after.append(self.observer.settled())
        self.memory = self.process.memory_info().rss / 1024 / 1024
        print(f"  {self.name}: {found['rate']:.0f}/s, p99 {found['p99'] * 1000:.0f} ms", file=sys.stderr)

    def _processor(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def median(self, key: str) -> float:
        """Return the median of the rounds."""
        return statistics.median(found[key] for found in self.rounds)


def served(place: Position, rounds: int, sizes: list[int]) -> list[tables.Section]:
    """Measure requests a second, p99 and memory of financial-svc."""
    url = place.empty_database()
    migrate.migrate(config.load(measure.REPOSITORY, {}), url=url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_ROWS, (sizes[0],))
        connection.execute("VACUUM ANALYZE financial.clients")
        # The service checks it with each request; the minimal endpoint asks nobody who they are.
        owner, _, _ = commands.service_account(connection, "benchmark")
        commands.store(connection, _KEY, owner, "benchmark", ("financial:read",), None)
    # financial-svc begins with a session in its pool; it has one more for keys, and one for /ready when that is asked.
    most = pool.SIZE + 2
    with (
        _running("financial-svc", url, "services.financial_svc") as service,
        _running("minimal endpoint", url, str(_HERE / "minimal_service.py")) as minimal,
    ):
        for number in range(-1, rounds * _TURNS):
            for one in (service, minimal) if number % 2 else (minimal, service):
                one.measure(_SECONDS if number >= 0 else 1.0)
                if number < 0:
                    one.rounds.clear()
    place.drop(url)
    rate, slowest, processor = (
        statistics.median(a[key] / b[key] for a, b in zip(service.rounds, minimal.rounds, strict=True))
        for key in ("rate", "p99", "processor")
    )
    rows = tuple(
        (
            one.name,
            f"{one.median('rate'):.0f}",
            tables.milliseconds(one.median("median")),
            tables.milliseconds(one.median("p99")),
            tables.milliseconds(one.median("processor")),
            f"{one.failed} of {one.requests:,}",
            f"{one.before}, {one.during}, {one.after[-1][0]}",
            f"{one.memory:.0f} MiB",
            tables.milliseconds(one.start),
        )
        for one in (service, minimal)
    )
    goals = (
        tables.Goal("requests/s: financial-svc : minimal endpoint", rate, 0.7, False),
        tables.Goal("p99: financial-svc : minimal endpoint", slowest, 1.5),
        tables.Goal("processor time a request: financial-svc : minimal endpoint", processor, 1.67),
        tables.Goal("answers of 5xx, both", service.failed + minimal.failed, 0, unit=""),
        tables.Goal("sessions of financial-svc during the load", service.during, most, unit=""),
        tables.Goal("sessions more after the last load than after the first", _grown(service), 0, unit=""),
        tables.Goal("sessions still at work after a load", max(busy for _, busy in service.after), 0, unit=""),
    )
    note = (
        f"GET {_TARGET} of {sizes[0]:,} rows over {_CONNECTIONS} connections, each of which sends the next request "
        "when it has the answer; one process each, eight connections to the database. The minimal endpoint sends the "
        "same SQL on the same framework and server and checks no key, logs and signs nothing. A ratio is the median "
        f"of those of {_TURNS * rounds} turns of {_SECONDS} s. Processor is its time for a request; memory is "
        "resident, after the load; the start is from the command to the first answer of /health. Sessions are those "
        "of pg_stat_activity before the first request, the most during a load, and after the last one: a pool keeps "
        "what it opened, and financial-svc has one for keys beside it. Answers of 5xx and sessions are of all "
        f"{len(service.after)} loads, the first one included."
    )
    columns = (
        f"{_CONNECTIONS} connections",
        "requests/s",
        "median",
        "p99",
        "processor",
        "5xx",
        "sessions before, during, after",
        "memory",
        "start",
    )
    return [tables.Section("A service under load", columns, rows, goals, (note,))]


def _grown(one: Served) -> int:
    return one.after[-1][0] - one.after[0][0]


@contextlib.contextmanager
def _running(name: str, url: str, what: str) -> Iterator[Served]:
    """Run a module or a script that serves; it is killed at the end of the block."""
    words = (sys.executable, what) if what.endswith(".py") else (sys.executable, "-m", what)
    paths = f"{measure.REPOSITORY}:{measure.REPOSITORY / 'services' / 'client'}"
    port = _free_port()
    environment = {
        "PYTHONPATH": paths,
        "PORT": str(port),
        "DATABASE_URL": url,
        "PGAPPNAME": name,  # financial-svc gives its own, which is the same
        "SCHEMATA_ROOT": str(measure.REPOSITORY),
    }
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            words,
            cwd=measure.REPOSITORY,
            env=measure.clean() | environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - began > 60:
                    log.seek(0)
                    raise measure.Failed(f"{name} does not serve: {log.read()[-600:].decode()}")
                time.sleep(0.005)
            seconds = time.perf_counter() - began
            observer = sessions.Observer(url, name)
            before, _ = observer.settled()
            yield Served(name, f"http://127.0.0.1:{port}", psutil.Process(process.pid), seconds, observer, before)
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
