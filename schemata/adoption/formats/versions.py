"""Versions as tools write and compare them."""

import re
from collections.abc import Iterable

from schemata.adoption import model

_RUN = re.compile(r"(\d+)")


def refuse_twice(tool: str, tree: model.Tree, files: Iterable[tuple[object, str]]) -> None:
    """Raise UnreadHistory where two files have one version, as the tool itself refuses."""
    known: dict[object, str] = {}
    for version, path in files:
        if version in known:
            raise model.UnreadHistory(
                f"{tree.named(known[version])} and {tree.named(path)} share version {version}, which {tool} refuses",
                "Give one of them another version, or name a folder that holds one of the two.",
            )
        known[version] = path


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that orders runs of digits as numbers.

    >>> sorted(["10_b", "9_a"], key=natural)
    ['9_a', '10_b']
    """
    return tuple((0, int(part), part) if part.isdigit() else (1, 0, part) for part in _RUN.split(text) if part)


def dotted(text: str) -> tuple[int, ...]:
    """Return a version of Flyway as its numbers: `_` is a dot, zeros at the end do not count.

    (flyway-core, MigrationVersion.) Raises ValueError for one that is not made of numbers.

    >>> dotted("1_02.0"), dotted("1.10") > dotted("1.9")
    ((1, 2), True)
    """
    parts = [int(part) for part in text.replace("_", ".").split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
