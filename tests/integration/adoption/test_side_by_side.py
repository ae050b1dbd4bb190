"""While the other tool still runs: its ledger is kept true, in one transaction with ours, and its lock is taken."""

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
import pytest

from schemata import config, errors
from schemata.adoption import adopt, baseline
from schemata.config import transition
from schemata.deploy import lock, migrate, repair, rollback
from schemata.deploy.other_tool import ledger, lock_key, origin
from schemata.postgres import urls
from schemata.report import progress
from tests import patience
from tests.conftest import Project
from tests.integration.adoption.test_adopt import LEDGER, PRISMA, SQL, A, B, C, lay, repository, row
from tests.unit import cases
from tests.unit.adoption import histories

pytestmark = pytest.mark.usefixtures("shared_scratch")
__all__ = ["repository"]  # a fixture


@dataclasses.dataclass(frozen=True)
class Kept:
    """A tool's empty ledger, what it says when all of the small history is applied, and when the last is undone."""

    table: str
    query: str
    applied: tuple[str, ...]
    undone: tuple[str, ...] = ()


FLYWAY = (
    "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200)"
    " NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT"
    " NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success boolean NOT NULL)"
)
KEPT = {
    "prisma": Kept(
        LEDGER,
        "SELECT migration_name || ' ' || left(checksum, 4) || ' ' || applied_steps_count"
        " || coalesce(' back ' || (rolled_back_at >= finished_at), '') FROM _prisma_migrations ORDER BY started_at",
        ("20240101000000_init f7c7 1", "20240102000000_more a0fd 1"),
    ),
    "flyway": Kept(
        FLYWAY,
        "SELECT installed_rank || ' ' || coalesce(version, '-') || ' ' || description || ' ' || type || ' ' || script"
        " || ' ' || success FROM flyway_schema_history ORDER BY installed_rank",
        ("1 1.9 nine SQL V1_9__nine.sql true", "2 1.10 ten SQL V1.10__ten.sql true",
         "3 2 index SQL V2__index.sql true", "4 - a view SQL R__a_view.sql true", "5 - b view SQL R__b_view.sql true"),
    ),
    "dbmate": Kept(
        "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)",
        "SELECT version FROM schema_migrations ORDER BY 1",
        ("20240101000000", "20240102000000"), ("20240101000000",),
    ),
    "goose": Kept(
        "CREATE TABLE goose_db_version (id serial PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL,"
        " tstamp timestamp DEFAULT now()); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true)",
        "SELECT version_id || ' ' || is_applied FROM goose_db_version ORDER BY id",
        ("0 true", "9 true", "10 true", "11 true"),
    ),
    "golang-migrate": Kept(
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)",
        "SELECT version || ' ' || dirty FROM schema_migrations", ("10 false",), ("9 false",),
    ),
    "diesel": Kept(
        "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp DEFAULT now())",
        "SELECT version FROM __diesel_schema_migrations ORDER BY 1",
        ("20240101000000", "20240102000000"), ("20240101000000",),
    ),
    "sqlx": Kept(
        "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz"
        " NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL)",
        "SELECT version || ' ' || description || ' ' || success || ' ' || length(checksum) FROM _sqlx_migrations"
        " ORDER BY 1",
        ("20240101000000 init true 48", "20240102000000 index true 48"), ("20240101000000 init true 48",),
    ),
    "node-pg-migrate": Kept(
        "CREATE TABLE pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)",
        "SELECT name FROM pgmigrations ORDER BY id", ("20230101000000000_first", "1700000000000_second"),
        ("20230101000000000_first",),
    ),
    "supabase": Kept(
        "CREATE SCHEMA supabase_migrations; CREATE TABLE supabase_migrations.schema_migrations (version text PRIMARY"
        " KEY, statements text[], name text)",
        "SELECT version || ' ' || name FROM supabase_migrations.schema_migrations", ("20240101000000 a",),
    ),
}  # fmt: skip


def told(connection: psycopg.Connection[Any], query: str) -> tuple[str, ...]:
    """Return the texts that a query gives."""
    return tuple(text for (text,) in connection.execute(query))  # type: ignore[arg-type]


def test_every_tool_that_can_be_kept_is_tested() -> None:
    """A tool that the settings allow has a row above."""
    assert set(KEPT) == set(transition.MIRRORED)


