"""A backfill on tables of every kind of key, beside an application that writes, inserts and holds rows."""

import contextlib
import json
import random
import re
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from schemata import config, targets
from schemata.changes.backfill import batches, exclusion, work
from schemata.deploy import deployment
from schemata.migrations import files
from schemata.migrations.groups import changes
from schemata.report import progress
from tests import backfills
from tests.conftest import Project
from tests.patience import until

CASES = [*((kind, 0) for kind in backfills.KEYS), ("bigint", 3), ("composite", 2), ("uuid", 3)]
COMMAND = ("change-backfill", backfills.CHANGE)
IMPATIENT = """
[tool.schemata.locks]
lock_timeout = "200ms"
attempts = 3
backoff = "50ms"
backoff_cap = "100ms"
"""


@contextlib.contextmanager
def prepared(project: Project, size: int) -> Iterator[batches.Batches]:
    """Give the batches of the project's backfill, without doing any."""
    settings = config.load(project.root, {})
    change = changes.of(files.read(settings.migrations, settings.schemas))[backfills.CHANGE]
    choice = targets.choose(settings, project.url)
    with (
        targets.login(choice) as connection,
        deployment.of_session(settings, choice, progress.SILENT, connection) as deploy,
    ):
        job = work.of(deploy.session.rows, change, change.of("backfill")[0])
        mine = exclusion.Exclusion(deploy.session, "schemata", change.id)
        yield batches.Batches(deploy, job, mine, batches.Position(), size)


@pytest.mark.parametrize(("kind", "partitions"), CASES, ids=str)
def test_each_row_is_done_once_by_its_index(project: Project, kind: str, partitions: int) -> None:
    """Whatever the key is, no batch reads the whole table, every row is updated, none twice, and it is recorded."""
    backfills.expanded(project, backfills.table(kind, 3000, partitions))
    _check_plans(project)
    done = project.inv(*COMMAND, "--batch", "210", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["updated"], told["rows"], told["batches"], told["skipped"]) == (3000, 3000, 15, 0)
    with psycopg.connect(project.url) as connection:
        assert backfills.counts(connection) == (0, 0, 3000)
        assert backfills.is_recorded(connection)


def _check_plans(project: Project) -> None:
    """Have the server run the query for a boundary and a batch, and tell what it reads for them."""
    with psycopg.connect(project.url, autocommit=True) as connection, prepared(project, 100) as done:
        connection.execute("VACUUM ANALYZE app.t")
        key = done._job.key
        rows = connection.execute(
            f"SELECT {key.values} FROM app.t ORDER BY {key.order()} OFFSET 1400 LIMIT 101"  # type: ignore[arg-type]
        ).fetchall()
        low, high = (tuple(map(str, row)) for row in (rows[0], rows[100]))
        done.position.maximum = high
        connection.execute("SET jit = off")
        if done._job.is_composite:
            connection.execute("SET enable_seqscan = off")
        batch = done._job.update.batch(key, key.between(low, high), done._job.lock)
        for query in (done.boundary(low), batch):
            connection.execute("BEGIN")
            plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {query}").fetchall())
            connection.execute("ROLLBACK")
            assert "Seq Scan" not in plan, plan
            read = [float(count) for count in re.findall(r"Scan.*actual rows=([\d.]+) loops=1\)", plan)]
            removed = [int(count) for count in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
            assert max([0.0, *read]) <= 101, plan
            assert sum(removed) <= 300, plan


def test_an_application_never_waits_for_more_than_a_batch(project: Project) -> None:
    """Transactions over two rows in any order do not deadlock, what is inserted is in step, and each row is done."""
    rows = 4000
    backfills.expanded(project, backfills.table("bigint", rows))
    stop = threading.Event()
    failures: list[str] = []
    written = [0]

    def write(seed: int) -> None:
        dice = random.Random(seed)
        with psycopg.connect(project.url, autocommit=True) as connection:
            while not stop.is_set():
                one, other = dice.sample(range(1, rows + 1), 2)
                try:
                    with connection.transaction():
                        connection.execute("UPDATE app.t SET name = name || '!' WHERE id = %s", [one])
                        connection.execute("UPDATE app.t SET name = name || '?' WHERE id = %s", [other])
                    written[0] += 1
                    connection.execute(
                        "INSERT INTO app.t (id, name) VALUES (%s, 'new') ON CONFLICT (id) DO NOTHING",
                        [rows + dice.randint(1, 10_000)],
                    )
                except psycopg.Error as error:
                    failures.append(str(error))

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: written[0] > 20)
        done = project.inv(*COMMAND, "--batch", "200", "--json")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert done.returncode == 0, done.stderr
    assert not failures
    with psycopg.connect(project.url) as connection:
        left, twice, once = backfills.counts(connection)
        # A row that the application wrote before its batch came was in step already.
        assert (left, twice) == (0, 0)
        assert once == json.loads(done.stdout)["updated"]


