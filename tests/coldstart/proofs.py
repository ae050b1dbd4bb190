"""What must be so at the end of a cell: asked from another connection and from pg_dump."""

import difflib
import re
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg
from yoyo import connections, migrations
from yoyo.backends.core import postgresql

from schemata import config
from schemata.history import tables
from schemata.migrations import files, lock_file, migration
from schemata.postgres import urls, waiting
from schemata.server.embedded import binaries
from schemata.smoke import smoke
from schemata.snapshot import fingerprints, reading
from tests import conftest
from tests.conftest import REPOSITORY

SETTINGS = config.load(REPOSITORY, {"SCHEMATA_BACKUPS_POLICY": "never"})
MIGRATIONS = files.read(SETTINGS.migrations, SETTINGS.schemas)
SERVICES = tuple(service.name for service in SETTINGS.services)
#: The one migration that the next release has.
NEWER = "financial.20990101000000.add_clients_last_seen_at"

# Rows that a migration writes carry the time at which it did.
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d(?::\d\d)?")


@dataclass(frozen=True)
class Head:
    """What a database is that nothing disturbed on its way to the current schema."""

    dump: str
    revision: str


def fresh_head(server: str, admin: psycopg.Connection, programs: binaries.Binaries) -> Head:
    """Bring a database of its own to the current schema by psql and yoyo alone, and return what it is; it is dropped.

    The engine has no part in this, but for the text that makes its history's tables.
    """
    name = f"head_{uuid.uuid4().hex[:8]}"
    admin.execute(f'CREATE DATABASE "{name}"')
    try:
        url = urls.with_database(server, name)
        schemas = "; ".join(f'CREATE SCHEMA IF NOT EXISTS "{schema}"' for schema in SETTINGS.schemas)
        _psql(programs, url, f"{schemas}; {tables.History(SETTINGS.history_schema).create()}")
        for item in MIGRATIONS:
            if item.is_python:
                _yoyo(url, item)
                continue
            whole = ["--single-transaction"] if item.transactional else []
            _psql(programs, url, f'SET search_path = "{item.schema}", pg_catalog;\n{item.sql}', *whole)
        return Head(comparable(conftest.pg_dump(programs, url)), MIGRATIONS[-1].id)
    finally:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _psql(programs: binaries.Binaries, url: str, sql: str, *options: str) -> None:
    command = [str(programs.program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, f"--dbname={url}"]
    done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _yoyo(url: str, item: migration.Migration) -> None:
    """Run a migration in Python as yoyo itself does, without its tables and its lock."""
    uri = connections.parse_uri(f"{url.replace('postgresql:', 'postgresql+psycopg:', 1)}")
    for need in item.directives.depends:
        migrations.Migration(need, "", "")
    with postgresql.PostgresqlPsycopgBackend(uri, migrations.default_migration_table) as backend:
        migrations.Migration(item.id, item.path, str(Path(item.path).parent)).process_steps(backend, "apply")


def comparable(dump: str) -> str:
    """Return a dump without the times in its rows."""
    return _TIME.sub("<time>", dump)


def whole_dump(programs: binaries.Binaries, url: str) -> str:
    """Return everything that a database holds, the history's rows too: for what must leave no trace at all."""
    command = [str(programs.program("pg_dump")), "--restrict-key=x", f"--dbname={url}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def assert_same(found: str, wanted: str, what: str) -> None:
    """Fail with the difference, which pytest would bury in two whole dumps."""
    if found != wanted:
        lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), "wanted", "found", lineterm="", n=1)
        raise AssertionError(f"{what}:\n" + "\n".join(list(lines)[:60]))


def assert_smoke(url: str, settings: config.Config = SETTINGS) -> None:
    """Every question of the smoke list has the right answer."""
    result = smoke.smoke(settings, url=url)
    assert result.ok, "smoke: " + "\n".join(note for note in result.notes if note)


def assert_structure(url: str) -> None:
    """The structure is what the lock file says, which is committed and is not made from what is compared with it.

    A replay of the migrations would show nothing of an index that is gone from them.
    """
    locked = files.locked(SETTINGS.migrations)
    assert locked is not None
    with waiting.connect(url, application_name="cold start") as connection:
        found = reading.read(connection.query, SETTINGS.schemas, history=SETTINGS.history_schema)
    form = fingerprints.form(found.major)
    expected = lock_file.of_deployer(locked.expected, form, found.deployer)
    assert expected is not None, f"the lock file says nothing of PostgreSQL {found.major}: inv lock"
    differing = fingerprints.differing({fingerprints.FORM: form, **expected}, fingerprints.of(found))
    wrong = ", ".join(fingerprints.describe(*one) for one in differing.items())
    edited = ", ".join(item.id for item in MIGRATIONS if locked.members.get(item.id, ("", None))[0] != item.checksum)
    assert not wrong, (
        f"the structure is not that of the lock file: {wrong}; edited since it was written: {edited or '-'}"
    )
    assert locked.fits(MIGRATIONS), f"the lock file is of other migrations: inv lock; edited: {edited or '-'}"


def assert_recorded_once(url: str) -> None:
    """The history has each migration exactly once, applied once."""
    with psycopg.connect(url) as connection:
        recorded = connection.execute("SELECT migration_id FROM schemata._yoyo_migration").fetchall()
        # A migration that was rolled back since is applied once more.
        applied = connection.execute(
            """SELECT migration_id FROM schemata.attempts a WHERE direction = 'apply' AND state = 'applied'
            AND NOT EXISTS (SELECT FROM schemata.attempts later WHERE later.migration_id = a.migration_id
                AND later.direction = 'rollback' AND later.attempt > a.attempt)"""
        ).fetchall()
    wanted = sorted(item.id for item in MIGRATIONS)
    assert sorted(row[0] for row in recorded) == wanted
    assert sorted(row[0] for row in applied) == wanted


def assert_current(url: str, head: Head, programs: binaries.Binaries) -> None:
    """The database is at the current schema: all of smoke, pg_dump, the lock file and the history say so."""
    assert_smoke(url)
    assert_structure(url)
    assert_same(comparable(conftest.pg_dump(programs, url)), head.dump, "pg_dump differs from that of a fresh head")
    assert_recorded_once(url)
