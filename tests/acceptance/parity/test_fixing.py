"""`inv parity --fix`, `--adopt` and `--from`: files that lead from one structure to the other, and run nothing."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"


@pytest.fixture
def drifted(project: Project, schemata: CommandLine) -> Project:
    """Give a project whose database was changed by hand: a column more, an index less, another default, a grant."""
    project.write(
        ONE,
        """\
        CREATE TABLE app.t (id bigint PRIMARY KEY, name text NOT NULL DEFAULT 'none');
        CREATE INDEX t_name ON app.t (name);
        CREATE VIEW app.names AS SELECT name FROM app.t;
        """,
    )
    assert schemata("migrate").returncode == 0
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("INSERT INTO app.t VALUES (1, 'kept')")
        connection.execute("ALTER TABLE app.t ADD COLUMN extra int")
        connection.execute("DROP INDEX app.t_name")
        connection.execute("ALTER TABLE app.t ALTER COLUMN name SET DEFAULT 'other'")
        connection.execute("GRANT SELECT ON app.names TO PUBLIC")
    return project


def _files(project: Project) -> list[str]:
    return sorted(path.name for path in (project.root / "migrations" / "app").iterdir())


def test_the_differences_are_taken_back_by_migrations(
    drifted: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """What loses nothing is done and not undone again, what would lose a column is refused by name."""
    before = dump(drifted.url)
    ended = schemata("parity", "--fix")
    assert ended.returncode == 1
    assert "Not done: column app.t.extra is there and not expected" in ended.stdout
    assert dump(drifted.url) == before, "nothing was run"
    assert not any("rollback" in name for name in _files(drifted) if not name.startswith(ONE))
    assert schemata("migrate").returncode == 0
    document = schemata.json("parity", code=1)
    (target,) = document["targets"]
    assert [one["subject"] for one in target["differences"]] == ["column app.t.extra"]
    with psycopg.connect(drifted.url) as connection:
        assert connection.execute("SELECT id, name FROM app.t").fetchall() == [(1, "kept")]
        assert connection.execute("SELECT to_regclass('app.t_name')::text").fetchone() == ("app.t_name",)


def test_what_was_done_by_hand_becomes_a_part_of_the_migrations(
    drifted: Project, schemata: CommandLine, make_database: Callable[..., str], dump: Callable[[str], str]
) -> None:
    """The database that has it runs them without an effect, and a fresh one becomes the same."""
    before = dump(drifted.url)
    assert schemata("parity", "--adopt", "--name", "by hand").returncode == 0
    written = _files(drifted)
    assert all("by_hand" in name or name.startswith(ONE) for name in written)
    schemata.refused("parity", "--adopt", code=1, says=("is pending",))
    assert _files(drifted) == written
    assert schemata("migrate").returncode == 0
    assert dump(drifted.url) == before
    assert schemata("parity").returncode == 0
    assert schemata.json("migrate-status")["ok"] is True
    fresh = make_database()
    assert schemata("migrate", "--url", fresh).returncode == 0
    assert schemata("parity", "--url", fresh, "--against", drifted.url).returncode == 0


def test_a_structure_that_somebody_wrote_as_sql_is_reached(
    project: Project, schemata: CommandLine, tmp_path: Path
) -> None:
    """The migrations lead from what all of them make to what the file makes; a broken file is told with its line."""
    project.write(ONE, "CREATE TABLE app.t (id bigint PRIMARY KEY);\n")
    assert schemata("migrate").returncode == 0
    wanted = tmp_path / "wanted.sql"
    wanted.write_text(
        "CREATE TABLE app.t (id bigint PRIMARY KEY, name text);\nCREATE INDEX t_name ON app.t (name);\n"
        "CREATE TABLE app.u (t_id bigint NOT NULL REFERENCES app.t (id));\n"
    )
    ended = schemata("parity", "--from", str(wanted))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert any("declared" in name for name in _files(project))
    assert schemata("migrate").returncode == 0
    assert "There is no difference" in schemata("parity", "--from", str(wanted)).stdout
    wanted.write_text("CREATE TABLE app.t (id bigint PRIMARY KEY);\nCREATE INDEX t_name ON app.t (nothing);\n")
    schemata.refused("parity", "--from", str(wanted), code=1, says=(f"{wanted}:2", "42703"))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--fix", "--targets", "one,two"), "several databases"),
        (("--adopt", "--against", "x.json"), "--adopt"),
        (("--from", "x.sql", "--url", "postgresql://nowhere/x"), "--from x.sql"),
        (("--from", "nowhere.sql"), "nowhere.sql cannot be read"),
        (("--fix", "--adopt"), "--fix and --adopt exclude each other"),
        (("--fix", "--watch", "60s"), "--watch is for the report"),
    ],
)
def test_what_excludes_each_other_is_refused(
    project: Project, schemata: CommandLine, flags: tuple[str, ...], says: str
) -> None:
    """Exit 2 with the flag, and no file is written."""
    project.write(ONE, "CREATE TABLE app.t ();\n")
    before = _files(project)
    schemata.refused("parity", *flags, code=2, says=(says,))
    assert _files(project) == before


def test_a_rule_and_an_acceptance_leave_things_as_they_are(drifted: Project, schemata: CommandLine) -> None:
    """What is ignored is not fixed; with everything ignored there is nothing to write."""
    before = _files(drifted)
    ended = schemata("parity", "--fix", "--ignore", "*:app.*")
    assert (ended.returncode, _files(drifted)) == (0, before), ended.stdout
    assert schemata("drift-accept", "--reason", "so be it").returncode == 0
    ended = schemata("parity", "--fix")
    assert (ended.returncode, _files(drifted)) == (0, before), ended.stdout
