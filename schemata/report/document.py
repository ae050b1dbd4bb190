"""What a result is made of for people: paragraphs, tables and findings. `render` makes text of them."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

Colour = Literal["", "red", "green", "yellow", "bold", "dim"]


def number(count: int, what: str) -> str:
    """Return a count with its noun.

    >>> number(1, "difference"), number(2, "difference")
    ('1 difference', '2 differences')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph, which is wrapped on a terminal; lines that begin with a blank stay as they are."""

    text: str
    colour: Colour = ""


@dataclasses.dataclass(frozen=True)
class Grid:
    """Rows under the names of their columns; cut to the width of the page."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclasses.dataclass(frozen=True)
class Verbatim:
    """Lines that are not wrapped: SQL, a difference. With `difference` added and removed lines are coloured."""

    text: str
    difference: bool = False


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is so: a code to look up, what it is about, the text, and what to type."""

    code: str
    subject: str
    text: str
    remedy: str = ""
    detail: str = ""
    colour: Colour = ""


@dataclasses.dataclass(frozen=True)
class Change:
    """Two values of one thing. None stands for a value that is not set.

    On one line, cut to the width of the page around the first word that differs; with `full` both texts stand whole
    beside each other, and every word that differs is marked.
    """

    name: str
    expected: str | None
    actual: str | None
    full: bool = False


@dataclasses.dataclass(frozen=True)
class Fact:
    """One value by its name, on one line that is cut to the width of the page; with `full` whole."""

    name: str
    value: str
    full: bool = False


@dataclasses.dataclass(frozen=True)
class Gap:
    """An empty line."""


Block = Text | Grid | Verbatim | Finding | Change | Fact | Gap


class Result(Protocol):
    """What a command returns."""

    @property
    def ok(self) -> bool:
        """Tell whether nobody has to do anything."""

    @property
    def exit_code(self) -> int:
        """Return the exit code of the command."""

    def blocks(self) -> Sequence[Block]:
        """Return what people are shown, in order."""

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""


@runtime_checkable
class Large(Protocol):
    """A result of so much that it makes its own JSON: a megabyte takes json.dumps a fifth of a second."""

    def as_json(self) -> str:
        """Return the JSON document of what `as_dict` returns."""
