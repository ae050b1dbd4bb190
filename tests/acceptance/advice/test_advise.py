"""`inv advise` on a development server: what it says, what it writes, and that this passes lint and check."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import instance, server_state
from tests.conftest import Project

ONE = "app.20260101000000.one"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Project]:
    """Give a project with its own development server, and a table whose query lacks an index."""
    # The server's own user must be able to enter.
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    made = Project(tmp_path)
    made.configure()
    made.write(
        ONE,
        "-- Create things.\n\nCREATE TABLE app.things (\n    id bigint PRIMARY KEY,\n    owner bigint NOT NULL,\n"
        "    label text NOT NULL\n);\n",
        "-- Undo: create things.\n\nDROP TABLE app.things;\n",
    )
    assert made.inv("dev-up").returncode == 0
    server = server_state.find_running(made.root / ".schemata")
    assert server is not None
    made.url = server.url
    yield made
    instance.remove(made.root / ".schemata")


def ask(local: Project, times: int) -> None:
    """Look for things by their owner."""
    with psycopg.connect(local.url, autocommit=True) as connection:
        for number in range(times):
            connection.execute("SELECT label FROM app.things WHERE owner = %s", (number + 1,))


def test_from_a_slow_query_to_a_migration(local: Project) -> None:
    """Nothing is known, then something is; the migration that is written passes, is applied, and ends the matter."""
    nothing = local.inv("advise")
    assert nothing.returncode == 1, nothing.stdout + nothing.stderr
    assert "No statement could be judged" in nothing.stdout
    with psycopg.connect(local.url, autocommit=True) as connection:
        connection.execute("INSERT INTO app.things SELECT n, n % 3000, 'label ' || n FROM generate_series(1, 40000) n")
        ask(local, 25)
        unseen = json.loads(local.inv("advise", "--json").stdout)
        assert [one["reason"] for one in unseen["skipped"]] == ["no ANALYZE has seen app.things"]
        connection.execute("VACUUM ANALYZE app.things")
    told = local.inv("advise")
    assert told.returncode == 0, told.stderr
    assert "1. idx_things_owner: saves " in told.stdout
    assert "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_things_owner ON app.things (owner);" in told.stdout
    assert "Too little workload" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 120
    assert list((local.root / "migrations" / "app").glob("*idx*")) == [], "nothing is written unless it is asked for"
    lacking = local.inv("advise", "--evaluator", "copy")
    assert lacking.returncode == 3
    assert "Take one: inv backup." in lacking.stderr
    kept = local.inv("backup", "--verify", "none")
    assert kept.returncode == 0, kept.stderr
    copied = local.inv("advise", "--evaluator", "copy")
    assert copied.returncode == 0, copied.stderr
    assert "1 statement judged on a restored copy with every index built: the backup " in copied.stdout
    assert "1. idx_things_owner: saves " in copied.stdout
    written = local.inv("advise", "--write-migration", "--json", "--evaluator", "ghost")
    assert written.returncode == 0, written.stderr
    document = json.loads(written.stdout)
    (proposal,) = document["proposals"]
    assert proposal["helps"][0]["cost_after"] < proposal["helps"][0]["cost_before"] / 2
    assert len(document["written"]) == 2
    linted = local.inv("lint")
    assert linted.returncode == 0, linted.stdout
    assert "warning" not in linted.stdout, linted.stdout
    assert local.inv("lock").returncode == 0
    checked = local.inv("check", timeout=300)
    assert checked.returncode == 0, checked.stdout
    applied = local.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    ask(local, 25)
    again = json.loads(local.inv("advise", "--json").stdout)
    assert again["proposals"] == []
    assert again["judged"] >= 1


def test_flags_that_cannot_be(local: Project) -> None:
    """Said with what there is; exit codes of wrong settings, and of what is not there."""
    wrong = local.inv("advise", "--evaluator", "ghots")
    assert wrong.returncode == 2
    assert "--evaluator ghots is not one of auto, ghost, hypopg, copy" in wrong.stderr
    absent = local.inv("advise", "--evaluator", "hypopg")
    assert absent.returncode == 3
    assert "has no extension hypopg" in absent.stderr
    assert local.inv("advise", "--top", "many").returncode == 2
    useless = local.inv("advise", "--backup", "latest")
    assert useless.returncode == 2
    assert "--backup latest has no effect with --evaluator auto" in useless.stderr
    less = local.inv("advise", "--max-new", "-3")
    assert less.returncode == 2
    assert "--max-new -3 is less than 1" in less.stderr
