"""The difference between the text that ran and the text of the file, also where both are large."""

import difflib
import re

#: Of a longer part that differs, so many lines from its beginning and from its end are compared, and one hunk is shown.
_LINES = 1000
_SHOWN = 200
_AROUND = 3
_HUNK = re.compile(r"^@@ -(\d+)((?:,\d+)?) \+(\d+)((?:,\d+)?) @@")


def diff(before: str, after: str, name: str, suffix: str = ".sql") -> str:
    """Return a unified diff of what ran against what the file says now; of a long one the first lines.

    What both texts have in common at their beginning and end is cut off first, so that one line that was changed in
    a file of a million is found at once.
    """
    start = before.rfind("\n", 0, _common(before, after)) + 1
    for _ in range(_AROUND):
        start = before.rfind("\n", 0, max(start - 1, 0)) + 1
    end = _common_end(before, after, start)
    old, old_is_cut = _lines(before, start, len(before) - end)
    new, new_is_cut = _lines(after, start, len(after) - end)
    lines = list(difflib.unified_diff(old, new, f"applied/{name}{suffix}", f"file/{name}{suffix}"))
    hunks = [number for number, line in enumerate(lines) if line.startswith("@@ ")]
    is_cut = old_is_cut or new_is_cut
    keep = min(hunks[1] if is_cut and len(hunks) > 1 else len(lines), _SHOWN)
    first = before.count("\n", 0, start)
    shown = [_placed(line, first) for line in lines[:keep]]
    text = "".join(line if line.endswith("\n") else line + "\n\\ no newline at the end\n" for line in shown)
    if is_cut or keep < len(lines):
        last = after.count("\n", 0, len(after) - end)
        text += f"… and more: the last difference is at about line {last} of the file\n"
    return text


def _common(one: str, other: str) -> int:
    """Return how many characters both texts begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(one: str, other: str, start: int) -> int:
    """Return how many characters both texts end with, in whole lines and some lines of what differs left before."""
    low, high = 0, min(len(one), len(other)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    at = len(one) - low
    for _ in range(_AROUND + 1):
        at = one.find("\n", at) + 1 or len(one)
    return len(one) - at


def _lines(text: str, start: int, end: int) -> tuple[list[str], bool]:
    """Return the lines of a part of a text with their ends, and whether some in the middle are left out."""
    head = tail = 0
    for _ in range(_LINES):
        head = text.find("\n", start + head, end) + 1 - start
        if head <= 0:
            return text[start:end].splitlines(keepends=True), False
    tail = end
    for _ in range(_LINES + 1):
        tail = text.rfind("\n", start, tail)
        if tail < start + head:
            return text[start:end].splitlines(keepends=True), False
    lines = [*text[start : start + head].splitlines(keepends=True), *text[tail + 1 : end].splitlines(keepends=True)]
    return lines, True


def _placed(line: str, first: int) -> str:
    found = _HUNK.match(line)
    if not found:
        return line
    old, new = int(found[1]) + first, int(found[3]) + first
    return f"@@ -{old}{found[2]} +{new}{found[4]} @@{line[found.end() :]}"