def test_rows_that_are_held_come_last(project: Project) -> None:
    """A locked row is left, waited for in the end with its holder named, and a rerun does it when it is free."""
    project.configure(IMPATIENT)
    backfills.expanded(project, backfills.table("bigint", 500))
    with psycopg.connect(project.url) as holder:
        holder.execute("SELECT FROM app.t WHERE id IN (7, 300) FOR UPDATE")
        busy = project.inv(*COMMAND, "--batch", "50")
        assert busy.returncode == 5, busy.stderr
        assert "the key id = 7 stayed locked in 3 tries" in busy.stderr
        assert f"backend {holder.info.backend_pid}" in busy.stderr
        assert f"pg_terminate_backend({holder.info.backend_pid})" in busy.stderr
        with psycopg.connect(project.url) as other:
            assert backfills.counts(other) == (2, 0, 498)
            assert not backfills.is_recorded(other)
    done = project.inv(*COMMAND, "--json")
    assert done.returncode == 0, done.stderr
    assert "going on: 498 rows are done and stay" in done.stderr
    told = json.loads(done.stdout)
    assert (told["updated"], told["rows"]) == (2, 500)
    with psycopg.connect(project.url) as connection:
        assert backfills.counts(connection) == (0, 0, 500)


def test_a_row_that_is_freed_in_time_is_done_in_the_same_run(project: Project) -> None:
    """The end waits for a row, within the tries of the settings."""
    backfills.expanded(project, backfills.table("bigint", 200))
    with psycopg.connect(project.url) as holder, psycopg.connect(project.url, autocommit=True) as other:
        holder.execute("SELECT FROM app.t WHERE id = 7 FOR UPDATE")
        running = project.start(*COMMAND, "--json")
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        until(lambda: bool(other.execute(waiting).fetchall()) or running.poll() is not None)
        holder.rollback()
        out, err = running.communicate()
        assert running.returncode == 0, err
        assert json.loads(out)["skipped"] == 1
        assert backfills.counts(other) == (0, 0, 200)


def test_it_waits_while_the_server_has_much_to_do(project: Project) -> None:
    """With --max-load it rests as long as more sessions are active, and says so."""
    backfills.expanded(project, backfills.table("bigint", 300))
    with psycopg.connect(project.url, autocommit=True) as other, psycopg.connect(project.url) as busy:
        asleep = threading.Thread(target=lambda: _cancelled(busy))
        asleep.start()
        running = project.start(*COMMAND, "--batch", "100", "--max-load", "0")
        assert running.stderr is not None
        line = running.stderr.readline()
        assert "other sessions are active, more than 0" in line
        assert other.execute("SELECT rows FROM schemata.changes").fetchone() == (100,)
        other.execute("SELECT pg_cancel_backend(%s)", [busy.info.backend_pid])
        asleep.join()
        out, err = running.communicate()
        assert running.returncode == 0, err
        assert "going on after" in err
        assert "300 rows" in out


