"""A text that a regular expression accepts, for the plain ones that checks of columns are made of."""

import re

_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_CLASSES = {"d": "0", "w": "a", "s": " "}
_NAMED = {"alpha": "a", "digit": "0", "alnum": "a", "upper": "A", "lower": "a", "xdigit": "a", "space": " "}


def example(pattern: str, row: int = 1) -> str:
    """Return a text that a pattern is meant to accept; whether it does is for the server to say.

    :param row: another one for each row, where the pattern has a choice.

    >>> example("^[A-Z]{2}$", 2), example("^[0-9a-f]{64}$")[:4], example("^(draft|sent)@x\\\\.de$")
    ('BB', '1111', 'draft@x.de')
    """
    text, _ = _sequence(pattern, 0, row)
    return text


def _sequence(pattern: str, at: int, row: int) -> tuple[str, int]:
    """Return an example of the pattern from `at` to its end or to the parenthesis that closes it; the first branch."""
    found: list[str] = []
    chosen: str | None = None
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            chosen = "".join(found) if chosen is None else chosen
            found, at = [], at + 1
            continue
        piece, at = _piece(pattern, at, row)
        count, at = _times(pattern, at)
        found.append(piece * count)
    return ("".join(found) if chosen is None else chosen), at


def _piece(pattern: str, at: int, row: int) -> tuple[str, int]:
    char = pattern[at]
    if char in "^$":
        return "", at + 1
    if char == "(":
        at += 1
        if pattern.startswith("?:", at):
            at += 2
        text, at = _sequence(pattern, at, row)
        return text, at + 1
    if char == "[":
        return _bracket(pattern, at, row)
    if char == "\\" and at + 1 < len(pattern):
        following = pattern[at + 1]
        return _CLASSES.get(following, "" if following in "mMyYAZ" else following), at + 2
    return ("a" if char == "." else char), at + 1


def _bracket(pattern: str, at: int, row: int) -> tuple[str, int]:
    end = pattern.find("]", at + 2)
    while end > 0 and pattern[end - 1] == ":":  # of [[:alpha:]]
        end = pattern.find("]", end + 1)
    if end < 0:
        return "a", len(pattern)
    body = pattern[at + 1 : end]
    if body.startswith("^"):
        return next((char for char in "a0 -_" if char not in body), "a"), end + 1
    named = re.findall(r"\[:(\w+):\]", body)
    if named:
        return _NAMED.get(named[0], "a"), end + 1
    if len(body) > 2 and body[1] == "-":
        first, last = ord(body[0]), ord(body[2])
        return chr(first + min(row if body[0] == "0" else row - 1, last - first)), end + 1
    return body[0].replace("\\", body[1:2] or "a"), end + 1


def _times(pattern: str, at: int) -> tuple[int, int]:
    if match := _COUNT.match(pattern, at):
        return int(match[1]), match.end()
    if at < len(pattern) and pattern[at] in "*?+":
        return (0 if pattern[at] in "*?" else 1), at + 1
    return 1, at
