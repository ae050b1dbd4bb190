"""Which candidates to take: one after the other, the one that saves most of the measured time. Pure."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from schemata.advice import candidates, predicates

#: A statement that costs less is fast enough, whatever its plan.
LEAST_COST = 100.0
#: What must be left of a statement's cost, at most, and the share of all time that an index must save, at least.
LEFT, LEAST_SHARE = 0.5, 0.005
_TIE, _NEAR = 1.1, 0.98


class Planned(NamedTuple):
    """What a statement costs, and which candidates its plan uses."""

    cost: float
    used: frozenset[candidates.Candidate]


#: The plan of a statement, by its key, when these candidates existed.
Plan = Callable[[str, frozenset[candidates.Candidate]], Planned]


@dataclasses.dataclass(frozen=True)
class Weighted:
    """A statement: its key, the milliseconds that it took, its cost as things are.

    :param leads: tables with the column or expression of it that an index may begin with to be of use to it.
    """

    key: str
    time: float
    cost: float
    leads: frozenset[tuple[predicates.Name, str]]


@dataclasses.dataclass(frozen=True)
class Chosen:
    """An accepted index, and what it does: keys of statements with their cost before and after.

    :param gain: the share of all time that it saves, from 0 to 1.
    """

    candidate: candidates.Candidate
    gain: float
    helps: tuple[tuple[str, float, float], ...]


@dataclasses.dataclass(frozen=True)
class Choice:
    """The accepted indexes, and which share of the time is left with all of them."""

    chosen: tuple[Chosen, ...]
    left: float


def choose(
    statements: Sequence[Weighted],
    possible: Iterable[candidates.Candidate],
    plan: Plan,
    distinct: candidates.Distinct,
    *,
    most: int,
    whole: float,
) -> Choice:
    """Return the indexes to build, at most so many; `whole` is the time of all statements, others included."""
    search = _Search(statements, plan, whole)
    taken: list[candidates.Candidate] = []
    left = {one for one in possible if search.is_promising(one)}
    while left and len(taken) < most:
        best = search.best(taken, left, distinct)
        if best is None:
            break
        taken.append(best)
        left.discard(best)
    taken = search.needed(taken)
    return search.choice(taken)


class _Search:
    def __init__(self, statements: Sequence[Weighted], plan: Plan, whole: float) -> None:
        self._statements, self._plan, self._whole = statements, plan, whole
        self._known: dict[tuple[str, frozenset[candidates.Candidate]], Planned] = {}

    def planned(self, one: Weighted, taken: Iterable[candidates.Candidate]) -> Planned:
        """Return the plan of a statement; an index that begins with what it does not ask for is none for it.

        Newer servers skip through such an index, and then it seems as good as the right one.
        """
        own = frozenset(item for item in taken if (item.table, item.keys[0].text) in one.leads)
        if not own:
            return Planned(one.cost, frozenset())
        if (one.key, own) not in self._known:
            self._known[one.key, own] = self._plan(one.key, own)
        return self._known[one.key, own]

    def is_promising(self, candidate: candidates.Candidate) -> bool:
        """Tell whether any plan uses it when there is nothing else."""
        return any(candidate in self.planned(one, [candidate]).used for one in self._statements)

    def best(
        self,
        taken: Sequence[candidates.Candidate],
        left: Iterable[candidates.Candidate],
        distinct: candidates.Distinct,
    ) -> candidates.Candidate | None:
        """Return what saves most time beside those that are taken; None where nothing saves enough."""
        now = {one.key: self.planned(one, taken).cost for one in self._statements}
        gains: dict[candidates.Candidate, float] = {}
        for item in left:
            after = {one.key: self.planned(one, [*taken, item]) for one in self._statements}
            gain = self._gain(now, {key: planned.cost for key, planned in after.items()})
            helped = any(
                item in after[one.key].used
                and now[one.key] >= LEAST_COST
                and after[one.key].cost <= LEFT * now[one.key]
                for one in self._statements
            )
            if helped and gain >= LEAST_SHARE:
                gains[item] = gain
        if not gains:
            return None
        most = max(gains.values())
        near = [item for item, gain in gains.items() if gain >= _NEAR * most]
        found = min(near, key=lambda item: (len(item.keys), -gains[item], item))
        return self._most_distinct_first(found, gains, taken, distinct)

    def _most_distinct_first(
        self,
        found: candidates.Candidate,
        gains: Mapping[candidates.Candidate, float],
        taken: Sequence[candidates.Candidate],
        distinct: candidates.Distinct,
    ) -> candidates.Candidate:
        """Return the same columns in the order that begins with the most distinct one, where no statement minds."""

        def first(item: candidates.Candidate) -> float:
            column = item.keys[0].column
            return distinct(item.table, column) if column else 0.0

        others = [
            item
            for item in gains
            if item.table == found.table and item.method == found.method and sorted(item.keys) == sorted(found.keys)
        ]
        for item in sorted(others, key=lambda item: (-first(item), item)):
            if first(item) <= first(found):
                break
            if all(
                self.planned(one, [*taken, item]).cost <= _TIE * self.planned(one, [*taken, found]).cost
                for one in self._statements
            ):
                return item
        return found

    def needed(self, taken: Sequence[candidates.Candidate]) -> list[candidates.Candidate]:
        """Return those without which statements would be slower: a later one may serve what an earlier one was for."""
        kept = list(taken)
        for item in taken:
            others = [other for other in kept if other is not item]
            with_it = {one.key: self.planned(one, kept).cost for one in self._statements}
            without = {one.key: self.planned(one, others).cost for one in self._statements}
            if self._gain(without, with_it) < LEAST_SHARE:
                kept = others
        return kept

    def choice(self, taken: Sequence[candidates.Candidate]) -> Choice:
        """Return what the indexes do together."""
        after = {one.key: self.planned(one, taken) for one in self._statements}
        before = {one.key: one.cost for one in self._statements}
        found = []
        for item in taken:
            helps = [one for one in self._statements if item in after[one.key].used and after[one.key].cost < one.cost]
            gain = sum(self._share(one) * (1 - after[one.key].cost / one.cost) for one in helps)
            ordered = sorted(helps, key=lambda one: -one.time)
            found.append(Chosen(item, gain, tuple((one.key, one.cost, after[one.key].cost) for one in ordered)))
        found.sort(key=lambda one: -one.gain)
        return Choice(tuple(found), 1 - self._gain(before, {key: planned.cost for key, planned in after.items()}))

    def _share(self, one: Weighted) -> float:
        return one.time / self._whole if self._whole else 0.0

    def _gain(self, before: Mapping[str, float], after: Mapping[str, float]) -> float:
        # The time of a statement falls as its cost does: what is slow today counts, whatever the planner thinks of it.
        return sum(
            self._share(one) * (before[one.key] - after[one.key]) / one.cost for one in self._statements if one.cost
        )
