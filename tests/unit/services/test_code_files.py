"""Whether the files of a program changed, on a real file system."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from schemata.services import code_files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project with a program of several files, and a file beside it."""
    for name in ("app/main.py", "app/web/page.html", "app/made/client.py", "beside.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    return tmp_path


def _later(path: Path) -> None:
    seen = path.stat()
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "app/main.py").write_text("longer"),
        lambda root: _later(root / "app/web/page.html"),
        lambda root: (root / "app/new.py").write_text(""),
        lambda root: (root / "app/main.py").unlink(),
        lambda root: (root / "app/main.py").rename(root / "app/web/main.py"),
        lambda root: _later(root / "beside.py"),
    ],
    ids=["content", "time", "new", "gone", "moved", "a file that is named"],
)
def test_a_change_is_seen(root: Path, change: Callable[[Path], object]) -> None:
    """Whatever happens to a file in one of the places gives other facts."""
    before = code_files.facts(root, ["app", "beside.py"], None)
    assert code_files.facts(root, ["beside.py", "./app/"], None) == before
    change(root)
    assert code_files.facts(root, ["app", "beside.py"], None) != before


@pytest.mark.parametrize(
    "name", ["app/.main.py.swp", "app/__pycache__/main.pyc", "app/.cache/x", "app/made/x", "other.py"]
)
def test_what_is_no_code_does_not_count(root: Path, name: str) -> None:
    """An editor's file, byte code, what is left out and what is elsewhere change nothing."""
    before = code_files.facts(root, ["app"], root / "app/made")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("new")
    assert code_files.facts(root, ["app"], root / "app/made") == before


def test_a_place_that_is_not_there_is_an_error(root: Path) -> None:
    """A misspelt place is not taken for one in which nothing ever changes."""
    with pytest.raises(FileNotFoundError, match="ap"):
        code_files.facts(root, ["ap"], None)
