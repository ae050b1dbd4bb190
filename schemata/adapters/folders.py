"""Put a folder of files in place whole: whoever looks finds the old content or the new, never a part."""

import ctypes
import errno
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

# Linux, renameat2(2): swap two names in one step. Not everywhere (older libraries, some network volumes).
_HERE, _EXCHANGE = -100, 2
_ABANDONED = 600.0  # seconds after which what a killed writer left beside may go


def read(folder: Path) -> dict[str, str]:
    """Return the text of each file of a folder by name; nothing for a folder that is not there."""
    found = {}
    try:
        for path in folder.iterdir():
            if path.is_file():
                found[path.name] = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return found


def probe(folder: Path) -> None:
    """Raise the OSError that `replace` would raise where nothing can be written."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _beside(folder).rmdir()


def replace(folder: Path, files: Mapping[str, str]) -> None:
    """Make `folder` hold exactly these files. Several processes may do it at once: the last one wins.

    A failure (OSError) or a kill leaves the old content; what was written beside it is removed by a later
    call.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    fresh = _beside(folder)
    try:
        for name, text in files.items():
            with (fresh / name).open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _beside(folder: Path) -> Path:
    # Not tempfile's: its folders are for one user only, and this one is for whoever shares the volume.
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.{time.time_ns()}.tmp")
    fresh.mkdir()
    return fresh


def _swap(fresh: Path, folder: Path) -> None:
    """Give `fresh` the name of `folder`; what had it goes to `fresh`, or is gone."""
    for _ in range(100):
        try:
            os.rename(fresh, folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        if _exchange(fresh, folder):
            return
        # Two steps, where there is no other way: a kill between them leaves no folder, so it is made again.
        try:
            os.rename(folder, fresh.with_suffix(".old.tmp"))
        except FileNotFoundError:
            continue
        finally:
            shutil.rmtree(fresh.with_suffix(".old.tmp"), ignore_errors=True)
    raise OSError(errno.EBUSY, "somebody else keeps on replacing it", str(folder))


def _exchange(one: Path, other: Path) -> bool:
    function = getattr(ctypes.CDLL(None), "renameat2", None)
    return function is not None and function(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def _sweep(folder: Path) -> None:
    for path in folder.parent.glob(f".{folder.name}.*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # somebody else was quicker
            continue
