"""Through a transaction-mode pooler: each batch on whatever session it gets, and a lease instead of a lock."""

import json
import signal
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests import backfills
from tests.conftest import Project
from tests.faults import deployers, pooler
from tests.patience import until

COMMAND = ("change-backfill", backfills.CHANGE)


@pytest.fixture
def pooled(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run PgBouncer in transaction mode in front of the server; turn a direct URL into one through it."""
    with pooler.running(tmp_path_factory.mktemp("pooler"), database, "transaction", 3) as through:
        yield through


def test_a_backfill_through_a_pooler(project: Project, pooled: Callable[[str], str]) -> None:
    """Each row is done once, it is recorded, and nothing of it stays in the pool."""
    backfills.expanded(project, backfills.table("composite", 1000))
    done = project.inv(*COMMAND, "--batch", "70", "--json", "--url", pooled(project.url))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["batches"] == 15
    question = (
        "SELECT name, setting FROM pg_settings WHERE source <> 'override' AND name <> 'application_name'"
        " AND name NOT LIKE 'plpgsql.%' ORDER BY 1"
    )
    seen = []
    for url in (pooled(project.url), project.url):
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            seen.append(connection.execute(question).fetchall())
            assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    assert seen[0] == seen[1]
    with psycopg.connect(project.url) as connection:
        assert backfills.counts(connection) == (0, 0, 1000)
        assert backfills.is_recorded(connection)
        held = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
        assert held == (0,)


@pytest.mark.parametrize("first_is_pooled", [True, False], ids=["pooled first", "direct first"])
def test_a_pooled_and_a_direct_run_exclude_each_other(
    project: Project, pooled: Callable[[str], str], first_is_pooled: bool
) -> None:
    """Whichever begins, the other one ends with 5 and names it; a run that was stopped is gone at once."""
    backfills.expanded(project, backfills.table("bigint", 300))
    urls = [pooled(project.url), project.url]
    if not first_is_pooled:
        urls.reverse()
    arguments = (*COMMAND, "--batch", "100", "--pause", "1h", "--url", urls[0])
    with deployers.session(project.url) as connection, deployers.running(project, *arguments) as first:
        until(lambda: _rows(connection) == 100)
        second = project.inv(*COMMAND, "--url", urls[1])
        assert second.returncode == 5, second.stderr
        assert f"run by another process: pid {first.pid} on " in second.stderr
        first.send_signal(signal.SIGINT)
        assert first.wait() == 130
        done = project.inv(*COMMAND, "--url", urls[1])
        assert done.returncode == 0, done.stderr
        assert backfills.counts(connection) == (0, 0, 300)


@pytest.mark.parametrize("again_is_pooled", [True, False], ids=["pooled", "direct"])
def test_a_killed_run_is_taken_over_when_its_lease_is_over(
    project: Project, pooled: Callable[[str], str], again_is_pooled: bool
) -> None:
    """Nobody can tell whether it lives, so it counts as alive for as long as it promised."""
    backfills.expanded(project, backfills.table("bigint", 300))
    arguments = (*COMMAND, "--batch", "100", "--pause", "1h", "--url", pooled(project.url))
    with deployers.session(project.url) as connection, deployers.running(project, *arguments) as first:
        until(lambda: _rows(connection) == 100)
        first.kill()
        first.wait()
        # Its last sign of life was long ago.
        connection.execute("UPDATE schemata.changes SET updated_at = updated_at - interval '19 s'")
        again = project.inv(*COMMAND, "--json", "--url", pooled(project.url) if again_is_pooled else project.url)
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["updated"] == 200
        assert backfills.counts(connection) == (0, 0, 300)


def test_a_run_that_was_taken_over_stops(project: Project, pooled: Callable[[str], str]) -> None:
    """A run that was silent for too long finds another one in its place, and changes nothing any more."""
    backfills.expanded(project, backfills.table("bigint", 300))
    arguments = (*COMMAND, "--batch", "100", "--pause", "1s", "--url", pooled(project.url))
    with deployers.session(project.url) as connection, deployers.running(project, *arguments) as first:
        until(lambda: _rows(connection) == 100)
        connection.execute("UPDATE schemata.changes SET runner = 'pid 1 on elsewhere through a pooler, since then'")
        _, err = first.communicate()
        assert first.returncode == 5, err
        assert "was taken over by pid 1 on elsewhere" in err
        assert backfills.counts(connection) == (200, 0, 100)


def _rows(connection: psycopg.Connection) -> int:
    try:
        row = connection.execute("SELECT rows FROM schemata.changes").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0
