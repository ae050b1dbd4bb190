"""String literals of SQL that go on over several lines: 'a' on one and 'b' on the next are the one literal 'ab'."""

import re
from collections.abc import Iterable

_STARTS = re.compile(r"(?:[eEbBxXnN]|[uU]&)?'")
# What may stand between two pieces: white space with at least one line break.
_BETWEEN = re.compile(r"[ \t\n\r\f\v]*[\n\r][ \t\n\r\f\v]*'")


def whole(tokens: Iterable[tuple[str, bool]]) -> list[str]:
    """Return tokens with each literal in one piece, also where a comment between its pieces made them two tokens.

    Each token comes with whether a line break stands before it: without one, two literals are a syntax error.

    >>> whole([("E'a'", False), ("'b'", True), (",", False), ("'c'", False), ("'d'", False)])
    ["E'ab'", ',', "'c'", "'d'"]
    """
    found: list[str] = []
    for token, is_on_new_line in tokens:
        text = joined(token)
        if is_on_new_line and text[0] == "'" and found and found[-1][-1] == "'" and _STARTS.match(found[-1]):
            found[-1] = found[-1][:-1] + text[1:]
        else:
            found.append(text)
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
