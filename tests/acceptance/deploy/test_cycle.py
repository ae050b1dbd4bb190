"""The whole cycle of a project that is not the platform."""

import json
import re

from tests.conftest import Project


def test_a_second_repository_runs_the_whole_cycle(project: Project) -> None:
    """New, migrate, status, rollback and migrate again work with two lines of tasks.py and a table of settings."""
    new = project.inv("migrate-new", "--schema", "app", "--name", "create things")
    assert new.returncode == 0, new.stderr
    found = re.search(r"migrations/(app/app\.\d{14}\.create_things)\.sql", new.stdout)
    assert found
    path = project.root / "migrations" / f"{found[1]}.sql"
    path.write_text(path.read_text() + "CREATE TABLE app.things (id bigint PRIMARY KEY);\n")
    rollback = path.with_suffix(".rollback.sql")
    rollback.write_text(rollback.read_text() + "DROP TABLE app.things;\n")

    assert project.inv("migrate").returncode == 0
    status = project.inv("migrate-status", "--json")
    assert status.returncode == 0
    assert json.loads(status.stdout)["ok"] is True
    undone = project.inv("rollback", project.confirm)
    assert undone.returncode == 0, undone.stderr
    pending = json.loads(project.inv("migrate-status", "--json").stdout)
    assert [row["state"] for row in pending["migrations"]] == ["pending"]
    assert project.inv("migrate").returncode == 0
    assert json.loads(project.inv("migrate-status", "--json").stdout)["ok"] is True
