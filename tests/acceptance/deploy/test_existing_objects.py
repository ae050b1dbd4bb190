"""A database that is full but has no history: nothing is applied over it unless a person says so."""

from collections.abc import Callable

import psycopg
import pytest

from schemata.history import tables
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
ROWS = 1000

# Each object alone stops a deploy. {schema} is one of the project's.
OBJECTS = {
    "table": ("CREATE TABLE {schema}.o (id int)", "1 table (o)"),
    "partitioned table": ("CREATE TABLE {schema}.o (id int) PARTITION BY RANGE (id)", "1 table (o)"),
    "view": ("CREATE VIEW {schema}.o AS SELECT 1", "1 view (o)"),
    "materialized view": ("CREATE MATERIALIZED VIEW {schema}.o AS SELECT 1", "1 materialized view (o)"),
    "sequence": ("CREATE SEQUENCE {schema}.o", "1 sequence (o)"),
    "enum": ("CREATE TYPE {schema}.o AS ENUM ('a')", "1 type (o)"),
    "domain": ("CREATE DOMAIN {schema}.o AS int", "1 type (o)"),
    "composite type": ("CREATE TYPE {schema}.o AS (a int)", "1 type (o)"),
    "range": ("CREATE TYPE {schema}.o AS RANGE (subtype = int4)", "1 type (o)"),
    "shell type": ("CREATE TYPE {schema}.o", ""),
    "function": ("CREATE FUNCTION {schema}.o() RETURNS int LANGUAGE sql AS 'SELECT 1'", "1 function (o)"),
    "procedure": ("CREATE PROCEDURE {schema}.o() LANGUAGE sql AS 'SELECT 1'", "1 function (o)"),
    "aggregate": ("CREATE AGGREGATE {schema}.o(int) (SFUNC = int4pl, STYPE = int)", "1 function (o)"),
    "identity": (
        "CREATE TABLE {schema}.o (id int GENERATED ALWAYS AS IDENTITY, s serial PRIMARY KEY)",
        "1 table (o)",
    ),
    "seven tables": (
        "; ".join(f"CREATE TABLE {{schema}}.o{number} ()" for number in range(7)),
        "7 tables (o0, o1, o2, o3, o4, …)",
    ),
    "foreign table": (
        "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing;"
        " CREATE FOREIGN TABLE {schema}.o (id int) SERVER far",
        "1 foreign table (o)",
    ),
}

LEDGERS = {
    "Prisma": (
        "CREATE TABLE public._prisma_migrations (migration_name text, started_at timestamptz);"
        "INSERT INTO public._prisma_migrations VALUES ('1_a', '2024-01-01'), ('2_b', '2024-01-02')",
        "public._prisma_migrations of Prisma (2 entries, the last is 2_b)",
    ),
    "Flyway": (
        "CREATE TABLE app.flyway_schema_history (installed_rank int, script text);"
        "INSERT INTO app.flyway_schema_history VALUES (1, 'V1__a.sql')",
        "app.flyway_schema_history of Flyway (1 entry, the last is V1__a.sql)",
    ),
    "Alembic": (
        "CREATE TABLE public.alembic_version (version_num text); INSERT INTO public.alembic_version VALUES ('ae10')",
        "public.alembic_version of Alembic (1 entry, the last is ae10)",
    ),
    "Sqitch": (
        "CREATE SCHEMA sqitch; CREATE TABLE sqitch.changes (change_id text, change text, committed_at timestamptz)",
        "sqitch.changes of Sqitch (0 entries)",
    ),
    "golang-migrate": (
        "CREATE TABLE public.schema_migrations (version bigint, dirty boolean);"
        "INSERT INTO public.schema_migrations VALUES (7, false)",
        "public.schema_migrations of golang-migrate (1 entry, the last is 7)",
    ),
    "Rails": (
        "CREATE TABLE public.schema_migrations (version text);"
        "INSERT INTO public.schema_migrations VALUES ('20240101'), ('20240202')",
        "public.schema_migrations of dbmate or Rails (2 entries, the last is 20240202)",
    ),
    "Django": (
        "CREATE TABLE public.django_migrations (id int, app text, name text);"
        "INSERT INTO public.django_migrations VALUES (1, 'shop', '0001_initial')",
        "public.django_migrations of Django (1 entry, the last is shop.0001_initial)",
    ),
    "Sequelize": (
        'CREATE TABLE public."SequelizeMeta" (name text); INSERT INTO public."SequelizeMeta" VALUES (\'1-a.js\')',
        "public.SequelizeMeta of Sequelize (1 entry, the last is 1-a.js)",
    ),
    "yoyo in public": (
        "CREATE TABLE public._yoyo_migration (migration_hash text, migration_id text, applied_at_utc timestamp);"
        "INSERT INTO public._yoyo_migration VALUES ('x', '0001.a', now())",
        "public._yoyo_migration of yoyo (1 entry, the last is 0001.a)",
    ),
    "of another form": (
        "CREATE TABLE public._prisma_migrations (migration_name text)",
        "public._prisma_migrations of Prisma (not readable",
    ),
}


