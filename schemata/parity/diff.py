"""The difference between two snapshots, as values."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Literal

from schemata.snapshot import kinds, model

Key = tuple[str, str, str, str]
#: Facts that are an order of names: only the relative order of names that both sides have is compared, so that one
#: added column is one difference.
_ORDERS = ("column order", "attribute order")
_VIEWS = ("view", "materialized view")
_WHOLES = ("table", "foreign table", "view", "materialized view", "composite type", "domain")


@dataclasses.dataclass(frozen=True)
class Change:
    """One fact that differs; None is a fact that has its default value."""

    fact: str
    expected: str | None
    actual: str | None
    severity: str


@dataclasses.dataclass(frozen=True)
class Difference:
    """One item that differs.

    :param change: missing (expected and not there), extra (there and not expected) or changed.
    :param changes: the facts that differ, of a changed one.
    :param parts: what is missing or extra together with it: the columns, constraints, indexes … of a table.
    """

    change: Literal["missing", "extra", "changed"]
    severity: str
    expected: model.Item | None
    actual: model.Item | None
    changes: tuple[Change, ...] = ()
    parts: tuple[model.Item, ...] = ()

    @property
    def item(self) -> model.Item:
        """Return the item as it is expected, or as it is where none is expected."""
        found = self.expected or self.actual
        assert found is not None
        return found

    @property
    def subject(self) -> str:
        """Return what differs, as people write it."""
        return subject(self.item)

    def as_dict(self) -> dict[str, object]:
        """Return what `--json` prints."""
        item = self.item
        found: dict[str, object] = {
            "change": self.change,
            "severity": self.severity,
            "schema": item.schema,
            "kind": item.kind,
            "of": item.of,
            "name": item.name,
            "subject": self.subject,
            "changes": [dataclasses.asdict(change) for change in self.changes],
        }
        if self.change != "changed":
            found["facts"] = dict(item.facts)
            found["parts"] = [
                {"kind": part.kind, "name": part.name, "of": part.of, "facts": dict(part.facts)} for part in self.parts
            ]
        return found


def subject(item: model.Item) -> str:
    """Return the name of an item as people write it.

    >>> subject(model.Item("column", "app", "email", "users", {}))
    'column app.users.email'
    """
    names = [item.schema] if item.schema and item.kind != "schema" else []
    names += [item.of] if item.of else []
    return f"{item.kind} {'.'.join([*names, item.name])}".strip()


def comparable(expected: model.Snapshot, actual: model.Snapshot) -> tuple[str, ...]:
    """Return the schemas that both sides looked at, whether they exist there or not."""
    skipped = {*expected.left_out, *actual.left_out}
    return tuple(name for name in dict.fromkeys([*expected.schemas, *actual.schemas]) if name not in skipped)


def diff(expected: model.Snapshot, actual: model.Snapshot) -> tuple[Difference, ...]:
    """Return every difference, in the order in which items are listed; empty for parity.

    Schemas that one side did not look at are left out; see `comparable`.
    """
    schemas = {"", *comparable(expected, actual)}
    left = {item.key: item for item in expected.items if item.schema in schemas}
    right = {item.key: item for item in actual.items if item.schema in schemas}
    _even_out(left, right)
    _even_out(right, left)
    found = [
        *_present(left, right, "missing"),
        *_present(right, left, "extra"),
        *_changed(left, right),
    ]
    return tuple(sorted(found, key=_place))


def _even_out(here: Mapping[Key, model.Item], there: dict[Key, model.Item]) -> None:
    """Add to the other side the columns of views of which only this side says something: they are there, unsaid."""
    for key, item in here.items():
        if item.kind == "column" and "type" not in item.facts and key not in there:
            views = ((item.schema, kind, "", item.of) for kind in _VIEWS)
            if any(view in there for view in views):
                there[key] = item._replace(facts={})


def _place(difference: Difference) -> tuple[object, ...]:
    item = difference.item
    return item.schema, kinds.ORDER[item.kind], item.of, item.name


def _present(
    here: Mapping[Key, model.Item], there: Mapping[Key, model.Item], change: Literal["missing", "extra"]
) -> Iterable[Difference]:
    alone = [item for key, item in here.items() if key not in there]
    wholes = {(item.schema, item.name): item for item in alone if item.kind in _WHOLES}
    # A table that became a foreign table is there on both sides: its columns are compared one by one.
    elsewhere = {
        (item.schema, item.name) for item in there.values() if item.kind in _WHOLES and item.kind not in _VIEWS
    }
    parts: dict[tuple[str, str], list[model.Item]] = {}
    for item in alone:
        place = (item.schema, item.of)
        if item.of and place in wholes and place not in elsewhere:
            parts.setdefault(place, []).append(item)
            continue
    folded = {part.key for some in parts.values() for part in some}
    for item in alone:
        if item.key in folded:
            continue
        yield Difference(
            change,
            kinds.presence(item.kind, item.facts),
            item if change == "missing" else None,
            item if change == "extra" else None,
            parts=tuple(parts.get((item.schema, item.name), ())) if item.kind in _WHOLES else (),
        )


def _changed(left: Mapping[Key, model.Item], right: Mapping[Key, model.Item]) -> Iterable[Difference]:
    for key, item in left.items():
        other = right.get(key)
        if other is None or other.facts == item.facts:
            continue
        changes = tuple(_changes(item, other))
        if changes:
            worst = min((change.severity for change in changes), key=kinds.SEVERITIES.index)
            yield Difference("changed", worst, item, other, changes)


def _changes(item: model.Item, other: model.Item) -> Iterable[Change]:
    kind = kinds.graded(item.kind, {**item.facts, **other.facts})
    for fact in sorted(item.facts.keys() | other.facts.keys()):
        before, after = item.facts.get(fact), other.facts.get(fact)
        if before == after or (fact in _ORDERS and _same_order(before, after)):
            continue
        yield Change(fact, before, after, kinds.severity(kind, fact))


def _same_order(before: str | None, after: str | None) -> bool:
    one, other = json.loads(before or "[]"), json.loads(after or "[]")
    common = set(one) & set(other)
    return [name for name in one if name in common] == [name for name in other if name in common]


def counts(differences: Iterable[Difference]) -> dict[str, dict[str, int]]:
    """Return how many differences there are, by schema and severity; "" stands for the database's own items."""
    found: dict[str, dict[str, int]] = {}
    for difference in differences:
        of_schema = found.setdefault(difference.item.schema, {})
        of_schema[difference.severity] = of_schema.get(difference.severity, 0) + 1
    return found
