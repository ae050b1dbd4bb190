"""How a command ended, as a line that GitHub Actions shows on the run and beside the change.

The form is that of its workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterable

from schemata import errors
from schemata.report import document

_MOST = 2000  # characters
_ENDINGS = {
    errors.NEEDS_PERSON: ("error", "Something needs a person"),
    errors.WRONG_SETTINGS: ("error", "The settings or the command line are wrong"),
    errors.NOT_AVAILABLE: ("error", "A server or a program is not there"),
    errors.PENDING: ("warning", "Migrations are pending"),
    errors.BUSY: ("warning", "Somebody else holds the lock: run again"),
}


def line(code: int, text: str) -> str:
    """Return the line for an exit code; empty where nothing is wrong, or the code is not one of ours.

    >>> line(4, "2 migrations are pending\\nApply them: inv migrate")
    '::warning title=Migrations are pending::2 migrations are pending%0AApply them: inv migrate'
    >>> line(0, "")
    ''
    """
    if code not in _ENDINGS:
        return ""
    level, title = _ENDINGS[code]
    escaped = text.strip().replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} title={title}::{escaped or title}"


def summary(blocks: Iterable[document.Block]) -> str:
    """Return the sentences and findings of a result, without its tables; the end of a long one is left out."""
    lines = []
    for block in blocks:
        match block:
            case document.Text(text=text):
                lines.append(text)
            case document.Finding(subject=subject, text=text, remedy=remedy):
                lines += [f"{subject}: {text}", *([remedy] if remedy else [])]
    told = "\n".join(lines)
    return told if len(told) <= _MOST else f"{told[:_MOST]}…"
