"""What lint returns: findings for people, for programs, and in the forms that other tools read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from schemata import errors
from schemata.lint import model
from schemata.lint.formats import github, markdown, sarif
from schemata.report import document

FORMATS = ("text", "json", "github", "sarif", "markdown")
_COLOURS: dict[str, document.Colour] = {"error": "red", "warning": "yellow", "note": "dim"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was found in how many files. `fixes` are the changes by file, `written` whether they are made."""

    findings: tuple[model.Finding, ...]
    allowed: tuple[model.Finding, ...]
    files: int
    accepted: int = 0
    strict: bool = False
    form: str = "text"
    squawk: bool = True
    fixes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    written: bool = False
    fixing: bool = False
    notes: tuple[str, ...] = ()

    def count(self, severity: str) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Tell whether nobody has to do anything."""
        return not self.count("error") and not (self.strict and self.count("warning"))

    @property
    def exit_code(self) -> int:
        """Return 1 for errors, and with --strict for warnings."""
        return errors.DONE if self.ok else errors.NEEDS_PERSON

    def verdict(self) -> str:
        """Return one sentence: what was found, and in how many files."""
        counted = ", ".join(
            document.number(self.count(word), word) for word in ("error", "warning", "note") if self.count(word)
        )
        more = f"; {len(self.allowed)} allowed by comments" if self.allowed else ""
        since = f"; {document.number(self.accepted, 'file')} up to `since` not asked" if self.accepted else ""
        return f"{document.number(self.files, 'file')}: {counted or 'nothing found'}{more}{since}."

    def blocks(self) -> Sequence[document.Block]:
        """Return the findings, each with its place, its statement, its effect, and what to write instead."""
        if self.form == "json":
            return [document.Verbatim(json.dumps(self.as_dict(), indent=2, ensure_ascii=False))]
        if self.form == "github":
            return [document.Verbatim(text)] if (text := github.lines(self.findings)) else []
        if self.form == "sarif":
            return [document.Verbatim(sarif.text(self.findings, self.allowed))]
        if self.form == "markdown":
            return [document.Verbatim(markdown.text(self.findings, self.verdict()))]
        found: list[document.Block] = []
        for finding in self.findings:
            found += _shown(finding)
        for change in self.fixes.values():
            found += [document.Verbatim(change, difference=True), document.Gap()]
        if self.fixing and not self.fixes:
            found.append(document.Text("Nothing here can be fixed with certainty."))
        elif self.fixes:
            how = "Written" if self.written else "Not written; --fix --yes writes"
            found.append(document.Text(f"{how}: {', '.join(self.fixes)}."))
        found += [document.Text(note) for note in self.notes]
        colour: document.Colour = "green" if self.ok else "red"
        return [*found, document.Text(self.verdict(), colour)]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "files": self.files,
            "accepted": self.accepted,
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "notes": self.count("note"),
            "squawk": self.squawk,
            "findings": [finding.as_dict() for finding in self.findings],
            "allowed": [finding.as_dict() for finding in self.allowed],
            "fixes": dict(self.fixes),
            "written": self.written,
        }


def _shown(finding: model.Finding) -> list[document.Block]:
    head = f"{finding.place} {finding.severity} {finding.rule}"
    found: list[document.Block] = [document.Text(head, _COLOURS.get(finding.severity, ""))]
    if finding.severity == "note":
        # Nobody has to do anything about it: one line.
        return [document.Text(f"{head}: {finding.text}", "dim")]
    if finding.statement:
        found.append(document.Verbatim(f"    {finding.statement}"))
    found.append(document.Text(finding.text))
    if finding.remedy:
        found.append(document.Text(finding.remedy))
    if finding.sql:
        found.append(document.Verbatim("\n".join(f"    {line}" for line in finding.sql.split("\n"))))
    return [*found, document.Gap()]
