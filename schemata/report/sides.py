"""Two values of one thing as text: on one line, or side by side with the differing words marked."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schemata.report import document, marking, wrapping

Paint = Callable[[str, str], str]

#: Stands for a value that is not set.
ABSENT = "(not set)"
_INDENT = "      "
_ARROW = " -> "
_BETWEEN = " | "


class _Run(NamedTuple):
    text: str
    differs: bool


def change(block: document.Change, paint: Paint, page: int) -> str:
    """Return a change as text that fits the page."""
    return _full(block, paint, page) if block.full else _short(block, paint, page)


def fact(block: document.Fact, page: int) -> str:
    """Return a fact as a line that fits the page, or as all its lines."""
    head = f"{_INDENT}{wrapping.printable(block.name)}: "
    if block.full:
        return head + f"\n{_INDENT}  ".join(map(wrapping.printable, block.value.split("\n")))
    return head + wrapping.printable(marking.excerpt(block.value, block.value, max(20, page - len(head)), ABSENT)[0])


def _short(block: document.Change, paint: Paint, page: int) -> str:
    head = f"{_INDENT}{wrapping.printable(block.name)}: "
    room = max(20, page - len(head) - len(_ARROW))
    lengths = [len(ABSENT if text is None else " ".join(text.split())) for text in (block.expected, block.actual)]
    # What the shorter one does not need the longer one gets.
    width = max(room // 2, room - min(lengths))
    expected, actual = marking.excerpt(block.expected, block.actual, width, ABSENT)
    left, right = marking.marked(expected, actual)
    return head + _painted(left, paint, "red") + _ARROW + _painted(right, paint, "green")


def _painted(pieces: Sequence[marking.Piece], paint: Paint, colour: str) -> str:
    return "".join(paint(wrapping.printable(piece.text), colour if piece.differs else "") for piece in pieces)


def _full(block: document.Change, paint: Paint, page: int) -> str:
    width = (page - len(_INDENT) - len(_BETWEEN)) // 2
    # Without colour the marks are those of `git diff --word-diff`.
    plain = paint("x", "red") == "x"
    lines = _beside([_Run(f"{block.name}, expected", False)], [_Run("actual", False)], width, paint)
    if block.expected is None or block.actual is None:
        texts = [ABSENT if text is None else text for text in (block.expected, block.actual)]
        left, right = ([[_Run(line, False)] for line in text.split("\n")] for text in texts)
        size = max(len(left), len(right))
        for one, other in zip(left + [[]] * (size - len(left)), right + [[]] * (size - len(right)), strict=True):
            lines += _beside(one, other, width, paint)
        return "\n".join(lines)
    for row in marking.rows(block.expected, block.actual):
        if row.skipped:
            lines.append(f"{_INDENT}{paint(f'… {row.skipped} equal lines', 'dim')}")
            continue
        sides = (_runs(row.left, "[-", "-]", plain), _runs(row.right, "{+", "+}", plain))
        lines += _beside(*sides, width, paint)
    return "\n".join(lines)


def _runs(pieces: Sequence[marking.Piece] | None, before: str, after: str, plain: bool) -> list[_Run]:
    found = []
    for piece in pieces or ():
        # Tabs would not take the width that they are counted with.
        text = piece.text.expandtabs(4)
        found.append(_Run(f"{before}{text}{after}" if plain and piece.differs else text, piece.differs))
    return found


def _beside(left: Sequence[_Run], right: Sequence[_Run], width: int, paint: Paint) -> list[str]:
    """Return the lines of one row; a side that is too long goes on below."""
    one, other = _folded(left, width), _folded(right, width)
    lines = []
    for number in range(max(len(one), len(other))):
        cells = []
        for runs, colour in ((one, "red"), (other, "green")):
            line = runs[number] if number < len(runs) else []
            text = "".join(paint(run.text, colour if run.differs else "") for run in line)
            cells.append(text + " " * (width - sum(len(run.text) for run in line)))
        lines.append(f"{_INDENT}{cells[0]}{_BETWEEN}{cells[1]}".rstrip())
    return lines


def _folded(runs: Sequence[_Run], width: int) -> list[list[_Run]]:
    lines: list[list[_Run]] = [[]]
    left = width
    for run in runs:
        text = wrapping.printable(run.text)
        while text:
            # Between words where that is near, else anywhere.
            blank = text.rfind(" ", 0, left) + 1 if len(text) > left else 0
            size = blank if 2 * blank > width else left
            if size:
                lines[-1].append(_Run(text[:size], run.differs))
            text, left = text[size:], left - len(text[:size])
            if text:
                lines.append([])
                left = width
    return lines
