"""What a fix is made of: steps that change one item, and refusals with what to type instead."""

import dataclasses
import functools
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from schemata.snapshot import kinds, model

Key = tuple[str, str, str, str]
#: At the end of the fact "owned by" of an identity column's sequence.
IDENTITY = " (identity)"
#: Kinds that other items are parts of, by `of`.
WHOLES = (
    "table", "foreign table", "view", "materialized view", "composite type", "domain",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Step:
    """Statements that change one item, run together.

    :param facts: of an item that is on both sides, the facts that are as expected afterwards.
    :param alone: each statement has to be a transaction by itself.
    :param late: nothing waits for it: owner, grants, comments and the like.
    :param needs: items that have to be there before, beside those that the snapshot tells.
    :param retypes: what reads the item has to be dropped before and created again.
    :param makes: items that are there afterwards without statements of their own, such as an identity's sequence.
    :param removes: items that are gone afterwards without statements of their own.
    """

    sql: tuple[str, ...]
    facts: frozenset[str] = frozenset()
    alone: bool = False
    late: bool = False
    needs: tuple[Key, ...] = ()
    retypes: bool = False
    makes: tuple[Key, ...] = ()
    removes: tuple[Key, ...] = ()


@dataclasses.dataclass(frozen=True)
class Refusal:
    """What is not done, why, and the statements that a person may run who knows more than we do."""

    reason: str
    sql: tuple[str, ...] = ()
    facts: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Replace:
    """The item has to be dropped and created again, with everything that needs it."""

    facts: frozenset[str] = frozenset()


Outcome = Step | Refusal | Replace


@dataclasses.dataclass(frozen=True)
class World:
    """What the statements of one item may depend on.

    :param major: of the server that the files are for.
    :param destructive: data may be lost: the file undoes another one.
    :param made: what the plan creates, also by creating it again: nobody waits for its locks.
    """

    expected: Mapping[Key, model.Item]
    actual: Mapping[Key, model.Item]
    expected_needs: Mapping[Key, AbstractSet[Key]]
    actual_needs: Mapping[Key, AbstractSet[Key]]
    major: int
    destructive: bool = False
    made: AbstractSet[Key] = frozenset()

    def whole(self, item: model.Item, *, actual: bool = False) -> model.Item | None:
        """Return the relation or type that an item is a part of, as it is expected or as it is."""
        return whole(self.actual if actual else self.expected, item)

    def of_expected(self, schema: str, kind: str, name: str, of: str = "") -> model.Item | None:
        """Return an expected item by its names."""
        return self.expected.get((schema, kind, of, name))

    def identity_sequence(self, column: model.Item, *, actual: bool = False) -> model.Item | None:
        """Return the sequence of an identity column, as it is expected or as it is."""
        return (self._actual_sequences if actual else self._expected_sequences).get(column.key)

    @functools.cached_property
    def _expected_sequences(self) -> dict[Key, model.Item]:
        return _of_identities(self.expected, self.expected_needs)

    @functools.cached_property
    def _actual_sequences(self) -> dict[Key, model.Item]:
        return _of_identities(self.actual, self.actual_needs)

    def live(self, item: model.Item) -> bool:
        """Tell whether a part's relation is there already, perhaps with many rows and in use."""
        relation = self.whole(item)
        return relation is not None and relation.key in self.actual and relation.key not in self.made


def _of_identities(items: Mapping[Key, model.Item], needs: Mapping[Key, AbstractSet[Key]]) -> dict[Key, model.Item]:
    return {
        need: item
        for key, item in items.items()
        if item.kind == "sequence" and item.facts.get("owned by", "").endswith(IDENTITY)
        for need in needs.get(key, ())
        if need[1] == "column"
    }


def whole(items: Mapping[Key, model.Item], item: model.Item) -> model.Item | None:
    """Return the relation or type that an item is a part of."""
    if not item.of:
        return None
    for kind in WHOLES:
        relation = items.get((item.schema, kind, "", item.of))
        if relation is not None:
            return relation
    return None


def rank(item: model.Item, relation: model.Item | None) -> tuple[object, ...]:
    """Return the place of an item where nothing else decides: by kind, the parts of a relation beside it."""
    first = relation or item
    part = kinds.ORDER[item.kind] if relation is not None else -1
    return kinds.ORDER[first.kind], first.schema, first.name, part, item.name


def nothing(item: model.Item) -> model.Item:
    """Return the same item as it would be without any fact."""
    return item._replace(facts={})
