"""An adoption that is killed at any instant leaves nothing or a whole step; run again it is complete."""

import contextlib
import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.adoption import adopt, recording
from schemata.deploy import migrate
from schemata.migrations import files
from schemata.parity import scratch
from schemata.postgres import urls
from schemata.system import directories
from tests.conftest import Project

#: Many with --whole.
MANY, FEW = 30, 3
#: Where the clock of a kill begins, and within how many seconds after that it comes.
PHASES = (("begin", 1.5), ("files", 0.05), ("records", 0.15))
NAMES = ("20240101000000_a", "20240102000000_b", "20240103000000_c")
LEDGER = """
    CREATE TABLE a (i int); CREATE TABLE b (i int);
    CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
        finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
        started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
    INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
        VALUES ('1', '', '2024-01-01', '20240101000000_a', 1), ('2', '', '2024-01-02', '20240102000000_b', 1);
"""


@pytest.fixture
def scratch_name(admin: psycopg.Connection, server: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make scratch databases on the server of the session, over connections of whoever asks; drop what is left."""
    prefix = f"scratch_{uuid.uuid4().hex[:8]}"

    @contextlib.contextmanager
    def database(*arguments: object, **options: object) -> Iterator[str]:
        name = f"{prefix}_{uuid.uuid4().hex[:8]}"
        url = urls.with_database(server.url, "postgres")  # type: ignore[attr-defined]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        yield urls.with_database(url, name)

    monkeypatch.setattr(scratch, "database", database)
    yield
    for (name,) in admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]).fetchall():
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _kill(root: Path, url: str, phase: str, delay: float) -> int:
    """Adopt in a process of its own that is killed so long after a phase of it began; return how it ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(read)
            _mark(write, phase)
            adopt.adopt(config.load(root, {}), "prisma", str(root / "theirs"), url=url)
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    os.read(read, 1)  # the phase began, or the process ended before it
    os.close(read)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _mark(pipe: int, phase: str) -> None:
    """Let a byte be written when a phase begins."""

    def marked(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            os.write(pipe, b"x")
            return function(*arguments, **options)

        return call

    if phase == "begin":
        os.write(pipe, b"x")
    elif phase == "files":
        directories.put = marked(directories.put)  # type: ignore[assignment]
    else:
        recording.Recording.write = marked(recording.Recording.write)  # type: ignore[assignment, method-assign]


@pytest.mark.usefixtures("scratch_name")
def test_a_kill_at_any_instant(tmp_path: Path, make_database: Callable[..., str], pytestconfig: pytest.Config) -> None:
    """No file or all, no record or all, records only beside files; the next run completes it, and migrate goes on."""
    chance, ended = random.Random(9), 0
    template = make_database()
    with psycopg.connect(template, autocommit=True) as connection:
        connection.execute(LEDGER)
    for number in range(MANY if pytestconfig.getoption("--whole") else FEW):
        phase, longest = PHASES[number % len(PHASES)]
        root = tmp_path / str(number)
        root.mkdir()
        project = Project(root, make_database(urls.database_of(template)), ("public",))
        project.configure()
        for name in NAMES:
            (root / "theirs" / name).mkdir(parents=True)
            (root / "theirs" / name / "migration.sql").write_text(f"CREATE TABLE {name[-1]} (i int);\n")
        ended += _kill(root, project.url, phase, chance.random() * longest) == 0
        settings = config.load(root, {})
        written = len(files.read(settings.migrations, settings.schemas))
        assert written in (0, 3), (number, phase)
        assert (settings.migrations / files.MANIFEST).exists() == bool(written)
        with psycopg.connect(project.url, autocommit=True) as connection:
            there = connection.execute("SELECT to_regclass('schemata.attempts')").fetchone() != (None,)
            rows = connection.execute("TABLE schemata._yoyo_migration").fetchall() if there else []
            assert len(rows) in (0, 2), (number, phase)
            assert written or not rows
            found = adopt.adopt(settings, "prisma", str(root / "theirs"), url=project.url)
            assert (len(found.recorded), found.written) == (2 - len(rows), 3 - written)
            dates = (
                "SELECT count(*) FROM schemata._yoyo_migration JOIN _prisma_migrations"
                " ON applied_at_utc = finished_at AT TIME ZONE 'utc'"
            )
            assert connection.execute(dates).fetchone() == (2,)
            assert [item.id for item in migrate.migrate(settings, url=project.url).done] == list(found.pending)
            assert len(found.pending) == 1
    assert ended < number, "no kill came in time"
