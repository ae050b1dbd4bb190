"""A real server for the session, a template database, a clone per test, and projects in temporary folders."""

import functools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.deploy import migrate
from schemata.postgres import urls
from schemata.server.embedded import binaries, instance, server_state
from tests import preloaded

REPOSITORY = Path(__file__).resolve().parent.parent

# The tests are not to be swayed by who runs them.
_LEAVE = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SCHEMATA_PG_BIN", "PYTHONPATH", "TERM")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the server's version be chosen; one that is not there is fetched, and its absence is a failure."""
    parser.addoption("--whole", action="store_true", help="every row of the large tables of cases, not a sample")
    parser.addoption("--again", action="store_true", help="leave out what another version of the server cannot change")
    parser.addoption("--postgres", default="", help="major version of PostgreSQL to test on (default: any)")


def pytest_configure(config: pytest.Config) -> None:
    """Heed SIGINT even where a shell that started us in the background had it ignored: commands inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Where pytest-xdist 3.8 writes the group of a test; without it two workers wait for one Docker engine, in silence.
    if config.getoption("dist", "") == "loadgroup" and not hasattr(pytest.Item, "_nodeid"):
        raise pytest.UsageError("With this pytest the groups of xdist are without effect: install pytest<9.2")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which server programs are used and what is left out, so that a log can be read without asking."""
    found = _programs(config.getoption("--postgres"))
    lines = [f"PostgreSQL {found.version} ({found.source})"]
    if not any("coldstart" in str(argument) for argument in config.args):
        lines.append("left out: tests/coldstart (nox -s coldstart, or name the folder)")
    return lines


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is marked for other versions of the server, with the reason; drop what need not run again."""
    if config.getoption("--again"):
        once = [item for item in items if item.get_closest_marker("once")]
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if not item.get_closest_marker("once")]
    major = _programs(config.getoption("--postgres")).major
    for item in items:
        for mark in item.iter_markers("pg"):
            low, high = mark.kwargs.get("least", 0), mark.kwargs.get("most", 99)
            if not low <= major <= high:
                item.add_marker(pytest.mark.skip(reason=f"for PostgreSQL {low} to {high}, this is {major}"))


def _programs(version: str) -> binaries.Binaries:
    cache = REPOSITORY / ".schemata"
    override = os.environ.get("SCHEMATA_PG_BIN")
    if not version:
        return binaries.find(None, override, cache)
    try:
        return binaries.find(int(version), override, cache)
    except Exception:  # noqa: BLE001 - whatever the search lacks, fetching says what is wrong
        return binaries.provision(int(version), cache)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SCHEMATA_", "PG")) and name not in _LEAVE:
            monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> binaries.Binaries:
    """Return the server programs of the version under test."""
    return _programs(pytestconfig.getoption("--postgres"))


@pytest.fixture
def own_programs(programs: binaries.Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands use the programs under test: smoke downloads none, and a new project has none of its own."""
    monkeypatch.setenv(binaries.OVERRIDE, str(Path(programs.program("postgres")).parent))


@pytest.fixture(scope="session")
def server(programs: binaries.Binaries) -> Iterator[server_state.Server]:
    """Run one server for the session, in memory where there is room."""
    with instance.temporary(programs) as running:
        yield running


