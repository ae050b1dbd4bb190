"""Deployers as real processes, and what can be seen of them from outside.

`Deployer` is the console script in a process that is forked from a server with everything imported: it costs
no interpreter start, so many instants can be tried. Where the command line itself matters, tests use Project.
"""

import contextlib
import multiprocessing
import multiprocessing.context
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg

from schemata import __version__, commands, tasks
from schemata.postgres import lock_holder
from schemata.tasks import program as programs
from tests.conftest import Project, shell_code
from tests.patience import PATIENCE, until

#: Settings of a project with a typed client that a service needs.
CLIENT = """
[tool.schemata.client]
package = "app_client"
[tool.schemata.services.svc]
command = ["python", "-m", "svc"]
client = true
"""

# Loaded by name so that a forked deployer has them already.
_LOADED = [commands.migrate, commands.start, commands.status, commands.backfill]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


class Deployer:
    """`schemata <arguments>` in a project, running."""

    def __init__(self, project: Project, log: Path, *arguments: str) -> None:
        self.log = log
        self._process = _context.Process(target=_main, args=(arguments, str(project.root), project.env(), str(log)))
        self._process.start()

    @property
    def running(self) -> bool:
        """Tell whether it has not ended yet."""
        return self._process.is_alive()

    def signal(self, number: int) -> None:
        """Send it a signal; one that has ended gets none."""
        if self._process.pid is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Return its exit code as a shell shows it: 128 + N for signal N."""
        self._process.join(PATIENCE)
        assert self._process.exitcode is not None, f"the deployer does not end; it said:\n{self.said()}"
        return shell_code(self._process.exitcode)

    def said(self) -> str:
        """Return what it wrote until now."""
        return self.log.read_text() if self.log.exists() else ""

    def end(self) -> None:
        """Leave nothing running."""
        self.signal(signal.SIGKILL)
        self._process.join(PATIENCE)


def _main(arguments: tuple[str, ...], root: str, environment: dict[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(root)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    program = programs.Program(name="schemata", binary="schemata", version=__version__, namespace=tasks.namespace)
    try:
        program.run(["schemata", *arguments])
    except KeyboardInterrupt:
        # What the interpreter itself would do at its end.
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


@contextlib.contextmanager
def running(project: Project, *arguments: str, **extra: str) -> Iterator[subprocess.Popen[str]]:
    """Run `inv …` for the time of the block; kill it on the way out if it still runs."""
    process = project.start(*arguments, **extra)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def crowd(
    project: Project, count: int, *arguments: str, program: str = "schemata.boot", **extra: str
) -> list[tuple[int, str]]:
    """Run boots, or another module's main program, at once; return how each ended. None outlives the call."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=project.root,
            env=project.env(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        said = [process.communicate(timeout=4 * PATIENCE)[1] for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate(timeout=PATIENCE)
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a process; return its exit code as a shell shows it, and all that it said."""
    out, err = process.communicate(timeout=PATIENCE)
    return shell_code(process.returncode), out + err


def hears(process: subprocess.Popen[str], text: str) -> str:
    """Read a process's standard error until a line has `text`; return what was read."""
    assert process.stderr is not None
    heard = ""
    for line in process.stderr:
        heard += line
        if text in line:
            return heard
    raise AssertionError(f"it ended without a word of {text!r}:\n{heard}")


@contextlib.contextmanager
def session(url: str, **settings: object) -> Iterator[psycopg.Connection]:
    """Open a session in autocommit; BEGIN and COMMIT are said by the test. Survives being terminated."""
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=None, **settings)  # type: ignore[arg-type]
    try:
        yield connection
    finally:
        connection.close()


def holder(connection: psycopg.Connection) -> int | None:
    """Return the backend that holds the deploy lock of the connection's database."""
    row = connection.execute(
        """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND classid::bigint = %s AND objid::bigint = %s""",
        (lock_holder.KEY >> 32, lock_holder.KEY & 0xFFFFFFFF),
    ).fetchone()
    return int(row[0]) if row else None


def frozen(connection: psycopg.Connection) -> int | None:
    """Return the backend that waits for a lock in the connection's database; there is one at most."""
    row = connection.execute(
        """SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'
           AND datname = current_database() AND pid <> pg_backend_pid()"""
    ).fetchone()
    return int(row[0]) if row else None


def freezes(connection: psycopg.Connection, what: str) -> int:
    """Wait until a backend waits for a lock, and return it; `what` says which statement that is."""
    return int(str(until(lambda: frozen(connection), f"{what} waits")))


def gone(connection: psycopg.Connection, pid: int) -> bool:
    """Tell whether a backend has ended."""
    return connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is None


def as_role(url: str, role: str) -> str:
    """Return a URL with another role, whose password is its name."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{role}:{role}@{rest.rpartition('@')[2]}"


def ids(root: Path) -> list[str]:
    """Return the ids of a project's migrations, by the names of their files alone, sorted."""
    paths = [path for ending in ("sql", "py") for path in root.glob(f"migrations/*/*.{ending}")]
    return sorted(path.stem for path in paths if ".rollback." not in path.name)
