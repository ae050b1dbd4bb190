"""rollback: shows what it destroys, refuses what it cannot undo, and leaves the history true."""

from collections.abc import Callable

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
THREE = "app.20250101000003.three"


@pytest.fixture
def three(project: Project, schemata: CommandLine) -> Project:
    """Give a project whose three migrations are applied."""
    for migration_id in (ONE, TWO, THREE):
        name = migration_id.rpartition(".")[2]
        project.write(migration_id, f"-- {name}.\nCREATE TABLE app.{name} (id int);\n", f"DROP TABLE app.{name};\n")
    assert schemata("migrate").returncode == 0
    return project


def _recorded(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT migration_id FROM schemata._yoyo_migration ORDER BY applied_at_utc")
        return [row[0] for row in rows]


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'app'")}


def test_one_step_several_steps_or_down_to(three: Project, schemata: CommandLine) -> None:
    """The last one by default, --steps N, or everything after --to; the history and yoyo's log say so."""
    assert [item["id"] for item in schemata.json("rollback", schemata.confirm)["rolled back"]] == [THREE]
    assert _recorded(three.url) == [ONE, TWO]
    assert _tables(three.url) == {"one", "two"}
    assert schemata("migrate").returncode == 0
    assert [item["id"] for item in schemata.json("rollback", "--to", ONE, schemata.confirm)["rolled back"]] == [
        THREE,
        TWO,
    ]
    assert schemata("migrate").returncode == 0
    document = schemata.json("rollback", "--steps", "3", schemata.confirm)
    assert [item["id"] for item in document["rolled back"]] == [THREE, TWO, ONE]
    assert document["revision"] == ""
    assert _recorded(three.url) == []
    assert _tables(three.url) == set()
    with psycopg.connect(three.url) as connection:
        log = connection.execute("SELECT operation, count(*) FROM schemata._yoyo_log GROUP BY 1 ORDER BY 1").fetchall()
    assert log == [("apply", 6), ("rollback", 6)]
    ended = schemata("rollback", schemata.confirm)
    assert ended.returncode == 0
    assert "Nothing to do" in ended.stdout


def test_what_was_edited_is_not_rolled_back(three: Project, schemata: CommandLine, dump: Callable[[str], str]) -> None:
    """The rollback may be of the edited file; the refusal says what was not done, and how the edit is made instead."""
    path = three.root / "migrations" / "app" / f"{THREE}.sql"
    path.write_text(path.read_text() + "CREATE TABLE app.more ();\n")
    before = dump(three.url)
    says = (
        f"{path} was edited after it was applied",
        "restore it, `inv rollback`, change it",
        "Nothing was rolled back.",
    )
    schemata.refused("rollback", three.confirm, code=1, says=says)
    assert dump(three.url) == before


def test_a_dry_run_shows_what_would_be_destroyed(
    three: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """--dry-run prints the SQL and the rows that would be lost, and changes nothing."""
    with psycopg.connect(three.url, autocommit=True) as connection:
        connection.execute("INSERT INTO app.three SELECT generate_series(1, 1234)")
        connection.execute("INSERT INTO app.two VALUES (1)")
    before = dump(three.url)
    ended = schemata("rollback", "--steps", "2", "--dry-run")
    assert ended.returncode == 0
    assert (
        f"-- {THREE} (in one transaction)\nDROP TABLE app.three;\n-- drop table app.three: 1,234 rows" in ended.stdout
    )
    assert "-- drop table app.two: 1 row\n" in ended.stdout
    assert "2 would be rolled back; nothing was changed." in ended.stdout
    assert dump(three.url) == before


def test_without_a_person_to_ask_it_needs_the_name(three: Project, dump: Callable[[str], str]) -> None:
    """On a server that is not the dev server a rollback names the database, whatever --yes says, or is refused."""
    before = dump(three.url)
    for flags in ([], ["--yes"]):
        ended = three.inv("rollback", *flags)
        assert ended.returncode == 1
        assert "is not this project's dev server, this command destroys data, and there is no terminal" in ended.stderr
        assert f"If you mean it, give its name: {three.confirm.replace('=', ' ')}" in ended.stderr
    ended = three.inv("rollback", "--yes", "--confirm", "another")
    assert ended.returncode == 1
    assert "--confirm another is not the database of" in ended.stderr
    assert dump(three.url) == before


@pytest.mark.parametrize(
    ("directive", "rollback", "says"),
    [
        ("-- irreversible: mails were sent\n", None, ("cannot be rolled back: mails were sent", "Nothing was rolled")),
        ("", None, ("cannot be rolled back: there is no rollback file beside it", "inv migrate-new")),
        ("", "-- Undo: nothing.\n", (".rollback.sql", "the rollback has no statement", "remove the record")),
        ("", "COMMIT;\n", (".rollback.sql:1: `COMMIT`", "the engine opens and commits")),
    ],
)
def test_what_cannot_be_undone_is_refused_as_a_whole(
    three: Project,
    schemata: CommandLine,
    dump: Callable[[str], str],
    directive: str,
    rollback: str | None,
    says: tuple[str, ...],
) -> None:
    """No rollback, an irreversible one, or an empty one on the way stops the whole run before anything is undone."""
    four = "app.20250101000004.four"
    three.write(four, f"-- Four.\n{directive}CREATE TABLE app.four ();\n", rollback)
    three.write("app.20250101000005.five", "-- Five.\nCREATE TABLE app.five ();\n", "DROP TABLE app.five;\n")
    assert schemata("migrate").returncode == 0
    before = dump(three.url)
    schemata.refused("rollback", "--steps", "2", schemata.confirm, code=1, says=says)
    schemata.refused("rollback", "--steps", "2", "--dry-run", code=1, says=says)
    assert dump(three.url) == before
    assert _recorded(three.url)[-1] == "app.20250101000005.five"


def test_what_another_needs_stays(three: Project, schemata: CommandLine) -> None:
    """A migration that one which stays depends on is not rolled back."""
    late = "app.20250101000000.late"
    three.write(late, f"-- Late.\n-- depends: {TWO}\nCREATE TABLE app.late ();\n", "DROP TABLE app.late;\n")
    three.write("app.20250101000002.first", "-- First.\nSELECT 1;\n", "SELECT 1;\n")
    assert schemata("migrate", "--allow-out-of-order").returncode == 0
    # The history's order is that of application: [one, two, three, first and late in the files' order].
    applied = _recorded(three.url)
    assert set(applied[-2:]) == {late, "app.20250101000002.first"}
    with psycopg.connect(three.url, autocommit=True) as connection:
        # As if it had been applied before what it depends on.
        connection.execute(
            "UPDATE schemata._yoyo_migration SET applied_at_utc = '2000-01-01' WHERE migration_id = %s", [late]
        )
    schemata.refused(
        "rollback",
        "--to",
        ONE,
        schemata.confirm,
        code=1,
        says=(f"{late} stays applied, but it depends on {TWO}", "Roll back further"),
    )
    assert _tables(three.url) == {"one", "two", "three", "late"}


def test_a_wrong_count_or_target_is_refused(three: Project, schemata: CommandLine) -> None:
    """More steps than there are, a pending --to, an unknown --to, or both flags: refused with the reason."""
    three.write("app.20250101000004.four", "SELECT 1;\n")
    says: tuple[tuple[list[str], int, tuple[str, ...]], ...] = (
        (["--steps", "4"], 2, ("--steps 4: only 3 migrations are applied",)),
        (["--steps", "0"], 2, ("--steps 0 is less than one",)),
        (["--steps", "-1"], 2, ("--steps -1 is less than one",)),
        (["--steps", "1", "--to", ONE], 2, ("--to and --steps exclude each other",)),
        (["--to", "app.20250101000004.four"], 1, ("app.20250101000004.four is not applied",)),
        (["--to", "app.20250101000001.onn"], 2, ("there is no migration", f"Did you mean {ONE}?")),
    )
    for flags, code, parts in says:
        schemata.refused("rollback", *flags, schemata.confirm, code=code, says=parts)
    assert _recorded(three.url) == [ONE, TWO, THREE]


def test_a_failing_rollback_leaves_its_migration_applied(
    three: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """The one that fails is told with its place and undone; those before it stay rolled back."""
    with psycopg.connect(three.url, autocommit=True) as connection:
        connection.execute("CREATE VIEW app.needs_two AS SELECT * FROM app.two")
    schemata.refused(
        "rollback",
        "--steps",
        "2",
        schemata.confirm,
        code=1,
        says=(
            f"{TWO} failed at",
            f"{TWO}.rollback.sql:1:1",
            "DROP TABLE app.two",
            "2BP01",
            "Detail: view needs_two depends on table two",
            "Nothing of it is left; the migrations before it stay as they are (1 rolled back in this run). Fix "
            "the file, "
            "then: inv rollback",
        ),
    )
    assert _recorded(three.url) == [ONE, TWO]
    assert _tables(three.url) == {"one", "two"}
    with psycopg.connect(three.url, autocommit=True) as connection:
        connection.execute("DROP VIEW app.needs_two")
    assert schemata("rollback", schemata.confirm).returncode == 0
    assert schemata("migrate").returncode == 0
    # The view came and went by hand; that nothing is left of it is known once the migrations were run elsewhere.
    assert [one["code"] for one in schemata.json("migrate-status", code=1)["findings"]] == ["drift"]
    assert schemata("parity").returncode == 0
    assert schemata.json("migrate-status")["ok"] is True


def test_what_looks_like_production_wants_its_name(
    three: Project, schemata: CommandLine, admin: psycopg.Connection
) -> None:
    """A database called …prod… is destroyed only by naming it; --yes alone is not enough."""
    name = f"prod_{three.url.rpartition('_')[2]}"
    old = three.url.rpartition("/")[2]
    admin.execute(f'ALTER DATABASE "{old}" RENAME TO "{name}"')
    url = three.url.replace(old, name)
    try:
        for flags in (["--yes"], []):
            says = ("looks like production", f"database {name}", f"--confirm {name}")
            schemata.refused("rollback", "--url", url, *flags, code=1, says=says)
        for flags in (["--confirm", "other"], ["--yes", "--confirm", "prod"]):
            schemata.refused("rollback", "--url", url, *flags, code=1, says=("is not the database of",))
        assert _recorded(url) == [ONE, TWO, THREE]
        assert schemata("rollback", "--url", url, "--confirm", name).returncode == 0
        assert _recorded(url) == [ONE, TWO]
    finally:
        admin.execute(f'ALTER DATABASE "{name}" RENAME TO "{old}"')
