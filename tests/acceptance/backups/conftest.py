"""A project with rows, whose backups are taken as in production."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"

#: As it is where nothing else is said: a backup before what destroys.
DEFAULT = "[tool.schemata.backups]\n"

SQL = """-- Users and their orders.
CREATE TYPE app.state AS ENUM ('new', 'paid');
CREATE TABLE app.users (id bigint PRIMARY KEY, name text NOT NULL, born date, tags text[]);
CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES app.users,
    state app.state NOT NULL DEFAULT 'new',
    total numeric(12, 2) NOT NULL,
    note jsonb,
    taken timestamptz NOT NULL DEFAULT '2025-03-30 01:30:00+00',
    twice numeric GENERATED ALWAYS AS (total * 2) STORED
) ;
CREATE TABLE app.events (at timestamptz, what text) PARTITION BY RANGE (at);
CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO app.users SELECT g, 'user ' || g || E' \\u00e9', date '2000-01-01' + g, ARRAY['a', NULL, g::text]
    FROM generate_series(1, 500) g;
INSERT INTO app.orders (user_id, total, note) SELECT g, g * 1.5, jsonb_build_object('g', g)
    FROM generate_series(1, 500) g;
INSERT INTO app.events SELECT timestamptz '2025-02-01' + g * interval '1 minute', md5(g::text)
    FROM generate_series(1, 500) g;
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """Give a project with the default policy whose first migration is applied."""
    project.configure(DEFAULT)
    project.write(ONE, SQL, "DROP TABLE app.orders, app.users, app.events;\nDROP TYPE app.state;\n")
    done = project.inv("migrate")
    assert done.returncode == 0, done.stderr
    assert "backups" not in {path.name for path in (project.root / ".schemata").glob("*")}, "there was nothing to lose"
    return project


def folder(project: Project) -> Path:
    """Return where the backups are."""
    return project.root / ".schemata" / "backups"


def names(project: Project) -> list[str]:
    """Return the files in it, what the system of versions is told aside."""
    return sorted(path.name for path in folder(project).glob("*") if path.name != ".gitignore")


def manifest_of(project: Project, name: str) -> Any:
    """Return the document of a backup."""
    return json.loads((folder(project) / name / "manifest.json").read_text(encoding="utf-8"))


def rows(url: str, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table, in their order."""
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # type: ignore[arg-type]
