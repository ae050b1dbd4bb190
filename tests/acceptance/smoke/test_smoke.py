"""smoke: a migrated database that lacks something is told by the name of what is lacking."""

from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest

from tests.acceptance.conftest import CommandLine
from tests.conftest import REPOSITORY, Project


@pytest.fixture
def repository(schemata: CommandLine, project: Project, platform: str) -> Project:
    """Make the command line work in this repository, on a migrated platform of its own."""
    project.root = REPOSITORY
    project.url = platform
    return project


BROKEN = {
    "index": (
        "DROP INDEX financial.idx_clients_created_at",
        ("index financial.clients.idx_clients_created_at: does not exist, although the migrations make it",),
    ),
    "table": (
        "DROP TABLE tagging.taggings",
        ("table tagging.taggings: does not exist, although the migrations make it",),
    ),
    "invalid index": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'financial.idx_invoices_issue_date'::regclass",
        ("index financial.invoices.idx_invoices_issue_date: is INVALID: REINDEX INDEX CONCURRENTLY", "page invoices: "),
    ),
    "wrong order": (
        "DROP INDEX financial.idx_accounts_created_at; "
        "CREATE INDEX idx_accounts_created_at ON financial.accounts (created_at DESC, id)",
        ("page accounts: ", "idx_accounts_created_at"),
    ),
    "wrong columns": (
        "DROP INDEX financial.idx_transactions_status_date; "
        "CREATE INDEX idx_transactions_status_date ON financial.transactions (date DESC, id DESC)",
        ("page transactions_by_status: ", "idx_transactions_status_date"),
    ),
    "schema": (
        "DROP SCHEMA trading CASCADE",
        ("schema trading: does not exist", "table trading.orders: does not exist"),
    ),
    "history": (
        "DELETE FROM schemata._yoyo_migration WHERE migration_id LIKE '%create_executions'",
        ("history trading.20250710134500.create_executions: is record-lost",),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_lacking_is_named(repository: Project, schemata: CommandLine, tmp_path: Path, name: str) -> None:
    """What was dropped, broken or built otherwise by hand is named in the text, the JSON and the JUnit file; exit 1."""
    break_it, says = BROKEN[name]
    with psycopg.connect(repository.url, autocommit=True) as connection:
        connection.execute(break_it)
    junit = tmp_path / "smoke.xml"
    ended = schemata("smoke", "--url", repository.url, "--junit", str(junit))
    assert ended.returncode == 1
    position = 0
    for part in says:
        assert part in ended.stdout[position:], ended.stdout
        position = ended.stdout.index(part, position)
    assert "FAILED" in ended.stdout
    document = schemata.json("smoke", "--url", repository.url, code=1)
    failed = {(check["group"], check["name"]): check["problem"] for check in document["checks"] if not check["ok"]}
    assert document["ok"] is False
    suite = ElementTree.parse(junit).getroot()[0]
    in_file = {
        (str(case.get("classname")).removeprefix("smoke."), case.get("name")): case.find("failure")
        for case in suite
        if case.find("failure") is not None
    }
    assert in_file.keys() == failed.keys()
    assert suite.get("failures") == str(len(failed))
    assert suite.get("tests") == str(len(document["checks"]))


def test_a_migrated_platform_passes(repository: Project, schemata: CommandLine, tmp_path: Path) -> None:
    """Nothing is lacking: exit 0, every schema, its structure and each declared page is asked for by name."""
    junit = tmp_path / "folder" / "smoke.xml"
    ended = schemata("smoke", "--url", repository.url, "--junit", str(junit))
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.rstrip().endswith("checks passed.")
    document = schemata.json("smoke", "--url", repository.url)
    asked = {(check["group"], check["name"]) for check in document["checks"]}
    for schema in ("public", "financial", "tagging", "trading"):
        assert ("schema", schema) in asked
        assert ("structure", schema) in asked
    for page in (
        "clients",
        "clients_by_status",
        "accounts",
        "invoices",
        "invoices_by_status",
        "transactions_by_account",
    ):
        assert ("page", page) in asked
    assert ("structure", "database") in asked
    assert ElementTree.parse(junit).getroot()[0].get("failures") == "0"


def test_what_is_pending_is_told_and_promises_nothing(
    repository: Project, schemata: CommandLine, database: str
) -> None:
    """On an empty database the schemas and the history fail; nothing of a pending migration is asked for."""
    document = schemata.json("smoke", "--url", database, code=1)
    groups = {check["group"] for check in document["checks"] if not check["ok"]}
    assert {"schema", "history"} <= groups
    assert groups == {"schema", "history", "page"}


def test_a_junit_file_that_cannot_be_written_is_told(
    repository: Project, schemata: CommandLine, tmp_path: Path
) -> None:
    """A folder in its place is exit 2 with the path."""
    schemata.refused("smoke", "--junit", str(tmp_path), code=2, says=("cannot be written", "--junit"))


def test_smoke_reads_with_a_role_that_may_only_read(
    repository: Project, schemata: CommandLine, make_role: object
) -> None:
    """USAGE and SELECT on everything are enough; nothing is written."""
    assert callable(make_role)
    grants = [
        f"GRANT {what} SCHEMA {schema}"
        for schema in ("public", "financial", "tagging", "trading", "schemata")
        for what in ("USAGE ON", "SELECT ON ALL TABLES IN")
    ]
    assert schemata("smoke", "--url", make_role(repository.url, *grants)).returncode == 0
