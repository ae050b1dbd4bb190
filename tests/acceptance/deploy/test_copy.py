"""COPY … FROM stdin with its rows in the file, as every pg_dump baseline has it."""

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import binaries
from tests.conftest import Project
from tests.patience import until

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
THREE = "app.20250101000003.three"

TABLE = "CREATE TABLE app.t (id int PRIMARY KEY, note text);\n"
ROWS = "COPY app.t (id, note) FROM stdin;\n1\tit's; one\n2\t\\N\n3\t-- depends: x\\ttab\n\\.\n"
EXPECTED = [(1, "it's; one"), (2, None), (3, "-- depends: x\ttab")]


def contents(project: Project) -> list[tuple[int, str | None]]:
    """Return the rows of the table."""
    with psycopg.connect(project.url) as connection:
        return connection.execute("SELECT id, note FROM app.t ORDER BY id").fetchall()


@pytest.mark.parametrize("head", ["-- One.\n", "-- One.\n-- transactional: false\n"], ids=["transaction", "statements"])
def test_the_rows_are_there(project: Project, head: str) -> None:
    """Statements before and after the rows run too, and the file is up to date afterwards."""
    project.write(ONE, f"{head}{TABLE}{ROWS}UPDATE app.t SET note = note || '!' WHERE id = 1;\n")
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    assert contents(project) == [(1, "it's; one!"), *EXPECTED[1:]]
    assert "Up to date" in project.inv("migrate-status").stdout
    with psycopg.connect(project.url) as connection:
        recorded = connection.execute("SELECT statement_count, applied_sql FROM schemata.attempts").fetchall()
    assert recorded == [(3, (project.root / "migrations" / "app" / f"{ONE}.sql").read_text())]


def test_it_runs_among_others_and_from_a_sealed_build(project: Project) -> None:
    """Files that are sent together keep their order around one with rows; a boot of a sealed build loads them too."""
    project.write(ONE, TABLE)
    project.write(TWO, ROWS)
    project.write(THREE, "INSERT INTO app.t SELECT max(id) + 1, 'last' FROM app.t;\n")
    assert project.inv("seal").returncode == 0
    booted = project.boot()
    assert booted.returncode == 0, booted.stderr
    assert contents(project) == [*EXPECTED, (4, "last")]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("COPY app.t FROM stdin;\n1\ta\n", [(1, "a")]),
        (
            'COPY app.t FROM stdin WITH (FORMAT csv, HEADER);\nid,note\n1,"a\nb"\n2,"c;"\n\\.\n',
            [(1, "a\nb"), (2, "c;")],
        ),
        ("copy app.t(id)from STDIN csv;\n1\n\\.\n", [(1, None)]),
        (
            'COPY "app"."t" ("id", note) FROM STDIN DELIMITER \'|\'; -- rows\n1|x.y\n2|\\\\.\n\\.\n',
            [(1, "x.y"), (2, "\\.")],
        ),
        ("COPY app.t FROM stdin;\n\\.\n", []),
        ("COPY app.t FROM stdin;\n1\ta\n\\.\nCOPY app.t FROM stdin;\n2\tb\n\\.", [(1, "a"), (2, "b")]),
        ("COPY app.t FROM stdin;\n1\té€🐘\n\\.\nSELECT 1", [(1, "é€🐘")]),
    ],
    ids=["to the end of the file", "csv", "old syntax", "quoted names", "no rows", "two of them", "non-ASCII"],
)
def test_forms(project: Project, copy: str, expected: list[tuple[int, str | None]]) -> None:
    """Each form that psql reads is read alike."""
    project.write(ONE, TABLE + copy)
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    assert contents(project) == expected


