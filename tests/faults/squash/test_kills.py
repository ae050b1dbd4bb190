"""A squash that is killed at any step of its work on files leaves the old files or the new ones, whole."""

import os
import signal
import sys
from pathlib import Path

import pytest

from schemata import errors
from schemata.migrations import files
from schemata.squash import staging
from schemata.system import directories

_EVENTS = (
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir", "os.chmod", "os.utime", "shutil.copyfile",
    "shutil.rmtree", "ctypes.dlsym",
)  # fmt: skip
_NEW = {
    "app/app.20250101000002.baseline.sql": "-- B.\nSELECT 1;\n",
    "app/app.20250101000003.c.sql": "-- C.\nSELECT 33;\n",
}


def _make(root: Path) -> Path:
    folder = root / "migrations"
    for schema, names in (
        ("app", ("app.20250101000001.a", "app.20250101000003.c")),
        ("billing", ("billing.20250101000002.b",)),
    ):
        (folder / schema).mkdir(parents=True)
        for name in names:
            (folder / schema / f"{name}.sql").write_text(f"-- {name}\nSELECT 1;\n")
            (folder / schema / f"{name}.rollback.sql").write_text("SELECT 1;\n")
    (folder / "README").write_text("kept")
    return folder


def _seen(folder: Path) -> dict[str, str] | None:
    if not folder.exists():
        return None
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def _run(folder: Path, kill_at: int, how: str) -> int:
    """Do the file part of a squash in a process of its own that kills itself before that step; return how it ended."""
    child = os.fork()  # an interpreter that starts a hundred times takes minutes
    if child == 0:
        try:
            _squash(folder, kill_at, how)
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _squash(folder: Path, kill_at: int, how: str) -> None:
    if how == "renames":
        directories._exchange = lambda one, other: False  # type: ignore[assignment]
    sources = files.read(folder, ["app", "billing"])
    steps = 0

    def hook(event: str, arguments: object) -> None:
        nonlocal steps
        if event in _EVENTS:
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    with staging.staged(folder, [one for one in sources if "0003" not in one.id], _NEW) as copy:
        staging.put(copy, folder)


@pytest.mark.parametrize("how", ["exchange", "renames"])
def test_a_kill_at_each_step(tmp_path: Path, how: str) -> None:
    """Whatever step it is, the folder is of one form; run again, it comes to its end."""
    whole = _make(tmp_path / "whole")
    old = _seen(whole)
    assert _run(whole, 0, how) == 0
    new = _seen(whole)
    assert old is not None
    assert new is not None
    assert len(new) == 4
    assert not [path for path in whole.parent.iterdir() if path != whole], "nothing is left beside it"
    step, ended, forms = 0, False, []
    while not ended:
        step += 1
        folder = _make(tmp_path / str(step))
        ended = _run(folder, step, how) == 0
        seen = _seen(folder)
        if seen is None:
            assert how == "renames"
            # Between two renames, where the system has no exchange: both forms are whole, under other names.
            before = folder.with_name(".migrations.before")
            assert (_seen(before), _seen(folder.with_name(".migrations.squash"))) == (old, new)
            with pytest.raises(errors.ConfigError, match="Put the old files back: mv "):
                files.read(folder, ["app", "billing"])
            before.rename(folder)
            seen = _seen(folder)
        assert seen in (old, new), f"step {step}"
        forms.append(seen == new)
        if seen == old:
            assert _run(folder, 0, how) == 0
            assert _seen(folder) == new
    assert step > 20
    assert forms == sorted(forms), "once it is of the new form it stays so"
    assert False in forms
    assert True in forms
