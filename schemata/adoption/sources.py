"""Read the folder of another tool from disk. Changes nothing there."""

import os
from pathlib import Path

from schemata import errors
from schemata.adoption import model

#: What readers look at: SQL, what says how to run it, and programs, which are named as what cannot be read.
_ENDINGS = (
    ".sql", ".SQL", ".conf", ".toml", ".plan", ".json", ".go", ".py", ".js", ".ts", ".cjs", ".mjs", ".mts", ".cts",
    ".java", ".kt", ".class", ".sh", ".ps1",
)  # fmt: skip
_PASSED = ("node_modules", "__pycache__")


def load(path: Path) -> model.Tree:
    """Return the files of a folder that a reader may ask for, or the one file that is named.

    Raises ConfigError where there is no such folder, NotAvailable where it cannot be read. Hidden folders are passed
    over; a symbolic link to a file is read, one to a folder is not followed.
    """
    if path.is_file():
        return model.Tree(str(path.parent), {path.name: _content(path)})
    if not path.is_dir():
        raise errors.ConfigError(f"there is no folder {path}", "Name the folder that the other tool reads.")
    files: dict[str, bytes] = {}
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _PASSED)
        below = Path(folder).relative_to(path).as_posix()
        prefix = "" if below == "." else f"{below}/"
        for name in inner:
            files[f"{prefix}{name}/"] = b""  # one without files may be a migration that lost its file
        for name in names:
            if name.endswith(_ENDINGS) and not name.startswith("."):
                files[f"{prefix}{name}"] = _content(Path(folder, name))
    return model.Tree(str(path), files)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.NotAvailable(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
