"""The files that a program is made of: whether any of them changed since it was started."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path


def facts(root: Path, paths: Sequence[str], leave_out: Path | None) -> list[str]:
    """Return a text for each file in these places: another one when its path, its size or its time is another.

    What is hidden, byte code, and all below `leave_out` do not count.

    :param places: files and folders, relative to `root`.

    Raises FileNotFoundError for a place that is not there, PermissionError for one that may not be read.
    """
    found: set[str] = set()
    for path_ in paths:
        path = root / os.path.normpath(path_)
        if path.is_dir():
            found.update(_within(path, leave_out))
        else:
            found.add(_fact(path))
    return sorted(found)


def _within(folder: Path, leave_out: Path | None) -> list[str]:
    found = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name != "__pycache__" and Path(parent, name) != leave_out
        ]
        for name in names:
            # It may go away meanwhile, as the files do that editors save through.
            with contextlib.suppress(FileNotFoundError):
                if not name.startswith("."):
                    found.append(_fact(Path(parent, name)))
    return found


def _fact(path: Path) -> str:
    seen = path.stat()
    return f"{path} {seen.st_size} {seen.st_mtime_ns}"


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
