"""What a migration is: its name, its directives, its place in the one order."""

import dataclasses
import datetime
import difflib
import heapq
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from schemata import errors
from schemata.sql import lexer

_FIELDS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))

DIRECTIVES = (
    *("depends", "mode", "transactional", "irreversible", "breaking", "phase", "outside", "imported-from"),
    *("replaces", "rewritten"),
)
#: Those of a baseline that `inv squash` writes; each may come more than once.
_LISTED = ("replaces", "rewritten")
PHASES = ("expand", "contract")
#: How a file is run: in our transaction, in its own ones, or each statement by itself.
MODES = ("transaction", "own-transaction", "statements")
_TRANSACTIONAL = {"true": "transaction", "false": "statements"}  # yoyo's spelling

_FILE_NAME = re.compile(r"(?P<schema>[^.]+)\.(?P<timestamp>[^.]+)\.(?P<slug>[^.]+)")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DIRECTIVE_LINE = re.compile(r"--\s*(?P<word>[a-z_-]+)\s*:(?P<value>.*)")
_LATE_DIRECTIVE = re.compile(rf"^[ \t]*--\s*(?:{'|'.join(DIRECTIVES)})\s*:", re.MULTILINE)
# What may hide a `--` that is not a comment: strings, quoted names, dollar quotes, and block comments.
_TOKEN = re.compile(
    r"""--[^\n]*|/\*|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)""",
    re.DOTALL,
)
_NOTHING = re.compile(r"(?:\s|;|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*\Z", re.DOTALL)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


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


