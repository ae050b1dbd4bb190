"""What is expected of a database: who deploys it, which schemas there are, with and without the lock file."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.deploy import migrate
from schemata.history import status, up_to_date
from schemata.migrations import authoring, builds, files
from schemata.parity import locking, parity
from schemata.parity.reports import report
from schemata.postgres import waiting
from schemata.server.embedded import binaries, server_state
from schemata.smoke import smoke
from schemata.squash import squash
from tests.conftest import Project

START = "app.20250101000000.start"
#: Names a role that deploys somewhere, looks for another one, and makes one that cannot deploy. Not all that it does
#: shows where others deploy.
NAMES_ROLES = """
    CREATE TABLE app.users (id bigint PRIMARY KEY);
    GRANT SELECT ON app.users TO boss;
    CREATE TABLE app.orders (id bigint);
    ALTER TABLE app.orders OWNER TO boss;
    ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'operator') THEN
            REVOKE TRUNCATE ON app.users FROM operator;
        END IF;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'readers') THEN
            CREATE ROLE readers;
        END IF;
    END $$;
    GRANT INSERT ON app.orders TO readers;
"""
#: Makes schemas that the settings do not list.
MAKES_SCHEMAS = """
    CREATE TABLE app.users (id bigint PRIMARY KEY);
    CREATE SCHEMA other;
    CREATE TABLE other.notes (id bigint PRIMARY KEY, body text);
    CREATE TABLE public.loose (id int);
