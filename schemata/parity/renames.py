"""What is missing under one name and there under another: probably a rename. A guess for people, never acted on."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemata.parity import diff
from schemata.snapshot import model

#: Facts that often change with a name, or differ between environments: they do not tell whether it is the same thing.
_BESIDE = ("comment", "owner", "grants", "security labels", "not null constraint", "column order", "attribute order")
#: Of two tables' columns, the part that must be equal.
_ALIKE = 0.6
#: Pairs that are looked at: where more is missing and extra, these are two different databases.
_MOST = 40_000


class Rename(NamedTuple):
    """One item that was probably renamed, or moved to another schema: as it is expected, and as it is there."""

    expected: model.Item
    actual: model.Item

    def describe(self) -> str:
        """Return it as a question.

        >>> old, new = (model.Item("column", "app", name, "users", {"type": "text"}) for name in ("mail", "email"))
        >>> Rename(old, new).describe()
        'column app.users.mail is missing, column app.users.email is extra and alike: renamed?'
        """
        what = "renamed" if self.expected.schema == self.actual.schema else "moved"
        missing, extra = diff.subject(self.expected), diff.subject(self.actual)
        return f"{missing} is missing, {extra} is extra and alike: {what}?"

    def as_dict(self) -> dict[str, str]:
        """Return what `--json` prints."""
        return {
            "kind": self.expected.kind,
            "expected": diff.subject(self.expected),
            "actual": diff.subject(self.actual),
        }


def suggest(differences: Iterable[diff.Difference]) -> tuple[Rename, ...]:
    """Return the renames that would explain a missing and an extra item each; none where several would."""
    differences = list(differences)
    missing = [one for one in differences if one.change == "missing"]
    extra = [one for one in differences if one.change == "extra"]
    if len(missing) * len(extra) > _MOST:
        return ()
    pairs = [(one, other) for one in missing for other in extra if _may_be(one, other)]
    return tuple(
        Rename(one.item, other.item)
        for one, other in pairs
        if sum(one is left for left, _ in pairs) == 1 and sum(other is right for _, right in pairs) == 1
    )


def _may_be(one: diff.Difference, other: diff.Difference) -> bool:
    before, after = one.item, other.item
    if before.kind != after.kind or before.of != after.of:
        return False
    if before.schema != after.schema and (before.name != after.name or not after.schema or not before.schema):
        return False
    if one.parts or other.parts:
        return _share(one.parts, other.parts) >= _ALIKE
    facts = _telling(before)
    return bool(facts) and facts == _telling(after)


def _telling(item: model.Item) -> dict[str, str]:
    return {fact: value for fact, value in item.facts.items() if fact not in _BESIDE}


def _share(one: Sequence[model.Item], other: Sequence[model.Item]) -> float:
    columns = [
        {(part.name, tuple(sorted(_telling(part).items()))) for part in parts if part.kind in ("column", "attribute")}
        for parts in (one, other)
    ]
    every = columns[0] | columns[1]
    return len(columns[0] & columns[1]) / len(every) if every else 0.0
