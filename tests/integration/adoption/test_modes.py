"""Each file of the rows is classified, then run by the engine in its mode; what it leaves is what the row says."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.adoption.execution import classification, trial
from schemata.deploy import migrate
from schemata.migrations import checksums, files, leading_comment, migration, precheck
from tests.conftest import Project
from tests.integration.adoption.rows import ROWS, Row

ID = "app.20250101000000.row"
_TOGETHER = ("plain", "concurrently", "call-that-commits", "pending-events", "enum-used", "commit-in-do", "own-several")
RAN = [row for row in ROWS if row.mode and not row.variables]


@pytest.fixture
def run(tmp_path: Path, database: str) -> Callable[[str], config.Config]:
    """Run one file in a database that has a type in public, as a project of one schema would."""
    project = Project(tmp_path, database)
    project.configure()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TYPE public.kind AS ENUM ('a')")

    def run(sql: str) -> config.Config:
        (tmp_path / "migrations" / "app" / f"{ID}.sql").write_bytes(sql.encode())
        settings = config.load(tmp_path, {})
        migrate.migrate(settings, url=database, on_existing_objects=True)
        return settings

    return run


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return what is left of a file that is refused before it runs; a server would be asked only for what is not."""

    def refused(sql: str) -> list[str]:
        text = checksums.normalise(sql.encode())
        item = migration.Migration(
            ID, "app", "20250101000000", "row", "row.sql", text, "", leading_comment.parse_directives(text, "row.sql")
        )
        try:
            precheck.check([item])
            precheck.check_syntax(item)
        except migration.InvalidMigration:
            return []
        return [ID]

    return refused


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_file_is_classified(row: Row) -> None:
    """The mode is told from the text, with the lines that decide; a refusal says what to do about which line."""
    actual = classification.classify(row.sql)
    assert actual.mode == row.mode, actual
    every = [*actual.reasons, *actual.refusals, *actual.notes]
    assert row.words in " ".join(f"{one.text} {one.remedy}" for one in every), every
    assert all(one.line >= 1 for one in every)
    assert (actual.variables, actual.roles, actual.extensions) == (row.variables, row.roles, row.extensions)
    assert bool(actual.refusals) == (not row.mode)
    assert all(one.remedy for one in actual.refusals)


def directives(row: Row) -> str:
    """Return the leading comment that an adoption writes for a row."""
    if row.mode == classification.OUTSIDE:
        return "-- Row.\n-- imported-from: other row.sql -\n-- outside: psql loads it\n"
    if row.mode == classification.NOTHING:
        return "-- Row.\n-- imported-from: other row.sql -\n"
    return f"-- Row.\n-- mode: {row.tried or row.mode}\n"


def text(row: Row) -> str:
    """Return the file that an adoption makes of a row."""
    body = row.sql.removeprefix("\ufeff")
    return directives(row) + classification.without_ledger(body, classification.classify(body))


@pytest.mark.parametrize("row", RAN, ids=lambda row: row.name)
def test_a_file_runs_in_its_mode(
    row: Row, run: Callable[[str], config.Config], database: str, admin: psycopg.Connection
) -> None:
    """In its mode a file leaves what the row says, once; and the history has it as applied, with nothing open."""
    with roles(admin, row):
        settings = run(text(row))
        with psycopg.connect(database) as connection:
            query, expected = row.after
            assert connection.execute(query).fetchone() == (expected,)  # type: ignore[arg-type]
            states = connection.execute("SELECT state FROM schemata.attempts").fetchall()
            comment = connection.execute("SELECT comment FROM schemata._yoyo_log").fetchone()
        assert states == [("applied",)]
        assert comment is not None
        assert (comment[0] or "").partition(":")[0] == (row.mode if row.mode in ("nothing", "outside") else "")
        assert not migrate.migrate(settings, url=database).done
        connection.close()
        if row.roles:
            with psycopg.connect(database, autocommit=True) as owner:
                owner.execute(f"DROP OWNED BY {', '.join(row.roles)}")


@pytest.mark.parametrize("row", [row for row in ROWS if not row.mode], ids=lambda row: row.name)
@pytest.mark.parametrize("mode", leading_comment.MODES)
def test_a_refused_file_is_refused_in_every_mode(row: Row, mode: str, refused: Callable[[str], list[str]]) -> None:
    """What is refused as text is refused by the engine as well, whatever mode it declares; nothing of it is left."""
    if mode == "transaction" and row.name in ("set-transaction-late", "read-only"):
        assert refused(row.sql) == [ID]  # the server has the word there, with a remedy of ours
        return
    assert refused(f"-- Row.\n-- mode: {mode}\n{row.sql}") == []


@contextlib.contextmanager
def roles(admin: psycopg.Connection, row: Row) -> Iterator[None]:
    """Have the roles that a row expects."""
    for role in row.roles:
        admin.execute(f"CREATE ROLE {role}")
    try:
        yield
    finally:
        for role in row.roles:
            admin.execute(f"DROP ROLE IF EXISTS {role}")


def test_the_trial_finds_the_mode_that_the_server_asks_for(tmp_path: Path, database: str) -> None:
    """Files run one after the other in a scratch database; each is told in the mode in which it ran, and why."""
    project = Project(tmp_path, database)
    project.configure()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TYPE public.kind AS ENUM ('a')")
    chosen = [row for row in RAN if row.name in _TOGETHER]
    for number, row in enumerate(chosen):
        sql = text(row).replace(f"-- mode: {row.tried or row.mode}\n", "")
        project.write(f"app.2025010100{number:02}00.row", sql, None)
        project.write(f"app.2025010100{number:02}01.drop", "DROP TABLE app.t CASCADE;\n", None)
    settings = config.load(tmp_path, {})
    found = trial.run(settings, files.read(settings.migrations, settings.schemas), url=database)
    assert not found.failed, found.error
    assert [one.mode for one in found.tried[::2]] == [row.tried or row.mode for row in chosen]
    assert all(one.because for one in found.tried if one.mode != "transaction")


def test_the_trial_names_what_runs_in_no_mode(tmp_path: Path) -> None:
    """The first file that fails ends a trial on a server of its own; what ran before is told, and roles are made."""
    project = Project(tmp_path)
    project.configure()
    project.write("app.20250101000000.one", "CREATE TABLE t (v int); GRANT SELECT ON t TO modes_trial;\n", None)
    project.write("app.20250101000001.two", "CREATE TABLE t (v int);\n", None)
    settings = config.load(tmp_path, {})
    found = trial.in_scratch(settings, files.read(settings.migrations, settings.schemas))
    assert (found.tried[0].mode, found.roles) == ("transaction", ("modes_trial",))
    assert found.failed == "app.20250101000001.two"
    assert 'relation "t" already exists' in found.error


def test_the_rows_are_many() -> None:
    """Each construct has a row of its own."""
    assert len({row.name for row in ROWS}) == len(ROWS) >= 40
    assert {row.mode for row in ROWS} >= {*leading_comment.MODES, "nothing", "outside", ""}
