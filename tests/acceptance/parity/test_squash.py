"""`inv squash`: baselines that make the same, files that git brings back, databases that take either form."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import binaries, instance
from tests.acceptance.conftest import CommandLine
from tests.conftest import REPOSITORY, Project, _programs

LAST = "trading.20250902093000.validate_finite_dates"


def _git(project: Project, *arguments: str) -> str:
    """Return what git prints, once it has ended well."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True)
    return done.stdout


def _commit(project: Project) -> None:
    (project.root / ".gitignore").write_text(".schemata/\n")
    if not (project.root / ".git").exists():
        _git(project, "init", "-q", ".")
    _git(project, "add", "-A")
    _git(project, "commit", "-q", "-m", "as it is")


def _files(project: Project) -> dict[str, str]:
    """Return every file of the migrations by its path; what was proved of others, and the scale, are none."""
    folder = project.root / "migrations"
    others = ("attestations", "scale.toml")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in others]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


def _outside(programs: binaries.Binaries, url: str) -> str:
    """Return what pg_dump says of everything but the history, rows included."""
    command = [programs.program("pg_dump"), "--restrict-key=x", "--exclude-schema=schemata", f"--dbname={url}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _structure(programs: binaries.Binaries, url: str) -> str:
    command = [
        programs.program("pg_dump"), "--restrict-key=x", "--schema-only", "--exclude-schema=schemata", f"--dbname={url}"
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _yoyo(project: Project, url: str, folders: Sequence[Path]) -> dict[str, str]:
    """Return the state of each migration as a plain `yoyo list` shows it."""
    source = f"{url.replace('postgresql://', 'postgresql+psycopg://')}?schema=schemata"
    program = Path(sys.executable).with_name("yoyo")
    ended = project.run([str(program), "list", "--no-config-file", "--batch", "-d", source, *map(str, folders)])
    assert ended.returncode == 0, ended.stderr
    return {
        match[2]: match[1] for match in re.finditer(r"(?m)^([AU])\s+(\S+)", re.sub(r"\x1b\[[\d;]*m", "", ended.stdout))
    }


@pytest.fixture
def copied(project: Project) -> Project:
    """Give a copy of the platform's migrations, under git."""
    project.schemas = ("public", "financial", "tagging", "trading")
    shutil.rmtree(project.root / "migrations")
    without = shutil.ignore_patterns("__pycache__")  # of yoyo's own runs in this checkout
    shutil.copytree(REPOSITORY / "migrations", project.root / "migrations", ignore=without)
    (project.root / "migrations" / "manifest").unlink()
    (project.root / "migrations" / "seal").unlink(missing_ok=True)
    project.configure(name="platform")
    _commit(project)
    return project


def _apply_both(project: Project, schemata: CommandLine, programs: binaries.Binaries, make: Callable[[], str]) -> None:
    """Migrate one database with the old files and one with the baselines; the oracle finds them equal."""
    before, fresh = make(), make()
    assert schemata("migrate", "--url", before).returncode == 0
    dumped, rows = _outside(programs, before), _attempts(before)
    assert schemata("squash", "--through", LAST, "--postgres", str(programs.major)).returncode == 0
    # Four baselines, and the migration in Python, which comes after them.
    assert len(_files(project)) == 5

    boot = project.boot("--url", before, "--", "echo", "started")
    assert (boot.returncode, boot.stdout.splitlines()[-1]) == (0, "started"), boot.stderr
    assert _attempts(before) == rows, "a boot finds the database up to date and writes nothing"
    migrated = schemata.json("migrate", "--url", before)
    assert migrated["applied"] == []
    assert _outside(programs, before) == dumped
    assert [state for _, state in _attempts(before)[len(rows) :]] == ["baselined"] * 4
    assert schemata.json("migrate-status", "--url", before)["findings"] == []

    assert len(schemata.json("migrate", "--url", fresh)["applied"]) == 5
    assert _structure(programs, fresh) == _structure(programs, before)
    folders = [project.root / "migrations" / schema for schema in project.schemas]
    for url in (before, fresh):
        assert set(_yoyo(project, url, folders).values()) == {"A"}
        assert project.boot("--url", url, "--wait-only", "--", "true").returncode == 0

    _git(project, "checkout", "-q", ".")
    _git(project, "clean", "-qfd", "--", "migrations")
    assert _git(project, "status", "--porcelain") == ""
    assert schemata.json("migrate-status", "--url", before)["ok"] is True
    assert set(_yoyo(project, before, folders).values()) == {"A"}
    assert project.boot("--url", before, "--", "true").returncode == 0


def _attempts(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT migration_id, state FROM schemata.attempts ORDER BY attempt").fetchall()


@pytest.mark.parametrize("major", ["14", "18"])
def test_the_platform_is_squashed(copied: Project, schemata: CommandLine, major: str) -> None:
    """Equal for pg_dump on both ends of the versions; a database from before takes it without running anything."""
    programs = _programs(major)
    with instance.temporary(programs) as server:
        number = 0

        def make() -> str:
            nonlocal number
            number += 1
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE d{number}")
            return server.url.rpartition("/")[0] + f"/d{number}"

        _apply_both(copied, schemata, programs, make)


def test_a_part_is_squashed_and_what_stays_is_known(
    copied: Project,
    schemata: CommandLine,
    database: str,
    make_database: Callable[..., str],
    programs: binaries.Binaries,
) -> None:
    """Files that stay name the baselines; a database in the middle of them goes on; the lock file fits."""
    through = "trading.20250819110000.add_pagination_indices"
    middle = "financial.20250821093000.seed_categories"
    assert schemata("lock", "--postgres", str(programs.major)).returncode == 0
    _commit(copied)
    assert schemata("migrate", "--to", middle).returncode == 0
    document = schemata.json("squash", "--through", through)
    assert document["majors"] == [programs.major]
    assert middle in {Path(name).stem for name in document["changed"]}
    proved = (copied.root / "migrations" / "attestations").read_text().splitlines()[2:]
    ids = {line.split()[0] for line in proved}
    assert LAST in ids
    assert ids <= {Path(name).stem for name in _files(copied)}
    assert schemata("lock", "--check").returncode == 0
    assert [one["id"].partition(".")[0] for one in schemata.json("migrate")["applied"]]
    assert schemata.json("migrate-status")["findings"] == []
    fresh = make_database()
    assert schemata("migrate", "--url", fresh).returncode == 0
    assert _structure(programs, fresh) == _structure(programs, copied.url)
    folders = [copied.root / "migrations" / schema for schema in copied.schemas]
    assert set(_yoyo(copied, copied.url, folders).values()) == {"A"}
    for url in (copied.url, fresh):
        assert copied.boot("--url", url, "--", "true").returncode == 0
    assert schemata("seal").returncode == 0
    for url in (copied.url, fresh):
        sealed = copied.boot("--url", url, "--", "true")
        assert sealed.returncode == 0
        assert "structure" not in sealed.stdout + sealed.stderr


def test_a_squash_of_a_squash(copied: Project, schemata: CommandLine, make_database: Callable[..., str]) -> None:
    """A database of each generation is up to date with the baselines of baselines."""
    oldest, middle, newest = make_database(), make_database(), make_database()
    assert schemata("migrate", "--url", oldest).returncode == 0
    first = "trading.20250819110000.add_pagination_indices"
    assert schemata("squash", "--through", first, "--name", "first").returncode == 0
    _commit(copied)
    assert schemata("migrate", "--url", middle).returncode == 0
    assert schemata("squash", "--through", LAST).returncode == 0
    assert schemata("migrate", "--url", newest).returncode == 0
    for url in (oldest, middle, newest):
        boot = copied.boot("--url", url, "--", "true")
        assert boot.returncode == 0
        assert "applied" not in boot.stdout + boot.stderr
        assert schemata.json("migrate", "--url", url)["applied"] == []
        assert schemata.json("migrate-status", "--url", url)["findings"] == []
    _commit(copied)
    schemata.refused(
        "squash", "--through", f"trading.{LAST.split('.')[1]}.baseline", code=1, says=("squashed already",)
    )


HARD = (Path(__file__).parent / "squash").resolve()


@pytest.fixture
def hard(project: Project) -> Project:
    """Give two schemas with what belongs to no schema, what pg_dump prints in another way, and rows."""
    project.schemas = ("app", "billing")
    project.configure()
    for path in sorted(HARD.glob("*.sql")):
        project.write(path.stem, path.read_text(), "SELECT 1;\n")
    _commit(project)
    return project


def test_rows_of_columns_that_are_gone(hard: Project, schemata: CommandLine) -> None:
    """An INSERT into a column that was dropped later cannot be repeated; the rows that it left can be written."""
    through = ("squash", "--through", "billing.20250101000004.concurrent")
    before = _files(hard)
    says = ("the rows are not the same", '"app"."people": 2 rows | 0 rows', "left out: app.", "--rows", "No file")
    schemata.refused(*through, code=1, says=says)
    assert _files(hard) == before
    document = schemata.json(*through, "--rows", "--dry-run")
    assert document["set_aside"] == ['"app"."people"."at"']
    assert _files(hard) == before
    assert schemata(*through, "--rows").returncode == 0
    texts = _files(hard)
    assert "OVERRIDING SYSTEM VALUE" in texts["app/app.20250101000004.baseline.sql"]
    assert "BETWEEN" in texts["billing/billing.20250101000004.baseline.sql"]
    with instance.temporary(_programs("")) as server:
        assert len(schemata.json("migrate", "--url", server.url)["applied"]) == 3
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT name FROM app.people ORDER BY id").fetchall() == [("ANN",), ("bob",)]
            assert connection.execute("SELECT count(*) FROM billing.totals").fetchall() == [(3,)]


def test_schemas_that_need_each_other(project: Project, schemata: CommandLine) -> None:
    """There is no order of two baselines; one for both has one."""
    project.schemas = ("app", "billing")
    project.configure()
    project.write("app.20250101000001.one", "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY, two int);\n")
    project.write(
        "billing.20250101000002.two",
        "-- Two.\n-- depends: app.20250101000001.one\n"
        "CREATE TABLE billing.two (id int PRIMARY KEY REFERENCES app.one);\n",
    )
    project.write(
        "app.20250101000003.three",
        "-- Three.\n-- depends: billing.20250101000002.two\n"
        "ALTER TABLE app.one ADD FOREIGN KEY (two) REFERENCES billing.two;\n",
    )
    _commit(project)
    through = ("squash", "--through", "app.20250101000003.three")
    says = ("need each other", "app needs billing: fk constraint app.one", "billing needs app", "--single")
    schemata.refused(*through, code=1, says=says)
    assert schemata("migrate").returncode == 0
    assert schemata(*through, "--single").returncode == 0
    assert list(_files(project)) == ["app/app.20250101000003.baseline.sql"]
    assert schemata.json("migrate")["applied"] == []
    assert schemata.json("migrate-status")["findings"] == []


def test_what_cannot_be_told_is_refused_until_somebody_accepts_it(project: Project, schemata: CommandLine) -> None:
    """A block that changes rows and a function that is called: each is listed, with what to type."""
    project.write(
        "app.20250101000001.one",
        "-- One.\nCREATE TABLE app.one (id int);\n"
        "CREATE FUNCTION app.fill() RETURNS void LANGUAGE sql AS 'INSERT INTO app.one VALUES (2)';\n"
        "DO $$ BEGIN INSERT INTO app.one VALUES (1); END $$;\nSELECT app.fill();\nSELECT count(*) FROM app.one;\n",
    )
    _commit(project)
    through = ("squash", "--through", "app.20250101000001.one")
    text = schemata.refused(
        *through, code=1, says=("line 4: DO $$", "line 5: SELECT app.fill()", "calls fill", "--rows")
    )
    assert "line 6" not in text
    document = schemata.json(*through, "--accept-data", "only for tests", "--dry-run")
    assert document["unequal"] == ['table "app"."one": 2 rows | 0 rows']
    assert schemata(*through, "--rows").returncode == 0
    assert "-- What could not be kept" not in "".join(_files(project).values())


def test_what_git_does_not_have_is_not_deleted(project: Project, schemata: CommandLine) -> None:
    """A file that is not committed as it is stops it; without any git the old files are kept aside."""
    path = project.write("app.20250101000001.one", "-- One.\nCREATE TABLE app.one (id int);\n")
    through = ("squash", "--through", "app.20250101000001.one")
    _commit(project)
    path.write_text(path.read_text() + "-- edited\n")
    schemata.refused(*through, code=1, says=(path.name, "is not committed", "No file was changed"))
    shutil.rmtree(project.root / ".git")
    before = _files(project)
    document = schemata.json(*through)
    kept = Path(document["kept"])
    assert {str(one.relative_to(kept)): one.read_text() for one in kept.rglob("*.sql")} == before


def test_what_is_not_possible_is_said(project: Project, schemata: CommandLine) -> None:
    """A name that is taken, no migration, a schema of which nothing is left."""
    project.write("app.20250101000001.one", "-- One.\nCREATE TABLE app.one (id int);\n")
    project.write("app.20250101000002.baseline", "-- Two.\nDROP TABLE app.one;\n")
    _commit(project)
    schemata.refused("squash", code=2, says=("no migration is named", "inv squash --through ID"))
    schemata.refused("squash", "--through", "app.20250101000002.baselin", code=2, says=("Did you mean",))
    through = ("squash", "--through", "app.20250101000002.baseline")
    schemata.refused(*through, code=2, says=("app.20250101000002.baseline", "Choose another --name"))
    schemata.refused(*through, "--name", "Two Words", code=2, says=("not a name",))
    schemata.refused(*through, "--name", "start", code=1, says=("leave nothing",))
