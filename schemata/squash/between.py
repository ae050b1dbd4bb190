"""BETWEEN, as PostgreSQL prints it, written so that it is read as the same expression again.

`x BETWEEN 1 AND 2 AND y` is printed as `(((x >= 1) AND (x <= 2)) AND y)`. The grammar flattens an AND on the left of
an AND, so read again it is another expression, with three parts instead of two, and is printed otherwise from then on:
a database that ran the dump would differ from the one that it is of.
"""

from collections.abc import Mapping, Sequence

from schemata.sql import parser

#: What joins the two comparisons, and which they are: BETWEEN and NOT BETWEEN.
_FORMS = {"AND": ((">=", "<="), "BETWEEN"), "OR": (("<", ">"), "NOT BETWEEN")}
_MOST = 1000


def rewritten(text: str) -> str:
    """Return a statement with BETWEEN where its two comparisons are the first part of the same AND, or OR.

    >>> rewritten("CHECK ((((a >= 0) AND (a <= b)) AND (c = 1)))")
    'CHECK (((a BETWEEN 0 AND b) AND (c = 1)))'
    >>> rewritten("CHECK (((c = 1) AND ((a >= 0) AND (a <= b))))")
    'CHECK (((c = 1) AND ((a >= 0) AND (a <= b))))'
    """
    if ">=" not in text and "<" not in text:
        return text
    for _ in range(_MOST):
        found = _once(text)
        if found is None:
            break
        text = found
    return text


def _once(text: str) -> str | None:
    data = text.encode()
    places = parser.tokens(text)
    words = [data[start:end].decode() for start, end in places]
    ends = _matching(words)
    for opening, closing in ends.items():
        pieces = _pieces(words, ends, opening, closing)
        if pieces is not None:
            operand, low, high = (data[places[first][0] : places[last][1]].decode() for first, last in pieces)
            word = _FORMS[words[closing + 1].upper()][1]
            start, end = places[opening][0], places[closing][1]
            return f"{data[:start].decode()}({operand} {word} {low} AND {high}){data[end:].decode()}"
    return None


def _matching(words: Sequence[str]) -> dict[int, int]:
    """Return where each parenthesis that opens is closed."""
    found: dict[int, int] = {}
    waiting: list[int] = []
    for number, word in enumerate(words):
        if word == "(":
            waiting.append(number)
        elif word == ")" and waiting:
            found[waiting.pop()] = number
    return dict(sorted(found.items()))


def _pieces(
    words: Sequence[str], ends: Mapping[int, int], opening: int, closing: int
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None:
    """Return operand, low and high, each by its first and last token, where that is what the parentheses hold."""
    joint = words[closing + 1].upper() if closing + 1 < len(words) else ""
    if joint not in _FORMS or (opening and words[opening - 1].upper() == joint):
        return None
    first_end = ends.get(opening + 1, -1)
    if first_end < 0 or first_end + 2 >= len(words) or words[first_end + 1].upper() != joint:
        return None
    if ends.get(first_end + 2, -1) != closing - 1:
        return None
    (lower, upper), _ = _FORMS[joint]
    one = _split(words, ends, opening + 2, first_end - 1, lower)
    other = _split(words, ends, first_end + 3, closing - 2, upper)
    if one is None or other is None:
        return None
    if words[one[0][0] : one[0][1] + 1] != words[other[0][0] : other[0][1] + 1]:
        return None
    return one[0], one[1], other[1]


def _split(
    words: Sequence[str], ends: Mapping[int, int], first: int, last: int, operator: str
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return both sides of the one operator that stands outside of parentheses."""
    at, found = first, []
    while at <= last:
        if words[at] == operator:
            found.append(at)
        at = ends.get(at, at) + 1
    if len(found) != 1 or not first < found[0] < last:
        return None
    return (first, found[0] - 1), (found[0] + 1, last)
