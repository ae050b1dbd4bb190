"""What a scale file is written from: the statistics of a database, and nothing that a row holds."""

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
    """The file holds what ANALYZE counted, no value; what it has not seen is named, and the exit code is 1."""
    result = full.inv("scale-capture")
    path = full.root / "migrations" / "scale.toml"
    text = path.read_text(encoding="utf-8")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "no ANALYZE has seen them: app.unseen." in " ".join(result.stdout.split())
    assert "secret" not in text
    assert "city 1" not in text
    assert tomllib.loads(text) == {
        "app": {
            "person": {"rows": 4000, "n_distinct": {"id": -1, "email": -1, "city": 40}},
            "empty": {"rows": 0},
            "day": {"rows": 1180, "n_distinct": {"day": 59, "kind": 3}},
        }
    }


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
        result = full.inv("scale-capture", "--url", other)
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())
    assert result.returncode == 1
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
