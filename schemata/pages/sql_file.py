"""A page that is written as an SQL file: a header of `-- word: value` lines, and one SELECT with named parameters."""

import re

from schemata import errors
from schemata.pages import pages, select_query
from schemata.sql import parser

_HEADER = re.compile(r"--\s*([a-z]+):\s*(.*)")
_WORDS = ("page", "index", "keyset", "bounds")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*( (asc|desc))?", re.IGNORECASE)
_BOUND = re.compile(r"(rows|buffers)\s+([0-9]{1,9})")
# What may hold a colon that begins no parameter: quotes, comments, casts, slices of arrays.
_PARTS = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/|::|:=|:([A-Za-z_][A-Za-z0-9_]*)",
    re.DOTALL,
)
_EXAMPLE = """Write it like this:

    -- page: open_orders
    -- index: idx_orders_open
    -- keyset: created_at desc, id desc
    -- bounds: rows 10, buffers 200
    SELECT id, created_at FROM shop.orders
    WHERE (created_at, id) < (:after_created_at, :after_id)
    ORDER BY created_at DESC, id DESC LIMIT :page_limit
"""


class InvalidPage(errors.ConfigError):
    """The SQL file of a page is not one; the line and the reason are named."""


def parse(text: str, file: str) -> pages.Page:
    """Return the page of a file. Raises InvalidPage, which names the line."""
    words, start = _header(text, file)
    for word in ("page", "index"):
        if not words.get(word):
            raise InvalidPage(f"{file} has no line `-- {word}: …` at its top", _EXAMPLE)
    if not _NAME.fullmatch(words["page"]):
        raise InvalidPage(f"{file}: {words['page']!r} is not a name for a page", "Letters, digits, _ and - only.")
    keys = tuple(" ".join(key.split()).lower() for key in words.get("keyset", "").split(",") if key.strip())
    for key in keys:
        if not _KEY.fullmatch(key):
            raise InvalidPage(f"{file}: the keyset has {key!r}, which is no column with asc or desc", _EXAMPLE)
    bounds = _bounds(words.get("bounds", ""), file)
    pieces = _pieces(text[start:].strip().rstrip(";"))
    page = pages.Page(words["page"], "", (), keys, words["index"], (), pieces=pieces, file=file, **bounds)
    _check(page, text.count("\n", 0, start))
    return page


def _header(text: str, file: str) -> tuple[dict[str, str], int]:
    words: dict[str, str] = {}
    at = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("--"):
            break
        at += len(line)
        match = _HEADER.fullmatch(stripped)
        if match is None:
            continue
        if match[1] not in _WORDS:
            raise InvalidPage(f"{file}:{number}: no such word in the header of a page: {match[1]}", _EXAMPLE)
        if match[1] in words:
            raise InvalidPage(f"{file}:{number}: {match[1]} stands there twice", "Take one of them out.")
        words[match[1]] = match[2].strip()
    return words, at


def _bounds(text: str, file: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _BOUND.fullmatch(part)
        if match is None or int(match[2]) < 1:
            raise InvalidPage(f"{file}: {part!r} is no bound", "Write `-- bounds: rows 10, buffers 200`.")
        found[f"max_{match[1]}"] = int(match[2])
    return found


def _pieces(sql: str) -> tuple[str, ...]:
    pieces, start = [], 0
    for match in _PARTS.finditer(sql):
        if match[2]:
            pieces += [sql[start : match.start()], match[2]]
            start = match.end()
    return (*pieces, sql[start:])


def _check(page: pages.Page, lines: int) -> None:
    text, names = pages.numbered(page)
    try:
        facts = select_query.read(text)
    except parser.Refused as refused:
        line = lines + 1 + text.count("\n", 0, refused.position - 1)
        raise InvalidPage(f"{page.file}:{line}: {refused.message}", "Correct the SQL.") from refused
    except select_query.NoSelect as error:
        raise InvalidPage(f"{page.file}: {error}", "A page is one SELECT.") from error
    if facts.has_offset:
        raise InvalidPage(
            f"{page.file}: OFFSET reads and discards every row before the page",
            "Compare a key: WHERE (created_at, id) < (:after_created_at, :after_id).",
        )
    if not facts.has_limit:
        raise InvalidPage(f"{page.file}: without LIMIT it is no page", f"End it with LIMIT :{pages.PAGE_LIMIT}.")
    if page.keys and facts.order != page.keys:
        written = ", ".join(f"{column} {'desc' if descends else 'asc'}" for column, descends in facts.order)
        raise InvalidPage(
            f"{page.file}: the ORDER BY is {written or 'not there'}, and the keyset is {', '.join(page.order)}",
            "They have to be the same.",
        )
    if not page.keys and [name for name in names if name.startswith("after_")]:
        raise InvalidPage(f"{page.file} goes on behind a key and has no line `-- keyset: …`", _EXAMPLE)
