"""Large files: they run, are recorded, compared and located, in memory that is a small multiple of their size."""

import base64
import random
import sys
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql as psql

from tests.conftest import Project

ONE = "app.20250101000001.one"
COUNT = 60_000


def inserts(count: int = COUNT) -> Iterator[str]:
    """Give statements as a dump of rows has them, about 130 characters each."""
    for number in range(count):
        yield (
            f"INSERT INTO app.t (id, name, at, note) VALUES ({number}, 'client number {number}', "
            f"'2025-01-01 10:00+00', 'it''s a note; the end of {number}');\n"
        )


TABLE = "-- One.\nCREATE TABLE app.t (id bigint PRIMARY KEY, name text, at timestamptz, note text);\n"
BIG = TABLE + "".join(inserts())


def peak(project: Project, *arguments: str) -> int:
    """Run `inv …`, which must succeed, and return the most memory (bytes) that it held."""
    code = (
        "import os, sys\npid = os.fork()\n"
        "if not pid:\n os.dup2(os.open(os.devnull, os.O_WRONLY), 1)\n os.execvp(sys.argv[1], sys.argv[1:])\n"
        "_, status, usage = os.wait4(pid, 0)\nprint(usage.ru_maxrss)\nsys.exit(os.waitstatus_to_exitcode(status))"
    )
    # Through a small process: a child inherits the peak of the one that starts it.
    done = project.run([sys.executable, "-I", "-S", "-c", code, sys.executable, "-m", "invoke", *arguments])
    assert done.returncode == 0, done.stderr
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)


def one_statement(notes: Callable[[], str], count: int = COUNT) -> str:
    """Give a table and one INSERT of so many rows."""
    rows = ",\n".join(f"({n}, 'x', now(), '{notes()}')" for n in range(count))
    return f"{TABLE}INSERT INTO app.t VALUES\n{rows};\n"


@pytest.mark.parametrize(
    ("sql", "multiple"),
    [
        (BIG, 4),
        (one_statement(lambda: "y" * 80), 3.5),
        # What packs badly is not kept in the history as well.
        (one_statement(lambda: base64.b64encode(random.randbytes(120)).decode()) + "ANALYZE app.t;\n", 4),
        (
            TABLE
            + "COPY app.t FROM stdin;\n"
            + "".join(f"{n}\tx\t2025-01-01\t{'y' * 80}\n" for n in range(COUNT))
            + "\\.\n",
            4,
        ),
    ],
    ids=["many statements", "one statement", "one statement of data", "copy"],
)
def test_memory_is_a_small_multiple_of_the_size(project: Project, sql: str, multiple: float) -> None:
    """Deploy, status and seal hold at most four times the file's size more than those of a small file."""
    path = project.write(ONE, "-- One.\nSELECT 1;\n")
    base = max(peak(project, "migrate"), peak(project, "migrate-status"), peak(project, "seal"))
    two = project.write("app.20250101000002.two", "")
    two.write_text(sql, encoding="utf-8")
    allowed = base + multiple * len(sql)
    assert peak(project, "migrate") <= allowed
    assert peak(project, "migrate-status") <= allowed
    assert peak(project, "seal") <= allowed
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.t").fetchone() == (COUNT,)
    assert path.exists()


def test_it_is_recorded_and_compared(project: Project) -> None:
    """The history keeps a packed text; a comment is a note, one changed number among many is shown with its line."""
    path = project.write(ONE, BIG)
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    with psycopg.connect(project.url) as connection:
        row = connection.execute("SELECT statement_count, length(applied_sql) FROM schemata.attempts").fetchone()
    assert row is not None
    assert row[0] == COUNT + 1
    assert row[1] < len(BIG) / 4
    path.write_text(
        BIG.replace("INSERT INTO app.t (id, name, at, note)", "insert into app.t /* x */ (id,name,at,note)", 9)
    )
    status = project.inv("migrate-status")
    assert "reformatted" in status.stdout
    path.write_text(BIG.replace("client number 777'", "client number 778'"))
    status = project.inv("migrate-status")
    assert status.returncode == 1
    assert "@@ -777,7 +777,7 @@" in status.stdout
    assert "+INSERT INTO app.t (id, name, at, note) VALUES (777, 'client number 778'" in status.stdout
    assert len(status.stdout) < 10_000


def test_an_error_far_inside_is_located(project: Project) -> None:
    """Line, column and statement are those of the file, whichever piece they were sent in; all is rolled back."""
    project.write(ONE, BIG.replace("VALUES (50000,", "VALUES (fifty,"))
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{ONE}.sql:50003:48" in failed.stderr
    assert "INSERT INTO app.t (id, name, at, note) VALUES (fifty, 'client number 50000'" in failed.stderr
    assert "42703" in failed.stderr
    assert len(failed.stderr) < 2_000
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT to_regclass('app.t')").fetchone() == (None,)
        assert connection.execute("SELECT state, error_line FROM schemata.attempts").fetchall() == [("failed", 50003)]


