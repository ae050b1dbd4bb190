"""What a scale file is written from: the statistics of a database, and nothing that a row holds."""

import json
import os
import tomllib
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Project

STRUCTURE = """
    -- Create a few tables.

    CREATE TABLE app.person (id bigint PRIMARY KEY, email text NOT NULL, city text NOT NULL);
    CREATE TABLE app.unseen (id bigint PRIMARY KEY);
    CREATE TABLE app.empty (id bigint PRIMARY KEY);
    CREATE TABLE app.day (day date NOT NULL, kind text NOT NULL) PARTITION BY RANGE (day);
    CREATE TABLE app.day_1 PARTITION OF app.day FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE app.day_2 PARTITION OF app.day FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
"""


SIZES = {
    "person": {"rows": 4000, "n_distinct": {"id": -1, "email": -1, "city": 40}},
    "empty": {"rows": 0},
    "day": {"rows": 1180, "n_distinct": {"day": 59, "kind": 3}},
}


@pytest.fixture
def full(project: Project) -> Project:
    """Give a project whose database has rows; one of its tables was never analysed."""
    project.write("app.20260101000000.create", STRUCTURE)
    assert project.inv("migrate").returncode == 0
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO app.person SELECT n, 'secret' || n || '@example.com', 'city ' || n % 40"
            " FROM generate_series(1, 4000) n"
        )
        connection.execute("ALTER TABLE app.unseen SET (autovacuum_enabled = false)")
        connection.execute("INSERT INTO app.unseen SELECT generate_series(1, 10)")
        connection.execute(
            "INSERT INTO app.day SELECT '2026-01-01'::date + n % 59, 'kind ' || n % 3 FROM generate_series(1, 1180) n"
        )
        connection.execute("ANALYZE app.person, app.empty, app.day")
    return project


def test_rows_and_distinct_values_are_written_and_the_rest_is_named(full: Project) -> None:
    """What no ANALYZE has seen is named, and then nothing is written unless that was asked for; no value is."""
    path = full.root / "migrations" / "scale.toml"
    result = full.inv("scale-capture")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "no ANALYZE has seen them: app.unseen." in " ".join(result.stdout.split())
    assert "Nothing was written." in result.stdout
    assert not path.exists()
    assert full.inv("scale-capture", "--partial").returncode == 0
    text = path.read_text(encoding="utf-8")
    assert "secret" not in text
    assert "city 1" not in text
    assert tomllib.loads(text) == {"app": SIZES}


def test_what_the_file_says_is_replaced_only_when_that_is_meant(full: Project) -> None:
    """A file that says something else stays, and the difference is shown; --yes replaces it, comments stay."""
    path = full.root / "migrations" / "scale.toml"
    committed = "# As in production.\n\n[app.person]\nrows = 50_000_000\n\n[app.unseen]\nrows = 7\n"
    path.write_text(committed, encoding="utf-8")
    refused = full.inv("scale-capture", "--json", "--yes")
    document = json.loads(refused.stdout)
    assert refused.returncode == 1
    assert (document["ok"], document["written"], document["not_analysed"]) == (False, False, ["app.unseen"])
    assert {row["table"]: row["rows"] for row in document["rows"]}["app.person"] == 4000
    assert path.read_text(encoding="utf-8") == committed
    refused = full.inv("scale-capture", "--partial")
    assert refused.returncode == 1
    assert "-rows = 50_000_000\n+rows = 4_000\n" in refused.stdout
    assert "migrations/scale.toml is there and says something else" in " ".join(refused.stdout.split())
    assert path.read_text(encoding="utf-8") == committed
    replaced = full.inv("scale-capture", "--partial", "--yes")
    assert replaced.returncode == 0, replaced.stdout + replaced.stderr
    written = path.read_text(encoding="utf-8")
    assert tomllib.loads(written) == {"app": {**SIZES, "unseen": {"rows": 7}}}
    path.write_text(f"# By hand.\n{written}", encoding="utf-8")
    again = full.inv("scale-capture", "--partial")
    assert again.returncode == 0, again.stdout + again.stderr
    assert path.read_text(encoding="utf-8").startswith("# By hand.\n")


def test_it_reads_only_and_writes_where_it_is_told(full: Project, tmp_path: Path) -> None:
    """With everything analysed the exit code is 0; a role that may only read will do, and a file may be named."""
    out = tmp_path / "other.toml"
    with psycopg.connect(full.url, autocommit=True) as connection:
        connection.execute("ANALYZE app.unseen")
        before = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        result = full.inv("scale-capture", "--out", str(out), PGOPTIONS="-c default_transaction_read_only=on")
        assert result.returncode == 0, result.stdout + result.stderr
        assert before
    assert not (full.root / "migrations" / "scale.toml").exists()
    assert tomllib.loads(out.read_text(encoding="utf-8"))["app"]["unseen"] == {"rows": 10, "n_distinct": {"id": -1}}


def test_statistics_that_may_not_be_read_are_named(full: Project) -> None:
    """Without SELECT on a table only its rows are known, which is said."""
    role = f"reader_{os.getpid()}_{id(full)}"
    with psycopg.connect(full.url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA app TO {role}".encode())
        connection.execute("ANALYZE app.unseen")
        connection.execute(f"GRANT SELECT ON app.unseen, app.day, app.empty TO {role}".encode())
        other = psycopg.conninfo.make_conninfo(full.url, user=role, password="x")
        result = full.inv("scale-capture", "--url", other, "--partial")
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())
    assert result.returncode == 0
    assert "Only the rows of app.person are known" in " ".join(result.stdout.split())
    written = tomllib.loads((full.root / "migrations" / "scale.toml").read_text(encoding="utf-8"))
    assert written["app"]["person"] == {"rows": 4000}


def test_nothing_is_written_where_nothing_was_analysed(project: Project) -> None:
    """Without any statistics there is nothing to write, and an existing file stays."""
    path = project.root / "migrations" / "scale.toml"
    path.write_text("[app.kept]\nrows = 1\n", encoding="utf-8")
    result = project.inv("scale-capture")
    assert result.returncode == 1
    assert "no table of the schemas app has been analysed" in result.stderr
    assert path.read_text(encoding="utf-8") == "[app.kept]\nrows = 1\n"