@pytest.fixture
def dropping(project: Project) -> Project:
    """Give a project whose first migration destroys what it finds."""
    sql = "DROP TABLE IF EXISTS app.t;\nCREATE TABLE app.t (id int);\n"
    project.write(ONE, f"-- One.\n{sql}", "DROP TABLE app.t;\n")
    project.write(TWO, "-- Two.\nCREATE TABLE app.two ();\n", "DROP TABLE app.two;\n")
    return project


def _do(project: Project, sql: str) -> None:
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute(sql)  # type: ignore[call-overload]


def _fill(project: Project) -> None:
    _do(project, f"CREATE SCHEMA app; CREATE TABLE app.t AS SELECT g AS id FROM generate_series(1, {ROWS}) g")


def _rows(project: Project) -> int:
    with psycopg.connect(project.url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM app.t").fetchone() or (0,)
        return int(count)


SAYS = (
    "database: the schemas hold objects, but no migration is recorded",
    "app: 1 table (t)",
    "inv migrate-baseline --through ID",
    TWO,
    "inv migrate --on-existing-objects",
    "Nothing was applied.",
)


def test_a_full_database_without_a_history_is_refused_by_every_command(
    dropping: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """migrate, its dry run, dev-up and every form of boot end with 1, say what is there, and change nothing."""
    _fill(dropping)
    before = dump(dropping.url)
    schemata.refused("migrate", code=1, says=SAYS)
    schemata.refused("migrate", "--dry-run", code=1, says=SAYS)
    schemata.refused("migrate", "--to", ONE, code=1, says=SAYS)
    schemata.refused("migrate", "--schema", "app", code=1, says=SAYS)
    schemata.refused("dev-up", "--server", "external", code=1, says=SAYS)
    for arguments in ([], ["--wait-only"], ["--until", ONE], ["--wait-only", "--until", ONE]):
        boot = dropping.boot(*arguments, "--", "echo", "started")
        assert (boot.returncode, boot.stdout) == (1, ""), boot.stderr
        for part in SAYS:
            assert part in boot.stderr
        assert "Traceback" not in boot.stderr
    assert dump(dropping.url) == before
    assert _rows(dropping) == ROWS


def test_a_sealed_build_refuses_as_well(dropping: Project, schemata: CommandLine) -> None:
    """A build with a manifest goes the same way."""
    _fill(dropping)
    assert schemata("seal").returncode == 0
    boot = dropping.boot("--", "echo", "started")
    assert (boot.returncode, boot.stdout) == (1, ""), boot.stderr
    assert "no migration is recorded" in boot.stderr
    assert _rows(dropping) == ROWS


def test_status_says_the_same(dropping: Project, schemata: CommandLine) -> None:
    """The finding is there with exit 1, and nobody is told to apply what is pending."""
    _fill(dropping)
    document = schemata.json("migrate-status", code=1)
    (finding,) = [one for one in document["findings"] if one["code"] == "existing-objects"]
    assert finding["detail"] == "  app: 1 table (t)"
    assert "inv migrate-baseline --through ID" in finding["remedy"]
    ended = schemata("migrate-status")
    assert ended.returncode == 1
    assert "existing-objects: database: the schemas hold objects" in ended.stdout
    assert "apply with: inv migrate" not in ended.stdout
    assert schemata("migrate-status", "--schema", "app").returncode == 1


@pytest.mark.parametrize("how", ["only its tables", "rolled back", "all rows removed"])
def test_an_empty_history_is_no_history(
    dropping: Project, schemata: CommandLine, how: str, dump: Callable[[str], str]
) -> None:
    """A history without a row does not make what is there ours."""
    if how == "rolled back":
        assert schemata("migrate").returncode == 0
        assert schemata("rollback", "--steps", "2", schemata.confirm).returncode == 0
        _do(dropping, f"CREATE TABLE app.t AS SELECT g AS id FROM generate_series(1, {ROWS}) g")
    else:
        if how == "only its tables":
            _do(dropping, tables.History("schemata").create())
        else:
            assert schemata("migrate").returncode == 0
            names = ("_yoyo_migration", "_yoyo_log", "attempts", "head")
            _do(dropping, f"DROP TABLE app.t; TRUNCATE {', '.join(f'schemata.{name}' for name in names)}")
        _do(dropping, "CREATE SCHEMA IF NOT EXISTS app")
        _do(dropping, f"CREATE TABLE app.t AS SELECT g AS id FROM generate_series(1, {ROWS}) g")
    before = dump(dropping.url)
    text = schemata.refused("migrate", code=1, says=("no migration is recorded", "(t", "Nothing was applied."))
    assert ("2 were applied and rolled back" in text) == (how == "rolled back")
    assert dropping.boot().returncode == 1
    assert dump(dropping.url) == before
    assert _rows(dropping) == ROWS


def test_a_person_may_say_that_it_is_meant(dropping: Project, schemata: CommandLine) -> None:
    """With the flag it runs and says so; no setting and no variable does the same."""
    _fill(dropping)
    for name in ("SCHEMATA_ON_EXISTING_OBJECTS", "INVOKE_TASKS_MIGRATE_ON_EXISTING_OBJECTS"):
        schemata.refused("migrate", code=1, says=("no migration is recorded",), **{name: "true"})
        assert dropping.boot(**{name: "true"}).returncode == 1
    assert _rows(dropping) == ROWS
    ended = schemata("migrate", "--on-existing-objects")
    assert ended.returncode == 0, ended.stderr
    assert "--on-existing-objects was given" in ended.stdout
    assert _rows(dropping) == 0
    assert schemata.json("migrate-status")["ok"] is True


def test_the_flag_of_dev_up_and_of_a_boot(dropping: Project, schemata: CommandLine) -> None:
    """Both take it; a boot that migrates nothing has no use for it."""
    _fill(dropping)
    boot = dropping.boot("--wait-only", "--on-existing-objects")
    assert boot.returncode == 2
    assert "--wait-only migrates nothing" in boot.stderr
    boot = dropping.boot("--until", ONE, "--on-existing-objects", "--", "echo", "started")
    assert (boot.returncode, boot.stdout) == (0, "started\n"), boot.stderr
    assert "--on-existing-objects was given" in boot.stderr
    _do(dropping, "DROP SCHEMA schemata CASCADE")
    schemata.refused("dev-up", "--server", "external", code=1, says=("no migration is recorded",))
    assert schemata("dev-up", "--server", "external", "--on-existing-objects").returncode == 0


def test_a_baseline_is_the_other_way(dropping: Project, schemata: CommandLine) -> None:
    """What the message says to type works, and the rows are there afterwards."""
    _fill(dropping)
    assert schemata("migrate-baseline", schemata.confirm, "--through", ONE).returncode == 0
    assert schemata("migrate").returncode == 0
    assert _rows(dropping) == ROWS
    assert schemata.json("migrate-status")["ok"] is True


@pytest.mark.parametrize("kind", OBJECTS)
def test_each_kind_of_object_stops_a_deploy(dropping: Project, schemata: CommandLine, kind: str) -> None:
    """It is counted by kind and named; what goes with it (row types, a column's sequence) is not counted."""
    make, told = OBJECTS[kind]
    _do(dropping, f"CREATE SCHEMA app; {make.format(schema='app')}")
    if not told:  # a type that is only announced holds nothing
        assert schemata("migrate").returncode == 0
        return
    text = schemata.refused("migrate", code=1, says=("no migration is recorded", f"  app: {told}\n"))
    assert text.count("  app: ") == 1
    # A baseline takes the same things for objects, so nobody is sent in a circle.
    unverified = ("--unverified", "--reason", "a test of what is an object")
    assert schemata("migrate-baseline", schemata.confirm, "--through", ONE, *unverified).returncode == 0


@pytest.mark.parametrize("name", LEDGERS)
def test_another_tools_ledger_is_named(dropping: Project, schemata: CommandLine, name: str) -> None:
    """With how many entries it has, and the last."""
    _fill(dropping)
    make, told = LEDGERS[name]
    _do(dropping, make)
    schemata.refused("migrate", code=1, says=("app: ", f"  another tool's record: {told}"))


def test_a_history_under_another_name_is_named(dropping: Project, schemata: CommandLine) -> None:
    """A `history_schema` that is misspelt is an empty history on a full database; ours is named as what it is."""
    assert schemata("migrate").returncode == 0
    _do(dropping, f"INSERT INTO app.t SELECT generate_series(1, {ROWS})")
    told = "this program's record: schemata._yoyo_migration of this program itself, in another history_schema"
    schemata.refused("migrate", code=1, says=("app: 2 tables (t, two)", told), SCHEMATA_HISTORY_SCHEMA="shcemata")
    assert dropping.boot(SCHEMATA_HISTORY_SCHEMA="shcemata").returncode == 1
    assert _rows(dropping) == ROWS


def test_a_ledger_that_is_locked_is_named_all_the_same(dropping: Project, schemata: CommandLine) -> None:
    """A deploy of that tool may be running: its table is locked, and nothing waits for it."""
    _fill(dropping)
    _do(dropping, LEDGERS["Alembic"][0])
    with psycopg.connect(dropping.url) as connection:
        connection.execute("LOCK TABLE public.alembic_version")
        schemata.refused("migrate", code=1, says=("public.alembic_version of Alembic (not readable",))


def test_objects_of_an_extension_and_of_other_schemas_do_not_count(dropping: Project, schemata: CommandLine) -> None:
    """Schemas that are there but empty, an extension's members and what lies elsewhere let a cold start through."""
    _do(dropping, "CREATE SCHEMA app; CREATE SCHEMA other; CREATE TABLE other.t (); CREATE TABLE public.t ()")
    with psycopg.connect(dropping.url, autocommit=True) as connection:
        names = connection.execute(
            "SELECT name FROM pg_available_extensions WHERE name IN ('citext', 'hstore', 'pg_trgm', 'btree_gist')"
            " ORDER BY name"
        ).fetchall()
        for (name,) in names:
            connection.execute(f"CREATE EXTENSION {name} SCHEMA app")  # type: ignore[call-overload]
    assert names
    assert schemata("migrate").returncode == 0
    assert schemata.json("migrate-status")["ok"] is True


def test_the_public_schema_of_a_project_may_hold_extensions(project: Project, schemata: CommandLine) -> None:
    """A project of the schema public is not stopped by what an extension put there, but by anything else."""
    project.schemas = ("public",)
    project.configure()
    (project.root / "migrations" / "app").rmdir()
    project.write("public.20250101000001.one", "-- One.\nCREATE TABLE public.one ();\n", "DROP TABLE public.one;\n")
    _do(project, "CREATE EXTENSION pg_trgm SCHEMA public; CREATE TABLE public.mine ()")
    schemata.refused("migrate", code=1, says=("  public: 1 table (mine)\n",))
    _do(project, "DROP TABLE public.mine")
    assert schemata("migrate").returncode == 0


SECOND = "billing.20250101000003.three"


def _second_schema(
    project: Project, sql: str = "DROP TABLE IF EXISTS billing.t;\nCREATE TABLE billing.t ();\n"
) -> None:
    """Add a schema with a first migration to a project that is applied."""
    project.schemas = ("app", "billing")
    project.configure()
    sql = "-- Three.\nDROP TABLE IF EXISTS billing.t;\nCREATE TABLE billing.t ();\n"
    project.write(SECOND, sql, "DROP TABLE billing.t;\n")


def test_a_schema_that_gets_its_first_migration_is_looked_at(dropping: Project, schemata: CommandLine) -> None:
    """A history of other schemas does not make ours what a schema holds that is new to the project."""
    assert schemata("migrate").returncode == 0
    _second_schema(dropping)
    _do(dropping, f"CREATE SCHEMA billing; CREATE TABLE billing.t AS SELECT generate_series(1, {ROWS}) AS id")
    says = (
        "schema billing holds objects, but none of its migrations is recorded",
        "  billing: 1 table (t)",
        f"the last one of this build is {SECOND}",
        "Nothing was applied.",
    )
    schemata.refused("migrate", code=1, says=says)
    schemata.refused("dev-up", "--server", "external", code=1, says=says)
    boot = dropping.boot("--", "echo", "started")
    assert (boot.returncode, boot.stdout) == (1, ""), boot.stderr
    assert says[0] in boot.stderr
    assert "existing-objects" in [one["code"] for one in schemata.json("migrate-status", code=1)["findings"]]
    assert "apply with: inv migrate" not in schemata("migrate-status").stdout
    with psycopg.connect(dropping.url) as connection:
        assert connection.execute("SELECT count(*) FROM billing.t").fetchone() == (ROWS,)
    ended = schemata("migrate", "--on-existing-objects")
    assert ended.returncode == 0, ended.stderr
    assert schemata.json("migrate-status")["ok"] is True


@pytest.mark.parametrize("made", ["by nobody", "by an applied migration"])
def test_a_new_schema_that_is_empty_or_ours_goes_through(dropping: Project, schemata: CommandLine, made: str) -> None:
    """What an applied migration of another schema names may be its work."""
    if made == "by an applied migration":
        dropping.write(
            "app.20250101000003.far",
            "-- Far.\nCREATE SCHEMA billing;\nCREATE TABLE billing.far ();\n",
            "DROP SCHEMA billing CASCADE;\n",
        )
    assert schemata("migrate").returncode == 0
    _second_schema(dropping)
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE IF EXISTS other.t;\nCREATE TABLE other.t ();\n",
        "TRUNCATE other.t;\n",
        "DELETE FROM other.t;\n",
        "WITH gone AS (DELETE FROM other.t RETURNING id) SELECT FROM gone;\n",
        "DROP SCHEMA other CASCADE;\nCREATE SCHEMA other;\n",
    ],
)
def test_what_the_files_would_destroy_in_other_schemas_counts(
    project: Project, schemata: CommandLine, sql: str
) -> None:
    """Nothing is recorded, so the tables that a file empties or drops are somebody else's, wherever they lie."""
    project.write(ONE, f"-- One.\nCREATE TABLE app.one ();\n{sql}", "DROP TABLE app.one;\n")
    _do(project, f"CREATE SCHEMA other; CREATE TABLE other.t AS SELECT generate_series(1, {ROWS}) AS id")
    schemata.refused("migrate", code=1, says=("  other: 1 table (t)\n", "inv migrate --on-existing-objects"))
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(*) FROM other.t").fetchone() == (ROWS,)
    assert schemata("migrate", "--on-existing-objects").returncode == 0


