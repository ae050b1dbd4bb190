"""The command line in this process, which is quick, and what an expected error must look like."""

import json
import subprocess
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from schemata import tasks
from schemata.server.embedded import server_state
from schemata.tasks import program as programs
from tests.conftest import Project


class CommandLine:
    """`schemata …` in the project's folder, run inside the test's own process: an unexpected error fails the test."""

    def __init__(self, project: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._project = project
        self._capfd = capfd
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Return how the command ended."""
        code = 0
        self._capfd.readouterr()
        with self._monkeypatch.context() as patch:
            patch.chdir(self._project.root)
            for name, value in {"DATABASE_URL": self._project.url, **environment}.items():
                patch.setenv(name, value)
            program = programs.Program(name="schemata", binary="schemata", namespace=tasks.namespace)
            try:
                program.run(["schemata", *arguments])
            except SystemExit as end:
                code = int(end.code or 0)
        told = self._capfd.readouterr()
        return subprocess.CompletedProcess(list(arguments), code, told.out, told.err)

    @property
    def confirm(self) -> str:
        """Return the flag that names the database to a command that destroys."""
        return self._project.confirm

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Return the JSON document that a command prints, once its exit code is checked."""
        ended = self(*arguments, "--json")
        assert ended.returncode == code, ended.stdout + ended.stderr
        return json.loads(ended.stdout)

    def refused(self, *arguments: str, code: int, says: tuple[str, ...], **environment: str) -> str:
        """Check that a command ends with this code and a text with all these parts, in this order; return the text."""
        ended = self(*arguments, **environment)
        assert ended.returncode == code, ended.stdout + ended.stderr
        text = ended.stderr
        assert "Traceback" not in text
        position = 0
        for part in says:
            found = text.find(part, position)
            assert found >= 0, f"{part!r} is not in, or not at its place in:\n{text}"
            position = found + len(part)
        return text


@pytest.fixture
def schemata(project: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Give the command line of the project."""
    return CommandLine(project, capfd, monkeypatch)


@pytest.fixture
def make_role(admin: psycopg.Connection, server: server_state.Server) -> Callable[..., str]:
    """Make an ordinary role that may log in; return a database's URL for it. The role ends with the server."""

    def make(url: str, *grants: str) -> str:
        name = f"role_{uuid.uuid4().hex[:12]}"
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'it''s: @ secret'")
        with psycopg.connect(url, autocommit=True) as connection:
            for grant in grants:
                connection.execute(f"{grant} TO {name}")
        return url.replace(f"{server.user}:{server.password}@", f"{name}:it%27s%3A%20%40%20secret@")

    return make
