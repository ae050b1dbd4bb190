"""Databases and files on both sides of a squash: what was squashed is recognised, and nothing of it is run."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import binaries
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project, confirm

ONE, TWO, THREE = "app.20250101000001.one", "app.20250101000002.two", "app.20250101000003.three"
BASELINE = "app.20250101000002.baseline"
FOUR = "app.20250101000004.four"


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def old(project: Project) -> Project:
    """Give a project of two migrations and a third after them."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    project.write(TWO, f"-- Two.\n-- depends: {ONE}\nCREATE TABLE app.two (id int);\n", "DROP TABLE app.two;\n")
    project.write(THREE, f"-- Three.\n-- depends: {TWO}\nCREATE TABLE app.three (id int);\n", "DROP TABLE app.three;\n")
    return project


def squash_by_hand(project: Project) -> None:
    """Put a baseline in the place of the first two migrations, as `inv squash` does."""
    folder = project.root / "migrations" / "app"
    replaces = "".join(f"-- replaces: {id_} {_checksum(folder / f'{id_}.sql')}\n" for id_ in (ONE, TWO))
    three = folder / f"{THREE}.sql"
    before = _checksum(three)
    three.write_text(three.read_text().replace(f"depends: {TWO}", f"depends: {BASELINE}"))
    for id_ in (ONE, TWO):
        (folder / f"{id_}.sql").unlink()
        (folder / f"{id_}.rollback.sql").unlink()
    project.write(
        BASELINE,
        f"-- Baseline.\n-- irreversible: it replaces two\n{replaces}"
        f"-- rewritten: {THREE} {before} {_checksum(three)}\n"
        "CREATE TABLE app.one (id int);\nCREATE TABLE app.two (id int);\n",
        None,
    )


