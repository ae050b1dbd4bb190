"""A change in its phases, from the command line: held, asked for, undone, aborted, kept for a while."""

import datetime
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata.attestations import attestation, stored
from schemata.migrations import files
from schemata.server.embedded import binaries
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

BASE = "app.20250101000001.base"
EXPAND = "app.20250102000001.expand"
BACKFILL = "app.20250102000002.backfill"
CONTRACT = "app.20250102000003.contract"
FINISH = "app.20250102000004.finish"
LATER = "app.20250103000001.later"
OLD, NEW = "svc@20250101000001", "svc@20250103000001"

SYNC = """
CREATE FUNCTION app.sync() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.after := coalesce(NEW.after, NEW.{old});
        NEW.{old} := coalesce(NEW.{old}, NEW.after);
    ELSIF NEW.after IS DISTINCT FROM OLD.after THEN
        NEW.{old} := NEW.after;
    ELSE
        NEW.after := NEW.{old};
    END IF;
    RETURN NEW;
END $$;
"""


def write_change(project: Project) -> None:
    """Write the rename of a column, by hand, as the four migrations of a change."""
    head = "-- change: rename\n-- phase: {}\n"
    project.write(
        EXPAND,
        head.format("expand")
        + "-- tables: app.t\n"
        + "ALTER TABLE app.t ADD COLUMN after text;\n"
        + SYNC.format(old="before")
        + "CREATE TRIGGER sync BEFORE INSERT OR UPDATE ON app.t FOR EACH ROW EXECUTE FUNCTION app.sync();\n",
        "DROP TRIGGER sync ON app.t; DROP FUNCTION app.sync(); ALTER TABLE app.t DROP COLUMN after;\n",
    )
    project.write(
        BACKFILL,
        head.format("backfill") + f"-- depends: {EXPAND}\n"
        "-- verify: SELECT count(*) FROM app.t WHERE after IS DISTINCT FROM before\n"
        "UPDATE app.t SET after = before WHERE after IS DISTINCT FROM before;\n",
    )
    project.write(
        CONTRACT,
        head.format("contract") + f"-- depends: {BACKFILL}\n-- breaking: the column before is gone\n"
        "ALTER TABLE app.t RENAME COLUMN before TO kept;\n"
        + SYNC.format(old="kept").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
        "ALTER TABLE app.t RENAME COLUMN kept TO before;\n"
        + SYNC.format(old="before").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"),
    )
    project.write(
        FINISH,
        head.format("finish") + f"-- depends: {CONTRACT}\n"
        "DROP TRIGGER sync ON app.t; DROP FUNCTION app.sync(); ALTER TABLE app.t DROP COLUMN kept;\n",
        None,
    )
    path = project.root / "migrations" / "app" / f"{FINISH}.sql"
    path.write_text(path.read_text().replace("-- depends", "-- irreversible: it is dropped\n-- depends"))
    project.write(LATER, "-- Later.\nCREATE TABLE app.later (id int);\n", "DROP TABLE app.later;\n")


@pytest.fixture
def base(project: Project, schemata: CommandLine) -> Project:
    """Give a project whose table has rows, with a change that is not applied."""
    project.write(BASE, "-- Base.\nCREATE TABLE app.t (id int PRIMARY KEY, before text);\n", "DROP TABLE app.t;\n")
    assert schemata("migrate").returncode == 0
    with psycopg.connect(project.url) as connection:
        connection.execute("INSERT INTO app.t SELECT n, 'row ' || n FROM generate_series(1, 50) n")
    write_change(project)
    return project


def columns(url: str) -> list[str]:
    """Return the columns of the table, as the server has them."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 't' ORDER BY ordinal_position"
        )
        return [row[0] for row in rows]


@pytest.fixture
def structure(project: Project, programs: binaries.Binaries) -> Callable[[], str]:
    """Return what pg_dump says of the application's schema, rows and all."""

    def dump() -> str:
        command = [str(programs.program("pg_dump")), "--restrict-key=x", "--schema=app", project.url]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return dump


