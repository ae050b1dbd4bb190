"""What is wrong with a migration file, told before or while it runs: where, why, and what to type."""

import dataclasses
from collections.abc import Callable

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"


@dataclasses.dataclass(frozen=True)
class Case:
    """A file that is refused before anything runs: its name and content, and what the refusal says."""

    name: str
    content: str | bytes
    says: tuple[str, ...]
    code: int = 1


CASES = {
    "BEGIN of its own": Case(
        f"{ONE}.sql",
        "-- One.\n\nBEGIN;\nCREATE TABLE app.one ();\nCOMMIT;\n",
        (f"{ONE}.sql:3: `BEGIN`", "the engine opens and commits the transaction itself", "Remove BEGIN, COMMIT"),
    ),
    "COMMIT of its own": Case(
        f"{ONE}.sql",
        "-- One.\n\nCREATE TABLE app.one ();\n  COMMIT;\n",
        (f"{ONE}.sql:4: `COMMIT`", "Remove BEGIN, COMMIT and ROLLBACK"),
    ),
    "ROLLBACK in a non-transactional file": Case(
        f"{ONE}.sql",
        "-- One.\n-- transactional: false\nSELECT 1;\nROLLBACK;\n",
        (f"{ONE}.sql:4: `ROLLBACK`", "Remove BEGIN, COMMIT and ROLLBACK"),
    ),
    "CONCURRENTLY in a transaction": Case(
        f"{ONE}.sql",
        "-- One.\nCREATE TABLE app.one (id int);\nCREATE INDEX CONCURRENTLY one_id ON app.one (id);\n",
        (f"{ONE}.sql:3: `CREATE INDEX CONCURRENTLY", "cannot run inside a transaction", "`-- transactional: false`"),
    ),
    "VACUUM in a transaction": Case(
        f"{ONE}.sql", "-- One.\nVACUUM;\n", (f"{ONE}.sql:2: `VACUUM`", "cannot run inside a transaction")
    ),
    "CONCURRENTLY without a name": Case(
        f"{ONE}.sql",
        "-- One.\n-- transactional: false\nCREATE INDEX CONCURRENTLY ON app.one (id);\n",
        (f"{ONE}.sql:3: ", "without a name cannot be checked afterwards", "Name the index."),
    ),
    "DISCARD in a non-transactional file": Case(
        f"{ONE}.sql",
        "-- One.\n-- transactional: false\nDISCARD ALL;\n",
        (f"{ONE}.sql:3: ", "DISCARD would release the deploy lock", "RESET"),
    ),
    "syntax error in a non-transactional file": Case(
        f"{ONE}.sql",
        "-- One.\n-- transactional: false\nSELECT 1;\nCREATE TABEL app.one ();\n",
        (f"{ONE}.sql:4:8: ", 'syntax error at or near "TABEL"', "is split into statements, so it must parse"),
    ),
    **{
        f"{text} in a non-transactional file": Case(
            f"{ONE}.sql",
            f"-- One.\n-- transactional: false\nSELECT 1;\n{text};\nSELECT 2;\n",
            (f"{ONE}.sql:4: `{text[:20]}", "each statement of this file is a transaction by itself, and ", why, write),
        )
        for text, why, write in (
            ("LOCK TABLE app.zero IN SHARE MODE", "so it protects nothing", "Put it into a transactional migration"),
            ("SELECT 1 FROM app.zero FOR UPDATE", "so it protects nothing", "Put it into a transactional migration"),
            ("SELECT pg_advisory_xact_lock(1)", "so it protects nothing", "Put it into a transactional migration"),
            ("SELECT pg_catalog.pg_try_advisory_xact_lock(1)", "so it protects nothing", "Put it into a transac"),
            ("SET LOCAL statement_timeout = 0", "the setting is forgotten", "Write SET (the engine takes it back"),
            ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "the setting is forgotten", "Put it into a transactional"),
            ("SELECT set_config('work_mem', '4MB', true)", "the setting is forgotten", "Write false for the last arg"),
            ("SET CONSTRAINTS ALL DEFERRED", "the setting is forgotten", "Put it into a transactional migration"),
            ("SAVEPOINT before", "a savepoint ends with its statement", "Put it into a transactional migration"),
            ("DECLARE c CURSOR FOR SELECT 1", "the cursor is closed", "Put it into a transactional migration"),
            ("CREATE TEMP TABLE t (a int) ON COMMIT DROP", "ON COMMIT empties or drops", "Put it into a transactional"),
            ("CREATE TEMP TABLE t ON COMMIT DELETE ROWS AS SELECT 1", "ON COMMIT empties or drops", "Put it into a"),
        )
    },
    **{
        f"\\{text.split()[0]} of psql": Case(
            f"{ONE}.sql",
            f"-- One.\nSELECT '\n\\set it\n';\n\\{text}\nSELECT 2;\n",
            (f"{ONE}.sql:5:1: syntax error", f"\\{text.split()[0]} is a command of psql: only psql reads it", advice),
        )
        for text, advice in (
            ("set limit 10", "Write the value itself in every place of :name"),
            ("i more.sql", "Put the other file's content here, or make it a migration of its own."),
            ("connect other", "--url or DATABASE_URL chooses the database"),
            ("copy t FROM 'rows.csv'", "Write `COPY ... FROM stdin`"),
            ("if :wanted", "Write a DO block with IF."),
            ("timing", "Remove the line."),
            ("dt", "Remove the line."),
        )
    },
    "unknown directive": Case(
        f"{ONE}.sql",
        "-- One.\n-- depend: app.20250101000000.zero\nSELECT 1;\n",
        (f"{ONE}.sql:2: `-- depend:` is not a directive", "Did you mean `-- depends:`?"),
    ),
    "directive twice": Case(
        f"{ONE}.sql",
        "-- One.\n-- transactional: false\n-- transactional: true\nSELECT 1;\n",
        (f"{ONE}.sql:3: `-- transactional:` is written twice", "Keep one"),
    ),
    "directive without a value": Case(
        f"{ONE}.sql",
        "-- One.\n-- breaking:\nSELECT 1;\n",
        (f"{ONE}.sql:2: `-- breaking:` has no value", "Write what breaks"),
    ),
    "directive with a wrong value": Case(
        f"{ONE}.sql",
        "-- One.\n-- transactional: no\nSELECT 1;\n",
        (f"{ONE}.sql:2: `-- transactional: no` is neither true nor false", "Write true or false."),
    ),
    "dependencies with commas": Case(
        f"{ONE}.sql",
        "-- One.\n-- depends: a, b\nSELECT 1;\n",
        (f"{ONE}.sql:2: `-- depends:` has a comma", "Separate the ids with spaces"),
    ),
    "directive after SQL": Case(
        f"{ONE}.sql",
        "-- One.\nSELECT 1;\n-- transactional: false\n",
        (f"{ONE}.sql:3: `-- transactional:` comes after the leading comment", "Move it into the `--` lines"),
    ),
    "directive after a block comment": Case(
        f"{ONE}.sql",
        "/* One. */\n-- depends: app.20250101000000.zero\nSELECT 1;\n",
        (f"{ONE}.sql:2: `-- depends:` comes after the leading comment", "before any /* */"),
    ),
    "unknown dependency": Case(
        f"{TWO}.sql",
        "-- Two.\n-- depends: app.20250101000009.zero\nSELECT 1;\n",
        (
            f"{TWO}.sql",
            "depends on app.20250101000009.zero, but there is no such migration file",
            "Did you mean",
            "000.zero?",
        ),
    ),
    "too few parts in the name": Case(
        "app.one.sql", "SELECT 1;\n", ("app.one.sql: the file name does not have three parts", "`inv migrate-new`")
    ),
    "no time in the name": Case(
        "app.20251399000000.one.sql",
        "SELECT 1;\n",
        ("one.sql: '20251399000000' is not a time YYYYMMDDHHMMSS", "Name it"),
    ),
    "odd letter in the name": Case(
        "app.20250101000001.on e.sql", "SELECT 1;\n", ("'on e' may have letters, digits, _ and - only",)
    ),
    "another schema in the name": Case(
        "web.20250101000001.one.sql", "SELECT 1;\n", ("says schema web, its folder app", "Rename it or move it.")
    ),
    "orphaned rollback": Case(
        f"{ONE}.rollback.sql",
        "SELECT 1;\n",
        (
            f"{ONE}.rollback.sql: this rollback file has no migration file of the same name",
            "version control, or rename this one",
        ),
    ),
    "irreversible with a rollback": Case(
        "app.20250101000000.zero.sql",
        "-- Zero.\n-- irreversible: gone is gone\nSELECT 1;\n",
        ("zero.sql: it has the line `-- irreversible:` and also a rollback file", "Remove one of the two."),
    ),
    "not UTF-8": Case(
        f"{ONE}.sql",
        "-- One.\nSELECT 'é';\n".encode("latin-1"),
        (f"{ONE}.sql:2: byte 16 is not UTF-8", "Save it as UTF-8."),
    ),
    "NUL": Case(f"{ONE}.sql", b"-- One.\nSELECT 1;\n\0", (f"{ONE}.sql:3: it has a NUL character",)),
    "Python": Case(
        f"{ONE}.py",
        "steps = []\n",
        (f"{ONE}.py: it calls step() nowhere", "Begin with `from yoyo import step`"),
    ),
    "outside the folders": Case(
        f"../{ONE}.sql", "SELECT 1;\n", (f"{ONE}.sql: it lies outside the schemas' folders", "Move it to")
    ),
    "folder of an unknown schema": Case(
        "../web/web.20250101000001.one.sql",
        "SELECT 1;\n",
        ("web holds migrations, but [tool.schemata] does not list the schema web", "Add it to `schemas` (now: app)"),
        code=2,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_a_file_that_cannot_be_right_is_refused_before_anything_runs(
    project: Project, schemata: CommandLine, case: Case
) -> None:
    """The refusal names file and line, the reason and what to do; also what comes before it is not applied."""
    project.write("app.20250101000000.zero", "-- Zero.\nCREATE TABLE app.zero (id int);\n")
    path = project.root / "migrations" / "app" / case.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(case.content if isinstance(case.content, bytes) else case.content.encode())
    schemata.refused("migrate", code=case.code, says=case.says)
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT to_regclass('app.zero')").fetchone() == (None,)


def test_a_circle_of_dependencies_is_named(project: Project, schemata: CommandLine) -> None:
    """Migrations that wait for each other are refused with the circle itself."""
    project.write(ONE, f"-- One.\n-- depends: {TWO}\nSELECT 1;\n")
    project.write(TWO, f"-- Two.\n-- depends: {ONE}\nSELECT 1;\n")
    for command in ("migrate", "migrate-status", "smoke", "seal"):
        schemata.refused(
            command, code=1, says=("depend on each other in a circle", f"{ONE} -> {TWO} -> {ONE}", "`-- depends:`")
        )


@dataclasses.dataclass(frozen=True)
class Failure:
    """A file that fails while it runs, and what is said about it."""

    sql: str
    says: tuple[str, ...]


FAILURES = {
    "syntax error": Failure(
        "-- Two.\nCREATE TABLE app.two (\n    id int,\n    naem txet,,\n    x int\n);\n",
        (f"{TWO} failed at ", f"{TWO}.sql:4:15", 'PostgreSQL 42601: syntax error at or near ","'),
    ),
    "unknown column": Failure(
        "-- Two, é.\nCREATE TABLE app.two (id int); SELECT 'é', idd FROM app.two;\n",
        (f"{TWO}.sql:2:44", "SELECT 'é', idd FROM app.two", '42703: column "idd" does not exist', "Hint: "),
    ),
    "constraint violation": Failure(
        "-- Two.\nSELECT 1;\n\nINSERT INTO app.one VALUES (1), (1);\n",
        (f"{TWO}.sql:4:1", "INSERT INTO app.one", "23505: duplicate key value", "Detail: Key (id)=(1) already exists."),
    ),
    "runtime error inside a function": Failure(
        "-- Two.\nCREATE FUNCTION app.f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n    RETURN 1 / 0;\nEND\n$$;\n"
        "SELECT app.f();\n",
        (
            f"{TWO}.sql:7:1",
            "SELECT app.f()",
            "22012: division by zero",
            "Context: ",
            "    PL/pgSQL function f() line 3",
        ),
    ),
    "an error without a position": Failure(
        "-- Two.\nSELECT 1;\nDO $$ BEGIN RAISE EXCEPTION 'not now' USING HINT = 'tomorrow'; END $$;\n",
        (f"{TWO}.sql:3:1", "DO $$", "P0001: not now", "Hint: tomorrow"),
    ),
    "deferred constraint at COMMIT": Failure(
        "-- Two.\nCREATE TABLE app.two (one int REFERENCES app.one DEFERRABLE INITIALLY DEFERRED);\n"
        "INSERT INTO app.two VALUES (7);\n",
        (f"{TWO} failed (", f"{TWO}.sql)", '23503: insert or update on table "two"', "Detail: Key (one)=(7)"),
    ),
    "COPY from the client": Failure(
        "-- Two.\nCOPY app.one FROM STDIN;\n1\nx\n\\.\n", (f"{TWO} failed at", f"{TWO}.sql:4:1", "22P02", "line 2")
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in FAILURES.items()])
def test_a_failure_tells_its_place_and_leaves_nothing(
    project: Project, schemata: CommandLine, case: Failure, dump: Callable[[str], str]
) -> None:
    """A failing file is told with line and column, statement, SQLSTATE and what the server adds; only it is undone."""
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY);\n")
    assert schemata("migrate").returncode == 0
    before = dump(project.url)
    project.write(TWO, case.sql)
    project.write("app.20250101000003.three", "-- Three.\nCREATE TABLE app.three ();\n")
    says = (
        *case.says,
        "Nothing of it is left; the migrations before it stay as they are (0 applied in this run). Fix the ",
        "file, then: inv migrate",
    )
    schemata.refused("migrate", code=1, says=says)
    assert dump(project.url) == before
    told = schemata.json("migrate-status", code=0)
    assert [row["state"] for row in told["migrations"]] == ["applied", "pending", "pending"]
    with psycopg.connect(project.url) as connection:
        tries = connection.execute(
            "SELECT state, error_sqlstate FROM schemata.attempts WHERE migration_id = %s", [TWO]
        ).fetchall()
    assert [state for state, _ in tries] == ["failed"]

    project.write(TWO, "-- Two.\nCREATE TABLE app.two ();\n")
    assert schemata("migrate").returncode == 0
    assert schemata.json("migrate-status")["ok"] is True


