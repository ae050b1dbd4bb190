"""Who runs it: a number without a name, a folder that cannot be written, a role that may only read."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from schemata.postgres import lock_holder
from tests.conftest import Project
from tests.faults import deployers, oracle
from tests.patience import PATIENCE

_UID = 54321

# The interpreter itself may lie where that user cannot go. So all modules are imported before the change, and a
# dry run makes Python load what it loads late (codecs, for example).
_AS_UID = """
import contextlib, importlib, io, os, pkgutil, sys
import psycopg, tabulate, schemata
for module in pkgutil.walk_packages(schemata.__path__, "schemata."):
    importlib.import_module(module.name)
from schemata import boot, tasks
from schemata.tasks import program
invoked = program.Program(name="schemata", binary="schemata", namespace=tasks.namespace)
with contextlib.redirect_stdout(io.StringIO()):
    invoked.run(["schemata", "migrate", "--dry-run"], exit=False)
psycopg.connect(os.environ["DATABASE_URL"]).close()
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
if sys.argv[1] == "boot":
    sys.exit(boot.main(sys.argv[2:]))
invoked.run(["schemata", *sys.argv[1:]])
"""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as another user")


@pytest.fixture
def read_only_project(database: str) -> Iterator[Project]:
    """Give a project that any user can read and none but the owner can write."""
    with tempfile.TemporaryDirectory(prefix="schemata-readable-") as folder:
        project = Project(Path(folder), database)
        project.configure()
        project.write("app.20250101000000.t", "-- A table.\nCREATE TABLE app.t (id int PRIMARY KEY);\n")
        project.write(
            "app.20250101000001.index",
            "-- An index.\n-- transactional: false\nCREATE INDEX CONCURRENTLY t_id ON app.t (id DESC);\n",
        )
        for path in (project.root, *project.root.rglob("*")):
            path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH | (0o111 if path.is_dir() else 0))
        yield project


def _as_uid(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in project.env().items() if name not in ("HOME", "USER", "LOGNAME")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_AS_UID).format(uid=_UID), *arguments],
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@root_only
@pytest.mark.once
@pytest.mark.parametrize("command", ["migrate", "boot"])
def test_a_uid_without_a_name(command: str, read_only_project: Project, observer: psycopg.Connection) -> None:
    """A UID without passwd entry and HOME, in a folder that it cannot write, migrates and is recorded by number."""
    migrated = _as_uid(read_only_project, command)
    assert migrated.returncode == 0, migrated.stderr
    assert "Traceback" not in migrated.stderr
    oracle.assert_settled(read_only_project, read_only_project.url)
    for table, column in (("attempts", "client_user"), ("_yoyo_log", "username")):
        users = observer.execute(f"SELECT DISTINCT {column} FROM schemata.{table}").fetchall()
        assert users == [(f"uid {_UID}",)]
    # And again, with nothing to do.
    for again in ("migrate", "boot", "migrate-status"):
        ended = _as_uid(read_only_project, again)
        assert ended.returncode == 0, ended.stderr
    assert not (read_only_project.root / ".schemata").exists()


@pytest.fixture
def reader(project: Project, observer: psycopg.Connection, role: Callable[[], str]) -> str:
    """Give the URL of a role that may read a migrated database and nothing else; every write of it fails."""
    project.write("app.20250101000000.t", "-- A table.\nCREATE TABLE app.t (id int PRIMARY KEY, value int);\n")
    project.write("app.20250101000001.v", "-- A view.\nCREATE VIEW app.v AS SELECT sum(value) FROM app.t;\n")
    assert project.inv("migrate").returncode == 0
    name = role()
    observer.execute(f"GRANT USAGE ON SCHEMA schemata, app TO {name}")
    observer.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA schemata TO {name}")
    observer.execute(f"ALTER ROLE {name} SET default_transaction_read_only = on")
    return deployers.as_role(project.url, name)


@pytest.mark.parametrize("sealed", [False, True], ids=["working-tree", "sealed"])
def test_a_role_that_may_only_read(
    sealed: bool, project: Project, reader: str, observer: psycopg.Connection, dump: Callable[[str], str]
) -> None:
    """While a deploy holds the lock a read-only role gets the status and boots, without a wait and without a write."""
    if sealed:
        assert project.inv("seal").returncode == 0
    before = _rows(observer), dump(project.url)
    with deployers.session(project.url, application_name="schemata ci-7 42 20250101T000000Z") as holder:
        holder.execute(f"SELECT pg_advisory_lock({lock_holder.KEY})")
        status = project.inv("migrate-status", "--json", DATABASE_URL=reader)
        assert status.returncode == 0, status.stdout + status.stderr
        found = json.loads(status.stdout)
        assert found["ok"] is True
        assert [finding["code"] for finding in found["findings"]] == ["lock"]
        assert "deployer on ci-7, pid 42" in found["findings"][0]["text"]
        assert project.inv("migrate-status", "--check", DATABASE_URL=reader).returncode == 0
        for _ in range(2):
            booted = project.boot("--", "echo", "started", DATABASE_URL=reader)
            assert (booted.returncode, booted.stdout.strip()) == (0, "started"), booted.stderr
        waited = project.boot("--wait-only", DATABASE_URL=reader)
        assert waited.returncode == 0, waited.stderr
        assert deployers.holder(observer) == holder.info.backend_pid
    assert (_rows(observer), dump(project.url)) == before


def _rows(observer: psycopg.Connection) -> list[tuple[object, ...]]:
    tables = ("attempts", "head", "_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")
    return [row for table in tables for row in observer.execute(f"SELECT * FROM schemata.{table} ORDER BY 1")]


def test_a_role_that_may_only_read_cannot_migrate(project: Project, reader: str, observer: psycopg.Connection) -> None:
    """With something pending a read-only role gets a plain error, not a traceback, and leaves nothing."""
    project.write("app.20250101000002.more", "-- More.\nCREATE TABLE app.more (id int);\n")
    before = _rows(observer)
    # That somebody may read was granted by hand: it is drift.
    status = project.inv("migrate-status", "--check", "--no-drift", DATABASE_URL=reader)
    assert status.returncode == 4, status.stderr
    refused = project.inv("migrate", DATABASE_URL=reader)
    assert refused.returncode == 1, refused.stderr
    assert "Traceback" not in refused.stderr
    assert _rows(observer) == before
