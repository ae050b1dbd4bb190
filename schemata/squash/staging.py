"""The folder of migrations as it is to be: written beside the one that is there, and put in its place in one step."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from schemata import errors
from schemata.migrations import builds, files, migration
from schemata.system import directories, git


@contextlib.contextmanager
def staged(folder: Path, gone: Sequence[migration.Migration], texts: Mapping[str, str]) -> Iterator[Path]:
    """Give a copy of a folder of migrations without some of them and with these files; it is removed afterwards.

    :param texts: what is written, by the path in the folder. A seal is of other files, and is left out.
    """
    copy = folder.with_name(f".{folder.name}.squash")
    _remove(copy)
    try:
        shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        for item in gone:
            for path in {item.path, item.rollback_path} - {""}:
                (copy / Path(path).relative_to(folder)).unlink()
        (copy / builds.SEAL).unlink(missing_ok=True)
        for name, text in texts.items():
            files.replace(copy / name, text)
        yield copy
    finally:
        _remove(copy)


def put(copy: Path, folder: Path) -> None:
    """Put the copy in the place of the folder; what was there is at the copy's name then. A failure changes nothing."""
    try:
        directories.exchange(copy, folder)
    except OSError as error:
        raise errors.Error(
            f"{folder} cannot be replaced: {error.strerror}",
            "Nothing was changed. The folder above it must be writable, and it must be no mount point of its own.",
        ) from error


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def uncommitted(folder: Path, paths: Sequence[str]) -> tuple[str, ...] | None:
    """Return which of these files are not in version control as they are; None where there is no git to ask."""
    try:
        inside = git.run(folder, "rev-parse", "--is-inside-work-tree")
        if inside.code or inside.output.strip() != "true":
            return None
        answer = git.run(folder, "status", "--porcelain", "-z", "--ignored", "--", ".")
        top = git.run(folder, "rev-parse", "--show-toplevel").output.rstrip("\n")
    except errors.NotAvailable:
        return None
    if answer.code:
        return None
    # Each as `XY path`; a folder of which nothing is known ends with a slash. A rename's second path does no harm.
    changed = {str((Path(top) / entry[3:]).resolve()) for entry in answer.output.split("\0") if len(entry) > 3}
    return tuple(path for path in paths if _is_in(Path(path).resolve(), changed))


def _is_in(path: Path, changed: set[str]) -> bool:
    return any(str(one) in changed for one in (path, *path.parents))