def test_a_failing_statement_of_a_non_transactional_file_is_told_and_resumed(
    project: Project, schemata: CommandLine
) -> None:
    """What ran before it stays, is told, and is not run again once the file is fixed."""
    text = (
        "-- One.\n-- transactional: false\nCREATE TABLE app.one (id int);\nINSERT INTO app.one VALUES (1), (1);\n"
        "CREATE UNIQUE INDEX CONCURRENTLY one_id ON app.one (id);\n"
    )
    project.write(ONE, text)
    schemata.refused(
        "migrate",
        code=1,
        says=(f"{ONE} failed at ", f"{ONE}.sql:5:1", "CREATE UNIQUE INDEX", "23505", "(id)=(1)", "committed and stay;"),
    )
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.one").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)
        connection.execute("DELETE FROM app.one")
    told = schemata.json("migrate-status", code=1)
    assert [row["state"] for row in told["migrations"]] == ["failed"]
    assert "2 of 3 statements are done and stay" in told["findings"][0]["text"]
    assert schemata("migrate").returncode == 0
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.one").fetchone() == (0,)


def test_json_tells_an_error_as_a_document(project: Project, schemata: CommandLine) -> None:
    """With --json an error is one document with its text, its hint and the exit code, and nothing else is printed."""
    project.write(ONE, "-- One.\nSELECT nothing;\n")
    document = schemata.json("migrate", code=1)
    assert document["ok"] is False
    assert document["exit_code"] == 1
    assert f"{ONE}.sql:2:8" in document["error"]
    document = schemata.json("migrate", "--to", "app.20250101000001.onne", code=2)
    assert document == {
        "ok": False,
        "error": "there is no migration app.20250101000001.onne",
        "hint": f"Did you mean {ONE}?",
        "exit_code": 2,
    }
    for command in ("migrate-status", "smoke", "rollback", "migrate-restamp"):
        document = schemata.json(command, "--url", "postgresql://u@127.0.0.1:1/d", code=3)
        assert document["exit_code"] == 3
        assert document["hint"]


def test_through_a_real_process_an_error_is_text_and_an_exit_code(project: Project) -> None:
    """`inv` prints an error on standard error, nothing on standard output, no traceback, and ends with its code."""
    project.write(ONE, "-- One.\nSELECT nothing;\n")
    ended = project.inv("migrate")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("ScriptFailed: ")
