"""An older build on a newer database, as in every rollback of a release: it applies nothing."""

from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import Project

_IDS = ("app.20250101000000.one", "app.20250201000000.two", "app.20250301000000.three")


@pytest.fixture
def older(project: Project) -> Project:
    """Give a project whose database has three migrations, the last two of which its files no longer have."""
    for id_ in _IDS:
        project.write(id_, f"-- A table.\nCREATE TABLE app.{id_.rpartition('.')[2]} (id int);\n")
    assert project.inv("migrate").returncode == 0
    for id_ in _IDS[1:]:
        for path in (project.root / "migrations" / "app").glob(f"{id_}.*"):
            path.unlink()
    return project


def _history(observer: psycopg.Connection) -> list[tuple[object, ...]]:
    return [
        *observer.execute("SELECT * FROM schemata.attempts ORDER BY attempt").fetchall(),
        *observer.execute("SELECT * FROM schemata.head").fetchall(),
        *observer.execute("SELECT * FROM schemata._yoyo_log ORDER BY id").fetchall(),
    ]


def test_without_accepts_it_refuses(older: Project, observer: psycopg.Connection, dump: Callable[[str], str]) -> None:
    """Without `accepts` migrate and boot exit 1, name both revisions and the setting, and change nothing."""
    before = (dump(older.url), _history(observer))
    for refused in (older.inv("migrate"), older.boot("--", "echo", "started"), older.inv("migrate-status")):
        said = refused.stdout + refused.stderr
        assert refused.returncode == 1, said
        assert f"this build ends at {_IDS[0]}, the database is at {_IDS[-1]}" in " ".join(said.split())
        assert "started" not in refused.stdout
        assert "Traceback" not in said
    # Of several migrations that are ahead, each is named and the remedy is said once.
    said = older.inv("migrate").stderr
    assert said.count('accepts = "20250101000000..20250301000000"') == 1
    assert all(said.count(f"{id_}: ") == 1 for id_ in _IDS[1:]), said
    assert (dump(older.url), _history(observer)) == before


@pytest.mark.parametrize("sealed", [False, True], ids=["working-tree", "sealed"])
def test_within_accepts_it_starts(
    sealed: bool, older: Project, observer: psycopg.Connection, dump: Callable[[str], str]
) -> None:
    """Within `accepts` migrate and boot exit 0, the command runs, and nothing is applied or written."""
    older.configure('accepts = "20250101000000..20250301000000"')
    if sealed:
        assert older.inv("seal").returncode == 0
    before = (dump(older.url), _history(observer))
    migrated = older.inv("migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert "ahead" in migrated.stdout + migrated.stderr
    # Twice: the first boot of a working tree remembers the files, the second one uses that.
    for _ in range(2):
        booted = older.boot("service", "--", "echo", "started")
        assert (booted.returncode, booted.stdout.strip()) == (0, "started"), booted.stderr
    waited = older.boot("--wait-only", "--", "echo", "started")
    assert (waited.returncode, waited.stdout.strip()) == (0, "started"), waited.stderr
    assert older.inv("migrate-status").returncode == 0
    assert (dump(older.url), _history(observer)) == before


def test_outside_of_accepts_it_refuses(older: Project) -> None:
    """A database that is further ahead than `accepts` allows is refused as if nothing were accepted."""
    older.configure('accepts = "20250101000000..20250201000000"')
    for refused in (older.inv("migrate"), older.boot("--", "echo", "started")):
        assert refused.returncode == 1
        assert _IDS[-1] in refused.stderr
        assert "started" not in refused.stdout


def test_a_pending_migration_on_a_newer_database_is_refused(older: Project, observer: psycopg.Connection) -> None:
    """A build that has a migration of its own, which the newer database lacks, never applies it: exit 1 names both."""
    older.configure('accepts = "20250101000000..20250301000000"')
    own = "app.20250115000000.own"
    older.write(own, "-- Its own.\nCREATE TABLE app.own (id int);\n")
    for refused in (older.inv("migrate"), older.boot("--", "echo", "started")):
        assert refused.returncode == 1, refused.stderr
        assert f"{own}: is pending, but the database is ahead" in refused.stderr
        assert _IDS[-1] in refused.stderr
        assert "started" not in refused.stdout
    assert observer.execute("SELECT to_regclass('app.own')").fetchone() == (None,)