"""


def drift(settings: config.Config, url: str) -> list[str]:
    """Return the schemas of which status says that they are not what the migrations make."""
    return [one.schema for one in status.status_of(settings, url=url).compared.of("drift")]


def differences(found: report.Report) -> list[tuple[str, str]]:
    """Return what a report tells."""
    return [(one.change, one.subject) for outcome in found.outcomes for one in outcome.differences]


def boot(settings: config.Config, url: str) -> list[str]:
    """Return what a start of the sealed build says of the structure."""
    build = builds.known(str(settings.root))
    assert build is not None
    with waiting.connect(url, application_name="test") as connection:
        answer = up_to_date.ask(connection, settings.history_schema)
    assert answer is not None
    return up_to_date.differing(answer, build)


def forget(settings: config.Config) -> None:
    """Remove what is known of what the migrations make."""
    (settings.migrations / files.MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(settings.state_dir / "expected", ignore_errors=True)


@pytest.fixture
def deployed_by(
    make_database: Callable[..., str], admin: psycopg.Connection, server: server_state.Server
) -> Callable[[str], str]:
    """Make a database in which a superuser of that name deploys; return the URL with which it does."""

    def make(role: str) -> str:
        url = make_database()
        if role != server.user:
            if not admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                admin.execute(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'secret'")
            url = url.replace(f"{server.user}:{server.password}@", f"{role}:secret@")
        return url

    return make


def test_a_role_that_deploys_elsewhere_is_named(
    project: Project, deployed_by: Callable[[str], str], programs: binaries.Binaries, server: server_state.Server
) -> None:
    """Whoever deploys, a fresh database is as it should be, by the lock file, by its seal and by a replay."""
    path = project.write(START, NAMES_ROLES)
    settings = config.load(project.root, {})
    urls = {role: deployed_by(role) for role in (server.user, "boss", "operator")}
    assert "Locked 1 migration and what it makes" in locking.lock(settings, postgres=str(programs.major)).text
    manifest = settings.migrations / files.MANIFEST
    locked = manifest.read_text()
    roles = {line.partition(" as ")[2] for line in locked.splitlines() if line.startswith("1 ")}
    assert roles == {"", "boss", "operator"}
    assert authoring.seal(settings).ok
    assert locking.lock(settings, check=True, postgres=str(programs.major)).ok
    for url in urls.values():
        migrate.migrate(settings, url=url)
        assert (drift(settings, url), boot(settings, url)) == ([], [])
        assert smoke.smoke(settings, url=url).ok
    for role, url in urls.items():
        # A replay that nobody kept, then the one that was kept.
        forget(settings)
        result = smoke.smoke(settings, url=url)
        assert result.ok, (role, result.notes)
        assert differences(parity.parity(settings, url=url)) == []
        assert drift(settings, url) == []
    # What somebody changed is told all the same; where another deploys, the one that is named is another role.
    manifest.write_text(locked, encoding="utf-8")
    changes = {"boss": "GRANT TRIGGER ON app.orders TO operator", server.user: "REVOKE SELECT ON app.users FROM boss"}
    for role, change in changes.items():
        with psycopg.connect(urls[role], autocommit=True) as connection:
            connection.execute(change)
        assert drift(settings, urls[role]) == ["app"], role
    # Without what names a role there is nothing to tell apart.
    path.write_text("CREATE TABLE app.users (id bigint PRIMARY KEY);\n", encoding="utf-8")
    checked = locking.lock(settings, check=True, postgres=str(programs.major))
    assert not checked.ok
    assert f"it has lines of PostgreSQL {programs.major} where boss deploys too many" in checked.text
    locking.lock(settings, postgres=str(programs.major))
    assert " as " not in manifest.read_text()


def test_a_rollback_that_could_not_run_is_no_matter_of_the_lock_file(
    project: Project, programs: binaries.Binaries
) -> None:
    """It is noted each time, the lock file is written and right, and only the seal is refused."""
    project.write(START, "CREATE TABLE app.users (id bigint PRIMARY KEY);\n", "DROP TABEL app.users;\n")
    later = project.write("app.20250102000000.later", "CREATE TABLE app.later ();\n")
    later.with_suffix(".rollback.sql").write_bytes(b"DROP TABLE app.later; -- \xff\n")
    settings = config.load(project.root, {})
    for check in (False, True):
        made = locking.lock(settings, check=check, postgres=str(programs.major))
        assert made.ok
        broken, unread = made.facts["rollback_problems"]
        assert f"{START}.rollback.sql:1:6: " in broken
        assert "later.rollback.sql:1: byte 25 is not UTF-8" in unread
        assert f"Note: {broken}." in made.text
        assert f"Note: {unread}." in made.text
    with pytest.raises(errors.MigrationError, match="is not UTF-8"):
        authoring.seal(settings)


@pytest.mark.usefixtures("own_programs")
def test_schemas_that_the_settings_do_not_list(
    project: Project, make_database: Callable[..., str], programs: binaries.Binaries
) -> None:
    """What migrations make beside the schemas of the settings is in the lock file and is asked by smoke."""
    project.write(START, MAKES_SCHEMAS)
    settings = config.load(project.root, {})
    url = project.url
    migrate.migrate(settings, url=url)
    assert smoke.smoke(settings, url=url).ok
    assert differences(parity.parity(settings, url=url, all_schemas=True)) == []
    locking.lock(settings, postgres=str(programs.major))
    locked = (settings.migrations / files.MANIFEST).read_text()
    assert {line.split(" ")[2] for line in locked.splitlines() if line.startswith("1 ")} == {"-", "app", "other"}
    authoring.seal(settings)
    assert smoke.smoke(settings, url=url).ok
    assert (drift(settings, url), boot(settings, url)) == ([], [])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE other.notes DROP COLUMN body; CREATE SCHEMA stray CREATE TABLE t (id int)")
        connection.execute("ALTER TABLE public.loose ADD COLUMN more int")
    found = smoke.smoke(settings, url=url)
    assert [note for note in found.notes if ": " in note] == [
        "column other.notes.body: does not exist, although the migrations make it"
    ]
    everything = [
        ("missing", "column other.notes.body"),
        ("extra", "column public.loose.more"),
        ("extra", "schema stray"),
        ("extra", "table stray.t"),
    ]
    assert differences(parity.parity(settings, url=url)) == []
    assert sorted(differences(parity.parity(settings, url=url, all_schemas=True))) == sorted(everything)
    assert differences(parity.parity(settings, url=url, schemas="stray")) == everything[2:]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA other CASCADE")
    notes = smoke.smoke(settings, url=url).notes
    assert "schema other: does not exist, although the migrations make it" in notes


def test_smoke_downloads_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, programs: binaries.Binaries, tmp_path: Path
) -> None:
    """Without programs and without a lock file it says what it cannot compare, and exits with 3."""
    project.write(START, "CREATE TABLE app.users (id bigint PRIMARY KEY);")
    settings = config.load(project.root, {})
    migrate.migrate(settings, url=project.url)
    fetched: list[int] = []
    monkeypatch.setattr(binaries, "provision", lambda major, cache: fetched.append(major))
    monkeypatch.setattr(binaries, "_locations", lambda major, cache: iter(()))
    monkeypatch.delenv("SCHEMATA_PG_BIN", raising=False)
    found = smoke.smoke(settings, url=project.url)
    assert (found.ok, found.exit_code, fetched) == (False, 3, [])
    (note,) = [note for note in found.notes if note.startswith("structure ")]
    assert note.startswith("structure what the migrations make: is in no lock file and cannot be found out here")
    assert f"inv lock --postgres {programs.major}" in note
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE app.stray ()")
    notes = "\n".join(smoke.smoke(settings, url=project.url).notes)
    assert "structure app: schema app (structure) is not what the last migrate left" in notes


@pytest.mark.usefixtures("own_programs")
def test_smoke_says_that_the_migrations_do_not_run(project: Project) -> None:
    """What is expected cannot be known where they need something that none of them makes: that is for a person."""
    project.write(START, "ALTER TABLE app.older ADD COLUMN more int;")
    settings = config.load(project.root, {})
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app CREATE TABLE older (id int)")
    migrate.migrate(settings, url=project.url, on_existing_objects=True)
    found = smoke.smoke(settings, url=project.url)
    assert (found.ok, found.exit_code) == (False, 1)
    (note,) = [note for note in found.notes if note.startswith("structure ")]
    assert "the migrations do not run on an empty database" in note
    assert "inv lock" not in note


def test_a_squash_proves_it_for_each_role(project: Project, programs: binaries.Binaries) -> None:
    """What the baselines make is the same whoever deploys, or nothing is written."""
    path = project.write(START, NAMES_ROLES)
    settings = config.load(project.root, {})
    major = str(programs.major)
    locking.lock(settings, postgres=major)
    with pytest.raises(squash.NotEqual, match=f"(?s)where a role deploys that these name.*{major} where operator"):
        squash.squash(settings, through=START, postgres=major)
    assert path.exists()
    path.write_text(re.sub(r"(?s)IF EXISTS.*?END IF;", "", path.read_text()), encoding="utf-8")
    locking.lock(settings, postgres=major)
    squash.squash(settings, through=START, postgres=major)
    assert not path.exists()
    assert " as boss" in (settings.migrations / files.MANIFEST).read_text()
    assert locking.lock(settings, check=True, postgres=major).ok
