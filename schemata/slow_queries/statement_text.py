"""What the text of a statement says of it without a server, also one whose values were replaced by `$1`. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

_PARAMETER = re.compile(r"\$([0-9]+)")
# What the server writes for the rest of a list, from PostgreSQL 18 on.
_REST_OF_A_LIST = re.compile(r"\s*/\*, \.\.\. \*/")
_DATA = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE", "(")
# Forms that only a literal may have: the server's text of such a statement is not a statement.
_TYPED = re.compile(r"\b(interval|date|timestamp|timestamptz|time)\s+(\$[0-9]+)", re.I)


def one_line(text: str) -> str:
    """Return a text with single spaces.

    >>> one_line("SELECT 1,\\n   2")
    'SELECT 1, 2'
    """
    return " ".join(text.split())


def reads_or_writes_rows(text: str) -> bool:
    """Tell whether a statement is about rows, and not one that manages the database or a transaction.

    >>> reads_or_writes_rows("-- of a page\\nselect 1"), reads_or_writes_rows("VACUUM t")
    (True, False)
    """
    return _without_comments(text).upper().startswith(_DATA)


def fingerprint(text: str) -> str:
    """Return what is equal for statements that differ in nothing but their values; empty where it does not parse."""
    try:
        return str(postgast.fingerprint(text).hex)
    except postgast.PgQueryError:
        return ""


def names(text: str) -> set[tuple[str | None, str]] | None:
    """Return (schema or None, name) of tables, views, and functions with a schema; None where it does not parse.

    A function without a schema is nearly always PostgreSQL's own.

    >>> sorted(names("WITH a AS (SELECT 1) SELECT app.f(x), now() FROM a, app.t"))
    [('app', 'f'), ('app', 't')]
    """
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError:
        return None
    found = {parser.qualified(name.split(".")) for name in postgast.extract_tables(tree)}
    functions = {parser.qualified(name.split(".")) for name in postgast.extract_functions(tree) if "." in name}
    return (found - {(None, one.ctename) for one in postgast.find_nodes(tree, pg.CommonTableExpr)}) | functions


def explicable(text: str) -> str:
    """Return a text that can be explained: typed parameters instead of the forms that only literals may have.

    >>> explicable("SELECT now() - interval $1 WHERE a IN ($2 /*, ... */)")
    'SELECT now() - $1::interval WHERE a IN ($2)'
    """
    return _TYPED.sub(r"\2::\1", _REST_OF_A_LIST.sub("", text))


def parameters(text: str) -> int:
    """Return the highest number of a parameter.

    >>> parameters("SELECT $2 + $11")
    11
    """
    return max(map(int, _PARAMETER.findall(text)), default=0)


def _without_comments(text: str) -> str:
    return re.sub(r"^(\s+|--[^\n]*(\n|$)|/\*.*?\*/)+", "", text, flags=re.S)
