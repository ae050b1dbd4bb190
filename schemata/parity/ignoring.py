"""Differences that a rule says are known: which are left, which a rule hid, and which rules are of no use any more."""

import dataclasses
import datetime
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from schemata import errors
from schemata.config import declared
from schemata.parity import diff
from schemata.snapshot import kinds, listing

#: Stands where a rule's reason stands, for one that is of this call alone.
COMMAND_LINE = "--ignore"
# Only what was compared now is known: another target, or another schema, may be what the rule is for.
_IDLE = "hid nothing of what was compared; remove it if that is so for every target"
State = Literal["in use", "hides nothing", "expired", "other target"]


@dataclasses.dataclass(frozen=True)
class Ignored:
    """What a rule hid of a difference: all of it, or some of its facts."""

    rule: declared.Ignore
    difference: diff.Difference


@dataclasses.dataclass(frozen=True)
class Use:
    """A rule, and what became of it in a report.

    :param hid: how many differences it hid, or would hide if it had not expired.
    """

    rule: declared.Ignore
    state: State
    hid: int

    @property
    def subject(self) -> str:
        """Return what the rule is for."""
        rule = self.rule
        parts = (
            f"fact {rule.fact} of" if rule.fact else "",
            rule.kind or "anything",
            f"{rule.schema or '*'}.{rule.name or '*'}",
            f"on {rule.target}" if rule.target else "",
        )
        return " ".join(part for part in parts if part)

    def describe(self) -> str:
        """Return the rule in one line: what it is for, why, and what it did."""
        rule = self.rule
        until = f", until {rule.until}" if rule.until else ""
        differences = f"{self.hid} difference{'' if self.hid == 1 else 's'}"
        done = {
            "in use": f"hid {differences}",
            "hides nothing": "hid nothing" if rule.reason == COMMAND_LINE else _IDLE,
            "expired": f"expired, it ignores nothing any more (it would hide {differences})",
            "other target": "is for a target that was not asked",
        }[self.state]
        return f"{self.subject} ({rule.reason}{until}): {done}"

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        until = self.rule.until.isoformat() if self.rule.until else None
        return {**dataclasses.asdict(self.rule), "until": until, "state": self.state, "hid": self.hid}


def parse(text: str) -> declared.Ignore:
    """Return the rule that `--ignore "kind:schema.name"` gives. Raises ConfigError for anything else.

    >>> parse("column:app.users.email").name
    'users.email'
    """
    kind, colon, path = text.partition(":")
    schema, dot, name = path.partition(".")
    if not dot:
        # What belongs to the database as a whole, and a schema itself, are written without a schema.
        schema, name = "", path
    if not colon or not kind.strip() or not name.strip() or bool(dot) != bool(schema.strip()):
        raise errors.ConfigError(
            f"--ignore {text!r} is not a rule",
            'Write "kind:schema.name" as the report does, such as --ignore "column:app.users.email"; * is anything.',
        )
    kind = "" if kind.strip() == "*" else kind.strip()
    return declared.Ignore(schema=schema.strip(), kind=kind, name=name.strip(), reason=COMMAND_LINE)


def fits(rule: declared.Ignore, target: str, difference: diff.Difference) -> bool:
    """Tell whether a rule is about this difference; where it names a fact, about one fact of it at least."""
    item = difference.item
    name = f"{item.of}.{item.name}" if item.of else item.name
    return (
        rule.target in ("", target)
        and rule.kind in ("", item.kind)
        and _like(rule.schema, item.schema or listing.DATABASE)
        and _like(rule.name, name)
        and (not rule.fact or any(_like(rule.fact, change.fact) for change in difference.changes))
    )


def _like(pattern: str, text: str) -> bool:
    if not pattern:
        return True
    parts = ({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern))
    return re.fullmatch("".join(parts), text, re.S) is not None


def apply(
    rules: Sequence[declared.Ignore], target: str, differences: Iterable[diff.Difference], today: datetime.date
) -> tuple[tuple[diff.Difference, ...], tuple[Ignored, ...]]:
    """Return the differences of a target that are left, and what was hidden by which rule.

    The first rule that fits hides; one for a fact hides that fact, and the difference where no other fact is left.
    """
    alive = [rule for rule in rules if not is_expired(rule, today)]
    left: list[diff.Difference] = []
    hidden: list[Ignored] = []
    for difference in differences:
        rest: diff.Difference | None = difference
        for rule in alive:
            if rest is not None and fits(rule, target, rest):
                off, rest = _hide(rule, rest)
                hidden.append(Ignored(rule, off))
        if rest is not None:
            left.append(rest)
    return tuple(left), tuple(hidden)


def is_expired(rule: declared.Ignore, today: datetime.date) -> bool:
    """Tell whether the last day of a rule is over."""
    return rule.until is not None and rule.until < today


def _hide(rule: declared.Ignore, difference: diff.Difference) -> tuple[diff.Difference, diff.Difference | None]:
    if not rule.fact:
        return difference, None
    off = tuple(change for change in difference.changes if _like(rule.fact, change.fact))
    rest = tuple(change for change in difference.changes if change not in off)
    return _with(difference, off), _with(difference, rest) if rest else None


def _with(difference: diff.Difference, changes: tuple[diff.Change, ...]) -> diff.Difference:
    worst = min((change.severity for change in changes), key=kinds.SEVERITIES.index)
    return dataclasses.replace(difference, severity=worst, changes=changes)


def uses(
    rules: Sequence[declared.Ignore],
    hidden: Sequence[Ignored],
    left: Iterable[tuple[str, diff.Difference]],
    targets: Sequence[str],
    today: datetime.date,
) -> tuple[Use, ...]:
    """Return what became of each rule. `left` are the differences that are shown, each with its target."""
    shown = list(left)
    found = []
    for rule in rules:
        state: State
        if is_expired(rule, today):
            hid = sum(fits(rule, target, difference) for target, difference in shown)
            state = "expired"
        else:
            hid = sum(one.rule is rule for one in hidden)
            state = "in use" if hid else "other target" if rule.target not in ("", *targets) else "hides nothing"
        found.append(Use(rule, state, hid))
    return tuple(found)
