"""Findings as annotations that GitHub shows beside the change."""

from collections.abc import Iterable

from schemata.lint import model

_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def lines(findings: Iterable[model.Finding]) -> str:
    """Return a workflow command a finding."""
    return "\n".join(map(_line, findings))


def _line(finding: model.Finding) -> str:
    facts = {"file": finding.path, "line": finding.line, "col": finding.column, "title": finding.rule}
    given = ",".join(f"{name}={property_(str(value))}" for name, value in facts.items() if value)
    told = [finding.text, finding.remedy, finding.sql]
    return f"::{_LEVELS[finding.severity]} {given}::{data(chr(10).join(filter(None, told)))}"


def data(text: str) -> str:
    """Return a text as the message of a workflow command.

    >>> data("100 %\\nmore")
    '100 %25%0Amore'
    """
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_(text: str) -> str:
    """Return a text as a property of a workflow command.

    >>> property_("a,b:c")
    'a%2Cb%3Ac'
    """
    return data(text).replace(":", "%3A").replace(",", "%2C")