def _cancelled(connection: psycopg.Connection) -> None:
    with contextlib.suppress(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(600)")


def test_what_the_server_refuses_is_named_with_its_rows(project: Project) -> None:
    """A violated constraint stops the batch; those before it stay, and after the rows are right it goes on there."""
    first = backfills.table("bigint", 300) + "UPDATE app.t SET name = 'bad' WHERE id = 250;"
    expand = backfills.EXPANSION + "ALTER TABLE app.t ADD CONSTRAINT good CHECK (display_name <> 'bad') NOT VALID;"
    backfills.expanded(project, first, expand=expand)
    failed = project.inv(*COMMAND, "--batch", "100")
    assert failed.returncode == 1
    for text in (
        "in the rows of app.t with the key up to id = 300, above id = 200",
        "PostgreSQL 23514",
        'violates check constraint "good"',
        "UPDATE app.t SET display_name = name",
        "200 rows are done and stay",
        f"Then: inv change-backfill {backfills.CHANGE}",
    ):
        assert text in failed.stderr, failed.stderr
    with psycopg.connect(project.url) as connection:
        assert backfills.counts(connection) == (100, 0, 200)
        connection.execute("ALTER TABLE app.t DISABLE TRIGGER t_sync")
        connection.execute("UPDATE app.t SET name = 'good' WHERE id = 250")
        connection.execute("ALTER TABLE app.t ENABLE TRIGGER t_sync")
    done = project.inv(*COMMAND, "--json")
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["updated"], json.loads(done.stdout)["rows"]) == (100, 300)


def test_an_error_of_the_text_is_placed_in_the_file(project: Project) -> None:
    """A column that is not there is found in its line of the backfill's file."""
    update = "UPDATE app.t\nSET display_name = name\nWHERE display_nam IS DISTINCT FROM name;"
    backfills.expanded(project, backfills.table(), update=update)
    failed = project.inv(*COMMAND)
    assert failed.returncode == 1
    assert f"{backfills.BACKFILL}.sql:8" in failed.stderr, failed.stderr
    assert "PostgreSQL 42703" in failed.stderr


def test_rows_that_are_left_are_named(project: Project) -> None:
    """`-- verify:` has the last word: what it counts keeps the backfill from being recorded, and a few are named."""
    backfills.expanded(
        project,
        backfills.table("composite", 90),
        expand=backfills.EXPANSION.replace("NEW.updates :=", "NEW.display_name := NULL; NEW.updates :="),
    )
    left = project.inv(*COMMAND)
    assert left.returncode == 4
    assert "The first batch updated 90 rows, and the WHERE of the UPDATE still calls them not done." in left.stderr
    assert "90 rows of app.t are not done after the backfill: tenant = 0, id = 3; " in left.stderr
    assert "and 85 more" in left.stderr
    with psycopg.connect(project.url) as connection:
        assert not backfills.is_recorded(connection)


def test_a_verify_of_the_file_is_asked(project: Project) -> None:
    """Where the file's own count is not 0, nothing is recorded, and the rows that were updated stay."""
    verify = "SELECT count(*) FROM app.t WHERE id % 10 = 0"
    backfills.expanded(project, backfills.table("bigint", 50), verify=verify)
    left = project.inv(*COMMAND)
    assert left.returncode == 4
    assert "5 rows of app.t are not done after the backfill\nThe WHERE of the UPDATE finds none of them" in left.stderr
    with psycopg.connect(project.url) as connection:
        assert not backfills.is_recorded(connection)
        assert backfills.counts(connection) == (0, 0, 50)
        connection.execute("DELETE FROM app.t WHERE id % 10 = 0")
    assert project.inv(*COMMAND).returncode == 0


