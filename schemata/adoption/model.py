"""What the history of another tool holds: its scripts in order, what cannot be read, and what is to be said of it."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from schemata import errors

#: The tools whose folders are read, as they are typed.
TOOLS = (
    "prisma", "flyway", "sqitch", "dbmate", "alembic-sql", "goose", "golang-migrate", "diesel", "sqlx", "drizzle",
    "node-pg-migrate", "supabase", "folder",
)  # fmt: skip


_LISTED = 20  # of what cannot be read


class UnreadHistory(errors.MigrationError):
    """A folder that does not hold what the tool would write, or of which a part cannot be read."""


class NothingThere(UnreadHistory):
    """A folder without a migration of the tool."""


@dataclasses.dataclass(frozen=True)
class Tree:
    """The files below a folder. `files` maps a path, with `/` between its parts, to the content."""

    root: str
    files: Mapping[str, bytes] = dataclasses.field(repr=False)

    def top(self, *suffixes: str) -> list[str]:
        """Return the files directly in the folder with one of these endings, by name in the order of bytes."""
        return sorted(path for path in self.files if "/" not in path and path.endswith(suffixes))

    def below(self, *suffixes: str) -> list[str]:
        """Return the files at any depth with one of these endings, by path in the order of bytes."""
        return sorted(path for path in self.files if path.endswith(suffixes))

    def folders(self) -> list[str]:
        """Return the folders directly in the folder, by name in the order of bytes."""
        return sorted({path.partition("/")[0] for path in self.files if "/" in path})

    def named(self, path: str) -> str:
        """Return a path as a person can open it."""
        return f"{self.root}/{path}" if self.root else path


@dataclasses.dataclass(frozen=True)
class Script:
    """One migration of a tool.

    :param name: what it is called in messages and in the id: the whole name, as the identity may need all of it.
    :param version: what the ledger calls it.
    :param up: the SQL that the tool sends, with `\\n` line ends and without byte order mark.
    :param checksum: as the tool computes it, with its kind in front; of a tool that has none, SHA-256 of the file.
    :param accepted: other checksums that the tool takes for the same file.
    :param time: a real time YYYYMMDDHHMMSS, where the name has one.
    :param rest: the name without that time.
    :param requires: versions that must be applied before it, where the order is not a line.
    """

    tool: str
    name: str
    version: str
    title: str
    path: str
    up: str = dataclasses.field(repr=False)
    checksum: str
    down: str | None = dataclasses.field(default=None, repr=False)
    down_path: str = ""
    accepted: tuple[str, ...] = ()
    time: str = ""
    rest: str = ""
    transactional: bool = True
    down_transactional: bool = True
    repeatable: bool = False
    baseline: bool = False
    requires: tuple[str, ...] = ()
    verify_path: str = ""
    notes: tuple[str, ...] = ()

    def matches(self, checksum: str) -> bool:
        """Tell whether a checksum of the ledger is that of this file, in any form that the tool accepts."""
        return checksum == self.checksum or checksum in self.accepted


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """A migration that is not SQL, or whose file breaks a rule of the tool."""

    name: str
    version: str
    path: str
    why: str


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A migration that is left out because a person said so, and the reason that was given."""

    name: str
    version: str
    path: str
    reason: str


@dataclasses.dataclass(frozen=True)
class History:
    """The migrations of a tool's folder in the order in which the tool would run them on an empty database.

    :param project: the tool's name of it, where one ledger holds several.
    :param replaced: scripts that a baseline stands for: an empty database never sees them, an older one recorded them.
    """

    tool: str
    root: str
    scripts: tuple[Script, ...]
    unreadable: tuple[Unreadable, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    replaced: tuple[Script, ...] = ()
    notes: tuple[str, ...] = ()
    project: str = ""

    def all_notes(self) -> Iterator[str]:
        """Give what is to be said of the whole, then of each script, with its name in front."""
        yield from self.notes
        for script in self.scripts:
            yield from (f"{script.name}: {note}" for note in script.notes)


def without(history: History, skip: Mapping[str, str]) -> History:
    """Return a history without what a person left out, by name, path or version. Raises UnreadHistory.

    What is not SQL has to be left out by name: to drop it silently would make another database.
    """
    left, skipped = [], []
    unused = dict(skip)
    for item in history.unreadable:
        given = next((key for key in (item.name, item.path, item.version) if key and key in skip), None)
        if given is None:
            left.append(item)
            continue
        unused.pop(given, None)
        skipped.append(Skipped(item.name, item.version, item.path, skip[given]))
    kept = []
    for script in history.scripts:
        given = next((key for key in (script.name, script.path) if key in skip), None)
        if given is None:
            kept.append(script)
            continue
        unused.pop(given, None)
        skipped.append(Skipped(script.name, script.version, script.path, skip[given]))
    if unused:
        raise errors.ConfigError(
            f"{history.tool} has no migration {', '.join(sorted(unused))}, which --skip names",
            f"Names are written as in {history.root}; --plan lists them.",
        )
    if left:
        raise UnreadHistory(_unread(left), _how_to_skip(left))
    return dataclasses.replace(history, scripts=tuple(kept), unreadable=(), skipped=tuple(skipped))


def _unread(items: Sequence[Unreadable]) -> str:
    lines = [f"  {item.path}: {item.why}" for item in items[:_LISTED]]
    if len(items) > _LISTED:
        lines.append(f"  … and {len(items) - _LISTED} more")
    what = "migration cannot be read" if len(items) == 1 else "migrations cannot be read"
    return "\n".join([f"{len(items)} {what}, so the history would have a hole:", *lines])


def _how_to_skip(items: Sequence[Unreadable]) -> str:
    other = " It may be the folder of another tool." if any(item.path.endswith(".sql") for item in items) else ""
    return (
        "Write what each does as SQL in a file that the tool would run in its place, or leave it out: "
        f"--skip {items[0].name} --reason TEXT.{other}"
    )
