"""Small migrations share a message; whatever happens to one of them, each is applied once and recorded truly."""

import psycopg
import pytest

from tests.conftest import Project

COUNT = 30


def _write(project: Project, failing: int, sql: str) -> None:
    for number in range(COUNT):
        text = sql if number == failing else f"CREATE TABLE app.t{number} (id bigint PRIMARY KEY);\n"
        project.write(f"app.202501010000{number:02}.t{number}", text, f"DROP TABLE IF EXISTS app.t{number};\n")


def _recorded(url: str) -> tuple[list[str], int, int]:
    with psycopg.connect(url) as connection:
        ids = [row[0] for row in connection.execute("SELECT migration_id FROM schemata._yoyo_migration ORDER BY 1")]
        row = connection.execute(
            "SELECT (SELECT applied FROM schemata.head),"
            " (SELECT count(*) FROM pg_tables WHERE schemaname = 'app' AND tablename ~ '^t[0-9]+$')"
        ).fetchone()
    assert row is not None
    return ids, row[0], row[1]


@pytest.mark.parametrize("failing", [0, 1, 11, 23, 24, COUNT - 1], ids=lambda number: f"number-{number}")
def test_a_failure_keeps_what_was_before_it_and_nothing_of_its_own(project: Project, failing: int) -> None:
    """Wherever in a message it stands, the failed one is named with its line, and the ones before it stay."""
    _write(project, failing, f"CREATE TABLE app.t{failing} (id int);\nSELECT 1 / 0;\n")
    failed = project.inv("migrate")
    assert failed.returncode == 1, failed.stderr
    assert f".t{failing}.sql:2:" in failed.stderr
    ids, applied, tables = _recorded(project.url)
    assert (len(ids), applied, tables) == (failing, failing, failing)
    project.write(f"app.202501010000{failing:02}.t{failing}", f"CREATE TABLE app.t{failing} (id int);\n")
    assert project.inv("migrate").returncode == 0
    ids, applied, tables = _recorded(project.url)
    assert (len(ids), applied, tables) == (COUNT, COUNT, COUNT)
    assert project.inv("migrate-status").returncode == 0


@pytest.mark.parametrize("failing", [0, 1, 13], ids=lambda number: f"number-{number}")
def test_a_syntax_error_stops_only_the_file_that_has_it(project: Project, failing: int) -> None:
    """The server refuses the whole message then; the files before it are applied all the same."""
    _write(project, failing, "CREATE TABEL app.oops (id int);\n")
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f".t{failing}.sql:1:8" in failed.stderr
    assert _recorded(project.url)[1:] == (failing, failing)


@pytest.mark.parametrize(
    "ending",
    ["SELECT 1", "SELECT 1;;", "SELECT 1 -- the end", "SELECT 1; /* the end */", "SELECT $$;$$", "SELECT 1;\n\n"],
)
def test_no_ending_of_a_file_runs_into_the_next(project: Project, ending: str) -> None:
    """A missing semicolon, a comment on the last line or a dollar quote leave the next file what it is."""
    _write(project, 5, f"CREATE TABLE app.t5 (id int);\n{ending}")
    assert project.inv("migrate").returncode == 0
    ids, applied, tables = _recorded(project.url)
    assert (len(ids), applied, tables) == (COUNT, COUNT, COUNT)


def test_a_locked_table_in_a_message_is_waited_for(project: Project) -> None:
    """A lock that is not free sends the file of it through the retries of a single one; the rest is applied once."""
    project.configure(
        '[tool.schemata.locks]\nlock_timeout = "100ms"\nattempts = 200\nbackoff = "50ms"\nbackoff_cap = "50ms"\n'
    )
    project.write("app.20240101000000.held", "CREATE TABLE app.held (id int);\n", "DROP TABLE app.held;\n")
    assert project.inv("migrate").returncode == 0
    _write(project, 7, "ALTER TABLE app.held ADD COLUMN n int;\nCREATE TABLE app.t7 (id int);\n")
    with psycopg.connect(project.url) as holder:
        holder.execute("SELECT * FROM app.held")
        running = project.start("migrate")
        assert running.stderr is not None
        told = next(line for line in running.stderr if "blocked by" in line)
        assert f"backend {holder.info.backend_pid}" in told or "could not be seen" in told
        holder.rollback()
        _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    ids, applied, tables = _recorded(project.url)
    assert (len(ids), applied, tables) == (COUNT + 1, COUNT + 1, COUNT)
