"""SQL that makes values of the number of a row: the same ones for the same seed, on every run."""

import hashlib
from collections.abc import Sequence

from schemata.postgres import quoting
from schemata.samples import patterns

#: The number of the row, in the innermost query.
ROW = "s.n"
#: When the first row was; each further one is a step later.
START = "timestamptz '2024-01-01 00:00:00+00'"
#: Microseconds that the rows of a table are spread over when it is filled for the first time: two years.
SPAN = 2 * 365 * 86_400 * 1_000_000

_MASK = 2**52 - 1
# Room for so many different texts is enough.
_ENOUGH = 10**13
_VARYING = 12


def salt(seed: int, *names: str) -> int:
    """Return the number that makes a column's values its own.

    >>> salt(42, "app.t", "a") != salt(43, "app.t", "a")
    True
    """
    digest = hashlib.sha256("\0".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def share(number: int, row: str = ROW) -> str:
    """Return SQL of a number from 0 up to 1, of the row and a salt."""
    return f"((hashint8extended({row}, {number}) & {_MASK})::float8 / {_MASK + 1})"


def skewed(number: int, count: int, power: int = 2) -> str:
    """Return SQL of a whole number below `count`; the small ones come more often, the more so the higher the power."""
    return f"floor({count} * {share(number)} ^ {power})::int8"


def moment(step: int, *, unlike: bool = False) -> str:
    """Return SQL of the time of a row, `step` microseconds after the one before.

    :param unlike: never the same one again; else rows that are added to a small table later do not run off in time.
    """
    passed = f"{ROW} * {step}::int8" if unlike else f"{ROW} * {step}::int8 % {4 * SPAN}"
    return f"({START} + make_interval(secs => ({passed})::float8 / 1000000))"


def duration(microseconds: int) -> str:
    """Return SQL of an interval.

    >>> duration(1_500_000)
    "interval '1.500000 seconds'"
    """
    return f"interval '{microseconds // 1_000_000}.{microseconds % 1_000_000:06d} seconds'"


def of_template(template: str, number: str) -> str:
    """Return SQL of a text from a template, in which {n} is a number.

    >>> of_template("sample {n}", "s.n")
    "'sample ' || s.n"
    """
    marked = template.format(n="\0", hex="\1", half="\2", double="\3", twenty="\4")
    parts: list[str] = []
    text = ""
    digests = {"\1": 64, "\2": 32, "\3": 128, "\4": 40}
    for char in marked:
        if char != "\0" and char not in digests:
            text += char
            continue
        if text:
            parts.append(quoting.literal(text).strip())
        text = ""
        parts.append(number if char == "\0" else f"repeat(md5(({number})::text), 4)::varchar({digests[char]})")
    if text or not parts:
        parts.append(quoting.literal(text).strip())
    return " || ".join(parts)


def of_pattern(pieces: Sequence[patterns.Piece], number: str) -> tuple[str, int]:
    """Return SQL of a text of such pieces, another one for each number from 0, and how many there are."""
    choices = [piece.options for piece in pieces for _ in range(_count(piece))]
    room, varying = 1, set[int]()
    for place in reversed(range(len(choices))):
        if len(choices[place]) > 1 and room < _ENOUGH and len(varying) < _VARYING:
            room *= len(choices[place])
            varying.add(place)
    divisor = 1
    parts: dict[int, str] = {}
    for place in sorted(varying, reverse=True):
        options = choices[place]
        digit = f"({number}) / {divisor} % {len(options)}" if divisor > 1 else f"({number}) % {len(options)}"
        parts[place] = f"substr({quoting.literal(options).strip()}, 1 + ({digit})::int, 1)"
        divisor *= len(options)
    texts: list[str] = []
    fixed = ""
    for place, options in enumerate(choices):
        if place not in parts:
            fixed += options[0]
            continue
        if fixed:
            texts.append(quoting.literal(fixed).strip())
        fixed = ""
        texts.append(parts[place])
    if fixed or not texts:
        texts.append(quoting.literal(fixed).strip())
    return " || ".join(texts), room


def _count(piece: patterns.Piece) -> int:
    """Return how often a piece comes: a few times where it may, so that there is room for many texts."""
    return max(piece.least, min(piece.most, 8)) if len(piece.options) > 1 else piece.least


def choice(number: int, weights: Sequence[float]) -> str:
    """Return SQL of an index below the number of weights, as often as its weight says.

    >>> choice(1, [1.0])
    '0'
    """
    if len(weights) == 1:
        return "0"
    total, sum_so_far = sum(weights), 0.0
    thresholds = []
    for weight in weights[:-1]:
        sum_so_far += weight
        thresholds.append(f"{sum_so_far / total:.6f}")
    return f"width_bucket({share(number)}, ARRAY[{', '.join(thresholds)}]::float8[])"
