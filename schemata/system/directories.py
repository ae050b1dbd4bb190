"""Put a folder of files in place whole: anyone who looks finds the old content or the new, never a part."""

import contextlib
import ctypes
import errno
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from schemata import errors

# Linux, renameat2(2): swap two names in one step. Not everywhere (older libraries, some network volumes).
_HERE, _EXCHANGE = -100, 2
_ABANDONED = 600.0  # seconds after which what a killed writer left beside may go


def entries(folder: Path) -> dict[str, str | None]:
    """Return what lies in a folder by name: the text of a file, None for what is none (a folder, a link).

    Nothing for a folder that is not there. What another process puts in its place meanwhile is read whole or
    not at all. Raises PermissionError for one that may not be read.
    """
    found: dict[str, str | None] = {}
    for _ in range(100):
        before = _identity(folder)
        found = {}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for path in folder.iterdir():
                plain = path.is_file() and not path.is_symlink()
                found[path.name] = path.read_text(encoding="utf-8", errors="replace") if plain else None
            if _identity(folder) == before:
                return found
        if before is None:
            return {}
    return found


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        facts = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_dev, facts.st_ino


def probe(folder: Path) -> None:
    """Raise the OSError that `replace` would raise where nothing can be written."""
    _make(folder.parent)
    _beside(folder).rmdir()


def replace(folder: Path, files: Mapping[str, str]) -> None:
    """Make `folder` hold exactly these files. Several processes may do it at once: the last one wins.

    Whatever the umask is, everybody may read it. A failure (OSError) or a kill leaves the old content; what
    was written beside it is removed by a later call.
    """
    _make(folder.parent)
    _sweep(folder)
    fresh = _beside(folder)
    try:
        for name, text in files.items():
            with (fresh / name).open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                _open_to_all(file.fileno(), 0o644)
                file.flush()
                os.fsync(file.fileno())
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def add(folder: Path, files: Mapping[str, str]) -> None:
    """Put files into a folder in one step: all of them are there afterwards, or none; what it holds stays.

    :param files: by their paths in the folder. A failure (OSError) or a kill leaves the folder as it was.
    """
    copy = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(copy, ignore_errors=True)
    try:
        if folder.is_dir():
            shutil.copytree(folder, copy, symlinks=True)
        for name, text in files.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            with (copy / name).open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        if folder.is_dir():
            exchange(copy, folder)
        else:
            copy.rename(folder)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def put(folder: Path, files: Mapping[str, str]) -> None:
    """Put files into a folder as `add` does. Raises ConfigError where it cannot be written; nothing was then."""
    try:
        add(folder, files)
    except OSError as error:
        raise errors.ConfigError(
            f"{folder} cannot be written: {error.strerror}",
            "Correct the folder's permissions and run it again: no migration was written.",
        ) from error


def exchange(one: Path, other: Path) -> None:
    """Swap the names of two folders that lie beside each other.

    Where the system can it is one step. Elsewhere a kill in the middle leaves both whole, under other names: `other`
    may then be found as `.NAME.before`. Raises OSError, with both as they were.
    """
    if _exchange(one, other):
        return
    aside = other.with_name(f".{other.name}.before")
    os.rename(other, aside)
    try:
        os.rename(one, other)
    except OSError:
        os.rename(aside, other)
        raise
    os.rename(aside, one)


def _beside(folder: Path) -> Path:
    # Not tempfile's: its folders are for one user only, and this one is for everybody who shares the volume.
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.{time.time_ns()}.tmp")
    fresh.mkdir()
    _open_to_all(fresh, 0o755)
    return fresh


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    _make(folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        _open_to_all(folder, 0o755)


def _open_to_all(path: Path | int, mode: int) -> None:
    # Some network volumes have no modes of their own, and refuse.
    with contextlib.suppress(OSError):
        os.chmod(path, mode)


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
    raise OSError(errno.EBUSY, "another process keeps replacing it", str(folder))


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
