"""What checks and partitions say of a column: between which values it lies, and which ones it may have."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_COMPARED = re.compile(
    r'(?P<column>"(?:[^"]|"")+"|[a-z_][\w$]*)(?:\)?::[a-z ]+)? (?P<operator>>=|<=|>|<) '
    rf"\(?(?:'(?P<text>[^']+)'|(?P<number>{_NUMBER}))"
)
_EQUAL = re.compile(
    r'(?P<column>"(?:[^"]|"")+"|[a-z_][\w$]*)(?:\)?::[a-z ]+)? = '
    rf"(?:ANY \(+ARRAY\[(?P<list>[^\]]*)\]|\(?(?P<one>'(?:[^']|'')*'|{_NUMBER})(?![\w(]))"
)
_ITEM = re.compile(rf"'((?:[^']|'')*)'|({_NUMBER})")
_NUMERIC = re.compile(_NUMBER)


class Bounds(NamedTuple):
    """The least and the greatest value, as texts without quotes; empty where there is none."""

    low: str = ""
    high: str = ""
    low_is_in: bool = True
    high_is_in: bool = False

    @property
    def are_numbers(self) -> bool:
        """Tell whether what is given are numbers."""
        return all(_NUMERIC.fullmatch(value) for value in (self.low, self.high) if value)


def between(texts: Sequence[str], column: str) -> Bounds:
    """Return the bounds that conditions set for a column, by what they compare it with.

    >>> between(["CHECK (((rate >= (0)::numeric) AND (rate < (1)::numeric)))"], "rate")
    Bounds(low='0', high='1', low_is_in=True, high_is_in=False)
    """
    found = Bounds()
    for text in texts:
        for match in _COMPARED.finditer(text):
            value = match["text"] or match["number"]
            if _bare(match["column"]) != column or value.lower() in ("nan", "infinity", "-infinity"):
                continue
            is_in = match["operator"].endswith("=")
            if match["operator"].startswith(">"):
                found = found._replace(low=value, low_is_in=is_in)
            else:
                found = found._replace(high=value, high_is_in=is_in)
    return found


def listed(texts: Sequence[str], column: str) -> list[str]:
    """Return the values that conditions allow a column by name.

    >>> listed(["CHECK ((level = ANY (ARRAY[1, 2])))", "((kind = 'a'::text))"], "level")
    ['1', '2']
    """
    found: list[str] = []
    for text in texts:
        for match in _EQUAL.finditer(text):
            if _bare(match["column"]) == column:
                items = _ITEM.findall(match["list"] or match["one"] or "")
                found += [number or quoted.replace("''", "'") for quoted, number in items]
    return list(dict.fromkeys(found))


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