def test_what_is_not_there_is_not_destroyed(project: Project, schemata: CommandLine) -> None:
    """A file may drop a table of another schema, just in case, or one that an earlier file makes."""
    sql = (
        "-- One.\nDROP TABLE IF EXISTS other.t;\nCREATE SCHEMA other;\nCREATE TABLE other.t ();\nDROP TABLE other.t;\n"
    )
    project.write(ONE, sql, "DROP SCHEMA other;\n")
    assert schemata("migrate").returncode == 0


def test_an_interrupted_first_migration_goes_on(project: Project, schemata: CommandLine) -> None:
    """What a non-transactional first migration left is ours: its attempt was recorded before its first statement."""
    project.write(
        ONE,
        "-- One.\n-- transactional: false\nCREATE TABLE app.t (id int);\nINSERT INTO app.t VALUES (1);\n"
        "SELECT 1 / (SELECT count(*) FROM app.flag);\n",
        "DROP TABLE app.t;\n",
    )
    _do(project, "CREATE SCHEMA app")
    assert schemata("migrate").returncode == 1
    assert "existing-objects" not in schemata("migrate-status").stdout
    path = project.root / "migrations" / "app" / f"{ONE}.sql"
    path.write_text(path.read_text().replace("1 / (SELECT count(*) FROM app.flag)", "1"))
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr
    assert _rows(project) == 1


