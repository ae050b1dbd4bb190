"""Services as real processes on real databases, and a client that reads their answers."""

import contextlib
import http.client
import json
import os
import signal
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata.postgres import urls
from schemata.server.embedded import server_state
from tests import preloaded
from tests.conftest import REPOSITORY
from tests.patience import PATIENCE, until
from tests.services import access

# How many sessions a service has; the other tests' services are on other databases of the same server.
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND split_part(application_name, '@', 1) = %s"
)


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body's value."""
        return json.loads(self.body)


@dataclass
class Service:
    """A service that was started, and its log."""

    name: str
    process: preloaded.Process
    log: Path

    @property
    def base(self) -> str:
        """Return its URL, which it says when it listens."""
        for line in self.said().splitlines():
            if " listening url=" in line:
                return line.partition(" listening url=")[2].strip()
            if line.startswith("{") and json.loads(line)["message"] == "listening":
                return str(json.loads(line)["url"])
        return ""

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text("utf-8")

    def ask(
        self, target: str, method: str = "GET", body: bytes | None = None, timeout: float = 30, **headers: str
    ) -> Answer:
        """Send one request, with a key that may do all unless `authorization` is given; return the answer."""
        parts = urllib.parse.urlsplit(self.base)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
        headers.setdefault("authorization", f"Bearer {access.KEY.text}")
        # An empty one is not sent.
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        with contextlib.closing(connection):
            connection.request(method, target, body, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def post(self, path: str, value: Any, timeout: float = 30) -> Answer:
        """Send a value as JSON."""
        return self.ask(path, "POST", json.dumps(value).encode(), timeout, content_type="application/json")

    def made(self, path: str, **values: Any) -> dict[str, Any]:
        """Create one and return it."""
        answer = self.post(path, values)
        assert answer.status == 201, answer
        made: dict[str, Any] = answer.json
        return made

    def ready(self) -> dict[str, Any]:
        """Return what /ready says, whatever its status."""
        said: dict[str, Any] = self.ask("/ready").json
        return said

    def ends(self, within: float = PATIENCE) -> int:
        """Wait for the end of the process and return its exit code."""
        return self.process.wait(within)


@contextlib.contextmanager
def starting(folder: Path, name: str, url: str, root: Path = REPOSITORY, **extra: str) -> Iterator[Service]:
    """Start a service on a port that is free; it may still be on its way. It is killed at the end of the block."""
    log = folder / f"{name}-{uuid.uuid4().hex[:6]}.log"
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if key in os.environ}
    paths = [str(REPOSITORY), str(REPOSITORY / "services" / "client"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PORT": "0",
        "SCHEMATA_ROOT": str(root),
        **({"DATABASE_URL": url} if url else {}),
        **extra,
    }
    with log.open("wb") as file, open(os.devnull, "rb") as nothing:
        process = preloaded.SERVICE.start(
            f"services.{name.replace('-', '_')}", [],
            cwd=folder, env=environment, stdin=nothing.fileno(), stdout=file.fileno(), stderr=file.fileno(),
        )  # fmt: skip
    try:
        yield Service(name, process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(folder: Path, name: str, url: str, root: Path = REPOSITORY, **extra: str) -> Iterator[Service]:
    """Start a service, on a database that knows the tests' key, and wait until it listens."""
    access.store_own(url)
    with starting(folder, name, url, root, **extra) as service:
        until(lambda: service.base or service.process.poll() is not None)
        assert service.process.poll() is None, service.said()
        yield service


@pytest.fixture(scope="session")
def shared(server: server_state.Server, admin: psycopg.Connection, platform_template: str) -> Iterator[str]:
    """Give one migrated database to all the tests that leave each other's rows alone."""
    name = f"shared_{uuid.uuid4().hex[:8]}"
    admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{platform_template}"')
    yield urls.with_database(server.url, name)
    admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def financial(shared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a running financial-svc."""
    with serving(tmp_path_factory.mktemp("financial"), "financial-svc", shared) as service:
        yield service


@pytest.fixture(scope="session")
def trading(shared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a running trading-svc."""
    with serving(tmp_path_factory.mktemp("trading"), "trading-svc", shared) as service:
        yield service


@dataclass(frozen=True)
class Basis:
    """What the other resources need: a user, an account of theirs, a client."""

    user: int
    account: int
    client: int


@pytest.fixture(scope="session")
def basis(financial: Service) -> Basis:
    """Create a user, an account and a client over HTTP."""
    return make_basis(financial)


def make_basis(financial: Service) -> Basis:
    """Create a user, an account in EUR and a client over HTTP."""
    tag = uuid.uuid4().hex[:10]
    user = financial.made("/users", email=f"{tag}@example.com", display_name="Ada")["id"]
    institution = financial.made("/institutions", name=tag, kind="broker", country="DE")["id"]
    account = financial.made(
        "/accounts",
        institution_id=institution,
        owner_id=user,
        number=tag,
        name="Main",
        kind="brokerage",
        currency="EUR",
    )["id"]
    return Basis(user, account, financial.made("/clients", name="Acme")["id"])
