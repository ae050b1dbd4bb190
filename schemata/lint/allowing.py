"""Comments that allow a finding: `-- lint: allow RULE until 2027-01-31: reason`.

In the leading comment of a file it is for all of it, elsewhere for the statement in which it stands, that ends on its
line, or that follows. The date may be left out; the reason may not.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import re
from collections.abc import Collection, Iterator

from schemata.lint import model
from schemata.sql import parser

_COMMENT = re.compile(r"(?:--|#)[ \t]*lint[ \t]*:[ \t]*(?P<text>[^\n]*)")
_ALLOW = re.compile(
    r"allow\s+(?P<rules>[a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*)(?:\s+until\s+(?P<until>[^:\s]+))?\s*(?::\s*(?P<reason>.*))?"
)
_HOW = "Write `-- lint: allow RULE until 2027-01-31: reason`; the date may be left out."


@dataclasses.dataclass
class Allowance:
    """A comment that allows findings. `statement` is the number of the one that it is for; None: the whole file."""

    offset: int
    rules: tuple[str, ...]
    reason: str
    until: datetime.date | None
    statement: int | None
    used: set[str] = dataclasses.field(default_factory=set)

    def covers(self, rule: str, statement: int | None) -> bool:
        """Tell whether it is about a finding of a rule in a statement."""
        return rule in self.rules and (self.statement is None or self.statement == statement)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A comment that allows nothing: why, and what to write."""

    offset: int
    rule: str
    text: str
    remedy: str


def read(script: model.Script, known: Collection[str], today: datetime.date) -> tuple[list[Allowance], list[Problem]]:
    """Return the comments of a file that allow something, and those that are wrong."""
    allowances: list[Allowance] = []
    problems: list[Problem] = []
    for offset, text in _comments(script):
        found = _ALLOW.fullmatch(text.strip())
        if found is None:
            problems.append(
                Problem(offset, "allow-invalid", f"`lint: {text.strip()}` is no comment that lint knows.", _HOW)
            )
            continue
        rules = tuple(re.split(r"\s*,\s*", found["rules"]))
        problem = _problem(rules, found["until"] or "", found["reason"] or "", known, today)
        if problem is not None:
            problems.append(Problem(offset, *problem))
            continue
        until = datetime.date.fromisoformat(found["until"]) if found["until"] else None
        allowances.append(Allowance(offset, rules, found["reason"].strip(), until, _statement(script, offset)))
    return allowances, problems


def _problem(
    rules: tuple[str, ...], until: str, reason: str, known: Collection[str], today: datetime.date
) -> tuple[str, str, str] | None:
    for rule in rules:
        if rule not in known:
            near = difflib.get_close_matches(rule, sorted(known), 1, 0.5)
            hint = f"Did you mean {near[0]}?" if near else "docs/lint-rules.md lists the rules."
            return "allow-invalid", f"There is no rule {rule}.", hint
    if not reason.strip():
        return "allow-invalid", f"It says no reason why {', '.join(rules)} is allowed.", _HOW
    if until:
        try:
            day = datetime.date.fromisoformat(until)
        except ValueError:
            return "allow-invalid", f"{until} is not a date.", _HOW
        if day < today:
            return (
                "allow-expired",
                f"{', '.join(rules)} was allowed until {until}: {reason.strip()}",
                ("Do what was put off, or give a new date and the reason why."),
            )
    return None


def _comments(script: model.Script) -> Iterator[tuple[int, str]]:
    """Give the offset and text of each comment of lint's; a string that looks like one is none."""
    found = [(match.start(), match["text"]) for match in _COMMENT.finditer(script.sql)] if "lint" in script.sql else []
    if not found or script.is_python:
        yield from found
        return
    try:
        tokens = parser.tokens(script.sql) if script.is_plain else []
    except parser.Refused:
        tokens = []
    for offset, text in found:
        at = len(script.sql[:offset].encode())
        if script.sql[offset] == "-" and not any(start <= at < end for start, end in tokens):
            yield offset, text


def _statement(script: model.Script, offset: int) -> int | None:
    """Return the number of the statement that a comment is for; None for the whole file."""
    statements = script.statements
    if not statements or (offset < statements[0].offset and _is_leading(script.sql, offset)):
        return None
    for number, item in enumerate(statements):
        line_end = script.sql.find("\n", item.end)
        if offset < item.end or (offset > item.end and (line_end < 0 or offset < line_end)):
            return number
    return len(statements) - 1


def _is_leading(sql: str, offset: int) -> bool:
    """Tell whether only `--` lines stand before a comment: then it is of the leading comment."""
    return all(not line.strip() or line.strip()[0] in "-#" for line in sql[:offset].split("\n"))
