"""What a migration is: its name, its directives, its place in the one order."""

import dataclasses
import datetime
import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from schemata import errors

_FIELDS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))

_FILE_NAME = re.compile(r"(?P<schema>[^.]+)\.(?P<timestamp>[^.]+)\.(?P<slug>[^.]+)")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_NOTHING = re.compile(r"(?:\s|;|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*\Z", re.DOTALL)


class InvalidMigration(errors.MigrationError):
    """A migration file breaks a rule of the format."""

    def __init__(self, path: str, line: int, what: str, hint: str = "") -> None:
        super().__init__(f"{path}:{line}: {what}" if line else f"{path}: {what}", hint)
        self.path = path
        self.line = line


class DependencyCycle(errors.MigrationError):
    """Migrations wait for each other."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(
            "these migrations depend on each other in a circle: " + " -> ".join([*cycle, cycle[0]]),
            "Remove one of the `-- depends:` lines.",
        )
        self.cycle = tuple(cycle)


class Replaced(NamedTuple):
    """A migration that a baseline stands for. `within` names the earlier baseline that had replaced it, if any."""

    id: str
    checksum: str
    within: str = ""


class Rewritten(NamedTuple):
    """A migration whose `-- depends:` lines a squash changed: its checksum stays the one of before."""

    id: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True, slots=True)
class Directives:
    """What the leading comment of a file says to the engine."""

    title: str = ""
    depends: tuple[str, ...] = ()
    mode: str = "transaction"
    irreversible: str = ""
    breaking: str = ""
    phase: str = ""
    change: str = ""
    tables: tuple[str, ...] = ()
    verify: str = ""
    replaces: tuple[Replaced, ...] = ()
    rewritten: tuple[Rewritten, ...] = ()
    outside: str = ""
    imported_from: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """One migration as its files say it.

    The rollback's text is there only where it was asked for (files.with_rollbacks); its path always is.
    `sql` and `rollback_sql` have `\\n` line ends.
    """

    id: str
    schema: str
    timestamp: str
    slug: str
    path: str
    sql: str = dataclasses.field(repr=False)
    checksum: str
    directives: Directives
    rollback_path: str = ""
    rollback_sql: str = dataclasses.field(default="", repr=False)
    rollback_mode: str = "transaction"

    @property
    def transactional(self) -> bool:
        """Whether the file runs inside one transaction, which the engine opens."""
        return self.directives.mode == "transaction"

    @property
    def rollback_transactional(self) -> bool:
        """Whether the rollback file runs inside one transaction, which the engine opens."""
        return self.rollback_mode == "transaction"

    @property
    def not_run(self) -> str:
        """Why the file is only recorded: done outside, or without a statement already in the tool that it is from."""
        if self.directives.outside:
            return f"outside: {self.directives.outside}"
        return "nothing: it holds comments only" if self.directives.imported_from and has_no_sql(self.sql) else ""

    @property
    def is_python(self) -> bool:
        """Whether it is written in Python, in yoyo's format; then `sql` and `rollback_sql` are the text of that."""
        return self.path.endswith(".py")


@dataclasses.dataclass(frozen=True, slots=True)
class Parsed:
    """What the SQL parser found in a file that passed every check: so a sealed build need not load it.

    `statements` is None where the parser cannot tell.
    """

    statements: int | None
    fingerprint: str


def parse_id(stem: str, path: str = "") -> tuple[str, str, str]:
    """Return (schema, timestamp, slug) of a migration's file stem.

    >>> parse_id("financial.20250814221815.add_pagination_indices")
    ('financial', '20250814221815', 'add_pagination_indices')
    """
    hint = "Name it <schema>.<YYYYMMDDHHMMSS>.<slug>.sql; `inv migrate-new` does."
    match = _FILE_NAME.fullmatch(stem)
    if match is None:
        raise InvalidMigration(path or stem, 0, "the file name does not have three parts", hint)
    timestamp, slug = match["timestamp"], match["slug"]
    if not is_timestamp(timestamp):
        raise InvalidMigration(path or stem, 0, f"{timestamp!r} is not a time YYYYMMDDHHMMSS", hint)
    if not _SLUG.fullmatch(slug):
        raise InvalidMigration(path or stem, 0, f"the slug {slug!r} may have letters, digits, _ and - only", hint)
    if len(stem) > 200:
        raise InvalidMigration(path or stem, 0, "the name is longer than 200 characters", hint)
    return match["schema"], timestamp, slug


def is_timestamp(text: str) -> bool:
    """Tell whether a text is a real time written YYYYMMDDHHMMSS.

    >>> is_timestamp("20250814221815"), is_timestamp("20251399000000")
    (True, False)
    """
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return False
    try:
        # strptime would take ten times as long, which a thousand files notice.
        datetime.datetime(*(int(text[at:end]) for at, end in _FIELDS))  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def has_no_sql(sql: str) -> bool:
    """Tell whether a text holds comments and white space only."""
    return _NOTHING.match(sql) is not None


def order(migrations: Iterable[Migration]) -> tuple[Migration, ...]:
    """Return the one order: dependencies first, ties by timestamp, then by id.

    Refuses unknown dependencies and cycles, naming the file or the circle.
    """
    by_id = {item.id: item for item in migrations}
    waiting: dict[str, int] = {}
    followers: dict[str, list[str]] = {}
    for item in by_id.values():
        needs = set(item.directives.depends)
        for need in sorted(needs):
            if need not in by_id:
                raise InvalidMigration(
                    item.path, 0, f"it depends on {need}, but there is no such migration file", _like(need, by_id)
                )
            followers.setdefault(need, []).append(item.id)
        waiting[item.id] = len(needs)
    ready = [(by_id[id_].timestamp, id_) for id_, count in waiting.items() if not count]
    heapq.heapify(ready)
    result: list[Migration] = []
    while ready:
        id_ = heapq.heappop(ready)[1]
        result.append(by_id[id_])
        for follower in followers.get(id_, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, (by_id[follower].timestamp, follower))
    if len(result) < len(by_id):
        raise DependencyCycle(_cycle({id_: by_id[id_] for id_, count in waiting.items() if count}))
    return tuple(result)


def _like(name: str, names: Iterable[str]) -> str:
    found = min((other for other in names if other.rpartition(".")[2] == name.rpartition(".")[2]), default="")
    return f"Did you mean {found}?" if found else "Write the whole id (the file name without .sql), or remove it."


def _cycle(stuck: Mapping[str, Migration]) -> list[str]:
    path: list[str] = []
    node = min(stuck)
    while node not in path:
        path.append(node)
        node = next(need for need in sorted(stuck[node].directives.depends) if need in stuck)
    return path[path.index(node) :]