def parse_directives(sql: str, path: str) -> Directives:
    """Return the directives of a file's leading `--` comment; refuse what would be silently ignored."""
    found: dict[str, str] = {}
    listed: dict[str, list[str]] = {word: [] for word in _LISTED}
    title = ""
    end = 0
    number = 0
    for number, line in enumerate(_lines(sql), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("--"):
            break
        end += len(line) + 1
        match = _DIRECTIVE_LINE.fullmatch(stripped)
        word = match["word"] if match else ""
        if match and word in _LISTED:
            listed[word].append(_checked(word, match["value"].strip(), path, number))
        elif match and word in DIRECTIVES:
            if word in found:
                raise InvalidMigration(path, number, f"`-- {word}:` is written twice", "Keep one of them.")
            found[word] = _checked(word, match["value"].strip(), path, number)
        elif match and (near := _nearest(word)):
            raise InvalidMigration(
                path,
                number,
                f"`-- {word}:` is not a directive",
                f"Did you mean `-- {near}:`? If it is a comment only, put another word before the colon.",
            )
        elif not title:
            title = stripped.lstrip("-").strip()
    _refuse_late(sql, min(end, len(sql)), path)
    return Directives(
        title=title,
        depends=tuple(found.get("depends", "").split()),
        mode=_mode(found, path),
        irreversible=found.get("irreversible", ""),
        breaking=found.get("breaking", ""),
        phase=found.get("phase", ""),
        outside=found.get("outside", ""),
        imported_from=found.get("imported-from", ""),
        replaces=tuple(_replaced(value) for value in listed["replaces"]),
        rewritten=tuple(Rewritten(*value.split()) for value in listed["rewritten"]),
    )


def has_no_sql(sql: str) -> bool:
    """Tell whether a text holds comments and white space only."""
    return _NOTHING.match(sql) is not None


def _mode(found: Mapping[str, str], path: str) -> str:
    mode = found.get("mode") or _TRANSACTIONAL[found.get("transactional", "true")]
    if "transactional" in found and (mode == "transaction") != (found["transactional"] == "true"):
        what = f"`-- mode: {mode}` and `-- transactional: {found['transactional']}` contradict each other"
        raise InvalidMigration(path, 0, what, "Keep one of them; `-- transactional:` is how yoyo writes it.")
    return mode


def with_depends(sql: str, names: Mapping[str, str], needs: Iterable[str] = ()) -> str:
    """Return the text of a file with other names in its `-- depends:` line, and these besides.

    >>> with_depends("-- Two.\\n-- depends: a b\\nSELECT 1;", {"a": "c", "b": "c"})
    '-- Two.\\n-- depends: c\\nSELECT 1;'
    """
    at = 0
    for line in _lines(sql):
        if line.strip() and not line.strip().startswith("--"):
            break
        match = _DIRECTIVE_LINE.fullmatch(line.strip())
        if match and match["word"] == "depends":
            found = dict.fromkeys([*(names.get(need, need) for need in match["value"].split()), *needs])
            return f"{sql[:at]}-- depends: {' '.join(found)}{sql[at + len(line) :]}"
        at += len(line) + 1
    return sql


def _lines(sql: str) -> Iterator[str]:
    """Give the lines one by one: only the first of them are asked for, and a large file has a million."""
    at = 0
    while (end := sql.find("\n", at)) >= 0:
        yield sql[at:end]
        at = end + 1
    yield sql[at:]


def _checked(word: str, value: str, path: str, line: int) -> str:
    if not value:
        raise InvalidMigration(path, line, f"`-- {word}:` has no value", _VALUE_HINTS[word])
    if word == "transactional" and value not in ("true", "false"):
        raise InvalidMigration(path, line, f"`-- transactional: {value}` is neither true nor false", _VALUE_HINTS[word])
    if word == "mode" and value not in MODES:
        raise InvalidMigration(path, line, f"`-- mode: {value}` is none of {', '.join(MODES)}", _VALUE_HINTS[word])
    if word == "imported-from" and len(value.split()) != 3:
        raise InvalidMigration(path, line, f"`-- imported-from: {value}` has not three words", _VALUE_HINTS[word])
    if word == "phase" and value not in PHASES:
        raise InvalidMigration(path, line, f"`-- phase: {value}` is neither expand nor contract", _VALUE_HINTS[word])
    if word in _LISTED and not _is_listed(word, value.split()):
        raise InvalidMigration(path, line, f"`-- {word}: {value}` is not as `inv squash` writes it", _VALUE_HINTS[word])
    if word == "depends" and "," in value:
        raise InvalidMigration(
            path, line, "`-- depends:` has a comma", "Separate the ids with spaces; yoyo reads them so."
        )
    return value


_VALUE_HINTS = {
    "depends": "Name the ids it needs, separated by spaces, or remove the line.",
    "mode": f"Write one of {', '.join(MODES)}.",
    "outside": "Write where it is done instead, and by whom: nothing of the file is run.",
    "imported-from": "Write the tool, the file's name there without spaces, and its checksum there (- for none).",
    "transactional": "Write true or false.",
    "irreversible": "Write the reason why it cannot be rolled back.",
    "breaking": "Write what breaks for a running application.",
    "phase": "Write expand or contract.",
    "replaces": "Write an id, a space and the checksum of its file; `inv squash` does.",
    "rewritten": "Write an id and the checksums of its file before and after; `inv squash` does.",
}


def _is_listed(word: str, parts: list[str]) -> bool:
    if word == "rewritten":
        return len(parts) == 3 and all(map(_CHECKSUM.fullmatch, parts[1:]))
    return len(parts) in (2, 4) and bool(_CHECKSUM.fullmatch(parts[1])) and parts[2:3] in ([], ["in"])


def _replaced(value: str) -> Replaced:
    id_, checksum, *within = value.split()
    return Replaced(id_, checksum, within[1] if within else "")


def _refuse_late(sql: str, start: int, path: str) -> None:
    """Refuse a directive after the leading comment: yoyo, and so everybody, would ignore it silently."""
    if sql.find("--", start) < 0:  # many times as fast as the pattern, which a large text notices
        return
    if not _LATE_DIRECTIVE.search(sql, start):
        return
    # The rows of COPY are no SQL: a quote among them opens no string, and `--` no comment.
    ends = [span.data for span in lexer.spans(sql) if span.data]
    position = start
    while match := _TOKEN.search(sql, position):
        if ends and match.start() >= ends[0][0]:
            position = max(position, ends.pop(0)[1])
            continue
        position = match.end()
        if match[0] == "/*":
            position = _after_block_comment(sql, position)
        elif match[0].startswith("--"):
            line_start = sql.rfind("\n", 0, match.start()) + 1
            if not sql[line_start : match.start()].strip() and _LATE_DIRECTIVE.match(sql, line_start):
                word = match[0][2:].split(":")[0].strip()
                raise InvalidMigration(
                    path,
                    sql.count("\n", 0, match.start()) + 1,
                    f"`-- {word}:` comes after the leading comment, where it has no effect",
                    "Move it into the `--` lines at the top of the file, before any /* */ or SQL.",
                )


def _after_block_comment(sql: str, position: int) -> int:
    depth = 1
    while depth and (edge := _BLOCK_EDGE.search(sql, position)):
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position if depth == 0 else len(sql)


def _nearest(word: str) -> str:
    """Return the directive that a word is a misspelling of, if any; `note` and `code` are words of their own.

    >>> _nearest("depend"), _nearest("trasactional"), _nearest("modes"), _nearest("note")
    ('depends', 'transactional', 'mode', '')
    """
    return next(iter(difflib.get_close_matches(word, DIRECTIVES, 1, 0.8)), "")


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