def fill(project: Project, schemata: CommandLine) -> None:
    """Do the backfill with the command, and see it complete."""
    ended = schemata("change-backfill", "rename")
    assert ended.returncode == 0, ended.stderr


def states(schemata: CommandLine) -> dict[str, str]:
    """Return the state of each migration, as the status tells it."""
    return {row["id"]: row["state"] for row in schemata.json("migrate-status")["migrations"]}


def test_a_fresh_database_goes_straight_through(project: Project, schemata: CommandLine) -> None:
    """Where nothing is applied all phases run in their order, and a start knows nothing of them."""
    project.write(BASE, "-- Base.\nCREATE TABLE app.t (id int PRIMARY KEY, before text);\n", "DROP TABLE app.t;\n")
    write_change(project)
    assert schemata("migrate").returncode == 0
    assert columns(project.url) == ["id", "after"]
    assert schemata("migrate-status", "--check").returncode == 0
    assert [row["phase"] for row in schemata.json("changes")["changes"]] == ["complete"]


def test_an_interrupted_first_run_goes_on_straight(project: Project, schemata: CommandLine) -> None:
    """What failed in the middle of the phases is no live database: the next run takes the rest."""
    project.write(
        BASE,
        "-- Base.\nCREATE TABLE app.t (id int PRIMARY KEY, before text);\nINSERT INTO app.t VALUES (1, 'x');\n",
        "DROP TABLE app.t;\n",
    )
    write_change(project)
    contract = project.root / "migrations" / "app" / f"{CONTRACT}.sql"
    text = contract.read_text()
    contract.write_text(text + "SELECT 1 / 0;\n")
    assert schemata("migrate").returncode == 1
    assert columns(project.url) == ["id", "before", "after"]
    contract.write_text(text)
    assert schemata("migrate").returncode == 0
    assert columns(project.url) == ["id", "after"]


