"""From every starting state to the current schema, through the real entrypoint; the states that must be refused.

A test is a cell of the grid, and its name is the row (cells.STATES). The server is the column: `--postgres=17`.
"""

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors
from schemata.deploy import migrate, rollback
from schemata.history import tables
from schemata.postgres import urls
from schemata.server.embedded import binaries, instance, server_state
from tests.coldstart import proofs, starts
from tests.coldstart.conftest import Noted
from tests.coldstart.proofs import MIGRATIONS, SERVICES, SETTINGS
from tests.coldstart.starts import Image
from tests.conftest import pg_dump
from tests.patience import until

_LAST = MIGRATIONS[-1].id
_LATE = 5.0  # seconds that the services are there before the server
_REPLICAS = 3
# So long that a deployer that was made to wait for a lock still waits when it is killed.
_HELD = {"SCHEMATA_LOCKS_LOCK_TIMEOUT": "60s"}
# What a writer holds: a new foreign key to the table has to wait for it.
_BLOCK = "LOCK TABLE financial.categories IN ROW EXCLUSIVE MODE"


def _migrated(url: str, count: int) -> str:
    """Apply the first migrations; none leaves a history that knows none. Returns the URL."""
    migrate.migrate(SETTINGS, url=url, to=MIGRATIONS[max(count, 1) - 1].id)
    if not count:
        rollback.rollback(SETTINGS, url=url, confirm=urls.database_of(url))
    return url


def _prefix_before(slug: str) -> int:
    return next(number for number, item in enumerate(MIGRATIONS) if item.slug == slug)


def _waiting(observer: psycopg.Connection, database: str) -> int | None:
    """Return the backend that waits for a lock."""
    row = observer.execute(
        """SELECT pid FROM pg_stat_activity
        WHERE datname = %s AND wait_event_type = 'Lock' AND state = 'active'""",
        (database,),
    ).fetchone()
    return int(row[0]) if row else None


