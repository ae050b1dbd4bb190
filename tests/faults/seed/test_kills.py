"""A seed that is killed leaves whole batches, and the next run completes them to the same rows."""

import signal
from collections.abc import Callable

import psycopg
import pytest

from schemata.seed import ahead
from tests import patience
from tests.conftest import Project, confirm

#: So many rows, and the one at which the test stops the run: the first session is at it, or the second one.
FEW, MANY = (45_000, 30_000), (ahead.LEAST + 5_000, ahead.LEAST)
TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.shops (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE app.sales (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, shop_id bigint NOT NULL REFERENCES app.shops,
    price numeric(8, 2) NOT NULL, note text NOT NULL
);
CREATE INDEX idx_sales_shop_id ON app.sales (shop_id, id);
"""
#: A trigger keeps the seed from building the indexes afterwards: it goes batch by batch.
TRIGGER = """
CREATE FUNCTION app.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER look BEFORE INSERT ON app.sales FOR EACH ROW EXECUTE FUNCTION app.look();
"""
DIGEST = "SELECT count(*), md5(string_agg(s::text, ',' ORDER BY id)) FROM app.sales s"
MADE_AHEAD = "SELECT count(*) FROM pg_class WHERE relname LIKE 'seed_rows%'"
WORKING = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'schemata%' "
    "AND backend_type = 'client backend'"
)


def settings(rows: int, stops_at: int) -> str:
    """Return settings by which the statement that makes a certain row waits for a lock that the test holds."""
    return f"""
[tool.schemata.seed]
rows = {rows}
[tool.schemata.seed."app.sales".columns]
note = "CASE WHEN n = {stops_at} AND pg_advisory_xact_lock_shared(7)::text = '' THEN 'x' ELSE 'y' || n END"
"""


@pytest.mark.parametrize(
    ("triggers", "kept", "sizes"),
    [("", 0, FEW), (TRIGGER, 20_000, FEW), ("", 0, MANY)],
    ids=["at once", "in batches", "by two sessions"],
)
def test_a_killed_seed_is_completed(
    project: Project, make_database: Callable[..., str], triggers: str, kept: int, sizes: tuple[int, int]
) -> None:
    """What was committed stays, nothing else does, and in the end all is as without the kill."""
    project.configure(settings(*sizes))
    whole = make_database()
    for url in (project.url, whole):
        with psycopg.connect(url) as connection:
            connection.execute(TABLES + triggers)  # type: ignore[arg-type]
    assert project.inv("seed", "--url", whole, confirm(whole)).returncode == 0
    with psycopg.connect(project.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(7)")
        running = project.start("seed", project.confirm)
        waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7"
        patience.until(lambda: bool(other.execute(waiting).fetchall()) or running.poll() is not None)
        assert running.poll() is None, running.communicate()
        running.send_signal(signal.SIGKILL)
        running.communicate()
        (backend,) = other.execute(waiting).fetchall()[0]
        other.execute("SELECT pg_terminate_backend(%s)", [backend])
        patience.until(lambda: not other.execute(WORKING).fetchall())
        other.execute("SELECT pg_advisory_unlock(7)")
        assert other.execute("SELECT count(*) FROM app.sales").fetchone() == (kept,)
        assert other.execute("SELECT count(*) FROM pg_index WHERE NOT (indisready AND indisvalid)").fetchone() == (0,)
        done = project.inv("seed", project.confirm)
        assert done.returncode == 0, done.stderr + done.stdout
        found = other.execute(DIGEST).fetchone()
        assert other.execute(MADE_AHEAD).fetchone() == (0,)
    with psycopg.connect(whole) as connection:
        assert connection.execute(DIGEST).fetchone() == found
    assert found is not None
    assert found[0] == sizes[0]


@pytest.mark.parametrize("sizes", [FEW, MANY], ids=["one session", "two sessions"])
def test_an_interrupted_seed_says_what_stays(project: Project, sizes: tuple[int, int]) -> None:
    """Ctrl-C ends with 130, in words, and the next run completes the rows."""
    project.configure(settings(*sizes))
    with psycopg.connect(project.url) as connection:
        connection.execute(TABLES)  # type: ignore[arg-type]
    with psycopg.connect(project.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(7)")
        running = project.start("seed", project.confirm)
        waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7"
        patience.until(lambda: bool(other.execute(waiting).fetchall()))
        running.send_signal(signal.SIGINT)
        _, text = running.communicate()
        assert running.returncode == 130, text
        assert "The next run completes them: inv seed" in text
        assert "Traceback" not in text
        other.execute("SELECT pg_advisory_unlock(7)")
        patience.until(lambda: not other.execute(WORKING).fetchall())
        assert other.execute("SELECT count(*) FROM app.sales").fetchone() == (0,)
    assert project.inv("seed", project.confirm).returncode == 0