def test_the_phases_of_a_live_database(base: Project, schemata: CommandLine) -> None:
    """migrate applies the expand and what is ordinary; the rest is held, and is no reason for exit 4."""
    applied = schemata.json("migrate")["applied"]
    assert [item["id"] for item in applied] == [EXPAND, LATER]
    assert states(schemata) == {
        BASE: "applied", EXPAND: "applied", BACKFILL: "held", CONTRACT: "held", FINISH: "held", LATER: "applied",
    }  # fmt: skip
    ended = schemata("migrate-status", "--check")
    assert ended.returncode == 0
    assert "inv change-backfill rename" in ended.stdout
    assert "3 held" in ended.stdout
    assert schemata("migrate").returncode == 0
    boot = base.boot()
    assert boot.returncode == 0, boot.stderr
    assert columns(base.url) == ["id", "before", "after"]
    early = schemata("change-contract", "rename", schemata.confirm)
    assert (early.returncode, "inv change-backfill rename" in early.stderr) == (1, True)
    fill(base, schemata)
    assert states(schemata)[BACKFILL] == "applied"
    assert schemata("change-contract", "rename", schemata.confirm).returncode == 0
    assert columns(base.url) == ["id", "after"]
    assert "held" not in states(schemata).values()
    assert schemata("change-contract", "rename", schemata.confirm).returncode == 0
    with psycopg.connect(base.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.t WHERE after = 'row ' || id").fetchone() == (50,)


def test_a_contract_waits_for_the_old_version(base: Project, schemata: CommandLine) -> None:
    """A session of an older build holds it up and is named; one of this build does not."""
    assert schemata("migrate").returncode == 0
    fill(base, schemata)
    with psycopg.connect(base.url, application_name=OLD) as old:
        with psycopg.connect(base.url, application_name=NEW):
            ended = schemata("change-contract", "rename", schemata.confirm)
        assert ended.returncode == 5
        assert OLD in ended.stderr
        assert str(old.info.backend_pid) in ended.stderr
        assert NEW not in ended.stderr
        listed = schemata.json("changes", "rename")["changes"][0]
        assert listed["phase"] == "backfilled"
        assert len(listed["old_sessions"]) == 1
        drained = schemata("change-contract", "rename", "--drain", "1s", schemata.confirm)
        assert drained.returncode == 5
    assert columns(base.url) == ["id", "before", "after"]
    with psycopg.connect(base.url, application_name="legacy billing"):
        assert schemata("change-contract", "rename", "--old-app", "legacy*", schemata.confirm).returncode == 5
        assert schemata("change-contract", "rename", schemata.confirm).returncode == 0


def test_a_contract_wants_the_verify_to_be_0_now(
    base: Project, schemata: CommandLine, structure: Callable[[], str]
) -> None:
    """A row that got out of step after the backfill is counted, and nothing is changed."""
    assert schemata("migrate").returncode == 0
    fill(base, schemata)
    with psycopg.connect(base.url, options="-c session_replication_role=replica") as connection:
        connection.execute("UPDATE app.t SET before = 'other' WHERE id IN (3, 4)")
    before = structure()
    ended = schemata("change-contract", "rename", schemata.confirm)
    assert ended.returncode == 1
    assert "finds 2, not 0" in ended.stderr
    assert structure() == before


def test_what_is_kept_can_be_undone(base: Project, schemata: CommandLine) -> None:
    """Within the window the old version comes back with all that the new one wrote; then the rest is dropped."""
    assert schemata("migrate").returncode == 0
    fill(base, schemata)
    assert schemata("change-contract", "rename", "--keep", "1h", schemata.confirm).returncode == 0
    assert columns(base.url) == ["id", "kept", "after"]
    assert states(schemata)[FINISH] == "held"
    assert schemata("migrate").returncode == 0
    with psycopg.connect(base.url) as connection:
        connection.execute("INSERT INTO app.t (id, after) VALUES (51, 'new')")
        connection.execute("UPDATE app.t SET after = 'changed' WHERE id = 1")
    undone = schemata("change-undo", "rename", schemata.confirm)
    assert undone.returncode == 0, undone.stderr
    with psycopg.connect(base.url) as connection:
        rows = connection.execute("SELECT id, before FROM app.t WHERE id IN (1, 51) ORDER BY id").fetchall()
    assert rows == [(1, "changed"), (51, "new")]
    assert states(schemata)[CONTRACT] == "held"
    assert schemata("change-contract", "rename", "--keep", "1h", schemata.confirm).returncode == 0
    assert schemata("change-finish", "rename", schemata.confirm).returncode == 0
    assert columns(base.url) == ["id", "after"]
    late = schemata("change-undo", "rename", schemata.confirm)
    assert (late.returncode, "is dropped" in late.stderr) == (1, True)


def test_the_window_ends_by_itself(base: Project, schemata: CommandLine) -> None:
    """What is not kept any longer is dropped by the next migrate."""
    assert schemata("migrate").returncode == 0
    fill(base, schemata)
    assert schemata("change-contract", "rename", "--keep", "1h", schemata.confirm).returncode == 0
    with psycopg.connect(base.url) as connection:
        connection.execute(
            "UPDATE schemata.changes SET keep_until = %s", [datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)]
        )
    assert schemata("migrate-status", "--check").returncode == 4
    assert [item["id"] for item in schemata.json("migrate")["applied"]] == [FINISH]
    assert columns(base.url) == ["id", "after"]


def test_an_abort_leaves_what_was_before(base: Project, schemata: CommandLine, structure: Callable[[], str]) -> None:
    """The expand and the backfill are taken back, and pg_dump finds nothing of them."""
    before = structure()
    (base.root / "migrations" / "app" / f"{LATER}.sql").unlink()
    (base.root / "migrations" / "app" / f"{LATER}.rollback.sql").unlink()
    assert schemata("migrate").returncode == 0
    fill(base, schemata)
    aborted = schemata("change-abort", "rename", schemata.confirm)
    assert aborted.returncode == 0, aborted.stderr
    assert structure() == before
    assert states(schemata)[EXPAND] == "pending"
    assert schemata("migrate").returncode == 0
    fill(base, schemata)
    assert schemata("change-contract", "rename", "--keep", "1h", schemata.confirm).returncode == 0
    late = schemata("change-abort", "rename", schemata.confirm)
    assert (late.returncode, "inv change-undo rename" in late.stderr) == (1, True)


