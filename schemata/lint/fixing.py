"""Puts the changes into the files that are certain to be right, as a difference first."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from schemata.lint import model


def fixed(text: str, fixes: Iterable[model.Fix]) -> str:
    """Return a text with its changes; of those that touch each other the first one is made.

    >>> fixed("CREATE INDEX i", [model.Fix(12, 12, " CONCURRENTLY")])
    'CREATE INDEX CONCURRENTLY i'
    """
    pieces, at = [], 0
    for fix in sorted(set(fixes)):
        if fix.start < at:
            continue
        pieces += [text[at : fix.start], fix.text]
        at = fix.end
    return "".join([*pieces, text[at:]])


def plan(findings: Iterable[model.Finding], texts: Mapping[str, str]) -> dict[str, str]:
    """Return the new text of each file that a change is known for."""
    wanted: dict[str, list[model.Fix]] = {}
    for finding in findings:
        if finding.fixes and finding.path in texts:
            wanted.setdefault(finding.path, []).extend(finding.fixes)
    return {path: fixed(texts[path], fixes) for path, fixes in wanted.items()}


def difference(path: str, before: str, after: str) -> str:
    """Return the change of a file in the form of diff."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), path, path, lineterm="")
    return "\n".join(lines)
