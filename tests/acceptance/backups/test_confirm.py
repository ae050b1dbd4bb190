"""Commands that destroy, without a person to ask: only a database that is named is meant."""

import psycopg
import pytest

from tests.acceptance.backups.conftest import ONE
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

COMMANDS = {
    "rollback": ["rollback", "--yes"],
    "restore": ["restore", "latest", "--yes"],
    "migrate-resolve": ["migrate-resolve", ONE, "--applied"],
    "migrate-baseline": ["migrate-baseline", "--through", ONE],
    "dev-down-clean": ["dev-down-clean", "--yes"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_destroys_wants_the_name(project: Project, schemata: CommandLine, command: str) -> None:
    """Whatever --yes says, and whatever other name is given: exit 1, what to type, and the database as it was."""
    project.configure('[tool.schemata.server]\nkind = "external"\n')
    project.write(ONE, "CREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    assert schemata("migrate").returncode == 0, "which needs no name"
    if command == "restore":
        assert schemata("backup", "--verify", "none").returncode == 0
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA app CASCADE; DROP SCHEMA schemata CASCADE")
    if command == "migrate-baseline":
        with psycopg.connect(project.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA schemata CASCADE")
    with psycopg.connect(project.url) as connection:
        before = connection.execute("SELECT to_regclass('app.one'), to_regclass('schemata.head')").fetchone()
    name = project.confirm.replace("=", " ")
    says = (
        "ProtectedTarget",
        "is not this project's dev server",
        "no terminal",
        f"If you mean it, give its name: {name}",
    )
    schemata.refused(*COMMANDS[command], code=1, says=says)
    says = ("ProtectedTarget", "--confirm another is not the database of", "Give the right --url")
    schemata.refused(*COMMANDS[command], "--confirm", "another", code=1, says=says)
    with psycopg.connect(project.url) as connection:
        after = connection.execute("SELECT to_regclass('app.one'), to_regclass('schemata.head')").fetchone()
    assert after == before
    done = schemata(*COMMANDS[command], project.confirm)
    # There is nothing to resolve, and it is only told once the name was right.
    assert done.returncode == (1 if command == "migrate-resolve" else 0), done.stderr
    assert "ProtectedTarget" not in done.stderr
