"""Sentences that end at the width of a terminal, between words."""

import textwrap


def wrap(text: str, width: int, *, indent: str = "") -> str:
    """Return a text whose sentences fit `width` columns; a width of 0 wraps nothing.

    A line that begins with blanks is something to type or an excerpt, and stays as it is, so that it can be copied.

    >>> print(wrap("one two three\\n  inv migrate --dry-run", 8))
    one two
    three
      inv migrate --dry-run
    """
    lines = []
    for line in text.split("\n"):
        if width <= 0 or line.startswith(" ") or len(indent) + len(line) <= width:
            lines.append(indent + line)
        else:
            lines += textwrap.wrap(
                line,
                width,
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def printable(text: str) -> str:
    """Return a text on one line, without what a terminal would take for a command.

    >>> printable("one\\ttwo\\x1b[2J")
    'one two [2J'
    """
    return "".join(character if character.isprintable() else " " for character in text)
