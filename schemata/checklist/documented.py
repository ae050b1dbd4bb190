"""Whether the documents of a project mention what its migrations make."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.snapshot import model

_KINDS = ("table", "foreign table", "view", "materialized view")


def read(settings: config.Config) -> dict[str, str]:
    """Return the documents of the settings by their path below the project's root. Raises ConfigError for none."""
    found: dict[str, str] = {}
    for pattern in settings.check.documents:
        paths = [path for path in sorted(settings.root.glob(pattern)) if path.is_file()]
        if not paths:
            raise errors.ConfigError(
                f"[tool.schemata.check] documents: there is no file {pattern} below {settings.root}",
                "Write it, or take it out of the setting.",
            )
        found |= {_name(settings.root, path): path.read_text(encoding="utf-8", errors="replace") for path in paths}
    return found


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def to_mention(structure: model.Snapshot) -> list[str]:
    """Return the tables and views of a structure that a reader has to be told of; a partition is its table's affair."""
    return [
        f"{item.schema}.{item.name}"
        for item in structure.items
        if item.kind in _KINDS and "partition of" not in item.facts
    ]


def missing(names: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Return those of the names that no text holds as a whole word.

    >>> missing(["app.a", "app.b"], ["The table `app.a` …", "app.bc is another one"])
    ['app.b']
    """
    texts = list(texts)
    return [name for name in names if not any(_word(name).search(text) for text in texts)]


def _word(name: str) -> "re.Pattern[str]":
    return re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