def test_a_join_that_needs_other_tables(project: Project) -> None:
    """An UPDATE with FROM locks and updates the rows of its table alone, each once."""
    first = backfills.table("bigint", 300) + (
        "CREATE TABLE app.names (id bigint PRIMARY KEY, name text);"
        "INSERT INTO app.names SELECT id, name FROM app.t WHERE id % 2 = 0;"
    )
    update = (
        "WITH known AS (SELECT id, name FROM app.names WHERE true)\n"
        "UPDATE app.t AS x SET display_name = k.name FROM known k -- where\n"
        "WHERE k.id = x.id AND x.display_name IS DISTINCT FROM k.name -- end\n;"
    )
    backfills.expanded(project, first, update=update)
    with psycopg.connect(project.url) as holder:
        holder.execute("SELECT FROM app.names FOR UPDATE")
        done = project.inv(*COMMAND, "--batch", "40", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["updated"] == 150
    with psycopg.connect(project.url) as connection:
        assert backfills.counts(connection) == (150, 0, 150)


def test_what_was_done_for_an_earlier_expand_does_not_count(project: Project) -> None:
    """After the expand is rolled back and applied again the whole table is gone through."""
    project.configure(IMPATIENT)
    backfills.expanded(project, backfills.table("bigint", 100))
    with psycopg.connect(project.url) as holder:
        holder.execute("SELECT FROM app.t WHERE id = 100 FOR UPDATE")
        assert project.inv(*COMMAND).returncode == 5
    assert project.inv("rollback", "--yes", project.confirm).returncode == 0
    assert project.inv("migrate", "--to", backfills.EXPAND).returncode == 0
    done = project.inv(*COMMAND, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["updated"] == 100
    assert "going on" not in done.stderr


def test_an_empty_table_is_done_at_once(project: Project) -> None:
    """Without a row there is nothing to do but the record."""
    backfills.expanded(project, backfills.table("bigint", 0))
    done = project.inv(*COMMAND)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(project.url) as connection:
        assert backfills.is_recorded(connection)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("CREATE TABLE app.t (id bigint, name text, updates integer)", "app.t has no key"),
        (
            "CREATE TABLE app.t (id bigint, name text, updates integer);"
            "CREATE UNIQUE INDEX t_some ON app.t (id) WHERE id > 5; CREATE UNIQUE INDEX t_null ON app.t (id);"
            "CREATE UNIQUE INDEX t_of ON app.t ((id + 1))",
            "t_of is of an expression; t_null has id, which may be NULL; t_some is partial",
        ),
        (
            "CREATE TABLE app.t (id bigint PRIMARY KEY, name text, updates integer);"
            "CREATE TABLE app.u () INHERITS (app.t)",
            "other tables inherit from app.t",
        ),
    ],
    ids=["none", "unfit", "inherited"],
)
def test_a_table_without_a_key_is_refused(project: Project, table: str, says: str) -> None:
    """Nothing is done to a table that cannot be gone through, and why is told."""
    backfills.expanded(project, f"{table};\nINSERT INTO app.t VALUES (1, 'a', 0);\n")
    refused = project.inv(*COMMAND)
    assert refused.returncode == 1
    assert says in refused.stderr, refused.stderr
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT to_regclass('schemata.changes')").fetchone() == (None,)


def test_what_cannot_begin_is_refused(project: Project, make_database: Callable[..., str]) -> None:
    """A wrong name, a change without a backfill, an expand that is not applied, and a damaged history."""
    backfills.write(project, backfills.table("bigint", 10))
    wrong = project.inv("change-backfill", "rename_nam")
    assert (wrong.returncode, "Did you mean rename_name?" in wrong.stderr) == (2, True)
    early = project.inv(*COMMAND)
    assert early.returncode == 1
    assert f"{backfills.EXPAND} is not applied" in early.stderr
    assert project.inv(*COMMAND, "--batch", "0").returncode == 2
    assert project.inv(*COMMAND, "--max-load", "-1").returncode == 2
    assert project.inv("migrate", "--to", backfills.EXPAND).returncode == 0
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE schemata.attempts RENAME COLUMN state TO condition")
        damaged = project.inv(*COMMAND)
        assert damaged.returncode == 1
        assert "attempts" in damaged.stderr
        connection.execute("ALTER TABLE schemata.attempts RENAME COLUMN condition TO state")
        assert backfills.counts(connection) == (10, 0, 0)
    assert project.inv(*COMMAND).returncode == 0
    again = project.inv(*COMMAND)
    assert (again.returncode, "is recorded already" in again.stdout) == (0, True)
    assert project.inv("migrate-status", "--check").returncode == 0
    (project.root / "migrations" / "app" / f"{backfills.BACKFILL}.sql").unlink()
    (project.root / "migrations" / "app" / f"{backfills.BACKFILL}.rollback.sql").unlink()
    none = project.inv(*COMMAND)
    assert (none.returncode, "has no backfill: its phases are expand" in none.stderr) == (2, True)
