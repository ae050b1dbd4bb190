"""`inv slow-queries` on a development server: over a restart and over a crash."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata.server.embedded import instance, server_state
from schemata.system import processes
from tests.conftest import Project

ONE = "app.20260101000000.one"
SLOW = "SELECT count(*) FROM app.one WHERE state = 3"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Project]:
    """Give a project with its own development server and one table."""
    # The server's own user must be able to enter.
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    made = Project(tmp_path)
    made.configure()
    made.write(ONE, "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY, state int);\n", "DROP TABLE app.one;\n")
    yield made
    instance.remove(made.root / ".schemata")


def calls(local: Project, *flags: str, code: int = 0) -> int:
    """Return how often the slow statement ran, as the command says it."""
    done = local.inv("slow-queries", "--json", *flags)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return sum(int(one["calls"]) for one in document["statements"] if "app.one" in one["text"])


def run(local: Project, times: int) -> server_state.Server:
    """Run the slow statement; return the server."""
    server = server_state.find_running(local.root / ".schemata")
    assert server is not None
    with psycopg.connect(server.url, autocommit=True) as connection:
        for _ in range(times):
            connection.execute(SLOW)
    return server


def test_a_delta_survives_what_happens_to_the_server(local: Project) -> None:
    """A restart in order keeps the counts, a crash loses them, and a reset begins again: only new calls are shown."""
    assert local.inv("dev-up").returncode == 0
    run(local, 3)
    assert calls(local) == 3
    run(local, 2)
    assert local.inv("dev-down").returncode == 0
    assert local.inv("dev-up").returncode == 0
    assert calls(local) == 2, "a restart in order keeps what was counted, and it is counted on"
    server = run(local, 1)
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    processes.wait_gone(pid, 60.0)
    assert local.inv("dev-up").returncode == 0
    run(local, 4)
    assert calls(local) == 4, "a crash loses the counts: all that is there is new"
    run(local, 5)
    assert calls(local, "--whole", "--above", "0.000001s", code=1) == 9


def test_for_people(local: Project) -> None:
    """The table fits, the plan is named; a role, a database and a time are said."""
    assert local.inv("dev-up").returncode == 0
    run(local, 2)
    done = local.inv("slow-queries", "--top", "1")
    assert done.returncode == 0, done.stderr
    assert "1. SELECT count(*) FROM app.one WHERE state = $1\n" in done.stdout
    assert "Seq Scan on one, filter (state = $1)" in done.stdout
    assert max(map(len, done.stdout.split("\n\n")[1].splitlines())) <= 100
    wrong = local.inv("slow-queries", "--top", "many")
    assert wrong.returncode == 2
    assert "--top many is not a whole number" in wrong.stderr


def test_made_up_rows_are_not_the_applications(local: Project) -> None:
    """What `inv seed` sends is left out, the tables that reference others included; with --all it is there."""
    two = "CREATE TABLE app.two (id int PRIMARY KEY, one_id int NOT NULL REFERENCES app.one (id), at interval, t text);"
    local.write("app.20260102000000.two", f"-- Two.\n{two}\n", "DROP TABLE app.two;\n")
    assert local.inv("dev-up").returncode == 0
    seeded = local.inv("seed", "--rows", "3000")
    assert seeded.returncode == 0, seeded.stderr
    run(local, 1)

    def texts(*flags: str) -> list[str]:
        done = local.inv("slow-queries", "--whole", "--json", "--top", "500", *flags)
        assert done.returncode == 0, done.stderr
        return [one["text"] for one in json.loads(done.stdout)["statements"]]

    assert any("/* inv seed */" in text and "two" in text for text in texts("--all")), texts("--all")
    assert not set(texts()) - {"SELECT count(*) FROM app.one WHERE state = $1"}
