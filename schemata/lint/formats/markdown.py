"""Findings as a comment on a pull request."""

from collections.abc import Sequence

from schemata.lint import model

#: By this line a program finds its comment again, to replace it instead of adding a second one.
MARKER = "<!-- schemata lint -->"
_MOST = 60_000  # characters; GitHub takes 65,536
_SIGNS = {"error": "🔴", "warning": "🟡", "note": "⚪"}


def text(findings: Sequence[model.Finding], verdict: str) -> str:
    """Return the comment: the verdict, then each finding with its statement and what to write instead."""
    parts = [MARKER, "### Migrations: lint", "", verdict, ""]
    size = sum(map(len, parts))
    for number, finding in enumerate(findings):
        part = _part(finding)
        size += len(part) + 1
        if size > _MOST:
            parts.append(f"… and {len(findings) - number} more; `inv lint` shows all of them.")
            break
        parts.append(part)
    return "\n".join(parts).rstrip()


def _part(finding: model.Finding) -> str:
    lines = [f"{_SIGNS[finding.severity]} **{finding.rule}** ({finding.severity}) `{finding.place}`", ""]
    if finding.statement:
        lines += [*fenced(finding.statement), ""]
    lines += [finding.text, ""]
    if finding.remedy:
        lines += [finding.remedy, ""]
    if finding.sql:
        lines += ["Instead:", "", *fenced(finding.sql), ""]
    return "\n".join(lines)


def fenced(sql: str) -> list[str]:
    """Return SQL as a block of code, whatever backquotes are in it.

    >>> fenced("SELECT 1")
    ['```sql', 'SELECT 1', '```']
    """
    fence = "```"
    while fence in sql:
        fence += "`"
    return [f"{fence}sql", sql, fence]
