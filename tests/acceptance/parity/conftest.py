"""Two databases of one structure, named in the settings, and a project whose migrations make the same."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

SQL = """
    CREATE TABLE app.users (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        email text NOT NULL UNIQUE,
        name character varying(100),
        created_at timestamptz NOT NULL DEFAULT now()
    );
    COMMENT ON TABLE app.users IS 'People';
    CREATE INDEX idx_users_created_at ON app.users (created_at DESC, id);
    CREATE TABLE app.orders (
        id bigint PRIMARY KEY,
        user_id bigint NOT NULL REFERENCES app.users (id),
        total numeric(10, 2) CHECK (total >= 0),
        note text
    );
    CREATE VIEW app.totals AS SELECT user_id, sum(total) AS total FROM app.orders GROUP BY user_id;
    CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.created_at := now();
        RETURN NEW;
    END $$;
    CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
"""
TARGETS = """
    [tool.schemata.targets.staging]
    url_env = "STAGING_URL"
    title = "Staging in Frankfurt"

    [tool.schemata.targets.prod]
    url_env = "PROD_URL"

    [tool.schemata.targets.away]
    url_env = "AWAY_URL"
"""
SECRET = "s3cret-of-the-third"
#: A server that is not there.
AWAY = f"postgresql://app:{SECRET}@127.0.0.1:1/app"


@dataclass
class Pair:
    """Two databases that differ in nothing until a test changes one."""

    staging: str
    prod: str

    def change(self, url: str, sql: str) -> None:
        """Run SQL in a database."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql)


@pytest.fixture
def pair(
    make_database: Callable[..., str], project: Project, schemata: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> Pair:
    """Give two databases that the settings call staging and prod, and a third one that is not there."""
    made = Pair(make_database(), make_database())
    for url in (made.staging, made.prod):
        made.change(url, f"CREATE SCHEMA app; {SQL}")
    project.configure(TARGETS)
    for name, url in {"STAGING_URL": made.staging, "PROD_URL": made.prod, "AWAY_URL": AWAY}.items():
        monkeypatch.setenv(name, url)
        project.environment[name] = url
    return made


@pytest.fixture
def migrated(project: Project, schemata: CommandLine) -> Project:
    """Give a project whose one migration is applied to its database."""
    project.configure()
    project.write("app.20250101000000.start", SQL)
    assert schemata("migrate").returncode == 0
    return project
