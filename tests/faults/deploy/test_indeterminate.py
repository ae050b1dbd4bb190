"""What is indeterminate and what is not: nothing is taken for done that did not happen, nothing done is run again."""

import psycopg
import pytest

from tests.conftest import Project

T, X = "app.20250101000000.t", "app.20250101000001.x"
OUTSIDE = "-- X.\n-- transactional: false\n\n"


def _applied(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT migration_id FROM schemata._yoyo_migration ORDER BY 1")]


@pytest.mark.parametrize(
    ("before", "sql", "sqlstate"),
    [
        ("CREATE INDEX idx ON app.t (a);", "CREATE INDEX CONCURRENTLY idx ON app.t (b);", "42P07"),
        ("", "DROP INDEX CONCURRENTLY app.idx;", "42704"),
        ("CREATE TYPE app.e AS ENUM ('x', 'y');", "ALTER TYPE app.e ADD VALUE 'y' BEFORE 'x';", "42710"),
    ],
    ids=["create", "drop", "enum"],
)
def test_what_the_server_refused_is_refused_again(project: Project, before: str, sql: str, sqlstate: str) -> None:
    """A definite error is not indeterminate: running again does not record what never happened."""
    project.write(T, f"CREATE TABLE app.t (a int, b int);\n{before}\n")
    assert project.inv("migrate").returncode == 0
    project.write(X, OUTSIDE + sql + "\n")
    for _ in range(2):
        failed = project.inv("migrate")
        assert failed.returncode == 1
        assert sqlstate in failed.stderr
        assert _applied(project.url) == [T]
    assert project.inv("migrate-status", "--check").returncode == 1


@pytest.mark.parametrize("definition", ["(a)", "(b DESC)", "(b) INCLUDE (a)", "(b) WHERE a > 0"])
def test_an_index_of_that_name_but_another_is_not_taken_for_it(project: Project, definition: str) -> None:
    """IF NOT EXISTS would say nothing; the engine shows what the index is."""
    project.write(T, f"CREATE TABLE app.t (a int, b int);\nCREATE INDEX idx ON app.t {definition};\n")
    project.write(X, OUTSIDE + "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx ON app.t (b);\n")
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert "with another definition" in failed.stderr
    assert "CREATE INDEX idx ON app.t USING btree" in failed.stderr
    assert _applied(project.url) == [T]


def test_an_invalid_index_on_another_table_is_left_alone(project: Project) -> None:
    """An index is dropped only where it can be the leftover of this very statement."""
    project.write(
        T, "CREATE TABLE app.t (a int);\nCREATE TABLE app.other (a int);\nINSERT INTO app.other VALUES (1), (1);\n"
    )
    assert project.inv("migrate").returncode == 0
    with psycopg.connect(project.url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY shared ON app.other (a)")
        project.write(X, OUTSIDE + "CREATE INDEX CONCURRENTLY shared ON app.t (a);\n")
        failed = project.inv("migrate")
        assert failed.returncode == 1
        assert "on the table other, not on t" in failed.stderr
        assert connection.execute("SELECT to_regclass('app.shared') IS NOT NULL").fetchone() == (True,)


def test_no_application_starts_on_a_half_rolled_back_database(project: Project) -> None:
    """The quick look of a boot sees it as well as the whole engine does."""
    rollback = "-- transactional: false\nDROP TABLE app.t;\nSELECT 1 / 0;\n"
    project.write(T, "CREATE TABLE app.t (a int);\n", rollback)
    assert project.boot("--", "true").returncode == 0
    assert project.inv("rollback", project.confirm).returncode == 1
    boot = project.boot("--", "echo", "started")
    assert boot.returncode == 1
    assert "started" not in boot.stdout
    assert "the rollback of" in boot.stderr
    waiting = project.boot("--wait-only", "--", "echo", "started", SCHEMATA_WAIT_ATTEMPTS="1")
    assert waiting.returncode != 0
    assert "started" not in waiting.stdout
    status = project.inv("migrate-status")
    assert status.returncode == 1
    assert "failed" in status.stdout
    assert "was changed outside" not in status.stdout


@pytest.mark.parametrize("direction", ["apply", "rollback"])
def test_a_file_made_transactional_in_the_middle_does_not_run_twice(project: Project, direction: str) -> None:
    """Its first statement is done already, so a person has to say what holds."""
    half = "INSERT INTO app.t VALUES (1);\nSELECT 1 / 0;\n"
    whole = "INSERT INTO app.t VALUES (1);\nSELECT 1;\n"
    project.write(T, "CREATE TABLE app.t (a int);\n")
    directive = "-- transactional: false\n"
    apply = direction == "apply"
    project.write(X, OUTSIDE + half if apply else "SELECT 1;\n", "SELECT 1;\n" if apply else directive + half)
    command = ("migrate",) if apply else ("rollback", project.confirm)
    if not apply:
        assert project.inv("migrate").returncode == 0
    assert project.inv(*command).returncode == 1
    project.write(X, whole if apply else "SELECT 1;\n", "SELECT 1;\n" if apply else whole)
    again = project.inv(*command)
    assert again.returncode == 1
    assert f"inv migrate-resolve {X} --rolled-back" in again.stderr
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.t").fetchone() == (1,)


@pytest.mark.parametrize("text", ["", "-- Later.\n", "/* later */\n", ";\n", "-- a\n/* b */ ;\n"])
def test_a_file_without_sql_is_refused_and_leaves_nothing(project: Project, text: str) -> None:
    """It would be recorded as applied, and filling it in later would be an edit."""
    project.write(T, text)
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert "it has no SQL" in failed.stderr
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT to_regnamespace('schemata'), to_regnamespace('app')").fetchone() == (
            None,
            None,
        )


def test_copy_from_the_client_is_refused_before_anything_runs(project: Project) -> None:
    """Without rows after it nobody sends any; the file is named with its line."""
    project.write(T, "CREATE TABLE app.t (a int);\n")
    project.write(X, "SELECT 1;\nCOPY app.t FROM STDIN;\n")
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{X}.sql:2" in failed.stderr
    assert "write INSERT" in failed.stderr