def _database(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def test_no_server_yet(
    image: Image,
    own_server: server_state.Server,
    restart: Callable[[server_state.Server], None],
    head: proofs.Head,
    programs: binaries.Binaries,
    noted: Noted,
) -> None:
    """All four services wait for a server that comes up 5 s after them, and are ready soon after it is."""
    image.url = own_server.url
    instance.stop(own_server.log.parent)
    started = [image.start(service) for service in SERVICES]
    time.sleep(_LATE)  # the state itself: so long there is no server
    assert [start.process.poll() for start in started] == [None] * len(started)
    restart(own_server)
    assert image.revisions(started) == {head.revision}
    noted.tell(image)
    proofs.assert_current(image.url, head, programs)
    starts.stop(started)


def test_no_database(
    image: Image,
    admin: psycopg.Connection,
    database: str,
    head: proofs.Head,
    programs: binaries.Binaries,
    noted: Noted,
) -> None:
    """Where creating it is allowed, a database that is not there is made."""
    admin.execute(f'DROP DATABASE "{_database(database)}"')
    image.url = database
    start = image.start(SERVICES[1], SCHEMATA_CREATE_DATABASE="true")
    _ends_current(image, start, head, programs, noted)


def test_empty_database(
    image: Image, database: str, head: proofs.Head, programs: binaries.Binaries, noted: Noted
) -> None:
    """A database without anything in it reaches the current schema."""
    image.url = database
    _ends_current(image, image.start(SERVICES[0]), head, programs, noted)


def test_schemas_only(
    image: Image, database: str, head: proofs.Head, programs: binaries.Binaries, noted: Noted
) -> None:
    """Schemas that somebody has made already are taken as they are."""
    with psycopg.connect(database) as connection:
        for schema in SETTINGS.schemas:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    image.url = database
    _ends_current(image, image.start(SERVICES[1]), head, programs, noted)


def test_half_made(image: Image, database: str, head: proofs.Head, programs: binaries.Binaries, noted: Noted) -> None:
    """A cold start that ended after the history was made is gone on with."""
    with psycopg.connect(database) as connection:
        connection.execute(tables.History(SETTINGS.history_schema).create())  # type: ignore[call-overload]
        for schema in SETTINGS.schemas:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    image.url = database
    _ends_current(image, image.start(SERVICES[2]), head, programs, noted)


@pytest.mark.parametrize("count", range(0, len(MIGRATIONS), 3))
def test_behind(
    count: int, image: Image, database: str, head: proofs.Head, programs: binaries.Binaries, noted: Noted
) -> None:
    """From the first migrations on, the others are applied."""
    image.url = _migrated(database, count)
    _ends_current(image, image.start(SERVICES[count // 3 % len(SERVICES)]), head, programs, noted)


def test_interrupted_transaction(
    image: Image,
    admin: psycopg.Connection,
    database: str,
    head: proofs.Head,
    programs: binaries.Binaries,
    noted: Noted,
) -> None:
    """A deployer killed in the middle of a transactional migration leaves nothing of it; the next one goes on."""
    image.url = _migrated(database, _prefix_before("create_invoice_lines"))
    with psycopg.connect(database) as blocker:
        # create_invoice_lines passes; create_transactions waits.
        blocker.execute(_BLOCK)
        _kill_waiting(image, admin)
    with psycopg.connect(database) as observer:
        tables = "SELECT to_regclass('financial.invoice_lines')::text, to_regclass('financial.transactions')::text"
        assert observer.execute(tables).fetchone() == ("financial.invoice_lines", None)
    _ends_current(image, image.start(SERVICES[2]), head, programs, noted)


def test_interrupted_index(
    image: Image,
    admin: psycopg.Connection,
    database: str,
    head: proofs.Head,
    programs: binaries.Binaries,
    noted: Noted,
) -> None:
    """A deployer killed in CREATE INDEX CONCURRENTLY leaves an invalid index; the next one builds it again."""
    image.url = _migrated(database, _prefix_before("add_pagination_indices"))
    with psycopg.connect(database) as writer:
        # Those of financial.clients pass; the first of this table waits until its writers are done.
        writer.execute("LOCK TABLE financial.accounts IN ROW EXCLUSIVE MODE")
        _kill_waiting(image, admin)
    with psycopg.connect(database) as observer:
        invalid = observer.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid").fetchall()
        assert invalid == [("financial.idx_accounts_created_at",)]
        assert observer.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'financial.idx_clients_created_at'::regclass"
        ).fetchone() == (True,)
    _ends_current(image, image.start(SERVICES[3]), head, programs, noted)


def test_changed_history(
    image: Image, platform: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted
) -> None:
    """An edited file that is applied already stops the boot: exit 1, the diff, no app, nothing changed."""
    image.url = platform
    edited = image.root / "migrations" / "financial" / "financial.20250618080000.create_clients.sql"
    line = "ALTER TABLE financial.clients ADD COLUMN nickname text;"
    edited.write_text(f"{edited.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    before = proofs.whole_dump(programs, platform)
    refused = _refused(image, tmp_path, noted)
    assert f"+{line}" in refused.said(), refused.describe()
    assert edited.stem in refused.said()
    proofs.assert_same(proofs.whole_dump(programs, platform), before, "the refused boot changed the database")


def test_full_database(image: Image, platform: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted) -> None:
    """A database without a history that holds everything: exit 1, what is there is named, nothing runs over it."""
    said = _refused_as_full(image, platform, "DROP SCHEMA schemata CASCADE", tmp_path, programs, noted)
    for schema in SETTINGS.schemas:
        assert f"{schema}: " in said
    assert "inv migrate-baseline --through ID" in said


def test_empty_history(image: Image, platform: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted) -> None:
    """The same where the history's tables are there without a row."""
    tables = ", ".join(f"schemata.{table}" for table in ("head", "attempts", "_yoyo_migration", "_yoyo_log"))
    _refused_as_full(image, platform, f"TRUNCATE {tables}", tmp_path, programs, noted)


def test_foreign_ledger(image: Image, platform: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted) -> None:
    """The same where another tool recorded what it made: its table, its entries and the last of them are named."""
    made = (
        "DROP SCHEMA schemata CASCADE;"
        " CREATE TABLE public._prisma_migrations (migration_name text, started_at timestamp);"
        " INSERT INTO public._prisma_migrations VALUES ('0_init', '2025-01-01'), ('1_more', '2025-02-02')"
    )
    said = _refused_as_full(image, platform, made, tmp_path, programs, noted)
    assert "public._prisma_migrations of Prisma (2 entries, the last is 1_more)" in said


@pytest.mark.parametrize("table", ["head", "_yoyo_migration"])
def test_damaged_history(
    table: str, image: Image, platform: str, head: proofs.Head, programs: binaries.Binaries, noted: Noted
) -> None:
    """A table of the history that was dropped is made again from the others; no migration runs twice."""
    with psycopg.connect(platform) as connection:
        connection.execute(f"DROP TABLE schemata.{table}")  # type: ignore[call-overload]
    image.url = platform
    _ends_current(image, image.start(SERVICES[2]), head, programs, noted)


def test_lost_records(image: Image, platform: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted) -> None:
    """Where two tables are gone that prove each other, each migration without a record is named: exit 1, no app."""
    with psycopg.connect(platform) as connection:
        connection.execute("DROP TABLE schemata._yoyo_migration, schemata.head")
    image.url = platform
    before = proofs.whole_dump(programs, platform)
    said = _refused(image, tmp_path, noted).said()
    for item in MIGRATIONS:
        assert f"{item.id}: has no row in _yoyo_migration" in said
    assert f"inv migrate-baseline --through {MIGRATIONS[-1].id}" in said
    proofs.assert_same(proofs.whole_dump(programs, platform), before, "the refused boot changed the database")


def test_ahead_accepted(image: Image, newer: Path, platform: str, programs: binaries.Binaries, noted: Noted) -> None:
    """An older image restarts on a newer database that it accepts: it serves, and changes nothing."""
    image.url = platform
    _released(newer, platform)
    image.environment["SCHEMATA_ACCEPTS"] = f"{MIGRATIONS[0].timestamp}..{proofs.NEWER.split('.')[1]}"
    before = proofs.whole_dump(programs, platform)
    started = [image.start(service) for service in SERVICES]
    assert image.revisions(started) == {proofs.NEWER}
    noted.tell(image)
    proofs.assert_smoke(platform, image.settings)
    starts.stop(started)
    proofs.assert_same(proofs.whole_dump(programs, platform), before, "the older image changed the database")


def test_ahead_refused(
    image: Image, newer: Path, platform: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted
) -> None:
    """An older image on a newer database that it does not accept: exit 1, both revisions, no app, nothing changed."""
    image.url = platform
    _released(newer, platform)
    before = proofs.whole_dump(programs, platform)
    refused = _refused(image, tmp_path, noted)
    assert proofs.NEWER in refused.said(), refused.describe()
    assert _LAST in refused.said(), refused.describe()
    proofs.assert_same(proofs.whole_dump(programs, platform), before, "the refused boot changed the database")


def test_concurrent(image: Image, database: str, head: proofs.Head, programs: binaries.Binaries, noted: Noted) -> None:
    """All four services with three replicas each boot at once: all become ready, each migration is applied once."""
    image.url = database
    started = [
        image.start(service, name=f"{service}-{number}") for number in range(1, _REPLICAS + 1) for service in SERVICES
    ]
    assert image.revisions(started) == {head.revision}
    noted.tell(image)
    proofs.assert_current(image.url, head, programs)
    starts.stop(started)


def test_restarted(
    image: Image,
    own_server: server_state.Server,
    restart: Callable[[server_state.Server], None],
    head: proofs.Head,
    programs: binaries.Binaries,
    noted: Noted,
) -> None:
    """The server is restarted in the middle of a migration: the same boot goes on by itself."""
    image.url = _migrated(own_server.url, _prefix_before("create_invoice_lines"))
    with contextlib.closing(psycopg.connect(own_server.url)) as blocker:
        blocker.execute(_BLOCK)
        start = image.start(SERVICES[3], **_HELD)
        with psycopg.connect(urls.with_database(own_server.url, "postgres"), autocommit=True) as observer:
            until(lambda: _waiting(observer, own_server.database), lambda: f"waits: {start.describe()}")
        instance.stop(own_server.log.parent)
    assert start.process.poll() is None, start.describe()
    restart(own_server)
    _ends_current(image, start, head, programs, noted)


def test_stale_client(
    image: Image, platform: str, tmp_path: Path, head: proofs.Head, programs: binaries.Binaries, noted: Noted
) -> None:
    """An image whose typed client is of another structure generates it again, and its service runs with that."""
    client = SETTINGS.client
    stamp = image.root / client.folder / client.package / "STAMP"
    # Both, because of a server of another version only the migrations can be compared.
    text, count = re.subn(
        r"^(migrations|schema financial) \w+$", r"\1 " + 32 * "0", stamp.read_text(encoding="utf-8"), flags=re.M
    )
    assert count == 2, text
    stamp.write_text(text, encoding="utf-8")
    image.url = platform
    (service,) = [one.name for one in SETTINGS.services if one.client]
    start = image.start(service, SCHEMATA_CLIENT_DIR=str(tmp_path / "client"))
    _ends_current(image, start, head, programs, noted)
    assert "generate" in [phase.name for phase in noted.phases], start.describe()
    made = tmp_path / "client" / client.package
    for committed in sorted((SETTINGS.root / client.folder / client.package).glob("*.py")):
        assert (made / committed.name).read_text(encoding="utf-8") == committed.read_text(encoding="utf-8")


def test_current(image: Image, platform: str, head: proofs.Head, programs: binaries.Binaries, noted: Noted) -> None:
    """With nothing to do all four services start, and nothing is written."""
    image.url = platform
    before = proofs.whole_dump(programs, platform)
    started = [image.start(service) for service in SERVICES]
    assert image.revisions(started) == {head.revision}
    noted.tell(image)
    proofs.assert_current(image.url, head, programs)
    starts.stop(started)
    proofs.assert_same(proofs.whole_dump(programs, platform), before, "a boot with nothing to do wrote something")


def _ends_current(
    image: Image, start: starts.Start, head: proofs.Head, programs: binaries.Binaries, noted: Noted
) -> None:
    """Wait until the service serves; the database is at the current schema then, and stays so when it ends."""
    try:
        assert image.revisions([start]) == {head.revision}
    finally:
        noted.tell(image)
    proofs.assert_current(image.url, head, programs)
    starts.stop([start])
    proofs.assert_same(
        proofs.comparable(pg_dump(programs, image.url)), head.dump, "the service changed the database by starting"
    )


def _kill_waiting(image: Image, admin: psycopg.Connection) -> None:
    """Boot until a migration waits for a lock, then kill the boot; the server notices, and gives up its session."""
    name = _database(image.url)
    deployer = image.start(SERVICES[0], ["true"], **_HELD)
    backend = until(lambda: _waiting(admin, name), lambda: f"a migration waits: {deployer.describe()}")
    deployer.kill()
    admin.execute("SELECT pg_terminate_backend(%s)", (backend,))
    gone = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
    until(lambda: admin.execute(gone, (backend,)).fetchone() is None, "the killed deployer's session ends")


def _refused_as_full(
    image: Image, url: str, make: str, tmp_path: Path, programs: binaries.Binaries, noted: Noted
) -> str:
    """Boot on a full database of which nothing is recorded: refused, and nothing is changed. Returns the log."""
    with psycopg.connect(url) as connection:
        connection.execute(make)  # type: ignore[call-overload]
    image.url = url
    before = proofs.whole_dump(programs, url)
    start = _refused(image, tmp_path, noted)
    assert "the schemas hold objects, but no migration is recorded" in start.said(), start.describe()
    proofs.assert_same(proofs.whole_dump(programs, url), before, "the refused boot changed the database")
    return start.said()


def _refused(image: Image, tmp_path: Path, noted: Noted) -> starts.Start:
    """Boot a service whose app leaves a mark when it starts: it ends with exit 1, and there is no mark."""
    mark = tmp_path / "started"
    start = image.start(SERVICES[0], ["touch", str(mark)])
    code = start.wait()
    noted.tell(image)
    assert code == errors.NEEDS_PERSON, start.describe()
    assert not mark.exists(), "the app was started"
    assert "Traceback" not in start.said()
    return start


def _released(newer: Path, url: str) -> None:
    """Migrate to the next release."""
    result = migrate.migrate(config.load(newer, {}), url=url)
    assert [one.id for one in result.done] == [proofs.NEWER]