def test_a_second_change_of_the_table_waits(base: Project, schemata: CommandLine) -> None:
    """Two open changes of one table would be in each other's way."""
    second = "app.20250104000001.second"
    project = base
    project.write(
        second, "-- change: second\n-- phase: expand\n-- tables: app.t\nALTER TABLE app.t ADD COLUMN x int;\n"
    )
    assert schemata("migrate").returncode == 0
    assert states(schemata)[second] == "held"
    assert "open on app.t" in schemata("migrate-status").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("change-contract", "renam"), "Did you mean rename?"),
        (("change-abort", "nothing"), "`inv changes` lists them"),
        (("change-undo",), "which change is not said"),
        (("changes", "x"), "there is no change 'x'"),
        (("change-finish", "rename"), "is not applied"),
        (("change-contract", "rename"), "is not applied"),
    ],
)
def test_a_wrong_word_is_refused(
    base: Project, schemata: CommandLine, structure: Callable[[], str], arguments: tuple[str, ...], words: str
) -> None:
    """The name is wrong, or the phase; nothing is changed, and what to type is said."""
    before = structure()
    ended = schemata(*arguments)
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert structure() == before


def test_an_old_build_stays_ready_until_the_contract(base: Project, schemata: CommandLine, tmp_path: Path) -> None:
    """It has no file of the change: it goes on beside the new one as long as what is ahead of it is compatible."""
    old = Project(tmp_path / "old", base.url, environment=base.environment)
    old.root.mkdir()
    old.configure()
    old.write(BASE, (base.root / "migrations" / "app" / f"{BASE}.sql").read_text(), "DROP TABLE app.t;\n")
    (base.root / "migrations" / "app" / f"{LATER}.sql").unlink()
    (base.root / "migrations" / "app" / f"{LATER}.rollback.sql").unlink()
    assert schemata("migrate").returncode == 0
    boot = old.boot()
    assert boot.returncode == 0, boot.stderr
    assert old.inv("migrate-status", "--check").returncode == 0
    fill(base, schemata)
    assert old.boot().returncode == 0
    assert schemata("change-contract", "rename", schemata.confirm).returncode == 0
    boot = old.boot()
    assert boot.returncode == 1
    assert "ahead" in boot.stderr


def test_what_the_release_before_was_proved_to_run_with_is_recorded_so(
    base: Project, schemata: CommandLine, tmp_path: Path
) -> None:
    """An ordinary migration counts as compatible by its proof alone; a damaged file of proofs stops no deploy."""
    for name in (EXPAND, BACKFILL, CONTRACT, FINISH):
        for path in (base.root / "migrations" / "app").glob(f"{name}.*"):
            path.unlink()
    old = Project(tmp_path / "old", base.url, environment=base.environment)
    old.root.mkdir()
    old.configure()
    old.write(BASE, (base.root / "migrations" / "app" / f"{BASE}.sql").read_text(), "DROP TABLE app.t;\n")
    item = next(one for one in files.read(base.root / "migrations", ("app",)) if one.id == LATER)
    with psycopg.connect(base.url) as connection:
        major = connection.info.server_version // 10000
    proof = attestation.Attestation(LATER, item.checksum, "", major, {attestation.PREVIOUS: "v1"})
    stored.add(base.root / "migrations", [proof], [BASE, LATER])
    assert schemata("migrate").returncode == 0
    assert old.boot().returncode == 0
    base.write("app.20250105000000.plain", "-- Plain.\nCREATE TABLE app.plain (id int);\n", "DROP TABLE app.plain;\n")
    (base.root / "migrations" / "attestations").write_text("damaged\n", encoding="utf-8")
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr
    assert "no migration counts as proved" in ended.stdout
    assert old.boot().returncode == 1
