"""Whether a column's values survive a change of its type."""

import re

#: LOSSLESS: every value fits. CHECKED: PostgreSQL refuses the change where one does not. UNSAFE: it needs a conversion
#: that somebody has to choose, or loses part of a value silently. EXPLICIT: lossless, but only with USING.
LOSSLESS, CHECKED, EXPLICIT, UNSAFE = "lossless", "checked", "explicit", "unsafe"

_TYPE = re.compile(
    r"(?P<name>[^(\[]+?)(?: ?\((?P<modifier>[\d,-]+)\))?(?P<rest> (?:with|without) time zone)?(?P<array>(?:\[\])*)"
)
_WHOLE = ("smallint", "integer", "bigint")
_REAL = ("real", "double precision")
_TEXT = ("text", "character varying")
_TIMES = ("timestamp", "time", "interval")
#: Types that are stored in another way than `extended` from their birth.
_STORAGE = {
    "numeric": "MAIN", "inet": "MAIN", "cidr": "MAIN",
}  # fmt: skip
_PLAIN = re.compile(
    r"(smallint|integer|bigint|real|double precision|boolean|date|time|timestamp|interval|uuid|oid|money|name|"
    r"macaddr8?|\"char\"|point|line|lseg|box|circle|pg_lsn|xid8?|cid|tid|reg[a-z]+)\b"
)


def judge(before: str, after: str) -> str:
    """Return what becomes of the values, as PostgreSQL prints the two types.

    >>> judge("integer", "bigint"), judge("text", "character varying(10)"), judge("text", "integer")
    ('lossless', 'checked', 'unsafe')
    """
    if before == after:
        return LOSSLESS
    old, new = _TYPE.fullmatch(before), _TYPE.fullmatch(after)
    if old is None or new is None or old["array"] != new["array"]:
        return UNSAFE
    one, other = old["name"] + (old["rest"] or ""), new["name"] + (new["rest"] or "")
    fewer, more = _numbers(old["modifier"]), _numbers(new["modifier"])
    if one in _WHOLE and other in _WHOLE:
        return LOSSLESS if _WHOLE.index(one) < _WHOLE.index(other) else CHECKED
    if other == "numeric":
        if one in _WHOLE:
            return LOSSLESS if not more else CHECKED
        if one == "numeric":
            return _numeric(fewer, more)
    if one in _REAL and other in _REAL:
        return LOSSLESS if one == "real" else UNSAFE
    if one in _TEXT and other in _TEXT:
        return LOSSLESS if not more or (fewer and fewer[0] <= more[0]) else CHECKED
    if one == other and one in ("character", "bit", "bit varying"):
        return LOSSLESS if not more or (fewer and fewer[0] <= more[0]) else UNSAFE
    if one == other and old["name"].split(" ")[0] in _TIMES:
        return LOSSLESS if not more or (fewer and fewer[0] <= more[0]) else UNSAFE
    if (one, other) in (("cidr", "inet"), ("date", "timestamp without time zone"), ("date", "timestamp")):
        return LOSSLESS
    if other == "text" and one in ("uuid", "integer", "bigint", "smallint", "boolean", "inet", "cidr", "json", "xml"):
        return EXPLICIT
    return UNSAFE


def _numbers(text: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",")) if text else ()


def _numeric(old: tuple[int, ...], new: tuple[int, ...]) -> str:
    if not new:
        return LOSSLESS
    if not old:
        return UNSAFE
    scale, wider = (old[1] if len(old) > 1 else 0), (new[1] if len(new) > 1 else 0)
    if wider < scale:
        return UNSAFE
    return LOSSLESS if new[0] - wider >= old[0] - scale else CHECKED


def storage(of_type: str) -> str:
    """Return how values of a type are stored where nobody says otherwise, as SET STORAGE has it."""
    name = of_type.partition("(")[0]
    if name in _STORAGE:
        return _STORAGE[name]
    return "PLAIN" if _PLAIN.match(of_type) and not of_type.endswith("[]") else "EXTENDED"
