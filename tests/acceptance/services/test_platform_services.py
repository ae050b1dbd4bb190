"""The platform's own four services as local processes: all ready, whole lists over HTTP, a server that is killed."""

import contextlib
import json
import os
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from schemata import config
from schemata.server.embedded import instance, server_state
from tests import ports
from tests.acceptance.services.test_services import working_in
from tests.conftest import REPOSITORY, Project
from tests.patience import until
from tests.services import paging

NAMES = [item.name for item in config.load(REPOSITORY, {}).services]
REGENERATED = "The typed client was written again: services/client/platform_client; commit it with the migration."
NOTE = "financial.20990101000000.add_note_to_clients"


class Platform:
    """A copy of the platform with ports of its own, its server and its services."""

    def __init__(self, root: Path) -> None:
        self.project = Project(root)
        root.mkdir()
        ignored = shutil.ignore_patterns("manifest", "__pycache__")
        for folder in ("migrations", "services"):
            shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
        for name in ("pyproject.toml", "tasks.py"):
            shutil.copy(REPOSITORY / name, root / name)
        self.ports = dict(zip(NAMES, ports.free_ports(len(NAMES)), strict=True))
        for name, port in self.ports.items():
            self.project.environment[f"{name.upper().replace('-', '_')}_PORT"] = str(port)

    def up(self, code: int = 0) -> Any:
        """Run dev-up; return its facts."""
        done = self.project.inv("dev-up", "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def ask(self, name: str, path: str) -> tuple[int, Any]:
        """Return the status and the JSON that a service answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def all_answer(self, path: str, status: int) -> bool:
        """Tell whether each of the four answers with this status."""
        return all(self.ask(name, path)[0] == status for name in NAMES)

    def pids(self) -> set[int]:
        """Return the processes of the services."""
        return set(working_in(self.project.root))


@pytest.fixture
def platform_up(tmp_path: Path) -> Iterator[Platform]:
    """Give the platform, up; nothing of it is left afterwards."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    made = Platform(tmp_path / "platform")
    try:
        facts = made.up()
        assert [(item["name"], item["state"], item["revision"]) for item in facts["services"]] == [
            (name, "ready", facts["revision"]) for name in NAMES
        ]
        assert all(item["ready_after"] > 0 for item in facts["services"])
        made.project.url = facts["url"]
        yield made
    finally:
        done = made.project.inv("dev-down-clean")
        left = made.pids()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        instance.remove(made.project.root / ".schemata")
    assert done.returncode == 0, done.stderr
    assert not left
    assert not (made.project.root / ".schemata").exists()


def _one_more(rounds: list[int]) -> None:
    """Wait until somebody else has inserted once more."""
    seen = len(rounds)
    until(lambda: len(rounds) > seen)


def test_every_list_is_whole_while_others_insert(platform_up: Platform) -> None:
    """Each of the 10,000 rows that a list has at the start appears exactly once, whatever is inserted meanwhile."""
    before = paging.seed(platform_up.project.url, 10_000)
    assert all(len(rows) >= 10_000 for rows in before.values())
    with paging.inserting(platform_up.project.url) as rounds:
        for name, paths in (("financial-svc", paging.FINANCIAL), ("trading-svc", paging.TRADING)):
            for path in paths:
                _one_more(rounds)
                found = paging.walk(f"http://127.0.0.1:{platform_up.ports[name]}", path)
                assert len(found) == len(set(found)), f"{path} gives a row twice"
                assert before[path] <= set(found), f"{path} leaves rows out"


def test_the_last_line_of_dev_up_is_a_request_that_works(platform_up: Platform) -> None:
    """What a newcomer copies from there gets a list, also after a second dev-up, which makes no other key."""
    said = [platform_up.project.inv("dev-up").stdout for _ in range(2)]
    lines = [text.rstrip().splitlines()[-1] for text in said]
    assert lines[0] == lines[1]
    # What a shell makes of it, without the program that it needs.
    shown = platform_up.project.run(["bash", "-c", f'curl() {{ printf "%s\\n" "$@"; }}\n{lines[0]}'])
    flag, header, url = shown.stdout.splitlines()
    assert flag == "-H"
    request = urllib.request.Request(url, headers=dict([header.split(": ", 1)]))
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["items"] == []
    assert platform_up.ask("financial-svc", "/clients")[0] == 401
    key = platform_up.project.root / ".schemata" / "after-up" / "api-key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().strip() not in "".join(said)
    with psycopg.connect(platform_up.project.url) as connection:
        assert connection.execute("SELECT count(*) FROM public.api_keys").fetchone() == (1,)


def test_services_live_through_the_death_of_their_server(platform_up: Platform) -> None:
    """After kill -9 of PostgreSQL each is alive but not ready; when the server is back each is ready by itself."""
    pids = platform_up.pids()
    server = server_state.find_running(platform_up.project.root / ".schemata")
    assert server is not None
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name().startswith("postgres") and os.path.samefile(process.cwd(), server.data):
                process.kill()
    until(lambda: platform_up.all_answer("/ready", 503))
    assert platform_up.all_answer("/health", 200)
    for name in NAMES:
        assert platform_up.ask(name, "/ready")[1]["reason"]
    facts = platform_up.up()
    assert [(item["state"], item["was_running"]) for item in facts["services"]] == [("ready", True)] * len(NAMES)
    assert platform_up.all_answer("/ready", 200)
    assert platform_up.pids() == pids, "nobody was started again"


def test_a_build_outside_the_databases_revision_stays_unready_and_says_why(platform_up: Platform) -> None:
    """Behind the database, and ahead of it: /ready is 503 with both revisions; dev-up brings them together again."""
    head = platform_up.ask("financial-svc", "/ready")[1]["revision"]
    project = platform_up.project
    project.write(
        NOTE, "ALTER TABLE financial.clients ADD COLUMN note text;\n", "ALTER TABLE financial.clients DROP note;\n"
    )
    assert project.inv("migrate").returncode == 0
    until(lambda: platform_up.all_answer("/ready", 503))
    for name in NAMES:
        reason = platform_up.ask(name, "/ready")[1]["reason"]
        assert NOTE in reason
        assert head in reason
    assert platform_up.all_answer("/health", 200)
    pids = platform_up.pids()
    facts = platform_up.up()
    assert {item["revision"] for item in facts["services"]} == {NOTE}
    assert not platform_up.pids() & pids
    assert REGENERATED in facts["notes"]
    (models,) = (project.root / "services" / "client" / "platform_client").glob("financial.py")
    assert "note" in models.read_text()
    assert REGENERATED not in platform_up.up()["notes"]

    assert project.inv("rollback", "--yes").returncode == 0
    until(lambda: platform_up.all_answer("/ready", 503))
    for name in NAMES:
        reason = platform_up.ask(name, "/ready")[1]["reason"]
        assert f"the database is at {head}" in reason
        assert f"this build needs {NOTE}" in reason
    pids = platform_up.pids()
    assert {item["revision"] for item in platform_up.up()["services"]} == {NOTE}
    assert platform_up.pids() == pids, "it was the database that was behind"
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(note) FROM financial.clients").fetchone() is not None
