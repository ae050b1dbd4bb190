"""Rollback files are read before somebody needs them: at seal, by the doctor, and beside a migrate."""

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
WRONG = (
    pytest.param("-- Undo.\n\\i undo.sql\n", "\\i is a command of psql", ".rollback.sql:2:1: ", id="psql"),
    pytest.param("", "the rollback has no statement", ".rollback.sql: ", id="no byte"),
    pytest.param("-- Undo: nothing yet.\n/* ; */ ;\n", "the rollback has no statement", ".rollback.sql: ", id="empty"),
    pytest.param(
        "-- Undo.\nSELECT 1;\nDROP TABEL app.one;\n",
        'syntax error at or near "TABEL"',
        ".rollback.sql:3:6: ",
        id="broken",
    ),
    pytest.param(
        "-- Undo.\nBEGIN;\nDROP TABLE app.one;\nCOMMIT;\n", "`BEGIN`: the engine opens", ".rollback.sql:2: ", id="BEGIN"
    ),
    pytest.param(
        "-- Undo.\nDROP INDEX CONCURRENTLY app.i;\n",
        "cannot run inside a transaction",
        ".rollback.sql:2: ",
        id="outside",
    ),
    pytest.param(
        "-- Undo.\n-- transactional: false\nLOCK TABLE app.one;\n", "protects nothing", ".rollback.sql:3: ", id="lock"
    ),
)


@pytest.mark.parametrize(("rollback", "says", "place"), WRONG)
def test_a_rollback_that_could_not_run_is_known_before(
    project: Project, schemata: CommandLine, rollback: str, says: str, place: str
) -> None:
    """seal refuses it with its line, migrate tells it and goes on, doctor lists it, rollback refuses it as a whole."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one ();\n", rollback)
    project.write(TWO, "-- Two.\nCREATE TABLE app.two ();\n", "DROP TABLE app.two;\n")
    schemata.refused("seal", code=1, says=(f"{ONE}{place}", says))
    assert not (project.root / "migrations" / "manifest").exists()
    document = schemata.json("migrate")
    assert [item["id"] for item in document["applied"]] == [ONE, TWO]
    (note,) = document["notes"]
    assert f"{ONE}{place}" in note
    assert says in note
    assert note.endswith("(the migration itself is not affected)")
    examined = str(schemata.json("doctor", code=1)["rows"])
    assert f"{ONE}{place}" in examined
    for flag in ("--dry-run", schemata.confirm):
        schemata.refused("rollback", "--steps", "2", flag, code=1, says=(f"{ONE}{place}", says))
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'app'").fetchone() == (2,)
    assert schemata.json("migrate")["notes"] == [], "only what is about to be applied is looked at"


def test_many_wrong_rollbacks_are_three_notes_and_a_count(project: Project, schemata: CommandLine) -> None:
    """An adopted history may have hundreds that were never tried."""
    for number in range(7):
        project.write(f"app.2025010100000{number}.m", f"-- M.\nCREATE TABLE app.m{number} ();\n", "DROP;\n")
    notes = schemata.json("migrate")["notes"]
    assert len(notes) == 4
    assert notes[-1] == "4 more rollback files could not be run; `inv seal` refuses them"


def test_a_start_of_a_container_does_not_look_at_rollbacks(project: Project) -> None:
    """A broken rollback file holds up no start, and its file is not even read."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one ();\n", "DROP TABEL app.one;\n")
    ended = project.boot("--", "true")
    assert ended.returncode == 0, ended.stderr
    assert "TABEL" not in ended.stdout + ended.stderr


def test_a_rollback_that_is_right_is_sealed(project: Project, schemata: CommandLine) -> None:
    """What can be run is accepted: also none at all, and one that is not transactional."""
    project.write(ONE, "-- One.\n-- irreversible: mails were sent\nSELECT 1;\n", None)
    project.write(TWO, "-- Two.\nSELECT 1;\n", "-- transactional: false\nDROP INDEX CONCURRENTLY IF EXISTS app.i;\n")
    project.write("app.20250101000003.three", "-- Three.\nSELECT 1;\n", None)
    assert schemata("seal").returncode == 0


@pytest.mark.parametrize("sql", ["CREATE TABEL app.one ();", "CREATE TABLE app.one (i int", "SELECT 'open;"])
def test_a_migration_that_no_server_takes_is_not_sealed(project: Project, schemata: CommandLine, sql: str) -> None:
    """A build whose migration cannot be parsed is refused when it is sealed, with its line, as a rollback file is."""
    project.write(ONE, f"-- One.\n{sql}\n", "DROP TABLE app.one;\n")
    schemata.refused("seal", code=1, says=(f"{ONE}.sql:", "Correct the file"))
