"""Files that are only recorded: everything that reads files or the history takes them as applied."""

from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.commands import authoring, migrate, rollback, smoke, status
from schemata.errors import MigrationError
from schemata.postgres import urls
from tests.conftest import Project

_ONE, _TWO, _THREE = (f"app.2025010100000{number}.{name}" for number, name in enumerate(("one", "load", "empty")))


@pytest.fixture
def settings(tmp_path: Path, database: str) -> config.Config:
    """Give a project with a file whose work psql does, which no parser reads, and one that holds comments only."""
    project = Project(tmp_path, database)
    project.configure()
    project.write(_ONE, "CREATE TABLE t (v int PRIMARY KEY);\n", "DROP TABLE t;\n")
    project.write(
        _TWO, "-- Load.\n-- imported-from: other V2__load.sql 17\n-- outside: by hand, 2025-01-01\n\\copy t FROM 'v'\n"
    )
    project.write(_THREE, "-- Empty.\n-- imported-from: other V3__empty.sql -\n/* nothing any more */\n")
    return config.load(tmp_path, {})


@pytest.mark.usefixtures("own_programs")
def test_what_is_only_recorded_is_accepted_everywhere(settings: config.Config, database: str) -> None:
    """Dry run, migrate, seal, status, smoke and rollback take them; the reason is in the notes and in yoyo's log."""
    planned = migrate.migrate(settings, url=database, dry_run=True)
    assert [item["not_run"].partition(":")[0] for item in planned.planned] == ["", "outside", "nothing"]
    applied = migrate.migrate(settings, url=database)
    assert [item.id for item in applied.done] == [_ONE, _TWO, _THREE]
    assert applied.notes == (
        f"{_TWO}: recorded only; outside: by hand, 2025-01-01",
        f"{_THREE}: recorded only; nothing: it holds comments only",
    )
    assert authoring.seal(settings).ok
    assert authoring.seal(settings, check=True).ok
    found = status.status_of(settings, url=database, check=True)
    assert (found.exit_code, found.compared.findings) == (0, ())
    answers = smoke.smoke(settings, url=database)
    assert answers.ok
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT comment FROM schemata._yoyo_log ORDER BY created_at_utc").fetchall()
        assert rows == [(None,), ("outside: by hand, 2025-01-01",), ("nothing: it holds comments only",)]
    undone = rollback.rollback(settings, url=database, steps=3, confirm=urls.database_of(database))
    assert [item.id for item in undone.done] == [_THREE, _TWO, _ONE]


def test_a_rollback_is_never_outside(settings: config.Config) -> None:
    """A line that would have no effect in a rollback file is refused there."""
    (settings.migrations / "app" / f"{_TWO}.rollback.sql").write_text("-- outside: by hand\nSELECT 1;\n")
    with pytest.raises(MigrationError, match="has no effect in its rollback"):
        authoring.seal(settings)


def test_without_a_directive_a_file_of_comments_is_refused(settings: config.Config, database: str) -> None:
    """A file of ours that does nothing is a mistake until it says where it comes from, or where it is done."""
    (settings.migrations / "app" / f"{_THREE}.sql").write_text("-- Empty.\n")
    with pytest.raises(MigrationError, match="it has no SQL"):
        migrate.migrate(settings, url=database)
