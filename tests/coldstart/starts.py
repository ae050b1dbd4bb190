"""Services that start through the real entrypoint, and what can be seen of that from outside."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemata import config
from tests import ports
from tests.coldstart import cells
from tests.conftest import REPOSITORY
from tests.patience import PATIENCE, until

_STOP = 5.0  # seconds that a service has to end after SIGTERM
_SHOWN = 4000  # characters of a log in a failure


def ask(port: int, path: str = "/ready") -> tuple[int, dict[str, object]]:
    """GET a path of a service on this machine: status and JSON body; (0, {}) when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read() or b"{}")
        return answer.status, body if isinstance(body, dict) else {}
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()


def phases_of(service: str, log: str) -> list[cells.Phase]:
    """Return the phases that a boot's JSON lines tell of; `began` is in seconds since the epoch."""
    found = []
    for line in log.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            if said["phase"] in cells.PHASES:
                found.append(cells.Phase(service, said["phase"], float(said["began"]), float(said["seconds"])))
    return found


@dataclass
class Start:
    """One process: a boot that becomes its service."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    port: int
    began: float
    ready_at: float = 0.0
    revision: str = ""

    def said(self) -> str:
        """Return what it wrote until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def describe(self) -> str:
        """Return its state and the end of its log, for a failure."""
        code = self.process.poll()
        state = "runs" if code is None else f"ended with exit code {code}"
        return f"{self.name} {state}; it said:\n{self.said()[-_SHOWN:]}"

    def is_ready(self) -> bool:
        """Tell whether its /ready answers 200; fail if it has ended instead."""
        if self.ready_at:
            return True
        if self.process.poll() is not None:
            raise AssertionError(f"not started: {self.describe()}")
        status, body = ask(self.port)
        if status == 200:
            self.ready_at = time.time()
            self.revision = str(body.get("revision", ""))
        return bool(self.ready_at)

    def wait(self, patience: float = PATIENCE) -> int:
        """Return its exit code once it has ended by itself."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"it should have ended: {self.describe()}") from error

    def kill(self) -> None:
        """End it as the kernel does: it can do nothing about it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def phases(self) -> list[cells.Phase]:
        """Return the phases of its boot, and those of the app until its first answer."""
        found = phases_of(self.name, self.said())
        if self.ready_at:
            booted = max((phase.began + phase.seconds for phase in found), default=self.began)
            found.append(cells.Phase(self.name, "app", booted, round(max(0.0, self.ready_at - booted), 3)))
        return found


@dataclass
class Image:
    """A copy of the platform: what an image of the services holds."""

    root: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Start] = field(default_factory=list)

    @property
    def settings(self) -> config.Config:
        """Return the settings as a boot in this copy reads them."""
        return config.load(self.root, {name: self.environment[name] for name in sorted(self.environment)})

    def command(self, service: str) -> list[str]:
        """Return what a service's boot becomes."""
        (found,) = [item for item in self.settings.services if item.name == service]
        return [sys.executable if word == "python" else word for word in found.command]

    def start(self, service: str, command: Sequence[str] = (), *, name: str = "", **environment: str) -> Start:
        """Start a service through the entrypoint: its own program, or `command` in its place."""
        port = ports.free_port()
        name = name or service
        log = self.root.parent / f"{name}-{len(self.started)}.log"
        path = [str(self.root), str(self.root / self.settings.client.folder), str(REPOSITORY)]
        path += filter(None, [os.environ.get("PYTHONPATH")])
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if key in os.environ}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "schemata.boot", service, "--", *(command or self.command(service))],
                cwd=self.root,
                env={
                    **kept,
                    "DATABASE_URL": self.url,
                    "HOST": "127.0.0.1",
                    "PORT": str(port),
                    "PYTHONPATH": os.pathsep.join(path),
                    "SCHEMATA_ROOT": str(self.root),
                    "SCHEMATA_LOG_FORMAT": "json",
                    **self.environment,
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(Start(name, process, log, port, time.time()))
        return self.started[-1]

    def revisions(self, starts: Sequence[Start], patience: float = PATIENCE) -> set[str]:
        """Wait until each of them is ready; return the revisions that they are ready at."""
        until(
            lambda: not [start for start in starts if not start.is_ready()],
            lambda: "ready: " + "\n".join(start.describe() for start in starts if not start.ready_at),
            patience,
        )
        return {start.revision for start in starts}

    def end(self) -> None:
        """Leave nothing running."""
        for start in self.started:
            if start.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(start.process.pid, signal.SIGKILL)
                start.process.wait(PATIENCE)


def stop(started: Sequence[Start]) -> None:
    """End services as an orchestrator does; fail if one does not obey in time, or complains."""
    for start in started:
        start.process.terminate()
    for start in started:
        assert start.wait(_STOP) in (0, -signal.SIGTERM, 128 + signal.SIGTERM), start.describe()


@contextlib.contextmanager
def image(root: Path, url: str) -> Iterator[Image]:
    """Give a copy of the platform's image in a folder; nothing that it started outlives the block."""
    made = Image(root, url)
    try:
        yield made
    finally:
        made.end()
