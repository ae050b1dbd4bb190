"""Read the folder of another tool from disk. Changes nothing there."""

import os
from pathlib import Path

from schemata import errors
from schemata.adoption import model

#: What readers look into: SQL, and what says how to run it.
_READ = (".sql", ".SQL", ".sql.conf", "sqitch.conf", ".plan", "_journal.json", "metadata.toml", "migration_lock.toml")
#: Programs, of which the name is enough: they are what cannot be read.
_NAMED = (".go", ".py", ".js", ".ts", ".cjs", ".mjs", ".mts", ".cts", ".java", ".kt", ".class", ".sh", ".ps1")
#: Where each tool has its migrations in a repository, for the hint about a folder that has none.
_USUAL = {
    "prisma": ("prisma/migrations", "migrations"),
    "flyway": ("src/main/resources/db/migration", "db/migration", "sql"),
    "dbmate": ("db/migrations",),
    "diesel": ("migrations",),
    "drizzle": ("drizzle", "src/db/migrations"),
    "supabase": ("supabase/migrations", "migrations"),
}
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
            if name.startswith("."):
                continue
            if name.endswith(_READ):
                files[f"{prefix}{name}"] = _content(Path(folder, name))
            elif name.endswith(_NAMED):
                files[f"{prefix}{name}"] = b""
    return model.Tree(str(path), files)


def usual(tool: str, path: Path) -> Path | None:
    """Return the folder below a repository's where a tool usually has its migrations, if there is one."""
    return next((path / below for below in _USUAL.get(tool, ("migrations",)) if (path / below).is_dir()), None)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.NotAvailable(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
