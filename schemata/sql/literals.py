"""String literals of SQL that go on over several lines: 'a' on one and 'b' on the next are the one literal 'ab'."""

import re
from collections.abc import Iterable

_STARTS = re.compile(r"(?:[eEbBxXnN]|[uU]&)?'")
# What may stand between two pieces: white space with at least one line break.
_BETWEEN = re.compile(r"[ \t\n\r\f\v]*[\n\r][ \t\n\r\f\v]*'")


def whole(tokens: Iterable[str]) -> list[str]:
    """Return tokens with each literal in one piece, also where a comment between its pieces made them two tokens.

    >>> whole(["E'a'", "'b'", ",", "'c'"])
    ["E'ab'", ',', "'c'"]
    """
    found: list[str] = []
    for token in map(joined, tokens):
        if token[0] == "'" and found and found[-1][-1] == "'" and _STARTS.match(found[-1]):
            found[-1] = found[-1][:-1] + token[1:]
        else:
            found.append(token)
    return found


def joined(token: str) -> str:
    """Return a token as it is, or, where it is a literal in several pieces, the literal in one.

    >>> joined("'it''s '\\n    'one'"), joined("'one'"), joined("E'it\\\\'\\n'")
    ("'it''s one'", "'one'", "E'it\\\\'\\n'")
    """
    start = _STARTS.match(token)
    if start is None or "\n" not in token.replace("\r", "\n"):
        return token
    escapes = start[0][0] in "eE"
    pieces, at, begin = [], start.end(), 0
    while at < len(token):
        if escapes and token[at] == "\\":
            at += 2
        elif token[at] != "'":
            at += 1
        elif token.startswith("''", at):
            at += 2
        else:
            between = _BETWEEN.match(token, at + 1)
            if between is None:
                break
            pieces.append(token[begin:at])
            begin = at = between.end()
    return "".join([*pieces, token[begin:]])
