"""Two definitions side by side, with the words marked that differ."""

import difflib
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# A literal or a quoted name is one word; so is a run of blanks. Nothing is taken apart any further.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\w+|\s+|.", re.S)
#: Above this the comparison by words takes too long for what it shows: lines are compared, and marked whole.
_MOST = 2000
#: Lines of one place above which they are not paired by likeness.
_PAIRED = 100
#: How alike two lines must be for them to stand beside each other.
_ALIKE = 0.5


class Piece(NamedTuple):
    """A part of a text, and whether the other text has something else there."""

    text: str
    differs: bool


class Row(NamedTuple):
    """A line of each side; None where the side has none. `skipped` lines are equal and left out in its place."""

    left: tuple[Piece, ...] | None
    right: tuple[Piece, ...] | None
    skipped: int = 0


def words(text: str) -> list[str]:
    """Return a text in words, blanks among them.

    >>> words("a = 'b c'")
    ['a', ' ', '=', ' ', "'b c'"]
    """
    return _TOKEN.findall(text)


def marked(expected: str, actual: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return both texts in pieces; what differs is told by words.

    >>> marked("numeric(10,2)", "numeric(12,2)")[1]
    (Piece(text='numeric(', differs=False), Piece(text='12', differs=True), Piece(text=',2)', differs=False))
    """
    left, right = words(expected), words(actual)
    if len(left) + len(right) > _MOST:
        same = expected == actual
        return (Piece(expected, not same),), (Piece(actual, not same),)
    pieces_left: list[Piece] = []
    pieces_right: list[Piece] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        # A blank between two differing words would cut the mark in two for nothing.
        same = tag == "equal" and not (i and j < len(left) and "".join(left[i:j]).isspace())
        pieces_left.append(Piece("".join(left[i:j]), not same))
        pieces_right.append(Piece("".join(right[k:m]), not same))
    return _joined(pieces_left), _joined(pieces_right)


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    found: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if found and found[-1].differs == piece.differs:
            found[-1] = Piece(found[-1].text + piece.text, piece.differs)
        else:
            found.append(piece)
    return tuple(found)


def rows(expected: str | None, actual: str | None, context: int = 3) -> list[Row]:
    """Return both texts line by line, beside each other; of long equal parts only `context` lines are kept."""
    if expected is None or actual is None:
        whole = (expected if actual is None else actual) or ""
        pieces = [_alone(line) for line in whole.split("\n")]
        return [Row(line, None) if actual is None else Row(None, line) for line in pieces]
    if expected.endswith("\n") and actual.endswith("\n"):
        expected, actual = expected[:-1], actual[:-1]
    left, right = expected.split("\n"), actual.split("\n")
    found: list[Row] = []
    # Lines that are everywhere, such as empty ones, are no landmarks: difflib leaves them out where it is long.
    blocks = difflib.SequenceMatcher(None, left, right).get_opcodes()
    for number, (tag, i, j, k, m) in enumerate(blocks):
        if tag == "equal":
            found += _equal(left[i:j], context if number else 0, context if number < len(blocks) - 1 else 0)
        else:
            found += _differing(left[i:j], right[k:m])
    return found


def _equal(lines: Sequence[str], first: int, last: int) -> list[Row]:
    plain = [Row((Piece(line, False),), (Piece(line, False),)) for line in lines]
    if len(plain) <= first + last + 1:
        return plain
    skipped = len(plain) - first - last
    return [*plain[:first], Row(None, None, skipped), *plain[len(plain) - last :]]


def _differing(left: Sequence[str], right: Sequence[str]) -> list[Row]:
    """Put lines beside each other that are alike, in order; what is left over stands alone."""
    found: list[Row] = []
    if len(left) > _PAIRED or len(right) > _PAIRED:
        return [*(Row(_alone(line), None) for line in left), *(Row(None, _alone(line)) for line in right)]
    at = 0
    for line in left:
        match = _match(line, right, at)
        if match is None:
            found.append(Row(_alone(line), None))
            continue
        found += [Row(None, _alone(other)) for other in right[at:match]]
        found.append(Row(*marked(line, right[match])))
        at = match + 1
    return found + [Row(None, _alone(other)) for other in right[at:]]


def _alone(line: str) -> tuple[Piece, ...]:
    """Return a line that the other side does not have; its indentation is not marked."""
    text = line.lstrip()
    return _joined([Piece(line[: len(line) - len(text)], False), Piece(text, True)])


def _match(line: str, others: Sequence[str], at: int) -> int | None:
    # A single line against a single line is always a pair.
    if len(others) == 1 and at == 0:
        return 0
    ratios = [difflib.SequenceMatcher(None, line, other).ratio() for other in others[at : at + 20]]
    best = max(ratios, default=0.0)
    return at + ratios.index(best) if best >= _ALIKE else None


def excerpt(expected: str | None, actual: str | None, width: int, absent: str) -> tuple[str, str]:
    """Return both texts on one line each, cut to the width around the first word that differs.

    >>> excerpt("SELECT a, b FROM t WHERE a", "SELECT a, b FROM t WHERE b", 16, "-")
    ('… FROM t WHERE a', '… FROM t WHERE b')
    """
    one, other = (None if text is None else " ".join(text.split()) for text in (expected, actual))
    if one is None or other is None:
        return _cut(one, 0, width, absent), _cut(other, 0, width, absent)
    start = 0
    for left, right in zip(words(one), words(other), strict=False):
        if left != right:
            break
        start += len(left)
    return _cut(one, start, width, absent), _cut(other, start, width, absent)


def _cut(text: str | None, start: int, width: int, absent: str) -> str:
    if text is None:
        return absent
    if len(text) <= width:
        return text
    # The word that differs stands in the middle at most, what fits behind it is used, and no word is cut in front.
    begin = min(max(0, start - width // 2), max(0, len(text) - width + 1))
    if begin:
        ends = itertools.accumulate(map(len, words(text)))
        begin = next((end for end in ends if begin <= end <= start), begin)
    shown = ("…" if begin else "") + text[begin:]
    return shown if len(shown) <= width else shown[: width - 1] + "…"
