"""Which extensions SQL asks for, read from its text before there is a server, quickly and without the parser."""

import dataclasses
import re
from collections.abc import Iterator

# What people expect of a development server; vector is not part of PostgreSQL, but nearly as usual.
EXPECTED = (
    "pgcrypto",
    "uuid-ossp",
    "citext",
    "hstore",
    "pg_trgm",
    "btree_gist",
    "btree_gin",
    "unaccent",
    "ltree",
    "pg_stat_statements",
    "vector",
)
# Extensions whose functions work only in a server that loaded their library when it started.
PRELOADED = {"pg_stat_statements": "pg_stat_statements"}

_CREATE = re.compile(
    r'create\s+extension\s+(?:if\s+not\s+exists\s+)?(?:"((?:[^"]|"")+)"|(?!if\s+not\s+exists\b)([a-z_][a-z0-9_$]*))',
    re.I,
)
# Where one of these begins, what follows is not plain SQL; or a CREATE EXTENSION begins.
_MARK = re.compile(r"""--|/\*|[eE]?'|"|\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$|\bcreate\s+extension\b""", re.I)
_STRING_END = re.compile(r"(?:[^']|'')*'")
_ESCAPED_END = re.compile(r"(?:[^'\\]|''|\\.)*'", re.S)
_COMMENT_MARK = re.compile(r"/\*|\*/")
_VALUE = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^']|'')*)'|([^'#\s]+))")


@dataclasses.dataclass(frozen=True)
class Request:
    """An extension that a file makes, and where.

    :param is_certain: it is a statement of the file; otherwise it stands in a DO block, a function's body or a
        string, where nobody knows whether it runs.
    """

    name: str
    path: str
    line: int
    is_certain: bool


def of_sql(sql: str, path: str) -> tuple[Request, ...]:
    """Return the CREATE EXTENSION commands of a file, each extension once: where it is certain, else where it is first.

    >>> [(found.name, found.line, found.is_certain) for found in of_sql('create extension "uuid-ossp";', "a.sql")]
    [('uuid-ossp', 1, True)]
    >>> of_sql("-- create extension hstore", "a.sql")
    ()
    """
    if "extension" not in sql.lower():  # nearly every file, and a file may have 45 MB
        return ()
    found: dict[str, Request] = {}
    for name, offset, is_certain in _scan(sql, 0, certain=True):
        if name not in found or (is_certain and not found[name].is_certain):
            found[name] = Request(name, path, sql.count("\n", 0, offset) + 1, is_certain)
    return tuple(found.values())


def _scan(sql: str, base: int, *, certain: bool) -> Iterator[tuple[str, int, bool]]:
    """Give the name of each extension made, its offset, and whether it is a statement and not part of a string."""
    at = 0
    while mark := _MARK.search(sql, at):
        begin, at, text = mark.start(), mark.end(), mark[0]
        if text == "--":
            at = sql.find("\n", at) + 1 or len(sql)
        elif text == "/*":
            at = _end_of_comment(sql, at)
        elif text == '"':
            at = sql.find('"', at) + 1 or len(sql)
        elif text.endswith("'"):
            end = (_ESCAPED_END if len(text) > 1 else _STRING_END).match(sql, at)
            stop = end.end() if end else len(sql)
            yield from _scan(sql[at : stop - 1], base + at, certain=False)
            at = stop
        elif text.startswith("$"):
            stop = sql.find(text, at)
            stop = len(sql) if stop < 0 else stop
            yield from _scan(sql[at:stop], base + at, certain=False)
            at = stop + len(text)
        elif created := _CREATE.match(sql, begin):
            name = created[1].replace('""', '"') if created[1] else created[2].lower()
            # format('CREATE EXTENSION %I', …) names none.
            yield name, base + begin, certain
            at = created.end()


def _end_of_comment(sql: str, at: int) -> int:
    depth = 1
    while depth and (mark := _COMMENT_MARK.search(sql, at)):
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return len(sql) if depth else at


def control(text: str) -> dict[str, str]:
    """Return the settings of an extension's control file.

    >>> control("comment = 'it''s' # one\\nrequires = 'cube, hstore'\\ntrusted = true")
    {'comment': "it's", 'requires': 'cube, hstore', 'trusted': 'true'}
    """
    lines = (_VALUE.match(line) for line in text.splitlines())
    return {found[1]: found[2].replace("''", "'") if found[2] is not None else found[3] for found in lines if found}


def preloaded(names: "tuple[str, ...]") -> tuple[str, ...]:
    """Return the libraries that a server with these extensions loads when it starts."""
    return tuple(PRELOADED[name] for name in names if name in PRELOADED)
