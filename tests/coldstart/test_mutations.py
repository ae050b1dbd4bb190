"""The matrix can fail: what it is there to prevent is built in, and it says so, each time for the right reason.

Each run is pytest on a copy of the repository in which the real code, or a real migration, was edited.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemata.migrations import files
from schemata.server.embedded import binaries
from tests.coldstart import cells
from tests.coldstart.conftest import copied
from tests.conftest import REPOSITORY

_PATIENCE = 300.0


@dataclass(frozen=True)
class Edit:
    """One piece of text of a file, and what comes in its place; it must be there as often as `times` says."""

    path: str
    old: str
    new: str
    times: int = 1

    def apply(self, root: Path) -> None:
        """Edit the copy at `root`."""
        file = root / self.path
        text = file.read_text(encoding="utf-8")
        found = text.count(self.old)
        assert found == self.times, f"{self.path} has changed, so must this test: {self.old!r} is in it {found} times"
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Run:
    """How a run of the matrix ended: its exit code, its cells by state, what it printed."""

    code: int
    cells: dict[str, cells.Cell]
    said: str

    def outcomes(self) -> dict[str, str]:
        """Return the outcome by state."""
        return {state: cell.outcome for state, cell in self.cells.items()}


def _run(tmp_path: Path, programs: binaries.Binaries, states: Sequence[str], edits: Sequence[Edit]) -> Run:
    """Run some states of the matrix on a copy of the repository with these edits."""
    root = copied(tmp_path / "repository", "schemata", "tests")
    shutil.copy(REPOSITORY / "migrations" / files.MANIFEST, root / "migrations")
    for edit in edits:
        edit.apply(root)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    tests = [f"tests/coldstart/test_states.py::test_{state.replace(' ', '_')}" for state in states]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *tests],
        cwd=root,
        # The copy's own engine, whatever is installed; the server programs are those of this run.
        env={**kept, "PYTHONPATH": str(root), "SCHEMATA_PG_BIN": str(programs.directory)},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    written = cells.place(root / "build" / "coldstart", f"pg{programs.major}")
    assert written.exists(), done.stdout + done.stderr
    found = {cell.state: cell for cell in cells.read(written).cells}
    assert sorted(found) == sorted(states)
    return Run(done.returncode, found, done.stdout + done.stderr)


# Anyone who asks for the deploy lock, or for the boot queue's before it, has it.
_LOCKS = (
    Edit("schemata/deploy/lock.py", "pg_try_advisory_lock({lock_holder.KEY})", "true", times=2),
    Edit("schemata/entrypoint/boot_queue.py", "pg_try_advisory_lock({QUEUE_KEY})", "true", times=2),
)


def test_an_unedited_copy_is_green(tmp_path: Path, programs: binaries.Binaries) -> None:
    """Without an edit the same states pass: what the edits below break is not broken by the copying."""
    states = ("empty database", "schemas only", "concurrent")
    run = _run(tmp_path, programs, states, ())
    assert run.code == 0, run.said
    assert set(run.outcomes().values()) == {cells.GREEN}


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        pytest.param(
            Edit(
                "migrations/financial/financial.20250814221815.add_pagination_indices.sql",
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_transactions_account_date\n"
                "    ON financial.transactions (account_id, date DESC, id DESC);\n",
                "",
            ),
            "page transactions_by_account: .*idx_transactions_account_date",
            id="of-a-page",
        ),
        pytest.param(
            Edit(
                "migrations/financial/financial.20250624093000.create_invoices.sql",
                "CREATE INDEX idx_invoices_client_id ON financial.invoices (client_id);\n",
                "",
            ),
            r"not that of the lock file: schema financial \(performance\); edited since it was written: "
            "financial.20250624093000.create_invoices$",
            id="of-no-page",
        ),
    ],
)
def test_it_notices_an_index_that_is_gone(edit: Edit, says: str, tmp_path: Path, programs: binaries.Binaries) -> None:
    """An index that is gone from a migration, and so from the reference too, makes the cells red.

    That of a page by its name, any other by what the committed lock file says.
    """
    run = _run(tmp_path, programs, ("empty database",), [edit])
    assert run.code == 1
    assert re.search(says, run.cells["empty database"].error, re.MULTILINE), run.said


def test_it_notices_schemas_that_are_not_made(tmp_path: Path, programs: binaries.Binaries) -> None:
    """Without the creation of schemas an empty database stays red; where somebody made them before, it is green."""
    edit = Edit(
        "schemata/deploy/deployment.py",
        """parts = [f'CREATE SCHEMA IF NOT EXISTS "{name}"' for name in missing]""",
        "parts = []",
    )
    run = _run(tmp_path, programs, ("empty database", "schemas only"), [edit])
    assert run.code == 1
    assert run.outcomes() == {"empty database": cells.RED, "schemas only": cells.GREEN}, run.said
    assert 'schema \\"financial\\" does not exist' in run.cells["empty database"].error, run.said


def test_it_notices_that_nobody_locks(tmp_path: Path, programs: binaries.Binaries) -> None:
    """Without the deploy lock and the gate before it, boots at once run into each other; one alone does not."""
    run = _run(tmp_path, programs, ("empty database", "concurrent"), _LOCKS)
    assert run.code == 1
    assert run.outcomes() == {"empty database": cells.GREEN, "concurrent": cells.RED}, run.said
    error = run.cells["concurrent"].error
    assert "ended with exit code 1" in error, run.said
    assert re.search("already exists|duplicate key|concurrently|deadlock", error), run.said
