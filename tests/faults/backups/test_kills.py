"""Backups that are killed: whatever is listed is whole, and what was left is deleted, unless somebody is at it."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from schemata.server.embedded import binaries
from tests.conftest import REPOSITORY, Project
from tests.patience import until

ONE = "app.20250101000001.one"
#: With --whole as many as the promise says.
MANY, FEW = 50, 3


@pytest.fixture
def full(project: Project) -> Project:
    """Give a project with a few megabytes of rows."""
    project.write(
        ONE,
        "CREATE TABLE app.noise (id uuid, text text);\n"
        "INSERT INTO app.noise SELECT gen_random_uuid(), repeat(md5(g::text), 3) FROM generate_series(1, 20000) g;\n",
    )
    assert project.inv("migrate").returncode == 0
    return project


def _folder(project: Project) -> Path:
    return project.root / ".schemata" / "backups"


def _listed(project: Project) -> list[dict[str, Any]]:
    shown = project.inv("backups", "--json")
    assert shown.returncode == 0, shown.stderr
    return list(json.loads(shown.stdout)["backups"])


def _check(project: Project, backup: dict[str, Any]) -> None:
    """Compare an archive with its manifest, and have pg_restore read it: neither is the code that wrote it."""
    # The newest of this machine: the one that wrote it may be newer than the server.
    programs = binaries.find(None, None, REPOSITORY / ".schemata")
    archive = _folder(project) / backup["name"] / "archive"
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == backup["sha256"]
    read = subprocess.run(
        [programs.program("pg_restore"), "-f", "/dev/null", archive], capture_output=True, check=False
    )
    assert read.returncode == 0, read.stderr
    assert backup["fingerprints"]["app.noise"]["rows"] == 20_000


def test_a_kill_at_any_moment_leaves_nothing_that_is_listed_and_not_whole(
    full: Project, pytestconfig: pytest.Config
) -> None:
    """At seeded moments from the start to the end; afterwards one more backup leaves nothing but whole ones."""
    began = time.monotonic()
    assert full.run([sys.executable, "-m", "invoke", "backup"]).returncode == 0
    whole = time.monotonic() - began
    chance = random.Random(7)
    count = MANY if pytestconfig.getoption("--whole") else FEW
    killed = 0
    for number in range(count):
        running = full.start("backup")
        # The first part of a run is the start of Python: one moment in each part, wherever in it.
        time.sleep(whole * (0.15 + 0.9 * (number + chance.random()) / count))
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
            killed += 1
        running.communicate()
        for backup in _listed(full):
            _check(full, backup)
    assert killed, "every one was quicker"
    done = full.inv("backup")
    assert done.returncode == 0, done.stderr
    # A pg_dump that outlived its run goes on for a moment, and holds what it writes.
    until(lambda: not _leftovers(full))
    known = {backup["name"] for backup in _listed(full)}
    assert {path.name for path in _folder(full).iterdir() if path.name != ".gitignore"} == known


def _leftovers(project: Project) -> list[str]:
    left = [path.name for path in _folder(project).glob("*.partial")]
    if left:
        assert project.inv("backup", "--verify", "none").returncode == 0
    return left


@pytest.fixture
def held(full: Project, programs: binaries.Binaries) -> Project:
    """Give the project with a pg_dump that says when it begins, and waits to be told to go on."""
    folder = full.root / "programs"
    folder.mkdir()
    real = Path(programs.program("pg_dump")).parent
    wait = f"touch {full.root}/begun; while [ ! -e {full.root}/go ]; do sleep 0.05; done"
    for name, before in (("pg_dump", f'case "$1" in --version) ;; *) {wait} ;; esac'), ("pg_restore", ":")):
        (folder / name).write_text(f'#!/bin/sh\n{before}\nexec {real / name} "$@"\n')
        (folder / name).chmod(0o755)
    full.environment["SCHEMATA_PG_BIN"] = str(folder)
    return full


def _writing(project: Project) -> list[list[str]]:
    running = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
    return [words for words in running if any(str(_folder(project)) in word for word in words)]


def _begun(project: Project) -> bool:
    return (project.root / "begun").exists()


def test_what_another_process_is_at_stays(held: Project) -> None:
    """A backup that is being made is left alone by the next one, also when only its pg_dump is left of it."""
    slow = held.start("backup", "--verify", "none")
    until(lambda: _begun(held))
    (partial,) = _folder(held).glob("*.partial")
    _clean(held)
    assert partial.exists()
    slow.send_signal(signal.SIGKILL)
    slow.communicate()
    _clean(held)
    assert partial.exists(), "its pg_dump writes there"
    (held.root / "go").touch()
    until(lambda: not _after_cleaning(held, partial))
    assert _listed(held) == []


def _after_cleaning(project: Project, partial: Path) -> bool:
    _clean(project)
    return partial.exists()


def _clean(project: Project) -> None:
    """Do what each backup begins with, in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from schemata.backups.storage import store;"
        " store.Directory(Path(sys.argv[1])).prepare()"
    )
    done = project.run([sys.executable, "-c", code, str(_folder(project))], PYTHONPATH=str(REPOSITORY))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "SIGINT"])
def test_a_signal_leaves_nothing(held: Project, number: signal.Signals, code: int) -> None:
    """It ends pg_dump as well, deletes what it wrote, and says so."""
    slow = held.start("backup")
    until(lambda: _begun(held))
    os.kill(slow.pid, number)
    _, err = slow.communicate(timeout=60)
    assert slow.returncode == code, err
    assert "no backup was kept" in err
    assert [path.name for path in _folder(held).iterdir()] == [".gitignore"]
    # The script's `sleep` has the command line of the script for a moment after the fork.
    until(lambda: not _writing(held))