@pytest.mark.parametrize("tool", KEPT)
def test_the_ledger_says_what_ours_applied(tool: str, repository: Project) -> None:
    """Each migration of the tool gets the row that the tool writes; a rollback takes it back; ours alone get none."""
    kept = KEPT[tool]
    theirs = lay(repository.root, histories.ALL[tool])
    settings = config.load(repository.root, {})
    adopt.adopt(settings, tool, str(theirs), mirror=True)
    settings = config.load(repository.root, {})
    assert settings.adoption == transition.Adoption(tool, mirror=True)
    assert adopt.adopt(settings, tool, str(theirs), mirror=True).settings == ""
    repository.write("public.29990101000000.ours", "CREATE TABLE ours (i int);", "DROP TABLE ours;")
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(kept.table)
        found = migrate.migrate(settings, url=repository.url, on_existing_objects=True)
        assert told(connection, kept.query) == kept.applied
        if kept.undone:
            rollback.rollback(settings, url=repository.url, steps=2, confirm=urls.database_of(repository.url))
            assert told(connection, kept.query) == kept.undone
            again = migrate.migrate(settings, url=repository.url)
            assert len(again.done) == 2
            assert told(connection, kept.query) == kept.applied
    assert len(found.done) > len(kept.undone)


def prisma_beside(repository: Project, **options: bool) -> tuple[config.Config, str]:
    """Adopt three migrations of Prisma, of which the database has the first; return the settings and their folder."""
    theirs = str(lay(repository.root, PRISMA))
    with psycopg.connect(repository.url) as connection:
        connection.execute(LEDGER + row(A) + SQL[A])
    adopt.adopt(config.load(repository.root, {}), "prisma", theirs, url=repository.url, **options)
    return config.load(repository.root, {}), theirs


