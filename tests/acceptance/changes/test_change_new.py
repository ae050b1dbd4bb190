"""A change from the command line, from its files to its end, through every command in between."""

import subprocess

import psycopg
import pytest

from schemata.server.embedded import binaries
from tests.conftest import Project

TABLES = """
CREATE TABLE app.clients (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    full_name text NOT NULL,
    email text UNIQUE
);
CREATE INDEX idx_clients_full_name ON app.clients (full_name);
"""


@pytest.fixture
def clients(project: Project) -> Project:
    """Give a project with a table and rows."""
    project.write("app.20250101000000.clients", TABLES, "DROP TABLE app.clients;")
    done = project.inv("migrate")
    assert done.returncode == 0, done.stderr
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO app.clients (full_name, email) SELECT 'n' || n, n FROM generate_series(1, 2500) n"
        )
    return project


def run(project: Project, *words: str) -> str:
    """Run a command that must succeed."""
    ended = project.inv(*words)
    assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.mark.parametrize("strategy", ["dual", "samename"])
def test_a_rename_goes_through_all_commands(strategy: str, clients: Project) -> None:
    """Written, checked, expanded, filled, contracted, undone, contracted again and finished; nothing is edited."""
    words = ("rename-column", "app.clients", "full_name", "display_name", "--id", "named")
    written = run(clients, "change-new", *words, "--strategy", strategy, "--json")
    assert f'"strategy": "{strategy}"' in written
    run(clients, "lint", "--strict")
    run(clients, "migrate")
    count = "SELECT count(display_name), count(full_name) FROM app.clients"
    with psycopg.connect(clients.url, autocommit=True) as connection:
        if strategy == "dual":
            assert connection.execute(count).fetchone() == (0, 2500)
            run(clients, "change-backfill", "named")
        assert connection.execute(count).fetchone() == (2500, 2500)
        # A view is made again at any time; a column is there again only while it is kept.
        keep = ["--keep", "1h"] if strategy == "dual" else []
        run(clients, "change-contract", "named", *keep, "--yes", clients.confirm)
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT full_name FROM app.clients")
        connection.execute("INSERT INTO app.clients (display_name) VALUES ('late')")
        run(clients, "change-undo", "named", "--yes", clients.confirm)
        assert connection.execute("SELECT full_name FROM app.clients ORDER BY id DESC LIMIT 1").fetchone() == ("late",)
        run(clients, "change-contract", "named", "--yes", clients.confirm)
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'clients' AND table_schema = 'app'"
        ).fetchall()
    assert {name for (name,) in columns} == {"id", "email", "display_name"}
    assert run(clients, "migrate-status", "--check")


def test_an_abort_leaves_nothing(clients: Project, programs: binaries.Binaries) -> None:
    """A change is taken back in its middle, by the command: the schema is as it was, row for row."""

    def dump(url: str) -> str:
        words = [str(programs.program("pg_dump")), "--restrict-key=x", "--schema=app", f"--dbname={url}"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    before = dump(clients.url)
    for number, words in enumerate(
        (
            ("rename-column", "app.clients", "full_name", "display_name", "--strategy", "dual"),
            ("change-type", "app.clients", "email", "varchar(99)"),
            ("add-unique", "app.clients", "full_name,email"),
        )
    ):
        run(clients, "change-new", *words, "--id", f"change_{number}")
        run(clients, "migrate")
        assert dump(clients.url) != before
        run(clients, "change-abort", f"change_{number}", "--yes", clients.confirm)
        assert dump(clients.url) == before
        for path in (clients.root / "migrations" / "app").glob(f"*.change_{number}_*"):
            path.unlink()
