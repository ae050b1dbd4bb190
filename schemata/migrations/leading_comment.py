"""The directives of a file: what the `--` lines at its top say to the engine."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from schemata.migrations import migration
from schemata.sql import lexer

DIRECTIVES = (
    *("depends", "mode", "transactional", "irreversible", "breaking", "phase", "outside", "imported-from"),
    *("replaces", "rewritten", "change", "tables", "verify"),
)
#: Those of a baseline that `inv squash` writes; each may come more than once.
_LISTED = ("replaces", "rewritten")
#: The phases of a change, in their order.
PHASES = ("expand", "backfill", "contract", "finish")
#: Below the leading comment, or misspelled, these are words of a comment, as they were before they were directives.
_ANYWHERE = ("change", "tables", "verify")
#: How a file is run: in our transaction, in its own ones, or each statement by itself.
MODES = ("transaction", "own-transaction", "statements")
_TRANSACTIONAL = {"true": "transaction", "false": "statements"}  # yoyo's spelling

_DIRECTIVE_LINE = re.compile(r"--\s*(?P<word>[a-z_-]+)\s*:(?P<value>.*)")
_LATE_DIRECTIVE = re.compile(
    rf"^[ \t]*--\s*(?:{'|'.join(word for word in DIRECTIVES if word not in _ANYWHERE)})\s*:", re.MULTILINE
)
# What may hide a `--` that is not a comment: strings, quoted names, dollar quotes, and block comments.
_TOKEN = re.compile(
    r"""--[^\n]*|/\*|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)""",
    re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_NAME = r'(?:[A-Za-z_][\w$]*|"(?:[^"]|"")+")'
_TABLE = re.compile(rf"{_NAME}\.{_NAME}")
_CHANGE = re.compile(r"[a-z][a-z0-9_]{0,59}")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


def parse_directives(sql: str, path: str) -> migration.Directives:
    """Return the directives of a file's leading `--` comment; refuse what would be silently ignored."""
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
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
                raise migration.InvalidMigration(path, number, f"`-- {word}:` is written twice", "Keep one of them.")
            lines[word] = number
            found[word] = _checked(word, match["value"].strip(), path, number)
        elif match and (near := _nearest(word)):
            raise migration.InvalidMigration(
                path,
                number,
                f"`-- {word}:` is not a directive",
                f"Did you mean `-- {near}:`? If it is a comment only, put another word before the colon.",
            )
        elif not title:
            title = stripped.lstrip("-").strip()
    _refuse_late(sql, min(end, len(sql)), path)
    _check_change(found, lines, path)
    return migration.Directives(
        title=title,
        depends=tuple(found.get("depends", "").split()),
        mode=_mode(found, path),
        irreversible=found.get("irreversible", ""),
        breaking=found.get("breaking", ""),
        phase=found.get("phase", ""),
        change=found.get("change", ""),
        tables=tuple(_TABLE.findall(found.get("tables", ""))),
        verify=found.get("verify", ""),
        outside=found.get("outside", ""),
        imported_from=found.get("imported-from", ""),
        replaces=tuple(_replaced(value) for value in listed["replaces"]),
        rewritten=tuple(migration.Rewritten(*value.split()) for value in listed["rewritten"]),
    )


def is_change(text: str) -> bool:
    """Tell whether a text can be the name of a change."""
    return bool(_CHANGE.fullmatch(text))


def _check_change(found: Mapping[str, str], lines: Mapping[str, int], path: str) -> None:
    change, phase = found.get("change", ""), found.get("phase", "")
    if change and not phase:
        what = f"it is of the change {change}, but has no `-- phase:`"
        raise migration.InvalidMigration(path, lines["change"], what, _VALUE_HINTS["phase"])
    needing = ["phase"] if phase in ("backfill", "finish") else []
    for word in (*needing, "tables", "verify"):
        if word in found and not change:
            raise migration.InvalidMigration(
                path,
                lines[word],
                f"`-- {word}: {found[word]}` is without `-- change:`",
                "Name the change that it is a part of, or put another word before the colon.",
            )


def _mode(found: Mapping[str, str], path: str) -> str:
    mode = found.get("mode") or _TRANSACTIONAL[found.get("transactional", "true")]
    if "transactional" in found and (mode == "transaction") != (found["transactional"] == "true"):
        what = f"`-- mode: {mode}` and `-- transactional: {found['transactional']}` contradict each other"
        raise migration.InvalidMigration(path, 0, what, "Keep one of them; `-- transactional:` is how yoyo writes it.")
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
        raise migration.InvalidMigration(path, line, f"`-- {word}:` has no value", _VALUE_HINTS[word])
    if word == "transactional" and value not in ("true", "false"):
        raise migration.InvalidMigration(
            path, line, f"`-- transactional: {value}` is neither true nor false", _VALUE_HINTS[word]
        )
    if word == "mode" and value not in MODES:
        raise migration.InvalidMigration(
            path, line, f"`-- mode: {value}` is none of {', '.join(MODES)}", _VALUE_HINTS[word]
        )
    if word == "imported-from" and len(value.split()) != 3:
        raise migration.InvalidMigration(
            path, line, f"`-- imported-from: {value}` has not three words", _VALUE_HINTS[word]
        )
    if word == "phase" and value not in PHASES:
        raise migration.InvalidMigration(
            path, line, f"`-- phase: {value}` is none of {', '.join(PHASES)}", _VALUE_HINTS[word]
        )
    if word in _LISTED and not _is_listed(word, value.split()):
        raise migration.InvalidMigration(
            path, line, f"`-- {word}: {value}` is not as `inv squash` writes it", _VALUE_HINTS[word]
        )
    if word == "change" and not _CHANGE.fullmatch(value):
        raise migration.InvalidMigration(path, line, f"`-- change: {value}` is not a name", _VALUE_HINTS[word])
    if word == "tables" and not re.fullmatch(rf"{_TABLE.pattern}(?:\s+{_TABLE.pattern})*", value):
        raise migration.InvalidMigration(path, line, f"`-- tables: {value}` is no list of tables", _VALUE_HINTS[word])
    if word == "verify" and not re.match(r"select\b", value, re.IGNORECASE):
        raise migration.InvalidMigration(path, line, f"`-- verify: {value}` is no SELECT", _VALUE_HINTS[word])
    if word == "depends" and "," in value:
        raise migration.InvalidMigration(
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
    "phase": f"Write one of {', '.join(PHASES)}.",
    "change": "Write the name that the files of the change share: lower-case letters, digits and _, 60 at most.",
    "tables": "Write each table with its schema, separated by spaces: app.customers app.orders.",
    "verify": "Write, on one line, a SELECT of the number of rows that are not done: 0 when all are.",
    "replaces": "Write an id, a space and the checksum of its file; `inv squash` does.",
    "rewritten": "Write an id and the checksums of its file before and after; `inv squash` does.",
}


def _is_listed(word: str, parts: list[str]) -> bool:
    if word == "rewritten":
        return len(parts) == 3 and all(map(_CHECKSUM.fullmatch, parts[1:]))
    return len(parts) in (2, 4) and bool(_CHECKSUM.fullmatch(parts[1])) and parts[2:3] in ([], ["in"])


def _replaced(value: str) -> migration.Replaced:
    id_, checksum, *within = value.split()
    return migration.Replaced(id_, checksum, within[1] if within else "")


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
                raise migration.InvalidMigration(
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
    return next(iter(difflib.get_close_matches(word, [one for one in DIRECTIVES if one not in _ANYWHERE], 1, 0.8)), "")