def _dump(programs: binaries.Binaries, url: str) -> str:
    """Return what pg_dump says of everything but the history."""
    command = [programs.program("pg_dump"), "--restrict-key=x", "--exclude-schema=schemata", f"--dbname={url}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _query(project: Project, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(project.url) as connection:
        return connection.execute(sql).fetchall()


def test_a_database_from_before_is_up_to_date_and_is_recorded_once(
    old: Project, schemata: CommandLine, programs: binaries.Binaries
) -> None:
    """Boot changes nothing at all; a migrate writes records only; both kinds of build agree with what it leaves."""
    assert schemata("migrate").returncode == 0
    before, rows = _dump(programs, old.url), _query(old, "SELECT * FROM schemata.head")
    squash_by_hand(old)
    boot = old.boot("--", "echo", "started")
    assert (boot.returncode, boot.stdout.splitlines()[-1]) == (0, "started"), boot.stderr
    assert _query(old, "SELECT * FROM schemata.head") == rows
    document = schemata.json("migrate-status")
    assert [(row["id"], row["state"]) for row in document["migrations"]] == [(BASELINE, "squashed"), (THREE, "applied")]
    assert [finding["code"] for finding in document["findings"]] == ["squashed"]
    assert schemata.json("migrate-status", "--check")["ok"] is True

    migrated = schemata.json("migrate")
    assert migrated["applied"] == []
    assert "nothing of it was run" in "\n".join(migrated["notes"])
    assert _dump(programs, old.url) == before
    assert _query(old, "SELECT migration_id FROM schemata._yoyo_migration ORDER BY 1") == [
        (ONE,), (BASELINE,), (TWO,), (THREE,)
    ]  # fmt: skip
    assert _query(old, f"SELECT state, checksum <> '' FROM schemata.attempts WHERE migration_id = '{BASELINE}'") == [
        ("baselined", True)
    ]
    assert _query(old, "SELECT digest, applied - 1, structure FROM schemata.head") == [
        (rows[0][1], rows[0][2], rows[0][4])
    ]
    assert schemata.json("migrate-status")["findings"] == []
    again = schemata.json("migrate")
    assert (again["applied"], again["notes"]) == ([], [])
    assert old.boot("--", "true").returncode == 0


def test_what_comes_after_is_applied_to_either_form(
    old: Project, schemata: CommandLine, make_database: Callable[..., str]
) -> None:
    """A later migration goes onto a database from before as onto a fresh one, and both end equal."""
    assert schemata("migrate").returncode == 0
    squash_by_hand(old)
    old.write(FOUR, f"-- Four.\n-- depends: {THREE}\nCREATE TABLE app.four (id int);\n", "DROP TABLE app.four;\n")
    assert [one["id"] for one in schemata.json("migrate")["applied"]] == [FOUR]
    fresh = make_database()
    assert [one["id"] for one in schemata.json("migrate", "--url", fresh)["applied"]] == [BASELINE, THREE, FOUR]
    for url in (old.url, fresh):
        boot = old.boot("--url", url, "--", "true")
        assert boot.returncode == 0
        assert "applied" not in boot.stdout + boot.stderr
        assert schemata.json("migrate-status", "--url", url)["findings"] == []
        assert schemata("rollback", confirm(url), "--url", url).returncode == 0


def test_a_rollback_across_a_squash_is_refused(
    old: Project, schemata: CommandLine, make_database: Callable[..., str]
) -> None:
    """On a database from before the files are gone; on a fresh one there is no way back from the baseline."""
    assert schemata("migrate").returncode == 0
    squash_by_hand(old)
    schemata.refused(
        "rollback", schemata.confirm, "--steps", "2", code=1, says=(TWO, BASELINE, "has replaced it", "git log")
    )
    assert schemata("rollback", schemata.confirm).returncode == 0
    fresh = make_database()
    assert schemata("migrate", "--url", fresh).returncode == 0
    says = (BASELINE, "cannot be rolled back", "it replaces two")
    schemata.refused("rollback", confirm(fresh), "--steps", "2", "--url", fresh, code=1, says=says)


def test_a_database_with_a_part_is_refused(old: Project, schemata: CommandLine) -> None:
    """It is told which release brings the rest; nothing is changed."""
    assert schemata("migrate", "--to", ONE).returncode == 0
    squash_by_hand(old)
    says = (BASELINE, "1 of the 2", TWO, "Deploy the last release before the squash", "git log")
    schemata.refused("migrate", code=1, says=says)
    boot = old.boot("--", "echo", "started")
    assert (boot.returncode, boot.stdout) == (1, "")
    codes = [finding["code"] for finding in schemata.json("migrate-status", code=1)["findings"]]
    assert codes == ["pending", "squash-behind"]


def test_another_text_than_the_squashed_one_needs_a_person(old: Project, schemata: CommandLine) -> None:
    """What was edited after it was applied, and then squashed, is not taken for the same; a baseline accepts it."""
    assert schemata("migrate").returncode == 0
    one = old.root / "migrations" / "app" / f"{ONE}.sql"
    one.write_text(one.read_text().replace("id int", "id bigint"))
    squash_by_hand(old)
    schemata.refused("migrate", code=1, says=(ONE, "another text", f"inv migrate-baseline --through {BASELINE}"))
    assert schemata("migrate-baseline", schemata.confirm, "--through", BASELINE).returncode == 0
    assert schemata.json("migrate")["applied"] == []
    assert schemata.json("migrate-status")["ok"] is True


def test_both_forms_in_one_folder_are_refused(old: Project, schemata: CommandLine) -> None:
    """The files of before beside the baseline: said with what takes either away."""
    text = (old.root / "migrations" / "app" / f"{ONE}.sql").read_text()
    squash_by_hand(old)
    old.write(ONE, text)
    schemata.refused("migrate-status", code=1, says=(BASELINE, f"it replaces {ONE}", "git clean"))


def test_the_files_of_before_on_a_database_of_after(old: Project, schemata: CommandLine) -> None:
    """Somebody goes back to a branch from before the squash: what the baseline stands for is applied."""
    folder = old.root / "migrations" / "app"
    before = {path: path.read_text() for path in folder.iterdir()}
    squash_by_hand(old)
    assert schemata("migrate").returncode == 0
    for path in folder.iterdir():
        path.unlink()
    for path, text in before.items():
        path.write_text(text)
    assert schemata.json("migrate-status")["findings"] == []
    old.write(FOUR, f"-- Four.\n-- depends: {THREE}\nCREATE TABLE app.four (id int);\n", "DROP TABLE app.four;\n")
    assert [one["id"] for one in schemata.json("migrate")["applied"]] == [FOUR]
    boot = old.boot("--", "echo", "started")
    assert (boot.returncode, boot.stdout.splitlines()[-1]) == (0, "started"), boot.stderr
    (folder / f"{ONE}.sql").write_text("-- One.\nCREATE TABLE app.one (id bigint);\n")
    codes = {finding["code"] for finding in schemata.json("migrate-status", code=1)["findings"]}
    assert "missing" in codes


def test_who_reads_the_history_reads_on(old: Project, schemata: CommandLine, make_role: Callable[..., str]) -> None:
    """A role that could read every table of the history can read the one that a record of baselines brings."""
    assert schemata("migrate").returncode == 0
    grants = ("GRANT USAGE ON SCHEMA schemata", "GRANT SELECT ON ALL TABLES IN SCHEMA schemata")
    role = make_role(old.url, *grants)
    squash_by_hand(old)
    assert [one["code"] for one in schemata.json("migrate-status", "--url", role)["findings"]] == ["squashed"]
    assert schemata("migrate").returncode == 0
    assert schemata.json("migrate-status", "--url", role)["findings"] == []


def test_the_record_of_baselines_may_be_lost(old: Project, schemata: CommandLine) -> None:
    """Without the table, or the rows, that tell of them nothing runs again, and the next migrate settles the rest."""
    assert schemata("migrate").returncode == 0
    squash_by_hand(old)
    assert schemata("migrate").returncode == 0
    for damage in (
        "DROP TABLE schemata.squashed",
        f"DELETE FROM schemata._yoyo_migration WHERE migration_id = '{BASELINE}'",
    ):
        with psycopg.connect(old.url) as connection:
            connection.execute(damage)
        assert schemata.json("migrate")["applied"] == []
        assert [one for one in schemata.json("migrate-status")["findings"] if one["exit_code"]] == []
        assert old.boot("--", "true").returncode == 0