@pytest.mark.parametrize("letter", ["y", "é"])
def test_an_error_after_a_very_large_statement_is_located(project: Project, letter: str) -> None:
    """What little follows such a statement is sent with it, and its lines are still those of the file."""
    sql = one_statement(lambda: letter * 80, 20_000)
    project.write(ONE, f"{sql}UPDATE app.t SET name = 'z';\nSELECT 1 / 0,\n  missing FROM app.t;\n\n")
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{ONE}.sql:{sql.count(chr(10)) + 3}:3" in failed.stderr
    assert "SELECT 1 / 0, missing FROM app.t" in failed.stderr
    assert "42703" in failed.stderr
    project.write(ONE, f"{sql}UPDATE app.t SET name = 'z';\n\n")
    assert project.inv("migrate").returncode == 0
    with psycopg.connect(project.url) as connection:
        counted = "SELECT count(*), min(name), min(note) FROM app.t"
        assert connection.execute(counted).fetchone() == (20_000, "z", letter * 80)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("COMMIT;\n", "the engine opens and commits the transaction itself"),
        ("CREATE INDEX CONCURRENTLY t_at ON app.t (at);\n", "cannot run inside a transaction"),
        ("COPY app.t TO STDOUT;\n", "it sends rows to the client"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_line(project: Project, last: str, words: str) -> None:
    """A statement that must not be there is found among many, before anything runs."""
    project.write(ONE, BIG + last)
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{ONE}.sql:{COUNT + 3}: `" in failed.stderr
    assert words in failed.stderr


def test_a_dry_run_shows_the_beginning(project: Project) -> None:
    """The SQL is not printed for pages: the first of it, and where the rest is."""
    project.write(ONE, BIG)
    shown = project.inv("migrate", "--dry-run").stdout
    assert len(shown) < 100_000
    assert "more characters, which are not shown: " in shown
    assert "1 would be applied" in shown


def test_without_a_transaction(project: Project) -> None:
    """A large file that is not transactional fails at its statement, and goes on there when it is corrected."""
    text = "-- transactional: false\n" + TABLE + "".join(inserts(2_000))
    path = project.write(ONE, text.replace("VALUES (1500,", "VALUES (fifteen,"))
    failed = project.inv("migrate")
    assert failed.returncode == 1
    assert f"{ONE}.sql:1504:48" in failed.stderr
    path.write_text(text)
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    with psycopg.connect(project.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.t").fetchone() == (2_000,)


def test_strings_with_backslashes_of_old(project: Project) -> None:
    """Where backslashes escape in plain strings a large file goes to the server in one message, as a small one does."""
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute(
            psql.SQL("ALTER DATABASE {} SET standard_conforming_strings = off").format(
                psql.Identifier(connection.info.dbname)
            )
        )
    project.write(ONE, TABLE + "".join(inserts(2_500)).replace("it''s", "it\\';s"))
    applied = project.inv("migrate")
    assert applied.returncode == 0, applied.stderr
    with psycopg.connect(project.url) as connection:
        found = connection.execute("SELECT count(*), min(note) FROM app.t").fetchone()
    assert found == (2_500, "it';s a note; the end of 0")


def test_many_notices_are_counted(project: Project) -> None:
    """Ten lines and a number instead of 20,000 lines; --verbose has them all, for rollbacks and boots as well."""
    noise = "DO $$ BEGIN FOR n IN 1..20000 LOOP RAISE NOTICE 'row %', n; END LOOP; RAISE WARNING 'look'; END $$;\n"
    project.write(ONE, noise, rollback=noise)
    quiet = project.inv("migrate")
    assert quiet.returncode == 0, quiet.stderr
    assert "NOTICE: row 10\n" in quiet.stderr
    assert "row 11" not in quiet.stderr
    assert "WARNING: look" in quiet.stderr
    assert f"… and 19,990 more notices of {ONE}; --verbose prints all" in quiet.stderr
    all_of_them = project.inv("rollback", project.confirm, "--verbose")
    assert all_of_them.returncode == 0, all_of_them.stderr
    assert all_of_them.stderr.count("NOTICE: row ") == 20_000
    assert "--verbose" not in all_of_them.stderr
    booted = project.boot()
    assert f"… and 19,990 more notices of {ONE}" in booted.stderr
    project.inv("rollback", project.confirm)
    assert project.boot("--verbose").stderr.count("NOTICE: row ") == 20_000