def test_an_attempt_that_did_nothing_owns_nothing(project: Project, schemata: CommandLine) -> None:
    """A first statement that the server refused left nothing, so what is there afterwards came from elsewhere."""
    project.write(ONE, "-- One.\n-- transactional: false\nSELECT * FROM app.flag;\nDROP TABLE IF EXISTS app.t;\n")
    assert schemata("migrate").returncode == 1
    _do(project, f"CREATE TABLE app.flag (); CREATE TABLE app.t AS SELECT generate_series(1, {ROWS}) AS id")
    schemata.refused("migrate", code=1, says=("no migration is recorded", "app: 2 tables (flag, t)"))
    assert _rows(project) == ROWS


def test_dev_up_on_docker_does_not_take_the_flag(dropping: Project, schemata: CommandLine) -> None:
    """There the containers' entrypoint migrates; the message says how to do it once."""
    schemata.refused(
        "dev-up", "--server", "docker", "--on-existing-objects", code=2,
        says=("docker compose up --detach --wait postgres", "inv migrate --on-existing-objects"),
    )  # fmt: skip


def test_a_role_that_may_not_read_a_ledger_is_told_of_it(
    dropping: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """The catalog is open to everybody, the rows are not."""
    _fill(dropping)
    _do(dropping, LEDGERS["Prisma"][0])
    url = make_role(dropping.url)
    schemata.refused(
        "migrate", "--url", url, code=1, says=("app: 1 table (t)", "_prisma_migrations of Prisma (not readable")
    )
