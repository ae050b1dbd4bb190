"""What a rehearsal has of a database that is given, of roles, and of a file that cannot run as it says."""

from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.deploy import migrate
from schemata.rehearsal import rehearse, server_wide
from schemata.server.embedded import server_state

FIRST = "app.20260101000000.one"
SECOND = "app.20260102000000.two"


@pytest.fixture
def project(tmp_path: Path) -> config.Config:
    """Give a project with one table, and a folder for the next migration."""
    _write(tmp_path, FIRST, "CREATE TABLE app.t (id int PRIMARY KEY, a text)")
    return config.parse({"schemas": ["app"]}, tmp_path, {})


def _write(root: Path, name: str, sql: str) -> None:
    path = root / "migrations" / "app" / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"-- One\n{sql};\n", encoding="utf-8")
    path.with_suffix(".rollback.sql").write_text("SELECT 1;\n", encoding="utf-8")


def test_an_existing_database_is_taken_as_it_is_given(project: config.Config, server: server_state.Server) -> None:
    """Its rows count, and what its history has is not applied again; tables without rows get some."""

    def existing(url: str) -> str:
        _first_alone(project, url)
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO app.t SELECT n, 'real' FROM generate_series(1, 40) n")
        return "the backup of last night"

    _write(project.root, SECOND, "UPDATE app.t SET a = 'x' WHERE id <= 10")
    found = rehearse.rehearse(project, [SECOND], url=server.url, existing=existing)
    assert "the backup of last night" in found.existing
    assert [one.text for one in found.findings] == ["Updates rows of app.t (10 of the 40 of the rehearsal)."]


def test_what_changes_the_server_runs_on_a_temporary_one_only(
    project: config.Config, server: server_state.Server, admin: psycopg.Connection
) -> None:
    """Roles belong to the server, and yet CREATE ROLE runs in each database; on a shared one nothing of it is run."""
    _write(project.root, SECOND, "CREATE ROLE rehearsed_reader; GRANT SELECT ON app.t TO rehearsed_reader")
    found = rehearse.rehearse(project, [SECOND])
    assert found.ok, found.findings
    with pytest.raises(server_wide.ServerWide, match=f"{SECOND}.sql:2: `CREATE ROLE") as caught:
        rehearse.rehearse(project, [SECOND], url=server.url)
    assert "Leave --url out" in caught.value.hint
    left = admin.execute("SELECT rolname FROM pg_roles WHERE rolname ~ 'rehears'").fetchall()
    assert left == []


def test_a_role_that_is_needed_is_there(project: config.Config, server: server_state.Server) -> None:
    """As in any replay: who makes it is another question."""
    _write(project.root, SECOND, "GRANT SELECT ON app.t TO rehearsed_stranger")
    found = rehearse.rehearse(project, [SECOND], url=server.url)
    assert found.ok, found.findings


def test_made_up_rows_are_not_called_those_of_a_backup(project: config.Config, server: server_state.Server) -> None:
    """A role that is not there takes the real rows away: then the text says so, and names none as used."""

    def existing(url: str) -> str:
        _first_alone(project, url)
        return "the backup of last night"

    _write(project.root, SECOND, "GRANT SELECT ON app.t TO rehearsed_other")
    found = rehearse.rehearse(project, [SECOND], url=server.url, existing=existing)
    assert found.ok, found.findings
    assert "backup" not in found.existing
    assert "made-up rows" in found.existing
    (note,) = found.notes
    assert "names a role that this server lacks" in note
    assert "not those of the backup of last night" in note


def _first_alone(project: config.Config, url: str) -> None:
    """Migrate a database as a backup has it that is older than the second migration."""
    sources = project.root / "migrations" / "app"
    held = [path for path in sources.iterdir() if path.name.startswith(SECOND)]
    hidden = [path.rename(path.with_suffix(".later")) for path in held]
    try:
        migrate.migrate(project, url=url)
    finally:
        for path, back in zip(hidden, held, strict=True):
            path.rename(back)


@pytest.mark.parametrize(
    ("sql", "told"),
    [("BEGIN; SELECT 1; COMMIT", "BEGIN"), ("", "it has no SQL"), ("SELEKT 1", "syntax error")],
    ids=["transaction", "empty", "syntax"],
)
def test_a_file_that_cannot_run_is_one_finding(
    project: config.Config, server: server_state.Server, sql: str, told: str
) -> None:
    """It is shown with its place although nothing of it was traced."""
    path = project.root / "migrations" / "app" / f"{SECOND}.sql"
    _write(project.root, SECOND, sql)
    if not sql:
        path.write_text("-- Nothing\n", encoding="utf-8")
    found = rehearse.rehearse(project, [SECOND], url=server.url)
    assert found.verdict(SECOND) == "errors"
    (one,) = [one for one in found.findings if one.code == "fails-on-fresh"]
    assert told in one.text
    assert any(getattr(block, "code", "") == "fails-on-fresh" for block in found.blocks())


@pytest.mark.parametrize(("scale", "severity"), [("", "error"), ("9_999", "warning"), ("10_000", "error")])
def test_the_scale_file_weighs_where_no_target_does(
    project: config.Config, server: server_state.Server, scale: str, severity: str
) -> None:
    """As lint does; a table that the file does not name may be large."""
    file = project.root / "migrations" / "scale.toml"
    file.write_text(f"[app.t]\nrows = {scale}\n" if scale else "[app.other]\nrows = 5\n", encoding="utf-8")
    _write(project.root, SECOND, "CREATE INDEX i ON app.t (a)")
    found = rehearse.rehearse(project, [SECOND], url=server.url)
    (one,) = [one for one in found.findings if one.code == "index-build-blocks"]
    assert one.severity == severity
    assert ("app.t (" in one.text) == bool(scale), one.text
