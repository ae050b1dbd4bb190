"""A text that a regular expression accepts, for the plain ones that checks of columns are made of."""

import dataclasses
import re
import string
from collections.abc import Sequence

_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_CLASSES = {"d": string.digits, "w": string.ascii_lowercase, "s": " "}
_NAMED = {
    "alpha": string.ascii_lowercase, "digit": string.digits, "alnum": string.ascii_lowercase,
    "upper": string.ascii_uppercase, "lower": string.ascii_lowercase, "xdigit": string.digits + "abcdef", "space": " ",
}  # fmt: skip
_UNBOUNDED = 64


@dataclasses.dataclass(frozen=True)
class Piece:
    """Characters of a text: any of the options each time, from `least` to `most` times."""

    options: str
    least: int = 1
    most: int = 1


def example(pattern: str, row: int = 1) -> str:
    """Return a text that a pattern is meant to accept; whether it does is for the server to say.

    :param row: another one for each row, where the pattern has a choice.

    >>> example("^[A-Z]{2}$", 2), example("^[0-9a-f]{64}$")[:4], example("^(draft|sent)@x\\\\.de$")
    ('BB', '1111', 'draft@x.de')
    """
    return "".join(_choice(piece.options, row) * piece.least for piece in pieces(pattern))


def _choice(options: str, row: int) -> str:
    return options[min(row if options[0] == "0" else row - 1, len(options) - 1)]


def pieces(pattern: str) -> list[Piece]:
    """Return what texts that a pattern accepts are made of; of alternatives the first.

    >>> pieces("^[A-B]{2}x?$")
    [Piece(options='AB', least=2, most=2), Piece(options='x', least=0, most=1)]
    """
    return _sequence(pattern, 0)[0]


def _sequence(pattern: str, at: int) -> tuple[list[Piece], int]:
    """Return the pieces from `at` to the pattern's end or to the parenthesis that closes it; the first branch."""
    found: list[Piece] = []
    chosen: list[Piece] | None = None
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            chosen = found if chosen is None else chosen
            found, at = [], at + 1
            continue
        part, at = _piece(pattern, at)
        (least, most), at = _times(pattern, at)
        if len(part) == 1:
            found.append(Piece(part[0].options, part[0].least * least, part[0].most * most))
        else:
            found += [*part] * least
    return (found if chosen is None else chosen), at


def _piece(pattern: str, at: int) -> tuple[Sequence[Piece], int]:
    char = pattern[at]
    if char in "^$":
        return (), at + 1
    if char == "(":
        at += 1
        if pattern.startswith("?:", at):
            at += 2
        inner, at = _sequence(pattern, at)
        return inner, at + 1
    if char == "[":
        options, at = _bracket(pattern, at)
        return (Piece(options),), at
    if char == "\\" and at + 1 < len(pattern):
        following = pattern[at + 1]
        options = _CLASSES.get(following, "" if following in "mMyYAZ" else following)
        return ((Piece(options),) if options else ()), at + 2
    return (Piece(string.ascii_lowercase if char == "." else char),), at + 1


def _bracket(pattern: str, at: int) -> tuple[str, int]:
    end = pattern.find("]", at + 2)
    while end > 0 and pattern[end - 1] == ":":  # of [[:alpha:]]
        end = pattern.find("]", end + 1)
    if end < 0:
        return "a", len(pattern)
    body = pattern[at + 1 : end]
    named = re.findall(r"\[:(\w+):\]", body)
    if body.startswith("^"):
        refused = re.sub(r"\[:\w+:\]", "", body[1:]) + "".join(_NAMED.get(name, "") for name in named)
        options = [char for char in string.ascii_lowercase + string.digits + " -_" if char not in refused]
        return "".join(options) or "a", end + 1
    if named:
        return _NAMED.get(named[0], "a"), end + 1
    if len(body) > 2 and body[1] == "-" and body[0] < body[2]:
        return "".join(map(chr, range(ord(body[0]), ord(body[2]) + 1))), end + 1
    return body[0].replace("\\", body[1:2] or "a"), end + 1


def _times(pattern: str, at: int) -> tuple[tuple[int, int], int]:
    if match := _COUNT.match(pattern, at):
        least = int(match[1])
        most = least if match[2] is None else int(match[2] or max(least, _UNBOUNDED))
        return (least, most), match.end()
    if at < len(pattern) and pattern[at] in "*?+":
        times = {"*": (0, _UNBOUNDED), "?": (0, 1), "+": (1, _UNBOUNDED)}[pattern[at]]
        return times, at + 1
    return (1, 1), at
