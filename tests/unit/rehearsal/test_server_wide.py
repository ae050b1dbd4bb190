"""What changes a whole server, and what only looks like it."""

import pytest

from schemata.rehearsal import server_wide

CHANGES = (
    "CREATE ROLE a LOGIN PASSWORD 'x';", "CREATE USER a;", "ALTER ROLE a PASSWORD 'y';", "ALTER USER a SUPERUSER;",
    "ALTER ROLE a RENAME TO b;", "ALTER ROLE a SET work_mem = '1GB';", "DROP ROLE IF EXISTS a;", "DROP OWNED BY a;",
    "REASSIGN OWNED BY a TO b;", "GRANT a TO b;", "REVOKE a FROM b;", "ALTER SYSTEM SET work_mem = '1GB';",
    "CREATE DATABASE d;", "DROP DATABASE d;", "ALTER DATABASE d SET work_mem = '1GB';", "ALTER DATABASE d OWNER TO a;",
    "ALTER DATABASE d CONNECTION LIMIT 3;", "ALTER DATABASE d RENAME TO e;", "CREATE TABLESPACE t LOCATION '/mnt';",
    "ALTER TABLESPACE t RENAME TO u;", "ALTER TABLESPACE t OWNER TO a;", "DROP TABLESPACE t;",
    "DO $$ BEGIN EXECUTE format('CREATE ROLE %I', 'a'); END $$;", "DO $$ BEGIN ALTER SYSTEM RESET ALL; END $$;",
)  # fmt: skip
STAYS = (
    "GRANT SELECT ON app.t TO a;", "ALTER TABLE app.t OWNER TO a;", "ALTER TABLE app.role RENAME TO roles;",
    "CREATE USER MAPPING FOR a SERVER s;", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO a;", "SET ROLE a;",
    "DO $$ BEGIN CREATE TABLE app.role (id int); END $$;", "COMMENT ON TABLE app.t IS 'CREATE ROLE';",
    "ALTER TABLE app.t SET TABLESPACE fast;", "DO $$ BEGIN ALTER USER MAPPING FOR a SERVER s; END $$;",
)  # fmt: skip


@pytest.mark.parametrize("sql", CHANGES)
def test_what_changes_the_server_is_found_with_its_line(sql: str) -> None:
    """The statement is named, wherever in the file it stands."""
    ((line, shown),) = server_wide.server_changes(f"SELECT 1;\n\n{sql}", "a.sql")
    assert line == 3
    assert shown.split()[0] == sql.split()[0]
    assert "PASSWORD" not in shown


@pytest.mark.parametrize("sql", STAYS)
def test_what_stays_in_the_database_is_not(sql: str) -> None:
    """It goes with the scratch database."""
    assert not list(server_wide.server_changes(sql, "a.sql"))


def test_python_is_searched_by_its_words() -> None:
    """Its SQL may be put together."""
    text = "from yoyo import step\n\nstep('CREATE ROLE a', 'DROP ROLE a')\n"
    assert list(server_wide.server_changes(text, "a.py")) == [(3, "CREATE ROLE")]
