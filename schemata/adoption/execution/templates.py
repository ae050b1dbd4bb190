r"""Names in a text of SQL for which another program puts in values: `{{ .Schema }}`, `${schema}`, `:'name'`."""

import re
from collections.abc import Mapping

from schemata.sql import statement

_TEMPLATE = re.compile(
    r"\{\{-?\s*(?P<braces>[^{}\n]+?)\s*-?\}\}"
    r"|\$\{(?P<dollar>[A-Za-z_][\w.:-]*)\}"
    r"|(?<![:\w]):(?P<psql>'\w+'|\"\w+\"|[A-Za-z_]\w*)"
)
_QUOTED = re.compile(r"[\"'`]([^\"'`]+)[\"'`]")


def filled(sql: str) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return a text with a value in each template, and line and name of each; unchanged where it parses as it is.

    Line ends stay where they are. What looks like a template in a text that parses stands in a literal: that is data.

    >>> filled("SELECT * FROM {{ .Schema }}.t, ${other}")
    ('SELECT * FROM templated.t, templated', ((1, 'Schema'), (1, 'other')))
    >>> filled("SELECT '{{ name }}', 1::int")
    ("SELECT '{{ name }}', 1::int", ())
    """
    if not _TEMPLATE.search(sql) or _parses(sql):
        return sql, ()
    kinds = {_kind(found) for found in _TEMPLATE.finditer(sql)}
    # The colon is also the operator of slices: what psql reads is given a value only where it has to be.
    for chosen in ({"braces", "dollar"} & kinds, kinds):
        text, names = _substituted(sql, chosen)
        if chosen and _parses(text):
            return text, names
    text, names = _substituted(sql, {"braces", "dollar"})
    return text, names


def with_values(sql: str, values: Mapping[str, str]) -> str:
    """Return a text with these values in the templates of their names, wherever they stand; others stay.

    >>> with_values("CREATE TABLE {{ .Schema }}.t (i int DEFAULT :'n'); -- ${other}", {"Schema": "app", "n": "it's"})
    "CREATE TABLE app.t (i int DEFAULT 'it''s'); -- ${other}"
    """

    def value(match: re.Match[str]) -> str:
        found = values.get(_name(match))
        if found is None:
            return match[0]
        quote = match[0][1] if match[0][:2] in (":'", ':"') else ""
        return f"{quote}{found.replace(quote, quote * 2)}{quote}" if quote else found

    return _TEMPLATE.sub(value, sql)


def _substituted(sql: str, kinds: set[str]) -> tuple[str, tuple[tuple[int, str], ...]]:
    names: list[tuple[int, str]] = []

    def value(match: re.Match[str]) -> str:
        if _kind(match) not in kinds:
            return match[0]
        names.append((sql.count("\n", 0, match.start()) + 1, _name(match)))
        return f"{match[0][1]}templated{match[0][1]}" if match[0][:2] in (":'", ':"') else "templated"

    return _TEMPLATE.sub(value, sql), tuple(names)


def _kind(found: re.Match[str]) -> str:
    return str(found.lastgroup)


def _name(found: re.Match[str]) -> str:
    text = found[_kind(found)]
    quoted = _QUOTED.search(text)
    return quoted[1] if quoted else text.split()[-1].lstrip(".$")


def _parses(sql: str) -> bool:
    try:
        statement.split(sql)
    except statement.SyntaxProblem:
        return False
    return True
