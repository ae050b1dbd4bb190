"""The platform's migrations: every prefix reaches the same head, every rollback undoes, the indices are as declared."""

import subprocess
from collections.abc import Callable

import psycopg
import pytest

from schemata import config
from schemata.deploy import migrate, rollback
from schemata.migrations import files
from schemata.postgres import urls
from schemata.server.embedded import binaries
from tests.conftest import REPOSITORY

SETTINGS = config.load(REPOSITORY, {"SCHEMATA_BACKUPS_POLICY": "never"})
MIGRATIONS = files.read(SETTINGS.migrations, SETTINGS.schemas)

# Columns and directions as the contract declares them.
INDICES = {
    "idx_clients_created_at": ("financial", "clients", "created_at DESC, id DESC"),
    "idx_clients_status_created_at": ("financial", "clients", "status, created_at DESC, id DESC"),
    "idx_accounts_created_at": ("financial", "accounts", "created_at DESC, id DESC"),
    "idx_accounts_institution_created_at": ("financial", "accounts", "institution_id, created_at DESC, id DESC"),
    "idx_invoices_issue_date": ("financial", "invoices", "issue_date DESC, id DESC"),
    "idx_invoices_status_issue_date": ("financial", "invoices", "status, issue_date DESC, id DESC"),
    "idx_transactions_account_date": ("financial", "transactions", "account_id, date DESC, id DESC"),
    "idx_transactions_status_date": ("financial", "transactions", "status, date DESC, id DESC"),
}

Structure = Callable[[str], str]


@pytest.fixture
def structure(programs: binaries.Binaries) -> Structure:
    """Return pg_dump's view of a database without its rows: seeded rows carry the time they were made."""

    def run(url: str) -> str:
        command = [str(programs.program("pg_dump")), "--restrict-key=x", "--schema-only", f"--dbname={url}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return run


def test_every_prefix_reaches_the_same_head_and_its_last_step_can_be_undone(
    make_database: Callable[..., str], platform: str, structure: Structure
) -> None:
    """Up to ID, back by one, up again is the same; from there on a migrate gives what a fresh database has.

    One database goes up step by step, each of which begins where the one before was proved; at each a clone goes on.
    """
    head = structure(platform)
    walking = make_database()
    before = ""
    for number, item in enumerate(MIGRATIONS):
        assert [one.id for one in migrate.migrate(SETTINGS, url=walking, to=item.id).done] == [item.id]
        up = structure(walking)
        undone = rollback.rollback(SETTINGS, url=walking, confirm=urls.database_of(walking))
        assert [one.id for one in undone.done] == [item.id]
        if number:
            assert structure(walking) == before, item.id
        assert [one.id for one in migrate.migrate(SETTINGS, url=walking, to=item.id).done] == [item.id]
        assert structure(walking) == up, item.id
        clone = make_database(urls.database_of(walking))
        rest = migrate.migrate(SETTINGS, url=clone)
        assert [one.id for one in rest.done] == [one.id for one in MIGRATIONS[number + 1 :]], item.id
        assert structure(clone) == head, item.id
        before = up
    assert before == head


def test_everything_down_leaves_empty_schemas(platform: str, structure: Structure) -> None:
    """Rolled back to nothing, no relation, type or function of the platform is left; up again it is the head."""
    head = structure(platform)
    rollback.rollback(SETTINGS, url=platform, steps=len(MIGRATIONS), confirm=urls.database_of(platform))
    with psycopg.connect(platform) as connection:
        left = connection.execute(
            """SELECT relname FROM pg_class WHERE relnamespace = ANY(%(schemas)s::regnamespace[])
            UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = ANY(%(schemas)s::regnamespace[])
            UNION ALL SELECT typname FROM pg_type WHERE typnamespace = ANY(%(schemas)s::regnamespace[])""",
            {"schemas": list(SETTINGS.schemas)},
        ).fetchall()
    assert left == []
    migrate.migrate(SETTINGS, url=platform)
    assert structure(platform) == head


def test_the_eight_indices_are_exactly_as_declared(platform: str) -> None:
    """Name, table, columns, directions and method of each pagination index; all valid, none unique or partial."""
    with psycopg.connect(platform) as connection:
        found = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT indexname, schemaname, tablename, indexdef FROM pg_indexes WHERE indexname = ANY(%s)",
                [list(INDICES)],
            )
        }
        invalid = connection.execute("SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready)").fetchone()
    assert found == {
        name: (schema, table, f"CREATE INDEX {name} ON {schema}.{table} USING btree ({columns})")
        for name, (schema, table, columns) in INDICES.items()
    }
    assert invalid == (0,)


def test_the_indices_come_after_their_tables() -> None:
    """The migration that adds the eight is the named one, is not transactional, and follows every table it indexes."""
    (adding,) = [item for item in MIGRATIONS if item.id == "financial.20250814221815.add_pagination_indices"]
    assert not adding.transactional
    makers = [item for item in MIGRATIONS if item.slug in {f"create_{table}" for _, table, _ in INDICES.values()}]
    assert len(makers) == 4
    for maker in makers:
        assert maker.timestamp < adding.timestamp
        assert maker.id in adding.directives.depends


@pytest.mark.parametrize("schema", SETTINGS.schemas)
def test_every_table_has_a_key_and_a_comment(platform: str, schema: str) -> None:
    """Each table of the schema has a primary key and says what it is for."""
    with psycopg.connect(platform) as connection:
        rows = connection.execute(
            """SELECT c.relname, obj_description(c.oid) IS NOT NULL,
                EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')
            FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = %s::regnamespace""",
            [schema],
        ).fetchall()
    assert rows
    assert [name for name, commented, keyed in rows if not (commented and keyed)] == []


def test_invoices_paid_late_are_tagged_in_batches(platform: str) -> None:
    """Those that were paid after they were due, whatever was tagged before; the rollback takes the tag away again."""
    (tagging,) = [item for item in MIGRATIONS if item.is_python]
    rollback.rollback(
        SETTINGS, url=platform, to=MIGRATIONS[MIGRATIONS.index(tagging) - 1].id, confirm=urls.database_of(platform)
    )
    with psycopg.connect(platform) as connection:
        connection.execute("INSERT INTO financial.clients (name, email) VALUES ('A', 'a@example.org')")
        connection.execute(
            """INSERT INTO financial.invoices
                (client_id, number, status, issue_date, due_date, currency, paid_at)
            SELECT clients.id, n::text, 'paid', '2025-01-01', '2025-01-31', 'EUR',
                timestamptz '2025-01-31 23:59:59Z' + CASE WHEN n % 2 = 0 THEN interval '1 s' ELSE '0 s' END
            FROM financial.clients, generate_series(1, 2100) AS n"""
        )
    migrate.migrate(SETTINGS, url=platform)
    tagged = """SELECT count(*), count(*) FILTER (WHERE number::int % 2 = 0), count(DISTINCT taggings.xmin::text)
        FROM tagging.taggings JOIN financial.invoices ON invoices.id = entity_id
        WHERE entity_schema = 'financial' AND entity_table = 'invoices'"""
    with psycopg.connect(platform) as connection:
        assert connection.execute(tagged).fetchone() == (1050, 1050, 3)
    rollback.rollback(
        SETTINGS, url=platform, to=MIGRATIONS[MIGRATIONS.index(tagging) - 1].id, confirm=urls.database_of(platform)
    )
    with psycopg.connect(platform) as connection:
        assert connection.execute(tagged).fetchone() == (0, 0, 0)
        assert connection.execute("SELECT count(*) FROM tagging.tags WHERE slug = 'paid-late'").fetchone() == (0,)