@pytest.fixture(scope="session")
def admin(server: server_state.Server) -> Iterator[psycopg.Connection]:
    """Connect to the server as its superuser, in autocommit."""
    with psycopg.connect(urls.with_database(server.url, "postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def make_database(server: server_state.Server, admin: psycopg.Connection) -> Iterator[Callable[..., str]]:
    """Make databases with names of their own, from a template if asked; they are dropped afterwards."""
    made: list[str] = []

    def make(template: str = "template1") -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        made.append(name)
        return urls.with_database(server.url, name)

    yield make
    for name in made:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    """Give an empty database."""
    return make_database()


@pytest.fixture(scope="session")
def platform_template(server: server_state.Server, admin: psycopg.Connection) -> str:
    """Migrate the platform once; tests clone the result. Returns the database's name."""
    name = f"platform_{uuid.uuid4().hex[:8]}"
    admin.execute(f'CREATE DATABASE "{name}"')
    result = migrate.migrate(config.load(REPOSITORY, {}), url=urls.with_database(server.url, name))
    assert result.done
    return name


@pytest.fixture
def platform(make_database: Callable[..., str], platform_template: str) -> str:
    """Give a database in which the platform's migrations are applied."""
    return make_database(platform_template)


@dataclass
class Project:
    """A repository that adopts the engine: settings, tasks, migrations, and its commands in subprocesses."""

    root: Path
    url: str = ""
    schemas: tuple[str, ...] = ("app",)
    environment: dict[str, str] = field(default_factory=dict)

    def configure(self, extra: str = "", name: str = "second") -> None:
        """Write pyproject.toml with these schemas and whatever else is given in TOML below the table."""
        listed = ", ".join(f'"{schema}"' for schema in self.schemas)
        text = f'[tool.schemata]\nname = "{name}"\nschemas = [{listed}]\n{textwrap.dedent(extra)}'
        if "[tool.schemata.backups]" not in text:
            # A backup before each migration that destroys would take longer than the test: backups have their own.
            text += '\n[tool.schemata.backups]\npolicy = "never"\n'
        (self.root / "pyproject.toml").write_text(text, encoding="utf-8")
        (self.root / "tasks.py").write_text(
            "from schemata.tasks import namespace as ns\n__all__ = ['ns']\n", encoding="utf-8"
        )
        for schema in self.schemas:
            (self.root / "migrations" / schema).mkdir(parents=True, exist_ok=True)

    def write(self, migration_id: str, sql: str, rollback: str | None = "SELECT 1;\n") -> Path:
        """Write a migration, and its rollback unless that is None; return the migration's path."""
        schema = migration_id.partition(".")[0]
        path = self.root / "migrations" / schema / f"{migration_id}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(sql), encoding="utf-8")
        if rollback is not None:
            path.with_suffix(".rollback.sql").write_text(textwrap.dedent(rollback), encoding="utf-8")
        return path

    @property
    def confirm(self) -> str:
        """Return the flag that names the database to a command that destroys."""
        return confirm(self.url)

    def env(self, **extra: str) -> dict[str, str]:
        """Return the environment of the commands: nothing of the caller's but what a shell needs."""
        kept = {name: os.environ[name] for name in _LEAVE if name in os.environ}
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), kept.get("PYTHONPATH", "")]))
        if self.url:
            kept["DATABASE_URL"] = self.url
        return {**kept, **self.environment, **extra}

    def inv(self, *arguments: str, timeout: float = 120, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run `inv …` in the project and return how it ended."""
        return preloaded.run(preloaded.INV, "invoke", arguments, cwd=self.root, env=self.env(**extra), timeout=timeout)

    def boot(self, *arguments: str, timeout: float = 120, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m schemata.boot …` in the project and return how it ended."""
        return self.run([sys.executable, "-m", "schemata.boot", *arguments], timeout=timeout, **extra)

    def run(self, command: Sequence[str], timeout: float = 120, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the project and return how it ended."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.env(**extra),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start `inv …` in the project and return the running process, its output in pipes."""
        return self.run_later("-m", "invoke", *arguments, **extra)

    def run_later(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start Python in the project and return the running process, its output in pipes."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.env(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def confirm(url: str) -> str:
    """Return the flag that says to a command that destroys that it means this database."""
    return f"--confirm={urls.database_of(url)}"


def shell_code(code: int) -> int:
    """Return a process's exit code as a shell shows it.

    `python -m …` may be ended by SIGINT itself instead of by exit(130): CPython decides so when the interrupt came
    inside of an eval() or exec() of a text, such as an import of dataclasses does, although it was caught further out.
    """
    return code if code >= 0 else 128 - code


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    """Give a project of one schema, `app`, whose DATABASE_URL is an empty database."""
    made = Project(tmp_path, database)
    made.configure()
    return made


def pg_dump(programs: binaries.Binaries, url: str) -> str:
    """Return pg_dump's view of a database, structure and data, without the history's rows: an oracle not ours."""
    return subprocess.run(
        [
            str(programs.program("pg_dump")),
            "--restrict-key=x",
            "--exclude-table-data=schemata.*",
            "--no-owner",
            f"--dbname={url}",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.fixture
def dump(programs: binaries.Binaries) -> Callable[[str], str]:
    """Return pg_dump with the programs under test; wider scopes than a test call `pg_dump` itself."""
    return functools.partial(pg_dump, programs)