def names(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Return what Prisma's ledger calls applied."""
    return told(connection, "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY 1")


@pytest.mark.parametrize("kept", [False, True], ids=["left alone", "kept"])
def test_the_ledger_is_written_only_where_the_settings_say_so(kept: bool, repository: Project) -> None:
    """Adoption itself only reads it; then it has what ours applied, or not a byte of it has changed."""
    settings, theirs = prisma_beside(repository, **({"mirror": True} if kept else {}))
    with psycopg.connect(repository.url, autocommit=True) as connection:
        before = connection.execute("SELECT p.*, xmin, ctid FROM _prisma_migrations p").fetchall()
        assert len(before) == 1
        assert len(migrate.migrate(settings, url=repository.url).done) == 2
        assert names(connection) == ((A, B, C) if kept else (A,))
        after = connection.execute("SELECT p.*, xmin, ctid FROM _prisma_migrations p ORDER BY started_at").fetchall()
        assert after[:1] == before
    if kept:
        assert adopt.adopt(settings, "prisma", theirs, url=repository.url).pending == ()


def test_a_failed_try_of_theirs_is_set_aside(repository: Project) -> None:
    """What a person called rolled back is applied by ours: the open row is closed, and a finished one follows."""
    theirs = str(lay(repository.root, PRISMA))
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(LEDGER + row(A) + row(B, "failed") + SQL[A])
        settings = config.load(repository.root, {})
        adopt.adopt(settings, "prisma", theirs, url=repository.url, mirror=True, resolve=[f"{B}=rolled-back"])
        migrate.migrate(config.load(repository.root, {}), url=repository.url)
        assert names(connection) == (A, B, C)
        assert told(connection, "SELECT migration_name FROM _prisma_migrations WHERE rolled_back_at IS NOT NULL") == (
            B,
        )


def test_one_transaction_or_none(repository: Project) -> None:
    """Where the ledger refuses its row nothing of the migration is kept, and the reason is said."""
    settings, _ = prisma_beside(repository, mirror=True)
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE _prisma_migrations ADD CHECK (migration_name <> '{C}')")
        with pytest.raises(ledger.NotMirrored, match=r"public\._prisma_migrations could not be written") as refused:
            migrate.migrate(settings, url=repository.url)
        assert "mirror = true" in refused.value.hint
        assert names(connection) == (A, B)
        assert told(connection, "SELECT to_regclass('c')::text") == (None,)
        recorded = told(connection, "SELECT migration_id FROM schemata._yoyo_migration ORDER BY 1")
        assert recorded == ("public.20240101000000.a", "public.20240102000000.b")


def test_statements_outside_a_transaction_and_what_a_person_resolves(repository: Project) -> None:
    """A file of several units, and one that is recorded by hand, have their rows as well."""
    texts = {
        f"{A}/migration.sql": SQL[A],
        f"{B}/migration.sql": "CREATE INDEX CONCURRENTLY i ON a (i);\nINSERT INTO a SELECT 1 / count(*) FROM a;\n",
        f"{C}/migration.sql": "BEGIN; CREATE TABLE c (i int); COMMIT;\nINSERT INTO c VALUES (1);\n",
    }
    settings = dataclasses.replace(
        config.load(repository.root, {}), adoption=transition.Adoption("prisma", mirror=True)
    )
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(LEDGER + row(A, text=SQL[A]) + SQL[A] + "INSERT INTO a VALUES (1);")
        repository.write("public.20240101000000.a", "CREATE TABLE a (i int);")
        for name, sql in list(texts.items())[1:]:
            id_ = name.partition("/")[0].replace("_", ".")
            path = settings.migrations / "public" / f"public.{id_}.sql"
            head = origin.line(origin.Origin("prisma", name.partition("/")[0], "sha256:c0ffee"))
            mode = "own-transaction" if "BEGIN" in sql else "statements"
            path.write_text(f"-- Title.\n{head}\n-- mode: {mode}\n-- irreversible: no\n\n{sql}")
        confirm = urls.database_of(repository.url)
        baseline.baseline(
            settings,
            through="public.20240101000000.a",
            url=repository.url,
            unverified=True,
            reason="x",
            confirm=confirm,
        )
        connection.execute("DELETE FROM a")
        with pytest.raises(errors.Error, match="division by zero"):
            migrate.migrate(settings, url=repository.url)
        assert names(connection) == (A,)
        repair.resolve(
            settings, "public.20240102000000.b", applied=True, rolled_back=False, url=repository.url, confirm=confirm
        )
        assert names(connection) == (A, B)
        migrate.migrate(settings, url=repository.url)
        assert names(connection) == (A, B, C)


def test_where_the_ledger_is_not_there_none_is_made(repository: Project) -> None:
    """A database of one's own has no ledger of the tool, and gets none; that is said."""
    adopt.adopt(config.load(repository.root, {}), "prisma", str(lay(repository.root, PRISMA)), mirror=True)
    found = migrate.migrate(config.load(repository.root, {}), url=repository.url)
    assert len(found.done) == 3
    assert "public._prisma_migrations: not there, so no ledger of prisma is kept" in found.notes
    with psycopg.connect(repository.url) as connection:
        assert told(connection, "SELECT to_regclass('_prisma_migrations')::text") == (None,)


@cases.named(("arguments", "words"), [
    ("a tool that keeps no rows", {"tool": "alembic-sql", "mirror": True}, "--mirror is not for alembic-sql"),
    ("a tool without a lock", {"tool": "dbmate", "hold_lock": True}, "--hold-lock is not for dbmate"),
])  # fmt: skip
def test_what_a_tool_does_not_have_is_refused(arguments: Mapping[str, Any], words: str, repository: Project) -> None:
    """Before anything is written."""
    tool = arguments["tool"]
    theirs = lay(repository.root, histories.ALL[tool])
    with pytest.raises(errors.ConfigError, match=words):
        adopt.adopt(
            config.load(repository.root, {}), path=str(theirs), **{"mirror": False, "hold_lock": False, **arguments}
        )
    assert list((repository.root / "migrations").rglob("*.sql")) == []


KEYS = {  # as the tools compute them, for the database `shop` and their usual tables
    "prisma": 72707369,
    "node-pg-migrate": 7241865325823964,
    "goose": 4097083626,
    "sqitch": 75474063,
}


@pytest.mark.parametrize("tool", transition.LOCKED)
def test_the_tools_lock_is_taken(tool: str, repository: Project) -> None:
    """While a session of the tool has it ours waits and names that session; then the tool waits for ours."""
    repository.write("public.20240101000000.a", "CREATE TABLE a (i int);", "DROP TABLE a;")
    settings = dataclasses.replace(config.load(repository.root, {}), adoption=transition.Adoption(tool, hold_lock=True))
    settings = dataclasses.replace(settings, locks=dataclasses.replace(settings.locks, wait=0.2))
    with psycopg.connect(repository.url, autocommit=True, application_name="theirs") as connection:
        database = connection.info.dbname
        tables = {"flyway": "flyway_schema_history", "golang-migrate": "schema_migrations"}
        key = KEYS.get(tool) or lock_key.key(tool, database, "public", tables.get(tool, ""))
        connection.execute("SELECT pg_advisory_lock(%s::bigint)", [key])
        with pytest.raises(lock.LockNotAvailable, match=r"migration lock is held by backend \d+: theirs") as refused:
            migrate.migrate(settings, url=repository.url)
        assert refused.value.holders[0].pid == connection.info.backend_pid
        assert told(connection, "SELECT to_regclass('a')::text") == (None,)
        waiting = threading.Thread(target=migrate.migrate, args=[_patient(settings)], kwargs={"url": repository.url})
        waiting.start()
        ours = (
            "SELECT pid::text FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        patience.until(lambda: told(connection, ours), "ours has its own lock and waits for theirs")
        connection.execute("SELECT pg_advisory_unlock(%s::bigint)", [key])
        waiting.join(patience.PATIENCE)
        assert told(connection, "SELECT to_regclass('a')::text") == ("a",)


def _patient(settings: config.Config) -> config.Config:
    return dataclasses.replace(settings, locks=dataclasses.replace(settings.locks, wait=patience.PATIENCE))


@pytest.mark.parametrize("gives_up", [True, False], ids=["who gives up", "who does not"])
def test_an_index_is_built_when_nobody_waits_inside_the_server(
    repository: Project, monkeypatch: pytest.MonkeyPatch, gives_up: bool
) -> None:
    """Who waits for Prisma's lock has a snapshot that the build waits for: it begins after that, or is refused."""
    settings, _ = prisma_beside(repository, hold_lock=True)
    monkeypatch.setattr(lock, "_OTHERS_PATIENCE", patience.PATIENCE if gives_up else 0.0)
    repository.write("public.29990101000000.ours", "ALTER TABLE a ADD j int;", "ALTER TABLE a DROP j;")
    sql = "-- transactional: false\nCREATE INDEX CONCURRENTLY a_j ON a (j);"
    repository.write("public.29990102000000.index", sql, "-- transactional: false\nDROP INDEX CONCURRENTLY a_j;")
    said: list[str] = []
    reporter = progress.Reporter(info=said.append, step=lambda *_: None)
    ended: list[errors.Error | None] = []

    def ours() -> None:
        try:
            migrate.migrate(settings, url=repository.url, reporter=reporter)
            ended.append(None)
        except errors.Error as error:
            ended.append(error)

    def theirs() -> None:
        with psycopg.connect(repository.url, autocommit=True, application_name="theirs") as connection:
            try:
                connection.execute("SELECT pg_advisory_lock(72707369)")
            except psycopg.errors.QueryCanceled:
                said.append("theirs gave up")

    index = "SELECT indisvalid::text FROM pg_index WHERE indexrelid = to_regclass('a_j')"
    waits = "SELECT pid FROM pg_stat_activity WHERE application_name = 'theirs' AND wait_event = 'advisory'"
    threads = [threading.Thread(target=ours), threading.Thread(target=theirs)]
    with psycopg.connect(repository.url) as reader, psycopg.connect(repository.url, autocommit=True) as asks:
        reader.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        threads[0].start()
        patience.until(lambda: told(asks, "SELECT to_regclass('c')::text") == ("c",), "ours is under way")
        threads[1].start()
        patience.until(lambda: asks.execute(waits).fetchone(), "theirs waits")
        reader.rollback()
        if gives_up:
            patience.until(lambda: any("waiting until nobody waits" in line for line in said), "ours waits too")
            asks.execute(f"SELECT pg_cancel_backend(pid) FROM ({waits}) w")
        for thread in threads:
            thread.join(patience.PATIENCE)
        if not gives_up:
            assert isinstance(ended[0], lock.LockAwaited)
            assert "theirs" in str(ended[0])
            assert asks.execute(index).fetchone() is None
            assert [item.id for item in migrate.migrate(settings, url=repository.url).done] == [
                "public.29990102000000.index"
            ]
        else:
            assert (ended, "theirs gave up" in said) == ([None], True)
        assert asks.execute(index).fetchone() == ("true",)


def test_while_ours_migrates_theirs_waits(repository: Project) -> None:
    """A session that asks for Prisma's lock gets it only when the last migration of ours is committed."""
    settings, _ = prisma_beside(repository, hold_lock=True)
    with (
        psycopg.connect(repository.url) as reader,
        psycopg.connect(repository.url, autocommit=True) as theirs,
    ):
        reader.execute("LOCK TABLE a IN ACCESS SHARE MODE")
        repository.write("public.29990101000000.ours", "ALTER TABLE a ADD j int;", "ALTER TABLE a DROP j;")
        running = threading.Thread(target=migrate.migrate, args=[settings], kwargs={"url": repository.url})
        running.start()
        patience.until(lambda: told(theirs, "SELECT to_regclass('c')::text") == ("c",), "ours is under way")
        assert theirs.execute("SELECT pg_try_advisory_lock(72707369)").fetchone() == (False,)
        reader.rollback()
        running.join(patience.PATIENCE)
        free = "SELECT pg_try_advisory_lock(72707369)::text"  # the server ends a session after its client
        patience.until(lambda: told(theirs, free) == ("true",), "the lock is free")
        assert theirs.execute("SELECT count(*) FROM schemata._yoyo_migration").fetchone() == (4,)
