"""Many processes migrate one database at once."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.faults import oracle, sample
from tests.patience import PATIENCE

_PROCESSES = 20
_COMMANDS = {"inv": ["-m", "invoke", "migrate"], "boot": ["-m", "schemata.boot"]}


@pytest.mark.slow
@pytest.mark.once  # twelve start at once on each server of the cold-start matrix
@pytest.mark.parametrize("command", _COMMANDS.values(), ids=_COMMANDS.keys())
def test_twenty_processes_apply_each_migration_once(
    command: list[str],
    tmp_path: Path,
    make_database: Callable[..., str],
    dump: Callable[[str], str],
) -> None:
    """Twenty at once on a fresh database all exit 0, each migration is applied once, and the result is that of one."""
    project = Project(tmp_path, make_database(), schemas=sample.SCHEMAS)
    project.configure()
    sample.write(project)
    alone = make_database()
    assert project.inv("migrate", f"--url={alone}").returncode == 0

    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            cwd=project.root,
            env=project.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(_PROCESSES)
    ]
    ended = [process.communicate(timeout=2 * PATIENCE)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * _PROCESSES, "\n".join(ended)

    oracle.assert_settled(project, project.url)
    oracle.assert_status_ok(project)
    assert oracle.comparable(dump(project.url)) == oracle.comparable(dump(alone))
