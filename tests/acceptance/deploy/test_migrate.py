"""migrate: how far, what exactly, and that every kind of file that people have runs as PostgreSQL would run it."""

import dataclasses
import json
import re
from collections.abc import Callable

import psycopg
import pytest

from schemata import config
from schemata.deploy import migrate
from schemata.postgres import urls
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "web.20250101000002.two"
THREE = "app.20250101000003.three"
FOUR = "web.20250101000004.four"


@pytest.fixture
def four(project: Project) -> Project:
    """Give a project of two schemas with four migrations pending."""
    project.schemas = ("app", "web")
    project.configure()
    for migration_id in (ONE, TWO, THREE, FOUR):
        schema, _, name = migration_id.split(".")
        table = f"{schema}.{name}"
        project.write(migration_id, f"-- {name}.\nCREATE TABLE {table} (id int);\n", f"DROP TABLE {table};\n")
    return project


def _applied(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT migration_id FROM schemata._yoyo_migration ORDER BY applied_at_utc")
        return [row[0] for row in rows]


def test_to_ends_with_that_migration(four: Project, schemata: CommandLine) -> None:
    """--to ID applies ID and all before it, in the one order; again it applies nothing; an earlier ID too."""
    document = schemata.json("migrate", "--to", TWO)
    assert [item["id"] for item in document["applied"]] == [ONE, TWO]
    assert document["revision"] == TWO
    assert _applied(four.url) == [ONE, TWO]
    for to in (TWO, ONE):
        assert schemata.json("migrate", "--to", to)["applied"] == []
    assert schemata("migrate").returncode == 0
    assert _applied(four.url) == [ONE, TWO, THREE, FOUR]


def test_schema_ends_with_the_last_pending_one_of_it(four: Project, schemata: CommandLine) -> None:
    """--schema app applies app's migrations and what sorts before them, and nothing after."""
    assert [item["id"] for item in schemata.json("migrate", "--schema", "app")["applied"]] == [ONE, TWO, THREE]
    assert schemata.json("migrate", "--schema", "app")["applied"] == []
    assert _applied(four.url) == [ONE, TWO, THREE]


def test_a_dry_run_prints_the_exact_sql_and_changes_nothing(
    four: Project, schemata: CommandLine, dump: Callable[[str], str]
) -> None:
    """--dry-run shows each pending file's text as it would be sent; the database stays byte for byte the same."""
    before = dump(four.url)
    ended = schemata("migrate", "--dry-run", "--to", THREE)
    assert ended.returncode == 0
    for migration_id in (ONE, TWO, THREE):
        schema, _, name = migration_id.split(".")
        assert f"-- {migration_id} (in one transaction)\n-- {name}.\nCREATE TABLE {schema}.{name} (id int);\n" in (
            ended.stdout
        )
    assert FOUR not in ended.stdout
    assert "Dry run: 3 would be applied; nothing was changed.\n" in ended.stdout
    assert ended.stdout.endswith('Backup: none is taken: the policy is "never"\n')
    planned = schemata.json("migrate", "--dry-run")["planned"]
    for item in planned:
        assert item["sql"] == (four.root / "migrations" / item["id"].split(".")[0] / f"{item['id']}.sql").read_text()
    assert dump(four.url) == before
    with psycopg.connect(four.url) as connection:
        assert connection.execute("SELECT to_regnamespace('schemata'), to_regnamespace('app')").fetchone() == (
            None,
            None,
        )
    schemata("migrate")
    after = dump(four.url)
    assert schemata("migrate", "--dry-run").stdout.rstrip().endswith("Nothing to do.")
    assert dump(four.url) == after


def test_up_down_up_is_up(four: Project, schemata: CommandLine, dump: Callable[[str], str]) -> None:
    """After migrate, rollback of everything and migrate again, pg_dump is what it was after the first."""
    assert schemata("migrate").returncode == 0
    up = dump(four.url)
    assert schemata("rollback", "--steps", "4", schemata.confirm).returncode == 0
    down = dump(four.url)
    assert "CREATE TABLE app." not in down
    assert "CREATE TABLE web." not in down
    assert schemata("migrate").returncode == 0
    assert dump(four.url) == up
    assert schemata("rollback", "--steps", "4", schemata.confirm).returncode == 0
    assert dump(four.url) == down


@dataclasses.dataclass(frozen=True)
class Files:
    """Migrations that must run, by id, and a question whose answer proves it."""

    files: dict[str, str | bytes]
    question: str
    answer: tuple[object, ...]


A, B, C = "app.20250101000001.a", "app.20250101000002.b", "app.20250101000003.c"

RUNS = {
    "no newline at the end": Files(
        {A: "-- A.\nCREATE TABLE app.a (id int) -- the end", B: "CREATE TABLE app.b (id int); -- the end"},
        "SELECT to_regclass('app.a')::text, to_regclass('app.b')::text",
        ("app.a", "app.b"),
    ),
    "CRLF": Files(
        {A: b"-- A.\r\n-- transactional: true\r\nCREATE TABLE app.a (\r\n  id int\r\n);\r\nSELECT 'x\r\ny';\r\n"},
        "SELECT to_regclass('app.a')::text",
        ("app.a",),
    ),
    "byte order mark": Files(
        {A: b"\xef\xbb\xbf-- A.\nCREATE TABLE app.a ();\n"}, "SELECT to_regclass('app.a')::text", ("app.a",)
    ),
    "not ASCII": Files(
        {A: '-- Äpfel, 梨.\nCREATE TABLE app."Äpfel" ("größe 梨" text DEFAULT \'😀\');\n'},
        "SELECT attname, pg_get_expr(adbin, adrelid) FROM pg_attribute JOIN pg_attrdef ON adrelid = attrelid "
        "AND adnum = attnum WHERE attrelid = 'app.\"Äpfel\"'::regclass",
        ("größe 梨", "'😀'::text"),
    ),
    "search_path emptied": Files(
        {
            A: "SELECT pg_catalog.set_config('search_path', '', false);\nSET statement_timeout = 7;\n"
            "SET check_function_bodies = false;\nSET row_security = off;\nCREATE TABLE app.a (id int);\n",
            B: "CREATE TABLE b AS SELECT current_setting('search_path') AS path,"
            " current_setting('statement_timeout') AS patience, current_setting('row_security') AS security;\n",
        },
        "SELECT path, patience, security FROM app.b",
        ("app, pg_catalog", "0", "on"),
    ),
    "domain and table in one file": Files(
        {
            A: "CREATE DOMAIN app.d AS int CONSTRAINT c CHECK (VALUE > 0);\nCREATE TABLE app.a (d app.d);\n",
            B: "ALTER DOMAIN app.d DROP CONSTRAINT c;\nCREATE TABLE app.b (d app.d);\n",
        },
        "SELECT to_regclass('app.b')::text",
        ("app.b",),
    ),
    "enum value used in the next file": Files(
        {
            A: "CREATE TYPE app.mood AS ENUM ('bad');\nCREATE TABLE app.a (mood app.mood);\n",
            B: "ALTER TYPE app.mood ADD VALUE 'good';\n",
            C: "INSERT INTO app.a VALUES ('good');\n",
        },
        "SELECT mood::text FROM app.a",
        ("good",),
    ),
    "a schema named as the user": Files(
        {
            A: "CREATE SCHEMA IF NOT EXISTS schemata;\nSELECT set_config('search_path', 'schemata', false);\n",
            B: "SELECT 1;",
        },
        "SELECT count(*) FROM schemata._yoyo_migration",
        (2,),
    ),
    "SET TRANSACTION and LOCK TABLE": Files(
        {
            A: "CREATE TABLE app.a (id int);\n",
            B: "SET LOCAL work_mem = '5MB';\nLOCK TABLE app.a IN ACCESS EXCLUSIVE MODE;\n"
            "INSERT INTO app.a SELECT substring(current_setting('work_mem') FROM '[0-9]+')::int;\n",
            C: "SET CONSTRAINTS ALL IMMEDIATE;\nUPDATE app.a SET id = id + 1;\n",
        },
        "SELECT id FROM app.a",
        (6,),
    ),
    "isolation level": Files(
        {
            A: "CREATE TABLE app.a (level text);\n",
            B: "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n"
            "INSERT INTO app.a VALUES (current_setting('transaction_isolation'));\n",
            C: "INSERT INTO app.a VALUES (current_setting('transaction_isolation'));\n",
        },
        "SELECT string_agg(level, ', ' ORDER BY level DESC) FROM app.a",
        ("serializable, read committed",),
    ),
    "roles, temporary tables, prepared statements and cursors end with their file": Files(
        {
            A: "CREATE TEMP TABLE t (id int);\nPREPARE p AS SELECT 1;\nSET ROLE pg_monitor;\nLISTEN x;\n",
            B: "CREATE TEMP TABLE t (id int);\nPREPARE p AS SELECT 1;\n"
            "CREATE TABLE app.b AS SELECT current_user::text u, current_setting('lock_timeout') l;\n"
            "SET lock_timeout = '3h';\n",
            C: "CREATE TABLE app.c AS SELECT u = session_user AS same,"
            " current_setting('lock_timeout') = l AS own FROM b;\n",
        },
        "SELECT same, own FROM app.c",
        (True, True),
    ),
    "DO, functions with semicolons, nested comments": Files(
        {
            A: "CREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS\n"
            "$f$ BEGIN /* a; /* b; */ */ RETURN 1; END; $f$;\n"
            "DO $$ BEGIN PERFORM app.f(); END $$;\n"
            "CREATE FUNCTION app.g() RETURNS int BEGIN ATOMIC SELECT 2; SELECT 3; END;\n"
        },
        "SELECT app.f(), app.g()",
        (1, 3),
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in RUNS.items()])
def test_a_file_runs_as_postgresql_would_run_it(project: Project, schemata: CommandLine, case: Files) -> None:
    """Each file is sent whole, in a session that nothing of an earlier file reaches, and status agrees afterwards."""
    for migration_id, content in case.files.items():
        path = project.write(migration_id, "", None)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    ended = schemata("migrate")
    assert ended.returncode == 0, ended.stderr
    with psycopg.connect(project.url) as connection:
        assert connection.execute(case.question).fetchone() == case.answer
    document = schemata.json("migrate-status")
    assert document["ok"] is True
    assert {row["state"] for row in document["migrations"]} == {"applied"}


def test_line_ends_and_a_byte_order_mark_are_not_an_edit(project: Project, schemata: CommandLine) -> None:
    """A checkout that turns LF into CRLF, or an editor that adds a BOM, changes nothing."""
    path = project.write(ONE, "-- one.\nCREATE TABLE app.one (\n    id int\n);\n")
    assert schemata("migrate").returncode == 0
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    document = schemata.json("migrate-status")
    assert document["ok"] is True
    assert document["findings"] == []


def test_300_migrations_in_three_schemas(project: Project, dump: Callable[[str], str]) -> None:
    """Hundreds of migrations are applied in one run in the one order, dependencies across schemas included."""
    project.schemas = ("app", "web", "etl")
    project.configure()
    ids = []
    for number in range(300):
        schema = project.schemas[number % 3]
        migration_id = f"{schema}.{20250101000000 + number // 60 * 100 + number % 60}.n{number}"
        # Each depends on the one before it, so names with the same time in other schemas do not decide.
        depends = f"-- depends: {ids[-1]}\n" if ids else ""
        refers = f" REFERENCES {ids[-1].split('.')[0]}.n{number - 1}" if ids else ""
        project.write(
            migration_id,
            f"-- Number {number}.\n{depends}CREATE TABLE {schema}.n{number} (id int PRIMARY KEY{refers});\n",
            f"DROP TABLE {schema}.n{number};\n",
        )
        ids.append(migration_id)
    settings = config.load(project.root, {})
    result = migrate.migrate(settings, url=project.url)
    assert [item.id for item in result.done] == ids
    assert _applied(project.url) == ids
    assert migrate.migrate(settings, url=project.url).done == ()
    with psycopg.connect(project.url) as connection:
        assert connection.execute(
            "SELECT count(*), count(DISTINCT migration_id) FROM schemata.attempts WHERE state = 'applied'"
        ).fetchone() == (300, 300)
        (structure,) = connection.execute("SELECT structure FROM schemata.head").fetchone() or ((),)
    assert set(structure) == {"(form)", "", "app", "web", "etl"}
    assert len(re.findall("CREATE TABLE (?:app|web|etl)", dump(project.url))) == 300


def test_the_report_names_the_target_without_its_password(four: Project, schemata: CommandLine) -> None:
    """Table and JSON of a migrate say which database, chosen by what, and what was applied; never the password."""
    password = four.url.split(":")[2].split("@")[0]
    ended = schemata("migrate", "--to", ONE)
    assert re.match(r"Target: postgresql://schemata:\*\*\*@\S+ \(DATABASE_URL, PostgreSQL \d+", ended.stdout)
    assert re.search(rf"{re.escape(ONE)} +1 +1 +\d+ ms", ended.stdout)
    other = schemata("migrate", "--json", "--url", four.url)
    document = json.loads(other.stdout)
    assert document["target"]["chosen_by"] == "--url"
    assert [item["statements"] for item in document["applied"]] == [1, 1, 1]
    assert password not in ended.stdout + ended.stderr + other.stdout + other.stderr


def test_a_url_of_prisma_is_understood(four: Project, schemata: CommandLine) -> None:
    """What only Prisma knows of a URL is left out and noted."""
    ended = schemata("migrate", "--url", f"{four.url}?schema=public&connection_limit=5")
    assert ended.returncode == 0, ended.stderr
    assert "connection_limit=5 was left out" in ended.stdout
    assert "schema=public was left out" in ended.stdout


@pytest.mark.parametrize("failing", [0, 1, 2, 3, 4])
def test_a_failure_in_the_middle_keeps_what_came_before(project: Project, schemata: CommandLine, failing: int) -> None:
    """Wherever one of several fails, those before it are applied and recorded, and none of it or after it is."""
    ids = [f"app.2025010100000{number}.n{number}" for number in range(5)]
    for number, migration_id in enumerate(ids):
        wrong = "INSERT INTO app.nothing VALUES (1);\n" if number == failing else ""
        project.write(migration_id, f"CREATE TABLE app.n{number} ();\n{wrong}")
    schemata.refused(
        "migrate",
        code=1,
        says=(f"{ids[failing]} failed at", f"n{failing}.sql:2:13", f"stay as they are ({failing} applied in this run)"),
    )
    assert _applied(project.url) == ids[:failing]
    with psycopg.connect(project.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'app' ORDER BY 1").fetchall()
        states = connection.execute("SELECT migration_id, state FROM schemata.attempts ORDER BY attempt").fetchall()
    assert tables == [(f"n{number}",) for number in range(failing)]
    assert states == [*[(migration_id, "applied") for migration_id in ids[:failing]], (ids[failing], "failed")]
    project.write(ids[failing], f"CREATE TABLE app.n{failing} ();\n")
    assert schemata("migrate").returncode == 0
    assert _applied(project.url) == ids


def test_an_error_names_its_target_and_the_flag_that_its_commands_need(
    project: Project, schemata: CommandLine, make_database: Callable[..., str]
) -> None:
    """What a refusal says to type would otherwise be typed against another database."""
    other = make_database()
    project.write(ONE, "-- One.\nSELEKT 1;\n")
    ended = schemata("migrate", "--url", other)
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert re.fullmatch(r"Target: \S+ \(--url\); give the commands above the same --url", last), last
    assert urls.redact(other) in last
    document = json.loads(schemata("migrate", "--url", other, "--json").stdout)
    assert document["target"] in last
    assert schemata("migrate").stderr.strip().splitlines()[-1].endswith("(DATABASE_URL)")
