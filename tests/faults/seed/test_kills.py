"""A seed that is killed leaves whole batches, and the next run completes them to the same rows."""

import signal
from collections.abc import Callable

import psycopg
import pytest

from tests import patience
from tests.conftest import Project, confirm

ROWS = 45_000
STOPS_AT = 30_000
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
#: At one row the statement waits for a lock that the test holds.
SETTINGS = f"""
[tool.schemata.seed]
rows = {ROWS}
[tool.schemata.seed."app.sales".columns]
note = "CASE WHEN n = {STOPS_AT} AND pg_advisory_xact_lock_shared(7)::text = '' THEN 'x' ELSE 'y' || n END"
"""
DIGEST = "SELECT count(*), md5(string_agg(s::text, ',' ORDER BY id)) FROM app.sales s"


@pytest.mark.parametrize(("triggers", "kept"), [("", 0), (TRIGGER, 20_000)], ids=["at once", "in batches"])
def test_a_killed_seed_is_completed(
    project: Project, make_database: Callable[..., str], triggers: str, kept: int
) -> None:
    """What was committed stays, nothing else does, and in the end all is as without the kill."""
    project.configure(SETTINGS)
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
        patience.until(lambda: not other.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [backend]).fetchall())
        other.execute("SELECT pg_advisory_unlock(7)")
        assert other.execute("SELECT count(*) FROM app.sales").fetchone() == (kept,)
        assert other.execute("SELECT count(*) FROM pg_index WHERE NOT (indisready AND indisvalid)").fetchone() == (0,)
        done = project.inv("seed", project.confirm)
        assert done.returncode == 0, done.stderr + done.stdout
        found = other.execute(DIGEST).fetchone()
    with psycopg.connect(whole) as connection:
        assert connection.execute(DIGEST).fetchone() == found
    assert found is not None
    assert found[0] == ROWS


def test_an_interrupted_seed_says_what_stays(project: Project) -> None:
    """Ctrl-C ends with 130, in words, and the next run completes the rows."""
    project.configure(SETTINGS)
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
        patience.until(lambda: other.execute("SELECT count(*) FROM app.sales").fetchone() == (0,))
    assert project.inv("seed", project.confirm).returncode == 0