@pytest.mark.parametrize(
    ("copy", "line", "words"),
    [
        ("COPY app.t FROM STDIN;\n", 3, ("no rows follow it", "on the lines after its semicolon")),
        ("COPY app.t FROM STDIN; SELECT 1;\n1\ta\n\\.\n", 3, ("no rows follow it",)),
        ("COPY app.t FROM stdin WITH (FORMAT binary);\nx\n\\.\n", 3, ("binary form", "text or the csv format")),
        ("COPY BINARY app.t FROM stdin;\nx\n\\.\n", 3, ("binary form",)),
        ("SELECT 1;\nCOPY app.t TO STDOUT;\n", 4, ("it sends rows to the client", "inv psql")),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_runs(
    project: Project, copy: str, line: int, words: tuple[str, ...]
) -> None:
    """Without rows, in binary, or to the client: the line, the reason and what to write; nothing was changed."""
    project.write(ONE, f"-- One.\n{TABLE}{copy}")
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{ONE}.sql:{line}: `" in failed.stderr
    for text in words:
        assert text in failed.stderr
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT to_regnamespace('app')").fetchone() == (None,)


@pytest.mark.parametrize("head", ["-- One.\n", "-- transactional: false\n"], ids=["transaction", "statements"])
@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ("1\ta\n2\tb\nx\tc\n4\td\n", 6, ("x c", "22P02", "invalid input syntax")),
        ("1\ta\n2\tb\textra\n", 5, ("2 b extra", "22P04", "extra data")),
        ("1\ta\n1\tb\n", 5, ("1 b", "23505", "duplicate key")),
    ],
)
def test_a_bad_row_is_named_with_its_line(
    project: Project, head: str, rows: str, line: int, words: tuple[str, ...]
) -> None:
    """The place is the row's line in the file, and the row is shown; the session goes on to be of use."""
    project.write(ONE, f"{head}{TABLE}COPY app.t FROM stdin;\n{rows}\\.\nSELECT 1;\n")
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{ONE}.sql:{line}:1" in failed.stderr
    for text in words:
        assert text in failed.stderr
    with psycopg.connect(project.url) as connection:
        found = connection.execute("SELECT state, error_line, error_sqlstate FROM schemata.attempts").fetchall()
    assert found == [("failed", line, words[1])]


def test_an_error_after_the_rows_has_its_line(project: Project) -> None:
    """What stands after the rows is located in the file as well; the rows before it are rolled back."""
    project.write(ONE, TABLE)
    project.write(TWO, f"{ROWS}\nSELECT 1;\nSELECT nothing FROM app.t;\n")
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{TWO}.sql:8:8" in failed.stderr
    assert "SELECT nothing FROM app.t" in failed.stderr
    assert contents(project) == []


def test_an_interrupted_file_goes_on_after_its_rows(project: Project) -> None:
    """The rows that a non-transactional file has loaded are not loaded again; edited ones are noticed."""
    path = project.write(ONE, f"-- transactional: false\n{TABLE}{ROWS}SELECT 1/0;\n")
    assert project.inv("migrate").returncode == 1
    text = path.read_text()
    path.write_text(text.replace("1\tit's", "7\tit's").replace("1/0", "1"))
    refused = project.inv("migrate")
    assert refused.returncode == 1
    path.write_text(text.replace("1/0", "1"))
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    assert contents(project) == EXPECTED


def test_a_rollback_may_load_rows(project: Project) -> None:
    """A rollback that puts rows back works as the migration does, with a preview before it."""
    project.write(ONE, f"{TABLE}{ROWS}")
    project.write(TWO, "DELETE FROM app.t;\n", rollback=ROWS)
    assert project.inv("migrate").returncode == 0
    undone = project.inv("rollback", project.confirm)
    assert undone.returncode == 0, undone.stderr
    assert contents(project) == EXPECTED


def test_an_edit_of_a_row_is_a_change(project: Project) -> None:
    """A comment around the rows is a note, a changed row stops, and its diff is shown."""
    path = project.write(ONE, f"{TABLE}{ROWS}")
    assert project.inv("migrate").returncode == 0
    text = path.read_text()
    path.write_text(f"-- Why.\n{text}-- end\n")
    assert "reformatted" in project.inv("migrate-status").stdout
    path.write_text(text.replace("1\tit's", "1\tIt's"))
    status = project.inv("migrate-status")
    assert status.returncode == 1
    assert "+1\tIt's; one" in status.stdout


def test_notices_of_many_rows_do_not_block(project: Project) -> None:
    """A trigger that raises a notice for each of many rows: neither side waits for the other for ever."""
    rows = "".join(f"{number}\tx\n" for number in range(40_000))
    project.write(
        ONE,
        f"{TABLE}CREATE FUNCTION app.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
        "    RAISE NOTICE 'row % of many; %', NEW.id, repeat('-', 200); RETURN NEW; END $$;\n"
        "CREATE TRIGGER tell BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.tell();\n"
        f"COPY app.t FROM stdin;\n{rows}\\.\n",
    )
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    assert "and 39,990 more notices" in applied.stderr
    assert len(contents(project)) == 40_000


@pytest.mark.parametrize("head", ["-- One.\n", "-- transactional: false\n"], ids=["transaction", "statements"])
def test_a_signal_in_the_middle_of_the_rows(project: Project, head: str) -> None:
    """SIGTERM while the server works on the rows, and cannot go on, ends the deploy with 143 and keeps none of them."""
    rows = "".join(f"{number}\t{'x' * 80}\n" for number in range(30_000))
    project.write(
        ONE,
        f"{head}{TABLE}CREATE FUNCTION app.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n"
        "    IF NEW.id = 5 THEN PERFORM pg_sleep(600); END IF; RETURN NEW; END $$;\n"
        "CREATE TRIGGER hold BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.hold();\n"
        f"COPY app.t FROM stdin;\n{rows}\\.\n",
    )
    running = project.start("migrate")
    with psycopg.connect(project.url, autocommit=True) as observer:
        until(
            lambda: (
                observer.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                    " AND datname = current_database()"
                ).fetchone()
                == (1,)
            ),
            "the row is reached",
        )
        running.send_signal(signal.SIGTERM)
        told = running.communicate(timeout=60)
        assert running.returncode == 143, told
        assert "stopped by SIGTERM" in told[1]
        left = observer.execute("SELECT to_regclass('app.t') IS NOT NULL").fetchone()
        assert left == ("transactional" in head,)
        assert not left[0] or observer.execute("SELECT count(*) FROM app.t").fetchone() == (0,)
        state = observer.execute("SELECT state, error_message FROM schemata.attempts").fetchall()
    assert state == [("interrupted", "a signal stopped it")]


@pytest.mark.usefixtures("own_programs")
def test_a_dump_is_a_migration(
    platform: str,
    project: Project,
    make_database: Callable[[], str],
    programs: binaries.Binaries,
    tmp_path: Path,
) -> None:
    """A pg_dump of the platform with rows, \\restrict lines and an emptied search_path runs as one file.

    It leaves what psql makes of it, and the next pg_dump says so.
    """
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO public.users (email, display_name)"
            " SELECT 'user' || n || '@example.com', E'It''s; user \\\\ ' || n || E'\\twith tab'"
            " FROM generate_series(1, 50) n"
        )

    def dumped(url: str) -> str:
        command = [programs.program("pg_dump"), "--no-owner", "--exclude-schema=schemata", f"--dbname={url}"]
        made = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout
        return re.sub(r"(?m)^(\\(?:un)?restrict) \w+$", r"\1 x", made)

    # The engine has made the schemas already.
    text = dumped(platform).replace("\nCREATE SCHEMA ", "\nCREATE SCHEMA IF NOT EXISTS ")
    assert text.count(" FROM stdin;") > 10
    file = tmp_path / "baseline.sql"
    file.write_text(text, encoding="utf-8")
    restored = make_database()
    psql = [programs.program("psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file, f"--dbname={restored}"]
    subprocess.run([*map(str, psql)], capture_output=True, check=True)
    project.schemas = ("public", "financial", "tagging", "trading")
    project.configure()
    project.write("public.20250101000001.baseline", text, rollback=None)
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    assert dumped(project.url) == dumped(restored)
    assert "with tab" in dumped(restored)
    assert "Up to date" in project.inv("migrate-status").stdout
    assert project.inv("seal").returncode == 0
    smoke = project.inv("smoke")
    assert smoke.returncode == 0, smoke.stdout + smoke.stderr
