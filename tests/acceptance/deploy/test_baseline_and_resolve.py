"""Files against history: changed, missing, ahead, out of order, baselines, and what a person resolves."""

from collections.abc import Callable

import psycopg

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
THREE = "app.20250101000003.three"


def _applied(project: Project, schemata: CommandLine, *ids: str) -> None:
    for migration_id in ids:
        name = migration_id.rpartition(".")[2]
        project.write(migration_id, f"-- {name}.\nCREATE TABLE app.{name} ();\n", f"DROP TABLE app.{name};\n")
    assert schemata("migrate").returncode == 0


def _states(schemata: CommandLine, code: int) -> dict[str, str]:
    return {row["id"]: row["state"] for row in schemata.json("migrate-status", code=code)["migrations"]}


def test_a_changed_file_stops_a_deploy_and_shows_the_difference(
    project: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """An applied file that was edited is told with a diff of what ran, and nothing is applied until it is restored."""
    _applied(project, schemata, ONE)
    path = project.write(ONE, "-- one.\nCREATE TABLE app.one (id int);\n")
    project.write(TWO, "CREATE TABLE app.two ();\n")
    before = dump(project.url)
    says = (
        f"{ONE}: {path} was edited after it was applied",
        f"--- applied/{ONE}.sql",
        f"+++ file/{ONE}.sql",
        "-CREATE TABLE app.one ();",
        "+CREATE TABLE app.one (id int);",
        "Restore the file and put the change into a new migration",
        "Nothing was applied.",
    )
    schemata.refused("migrate", code=1, says=says)
    schemata.refused("migrate", "--dry-run", code=1, says=says)
    assert dump(project.url) == before
    assert _states(schemata, 1) == {ONE: "changed", TWO: "pending"}
    told = schemata("migrate-status")
    assert told.returncode == 1
    assert "-CREATE TABLE app.one ();" in told.stdout

    project.write(ONE, "-- one.\nCREATE TABLE app.one ();\n")
    assert schemata("migrate").returncode == 0


def test_an_edit_of_comments_and_layout_is_a_note(project: Project, schemata: CommandLine) -> None:
    """Comments, blank lines and the case of key words may change after a migration was applied: it is told, exit 0."""
    _applied(project, schemata, ONE)
    project.write(ONE, "-- The first one.\n\ncreate table app.one (\n) /* nothing in it */;\n")
    ended = schemata("migrate-status", "--check")
    assert ended.returncode == 0
    assert f"{ONE}: was edited after it was applied, in comments or formatting only" in ended.stdout
    project.write(TWO, "CREATE TABLE app.two ();\n")
    ended = schemata("migrate")
    assert ended.returncode == 0
    assert "in comments or formatting only" in ended.stdout
    # A reformatted file stays a note however often one looks.
    assert _states(schemata, 0) == {ONE: "reformatted", TWO: "applied"}


def test_a_missing_file_stops_a_deploy(project: Project, schemata: CommandLine, dump: Callable[[str], str]) -> None:
    """A recorded migration without its file is told with the time it was applied and how to get it back."""
    _applied(project, schemata, ONE, TWO)
    path = project.root / "migrations" / "app" / f"{ONE}.sql"
    path.unlink()
    path.with_suffix(".rollback.sql").unlink()
    project.write(THREE, "CREATE TABLE app.three ();\n")
    before = dump(project.url)
    schemata.refused(
        "migrate",
        code=1,
        says=(f"{ONE}: is applied (at 20", "this build has no file for it", "version control", "Nothing"),
    )
    assert dump(project.url) == before
    assert _states(schemata, 1) == {ONE: "missing", TWO: "applied", THREE: "pending"}


def test_an_older_build_on_a_newer_database_applies_nothing(
    project: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """Ahead names both revisions and exits 1; within `accepts` it is a note and the boot goes on."""
    _applied(project, schemata, ONE, THREE)
    path = project.root / "migrations" / "app" / f"{THREE}.sql"
    path.unlink()
    path.with_suffix(".rollback.sql").unlink()
    before = dump(project.url)
    accepts = 'accepts = "20250101000001..20250101000003"'
    says = (f"{THREE}: the database is ahead", f"ends at {ONE}", f"is at {THREE}", accepts)
    schemata.refused("migrate", code=1, says=says)
    boot = project.boot("--", "echo", "started")
    assert boot.returncode == 1
    assert "the database is ahead" in boot.stderr
    assert boot.stdout == ""
    assert _states(schemata, 1) == {ONE: "applied", THREE: "ahead"}

    project.configure(accepts)
    ended = schemata("migrate")
    assert ended.returncode == 0
    assert "the database is ahead" in ended.stdout
    assert _states(schemata, 0) == {ONE: "applied", THREE: "ahead"}
    for arguments in (["--", "echo", "started"], ["--wait-only", "--", "echo", "started"]):
        boot = project.boot(*arguments)
        assert (boot.returncode, boot.stdout) == (0, "started\n"), boot.stderr
    assert dump(project.url) == before


def test_out_of_order_is_refused_until_it_is_allowed(project: Project, schemata: CommandLine) -> None:
    """A pending migration before an applied one is refused with both remedies; flag and setting let it be applied."""
    _applied(project, schemata, ONE, THREE)
    project.write(TWO, "CREATE TABLE app.two ();\n")
    says = (
        f"{TWO}: is pending, but {THREE}, which comes after it, is applied",
        "migrate-restamp",
        "--allow-out-of-order",
    )
    schemata.refused("migrate", code=1, says=says)
    assert _states(schemata, 1) == {ONE: "applied", TWO: "out-of-order", THREE: "applied"}
    project.configure('out_of_order = "allow"')
    assert _states(schemata, 0) == {ONE: "applied", TWO: "pending", THREE: "applied"}
    project.configure()
    assert schemata("migrate", "--allow-out-of-order").returncode == 0
    assert _states(schemata, 0) == {ONE: "applied", TWO: "applied", THREE: "applied"}


def test_restamp_moves_what_is_out_of_order_and_all_that_names_it(project: Project, schemata: CommandLine) -> None:
    """File, rollback file and followers' depends lines are renamed together, and a migrate then works."""
    _applied(project, schemata, ONE, THREE)
    follower = "app.20250101000004.follower"
    project.write(TWO, f"-- two.\n-- depends: {ONE}\nCREATE TABLE app.two ();\n", "DROP TABLE app.two;\n")
    project.write(
        follower,
        f"-- follower.\n-- depends: {TWO} {ONE}\nCREATE TABLE app.follower ();\n",
        "DROP TABLE app.follower;\n",
    )
    moved = {row["was"]: row["is"] for row in schemata.json("migrate-restamp")["rows"]}
    assert list(moved) == [TWO, follower]
    assert THREE < moved[TWO] < moved[follower]
    names = {path.name for path in (project.root / "migrations" / "app").iterdir()}
    for was, now in moved.items():
        assert f"{was}.sql" not in names
        assert f"{was}.rollback.sql" not in names
        assert {f"{now}.sql", f"{now}.rollback.sql"} <= names
    text = (project.root / "migrations" / "app" / f"{moved[follower]}.sql").read_text()
    assert f"-- depends: {moved[TWO]} {ONE}\n" in text
    assert schemata("migrate").returncode == 0
    assert set(_states(schemata, 0).values()) == {"applied"}
    assert schemata("migrate-restamp").stdout.startswith("Nothing is out of order.")
    schemata.refused(
        "migrate-restamp",
        "--migration",
        ONE,
        code=1,
        says=(f"{ONE} is applied in", "its name must stay", "migrate-new"),
    )


def test_there_is_nothing_to_resolve(project: Project, schemata: CommandLine) -> None:
    """Resolving what is applied, or was never tried, is refused; so is saying both or neither."""
    _applied(project, schemata, ONE)
    project.write(TWO, "SELECT 1;\n")
    says = (f"{ONE} is applied: there is nothing to resolve",)
    schemata.refused("migrate-resolve", schemata.confirm, ONE, "--applied", code=1, says=says)
    says = (f"{TWO} was not interrupted: there is nothing",)
    schemata.refused("migrate-resolve", schemata.confirm, TWO, "--rolled-back", code=1, says=says)
    for flags in ([], ["--applied", "--rolled-back"]):
        schemata.refused(
            "migrate-resolve",
            schemata.confirm,
            TWO,
            *flags,
            code=2,
            says=("exactly one of --applied and --rolled-back",),
        )


def test_what_cannot_heal_itself_is_resolved_by_a_person(project: Project, schemata: CommandLine) -> None:
    """An interrupted batch is refused with the difference and both commands; each of them brings the record to it."""
    batch = (
        "-- batch.\n-- transactional: false\nCREATE TABLE app.batch (id int);\n"
        "DO $$ BEGIN INSERT INTO app.batch VALUES (1); COMMIT; PERFORM 1 / (SELECT count(*) FROM app.flag); END $$;\n"
        "INSERT INTO app.batch VALUES (2);\n"
    )
    project.write(ONE, "CREATE TABLE app.flag ();\n")
    project.write(TWO, batch)
    schemata.refused("migrate", code=1, says=(f"{TWO} failed at", f"{TWO}.sql:4:1", "22012: division by zero"))
    says = (
        f"{TWO} was interrupted, and what is left of it must be judged by a person",
        "statement 1 (line 3) done",
        "statement 2 (line 4) indeterminate",
        "statement 3 (line 5) not run",
        "PostgreSQL 22012: division by zero",
        f"inv migrate-resolve {TWO} --applied",
        f"inv migrate-resolve {TWO} --rolled-back",
    )
    schemata.refused("migrate", code=1, says=says)
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT id FROM app.batch").fetchall() == [(1,)]
        connection.execute("DROP TABLE app.batch; ALTER TABLE app.flag ADD one int; INSERT INTO app.flag VALUES (1)")
    assert schemata("migrate-resolve", schemata.confirm, TWO, "--rolled-back").returncode == 0
    assert _states(schemata, 0) == {ONE: "applied", TWO: "pending"}
    assert schemata("migrate").returncode == 0
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT id FROM app.batch ORDER BY id").fetchall() == [(1,), (2,)]

    project.write(THREE, batch.replace("app.batch", "app.third").replace("count(*)", "0"))
    assert schemata("migrate").returncode == 1
    assert schemata("migrate-resolve", schemata.confirm, THREE, "--applied").returncode == 0
    assert _states(schemata, 0) == {ONE: "applied", TWO: "applied", THREE: "resolved"}
    assert schemata("migrate", "--dry-run").stdout.rstrip().endswith("Nothing to do.")


def test_a_baseline_records_what_another_tool_made(
    project: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """A baseline through ONE records it without running it; a migrate then applies only what comes after."""
    project.write(ONE, "CREATE TABLE app.one ();\n", "DROP TABLE app.one;\n")
    project.write(TWO, "CREATE TABLE app.two ();\n", "DROP TABLE app.two;\n")
    schemata.refused(
        "migrate-baseline",
        "--through",
        ONE,
        code=1,
        says=("has no table in app", "whose objects do not exist", "inv migrate"),
    )
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT to_regnamespace('schemata')").fetchone() == (None,)
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.one ()")
    ended = schemata("migrate-baseline", schemata.confirm, "--through", ONE)
    assert ended.returncode == 0, ended.stderr
    assert _states(schemata, 0) == {ONE: "baselined", TWO: "pending"}
    assert schemata("migrate").returncode == 0
    assert _states(schemata, 0) == {ONE: "baselined", TWO: "applied"}
    assert schemata("migrate-baseline", schemata.confirm, "--through", TWO).returncode == 0
    assert _states(schemata, 0) == {ONE: "baselined", TWO: "applied"}
    assert schemata("rollback", "--steps", "2", schemata.confirm).returncode == 0
    assert "app.one" not in dump(project.url)
