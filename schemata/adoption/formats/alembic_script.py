"""SQL that `alembic upgrade --sql` and `downgrade --sql` write: one section a revision.

A section begins with `-- Running upgrade <before> -> <revision>` (alembic/runtime/migration.py, `run_migrations`); the
statements on the version table follow the revision's own, and BEGIN and COMMIT stand around all of them or around each.
"""

import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence

from schemata.sql import statement

_HEAD = re.compile(r"^-- Running (?P<way>upgrade|downgrade) (?P<before>[^\n]*?) ?-> ?(?P<after>[^\n]*)$", re.MULTILINE)
_TABLE = re.compile(
    r"^CREATE TABLE (?:\S+\.)?\"?(\w+)\"? \(\s*version_num VARCHAR\(32\) NOT NULL,\s*CONSTRAINT \"?\1_pkc", re.MULTILINE
)
_SEMICOLON = re.compile(r"\s*;")
_EMPTY_LINES = re.compile(r"\n{3,}")
_CHANGES = ("insert_stmt", "update_stmt", "delete_stmt", "create_stmt")


@dataclasses.dataclass(frozen=True)
class Section:
    """The SQL of one revision in one direction. `others` are the revisions that it comes from, or leads to."""

    up: bool
    revision: str
    others: tuple[str, ...]
    sql: str
    split: bool


def sections(text: str) -> Iterator[Section]:
    """Give the sections of a script. Raises ValueError for SQL that cannot be parsed.

    `split` is said of one with an `autocommit_block` in it: it has a BEGIN and COMMIT of its own.
    """
    tables = {"alembic_version", *_TABLE.findall(text)}
    heads = list(_HEAD.finditer(text))
    for number, head in enumerate(heads):
        end = heads[number + 1].start() if number + 1 < len(heads) else len(text)
        before, after = _revisions(head["before"]), _revisions(head["after"])
        up = head["way"] == "upgrade"
        try:
            sql, split = _own(text[head.start() : end], tables)
        except statement.SyntaxProblem as problem:
            line = text.count("\n", 0, head.start()) + problem.line
            raise ValueError(f"line {line}: {problem.message}") from problem
        revision, *_ = (after if up else before) or ("",)
        yield Section(up, revision, before if up else after, sql, split)


def _revisions(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _own(text: str, tables: Collection[str]) -> tuple[str, bool]:
    """Return a section without the tool's own statements, and whether it has transactions of its own."""
    items = statement.split(text)
    kept = [item for item in items if not _is_of_tool(item, tables)]
    first = next((at for at, item in enumerate(kept) if item.kind != "transaction control"), len(kept))
    last = next((at for at in range(len(kept) - 1, -1, -1) if kept[at].kind != "transaction control"), -1)
    inner = kept[first : last + 1]
    sql = _without(text, [item for item in items if not any(item is other for other in inner)])
    begins = [item.text.upper().startswith("BEGIN") for item in inner if statement.opens_or_ends_transaction(item)]
    if not begins:
        return sql, False
    # An `autocommit_block` ends the transaction that stands around the section, and begins the next one.
    head, _, rest = sql.partition("\n")
    opened = "" if begins[0] else "BEGIN;\n"
    closed = "COMMIT;\n" if begins[-1] else ""
    return f"{head}\n{opened}{rest.rstrip()}\n{closed}", True


def _is_of_tool(item: statement.Statement, tables: Collection[str]) -> bool:
    node = item.node
    which = str(node.WhichOneof("node"))
    if which in _CHANGES:
        return getattr(node, which).relation.relname in tables
    return which == "drop_stmt" and any(table in item.text for table in tables)


def _without(text: str, items: Sequence[statement.Statement]) -> str:
    """Return a text without some of its statements; comments stay."""
    parts, at = [], 0
    for item in items:
        parts.append(text[at : item.offset].rstrip(" "))
        semicolon = _SEMICOLON.match(text, item.end)
        at = semicolon.end() if semicolon else item.end
    parts.append(text[at:])
    return _EMPTY_LINES.sub("\n\n", "".join(parts)).rstrip() + "\n"
