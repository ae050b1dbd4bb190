"""Through a transaction-mode pooler there is no session: the lock is taken by each transaction, or we refuse."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.conftest import Project
from tests.faults import pooler


@pytest.fixture
def pooled(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run PgBouncer in transaction mode in front of the server; turn a direct URL into one through it."""
    with pooler.running(tmp_path_factory.mktemp("pooler"), database, "transaction", 3) as through:
        yield through


def test_deployers_through_a_pooler_and_beside_it_apply_each_migration_once(
    project: Project, pooled: Callable[[str], str]
) -> None:
    """Pooled and direct deployers share one lock space: all end with 0 and each migration runs once."""
    for number in range(12):
        project.write(
            f"app.202501010000{number:02}.t{number}", f"CREATE TABLE app.t{number} (id bigint PRIMARY KEY);\n"
        )
    urls = [pooled(project.url), project.url, pooled(project.url), project.url, pooled(project.url)]
    running = [project.start("migrate", "--url", url, "--lock-wait", "60s") for url in urls]
    ended = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert [code for _, code in ended] == [0] * len(urls), ended
    with psycopg.connect(project.url) as connection:
        rows = connection.execute(
            "SELECT migration_id, count(*) FROM schemata._yoyo_log GROUP BY 1 ORDER BY 1"
        ).fetchall()
        assert [count for _, count in rows] == [1] * 12
        assert connection.execute("SELECT applied FROM schemata.head").fetchone() == (12,)
    assert project.inv("migrate-status").returncode == 0


def test_a_non_transactional_migration_is_refused_through_a_pooler(
    project: Project, pooled: Callable[[str], str]
) -> None:
    """It would need a session; the remedy is a direct URL, with which it goes on."""
    project.write("app.20250101000000.t", "CREATE TABLE app.t (id bigint PRIMARY KEY);\n")
    project.write(
        "app.20250101000001.i",
        "-- Index.\n-- transactional: false\n\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_id ON app.t (id);\n",
    )
    refused = project.inv("migrate", "--url", pooled(project.url))
    assert refused.returncode == 2
    assert "app.20250101000001.i is not transactional" in refused.stderr
    assert "direct URL" in refused.stderr
    assert project.inv("migrate").returncode == 0


def test_session_settings_do_not_stay_in_the_pool(project: Project, pooled: Callable[[str], str]) -> None:
    """What a deploy sets for its transactions is not there for the next client of the pooler."""
    project.write("app.20250101000000.t", "CREATE TABLE app.t (id bigint PRIMARY KEY);\n")
    assert project.inv("migrate", "--url", pooled(project.url)).returncode == 0
    question = (
        "SELECT name, setting FROM pg_settings WHERE source <> 'override' AND name <> 'application_name' ORDER BY 1"
    )
    seen = []
    for url in (pooled(project.url), project.url):
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            seen.append(connection.execute(question).fetchall())
    assert seen[0] == seen[1]


def test_a_boot_through_a_pooler_leaves_no_lock_in_the_pool(project: Project, pooled: Callable[[str], str]) -> None:
    """The gate is for sessions of one's own; a pooled one would keep it for whoever comes next."""
    project.write("app.20250101000000.t", "CREATE TABLE app.t (id bigint PRIMARY KEY);\n")
    assert project.boot("--", "true", DATABASE_URL=pooled(project.url)).returncode == 0
    with psycopg.connect(project.url) as connection:
        held = connection.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        ).fetchone()
    assert held == (0,)


def test_a_migration_in_python_through_a_pooler(project: Project, pooled: Callable[[str], str]) -> None:
    """In a transaction it runs as SQL does, on the one connection that the pooler gives; without one it is refused."""
    project.write("app.20250101000000.t", "CREATE TABLE app.t (id bigint);\n")
    text = "from yoyo import step\n{0}step(lambda c: c.execute('INSERT INTO t VALUES (%s)', (1,)), '')\n"
    folder = project.root / "migrations" / "app"
    (folder / "app.20250101000001.p.py").write_text(text.format(""))
    applied = project.inv("migrate", "--url", pooled(project.url))
    assert applied.returncode == 0, applied.stderr
    with psycopg.connect(project.url) as connection:
        same = "SELECT t.xmin::text = m.xmin::text FROM app.t, schemata._yoyo_migration m WHERE migration_id LIKE '%.p'"
        assert connection.execute(same).fetchall() == [(True,)]
    (folder / "app.20250101000002.q.py").write_text(text.format("__transactional__ = False\n"))
    refused = project.inv("migrate", "--url", pooled(project.url))
    assert refused.returncode == 2
    assert "direct URL" in refused.stderr
