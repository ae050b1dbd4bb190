"""What somebody changes by hand in a migrated database: smoke names each, and status is red for it."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.history import status
from schemata.smoke import smoke
from tests.conftest import REPOSITORY

SETTINGS = config.load(REPOSITORY, {})
#: What is done by hand, and the check that says so.
CHANGES = {
    "a dropped column": (
        "ALTER TABLE financial.clients DROP COLUMN email",
        "column financial.clients.email: does not exist",
    ),
    "a dropped column with a default": (
        "ALTER TABLE public.jobs DROP COLUMN attempts CASCADE",
        "column public.jobs.attempts: ",
    ),
    "an added column": (
        "ALTER TABLE trading.orders ADD COLUMN stray int",
        "column trading.orders.stray: exists, although",
    ),
    "a renamed column": (
        "ALTER TABLE tagging.tags RENAME COLUMN name TO label",
        "column tagging.tags.name: does not exist",
    ),
    "another type": (
        "ALTER TABLE public.jobs ALTER COLUMN attempts TYPE numeric",
        "column public.jobs.attempts: its type is numeric",
    ),
    "another length": (
        "ALTER TABLE tagging.tags ALTER COLUMN name TYPE varchar(70)",
        "column tagging.tags.name: its type is",
    ),
    "a dropped default": (
        "ALTER TABLE public.jobs ALTER COLUMN state DROP DEFAULT",
        "column public.jobs.state: its default is not set",
    ),
    "another default": (
        "ALTER TABLE public.jobs ALTER COLUMN attempts SET DEFAULT 7",
        "column public.jobs.attempts: its default is 7",
    ),
    "a column that may be null": (
        "ALTER TABLE financial.clients ALTER COLUMN name DROP NOT NULL",
        "column financial.clients.name: its not null is not set",
    ),
    "a column without identity": (
        "ALTER TABLE public.users ALTER COLUMN id DROP IDENTITY IF EXISTS;"
        " ALTER TABLE public.users ALTER COLUMN id SET DEFAULT 0",
        "column public.users.id: ",
    ),
    "a dropped primary key": (
        "ALTER TABLE financial.clients DROP CONSTRAINT clients_pkey CASCADE",
        "constraint financial.clients.clients_pkey: does not exist",
    ),
    "a foreign key that went with it": (
        "ALTER TABLE financial.clients DROP CONSTRAINT clients_pkey CASCADE",
        "_fkey: does not exist",
    ),
    "a dropped foreign key": (
        "ALTER TABLE financial.accounts DROP CONSTRAINT accounts_institution_id_fkey",
        "constraint financial.accounts.accounts_institution_id_fkey: does not exist",
    ),
    "a foreign key with another action": (
        "ALTER TABLE financial.accounts DROP CONSTRAINT accounts_institution_id_fkey,"
        " ADD CONSTRAINT accounts_institution_id_fkey FOREIGN KEY (institution_id)"
        " REFERENCES financial.institutions (id) ON DELETE CASCADE ON UPDATE SET NULL",
        "constraint financial.accounts.accounts_institution_id_fkey: its definition is",
    ),
    "a dropped check": (
        "ALTER TABLE financial.accounts DROP CONSTRAINT accounts_status_is_known",
        "constraint financial.accounts.accounts_status_is_known: does not exist",
    ),
    "a check of another meaning": (
        "ALTER TABLE financial.accounts DROP CONSTRAINT accounts_status_is_known,"
        " ADD CONSTRAINT accounts_status_is_known CHECK (status <> '')",
        "constraint financial.accounts.accounts_status_is_known: its definition is",
    ),
    "a dropped unique constraint": (
        "ALTER TABLE financial.accounts DROP CONSTRAINT accounts_institution_id_number_key",
        "constraint financial.accounts.accounts_institution_id_number_key: does not exist",
    ),
    "a deferrable one": (
        "ALTER TABLE financial.accounts ALTER CONSTRAINT accounts_institution_id_fkey DEFERRABLE INITIALLY DEFERRED",
        "accounts_institution_id_fkey: its definition is",
    ),
    "triggers of a foreign key disabled": (
        "ALTER TABLE financial.accounts DISABLE TRIGGER ALL",
        "constraint financial.accounts.accounts_institution_id_fkey: its triggers is disabled",
    ),
    "a dropped trigger": (
        "DROP TRIGGER clients_set_updated_at ON financial.clients",
        "trigger financial.clients.clients_set_updated_at: does not exist",
    ),
    "a disabled trigger": (
        "ALTER TABLE financial.clients DISABLE TRIGGER clients_set_updated_at",
        "trigger financial.clients.clients_set_updated_at: its enabled is no",
    ),
    "a trigger of replicas only": (
        "ALTER TABLE financial.clients ENABLE REPLICA TRIGGER clients_set_updated_at",
        "trigger financial.clients.clients_set_updated_at: its enabled is replica",
    ),
    "a trigger at another time": (
        "DROP TRIGGER audit_log_refuse_change ON public.audit_log;"
        " CREATE TRIGGER audit_log_refuse_change BEFORE DELETE ON public.audit_log FOR EACH STATEMENT"
        " EXECUTE FUNCTION public.refuse_audit_log_change()",
        "trigger public.audit_log.audit_log_refuse_change: its definition is",
    ),
    "a dropped function": (
        "DROP FUNCTION public.refuse_audit_log_change() CASCADE",
        "function public.refuse_audit_log_change(): does not exist",
    ),
    "a function of another body": (
        "CREATE OR REPLACE FUNCTION public.refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'",
        "function public.refuse_audit_log_change(): its definition is",
    ),
    "an overloaded function": (
        "CREATE FUNCTION public.set_updated_at(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.set_updated_at(integer): exists, although",
    ),
    "a dropped index": (
        "DROP INDEX financial.idx_clients_created_at",
        "index financial.clients.idx_clients_created_at: does not exist",
    ),
    "an INVALID index": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'financial.idx_invoices_issue_date'::regclass",
        "index financial.invoices.idx_invoices_issue_date: is INVALID",
    ),
    "wrong columns under the right name": (
        "DROP INDEX financial.idx_transactions_status_date;"
        " CREATE INDEX idx_transactions_status_date ON financial.transactions (date DESC, id DESC)",
        "index financial.transactions.idx_transactions_status_date: its definition is",
    ),
    "a partial index": (
        "DROP INDEX financial.idx_clients_created_at;"
        " CREATE INDEX idx_clients_created_at ON financial.clients (created_at DESC, id DESC) WHERE id > 0",
        "index financial.clients.idx_clients_created_at: its definition is",
    ),
    "a dropped table": ("DROP TABLE tagging.taggings", "table tagging.taggings: does not exist"),
    "another table in its place": (
        "DROP TABLE tagging.taggings; CREATE TABLE tagging.taggings (id int)",
        "column tagging.taggings.tag_id: does not exist",
    ),
    "an unlogged table": (
        "ALTER TABLE public.audit_log SET UNLOGGED",
        "table public.audit_log: its persistence is unlogged",
    ),
    "row security": (
        "ALTER TABLE financial.clients ENABLE ROW LEVEL SECURITY",
        "table financial.clients: its row security is enabled",
    ),
    "a policy": (
        "CREATE POLICY only_new ON financial.clients USING (id > 100)",
        "policy financial.clients.only_new: exists, although",
    ),
    "a view in the way": ("CREATE VIEW financial.stray AS SELECT 1 AS one", "view financial.stray: exists, although"),
    "a rule": (
        "CREATE RULE nothing AS ON DELETE TO tagging.tags DO INSTEAD NOTHING",
        "rule tagging.tags.nothing: exists, although",
    ),
    "another owner": (
        "DO $$ BEGIN CREATE ROLE hand_made_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        " ALTER TABLE trading.orders OWNER TO hand_made_owner",
        "table trading.orders: its owner is hand_made_owner",
    ),
    "a right that was taken": (
        "REVOKE UPDATE ON public.users FROM CURRENT_USER",
        "table public.users: its grants is revoked from (deployer): UPDATE",
    ),
    "a right of functions that was taken": (
        "REVOKE EXECUTE ON FUNCTION public.set_updated_at() FROM PUBLIC",
        "function public.set_updated_at(): its grants is revoked from PUBLIC: EXECUTE",
    ),
    "a sequence of another step": (
        "ALTER SEQUENCE financial.clients_id_seq INCREMENT 10",
        "sequence financial.clients_id_seq: its increment is 10",
    ),
    "another search path": (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = nowhere', current_database()); END $$",
        "setting in this database: exists, although",
    ),
    "a dropped extension": ("DROP EXTENSION plpgsql CASCADE", "extension plpgsql: does not exist"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_smoke_names_it(platform: str, name: str) -> None:
    """Each hand-made change is a failed check that names the object and what is wrong with it."""
    change, says = CHANGES[name]
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute(change)
    result = smoke.smoke(SETTINGS, url=platform)
    assert not result.ok
    assert result.exit_code == 1
    assert any(says in note for note in result.notes), "\n".join(result.notes)


def test_status_is_red_for_it(make_database: Callable[..., str], platform_template: str) -> None:
    """Status says of which schema, and of which class, without running a migration."""
    for change, schema in (
        (CHANGES["a dropped default"][0], "public"),
        (CHANGES["a right that was taken"][0], "public"),
        (CHANGES["another search path"][0], "database"),
        (CHANGES["a sequence of another step"][0], "financial"),
    ):
        url = make_database(platform_template)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(change)
        found = status.status_of(SETTINGS, url=url)
        assert [(one.code, one.subject) for one in found.compared.of("drift")] == [("drift", schema)], change
        assert found.exit_code == 1


def test_smoke_knows_it_from_the_lock_file_alone(
    platform: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where no server can be started, as in an image, the schema that differs is named, and in what."""
    monkeypatch.setenv("SCHEMATA_PG_BIN", "/nowhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("migrations", "pyproject.toml"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    alone = config.load(tmp_path, {})
    assert smoke.smoke(alone, url=platform).ok
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute(CHANGES["a dropped default"][0])
    result = smoke.smoke(alone, url=platform)
    assert not result.ok
    assert any("structure public: is not what the migrations make (structure)" in note for note in result.notes)


def test_more_rights_are_no_failure(platform: str) -> None:
    """A role that monitors may read: the application misses nothing, and status and parity name it."""
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON financial.clients TO pg_monitor")
    assert smoke.smoke(SETTINGS, url=platform).ok
    (finding,) = status.status_of(SETTINGS, url=platform).compared.of("drift")
    assert finding.text.startswith("schema financial (access) is not what the migrations make")
