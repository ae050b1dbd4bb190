"""What became of the question whether one database has the structure that is expected of it."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from schemata.parity import diff, ignoring, renames
from schemata.report import document
from schemata.snapshot import kinds

Counts = dict[str, dict[str, int]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One database against what is expected of it.

    :param name: of the target, as the settings and rules call it.
    :param actual: the database, in words; its password is not among them.
    :param expected: what it is compared with, in words.
    :param schemas: those that both sides looked at.
    :param not_read: schemas of the database that were not looked at.
    :param nowhere: schemas that were asked for, and that neither side has.
    :param differences: what is left when the rules have hidden theirs.
    :param problem: why there is no answer; then everything below `expected` is empty.
    """

    name: str
    actual: str
    expected: str
    schemas: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()
    nowhere: tuple[str, ...] = ()
    differences: tuple[diff.Difference, ...] = ()
    ignored: tuple[ignoring.Ignored, ...] = ()
    renamed: tuple[renames.Rename, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""

    @property
    def asked(self) -> bool:
        """Tell whether there is an answer."""
        return not self.problem

    @property
    def counts(self) -> Counts:
        """Return how many differences there are, by schema and severity; "" is the database as a whole."""
        found = diff.counts(self.differences)
        return {
            schema: {severity: found.get(schema, {}).get(severity, 0) for severity in kinds.SEVERITIES}
            for schema in ("", *self.schemas)
        }

    @property
    def ignored_counts(self) -> dict[str, int]:
        """Return how many differences rules have hidden, by schema."""
        found = dict.fromkeys(("", *self.schemas), 0)
        for one in self.ignored:
            found[one.difference.item.schema] += 1
        return found

    def counted(self, severities: Iterable[str]) -> int:
        """Return how many differences are of these classes."""
        severities = set(severities)
        return sum(difference.severity in severities for difference in self.differences)

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        found: dict[str, Any] = {"name": self.name, "actual": self.actual, "expected": self.expected}
        if self.problem:
            return {**found, "asked": False, "problem": self.problem, "hint": self.hint}
        return {
            **found,
            "asked": True,
            "schemas": list(self.schemas),
            "not_read": list(self.not_read),
            "counts": self.counts,
            "differences": [difference.as_dict() for difference in self.differences],
            "ignored": [{**one.difference.as_dict(), "reason": one.rule.reason} for one in self.ignored],
            "renames": [rename.as_dict() for rename in self.renamed],
            "notes": list(self.notes),
        }


def severities(differences: Iterable[diff.Difference]) -> dict[str, int]:
    """Return how many of the differences are of each class."""
    found = dict.fromkeys(kinds.SEVERITIES, 0)
    for difference in differences:
        found[difference.severity] += 1
    return found


def told(differences: Iterable[diff.Difference]) -> str:
    """Return how many differences there are of each class, in words."""
    found = severities(differences)
    parts = [f"{count} {severity}" for severity, count in found.items() if count]
    return document.number(sum(found.values()), "difference") + (f": {', '.join(parts)}" if parts else "")
