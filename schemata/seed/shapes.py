"""Which values of columns go together: every combination that the checks of a table accept is a shape of its rows."""

import dataclasses
import itertools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from schemata.postgres import quoting
from schemata.samples import structure
from schemata.seed.values import columns

#: Combinations that are looked at, and shapes that are kept, at most.
_COMBINATIONS = 3_000
_KEPT = 48
#: Choices of items and NULLs that are looked at, and steps of the search for each of them, at most.
_MODES = 3_000
_TRIES = 400
_BASES = 3
#: The rows on which one of many combinations is tried, and those on which one of a few is.
FEW = (*range(1, 33), 1_000, 4_321, 54_321, 999_983)
MANY = (*range(1, 301), *range(1_000, 1_000_000, 9_973))

Chosen = Mapping[int, columns.Candidate]


@dataclasses.dataclass(frozen=True)
class Shape:
    """A candidate for each column of a group, and how often they come together."""

    chosen: Chosen
    weight: float


@dataclasses.dataclass(frozen=True)
class Group:
    """Columns that conditions tie together.

    :param conditions: SQL that must not be false for a row, with the columns that it is about.
    """

    numbers: tuple[int, ...]
    conditions: tuple[tuple[frozenset[int], str], ...] = ()

    def alone(self, number: int) -> "Group":
        """Return one column of the group, with what is required of it alone."""
        return Group((number,), tuple(one for one in self.conditions if one[0] == {number}))


def condition(definition: str) -> str:
    """Return the expression of a check.

    >>> condition("CHECK ((a > 0)) NOT VALID")
    '((a > 0))'
    """
    text = definition.removeprefix("CHECK ")
    for end in (" NOT ENFORCED", " NOT VALID", " NO INHERIT"):
        text = text.removesuffix(end)
    return text


def groups(frame: columns.Frame, keyed: Sequence[Collection[int]]) -> list[Group]:
    """Return the columns of a table in groups that no condition of more than one column crosses.

    :param keyed: columns that foreign keys fill: what is required of these alone is for the rows that they pick.
    """
    of = frame.table
    by_name = {column["name"]: column["number"] for column in of.columns}
    known = set(by_name.values())
    tied: list[tuple[set[int], str]] = [
        (set(numbers), condition(text))
        for _, numbers, text in of.checks
        if set(numbers) <= known and not any(set(numbers) <= set(own) for own in keyed)
    ]
    if frame.partitions:
        text = " OR ".join(frame.partitions)
        tied.append(({by_name[name] for name in columns.named(of, text)}, f"({text})"))
    for key in of.keys:
        if key.name in frame.itself:
            targets = {by_name[name] for name in map(columns.bounds_name, key.theirs) if name in by_name}
            tied.append((targets | set(key.own), ""))
    for name, given in frame.given.items():
        if isinstance(given, str) and name in by_name:
            tied.append(({by_name[name], *(by_name[other] for other in columns.named(of, given))}, ""))
    parent = {number: number for number in known}

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    for numbers, _ in tied:
        first, *others = sorted(numbers) or [0]
        for other in others:
            parent[root(other)] = root(first)
    found: dict[int, list[int]] = {}
    for number in sorted(known):
        found.setdefault(root(number), []).append(number)
    return [
        Group(tuple(numbers), tuple((frozenset(own), text) for own, text in tied if text and own & set(numbers)))
        for numbers in found.values()
    ]


Key = frozenset[tuple[int, columns.Candidate]]


def to_try(
    of: structure.Table, numbers: Collection[int], candidates: Mapping[int, Sequence[columns.Candidate]]
) -> list[Chosen]:
    """Return the combinations of candidates on which a condition on these columns is tried.

    Each has the columns of the condition, and those that the values are made of. There are not too many: of a long list
    of candidates the last ones are left out.
    """
    kept = {number: list(candidates[number]) for number in sorted(numbers) if number in candidates}
    while math.prod(len(some) for some in kept.values()) > _COMBINATIONS:
        kept[max(kept, key=lambda number: len(kept[number]))].pop()
    found: list[Chosen] = []
    for some in itertools.product(*kept.values()):
        chosen = dict(zip(kept, some, strict=True))
        used = _used(of, chosen)
        if any(chosen[number].uses or chosen[number].left_out for number in used & chosen.keys()):
            continue
        others = [number for number in sorted(used - chosen.keys()) if number in candidates]
        plain = [[one for one in candidates[number] if not (one.uses or one.left_out)][:_BASES] for number in others]
        for bases in itertools.product(*plain):
            found.append({**chosen, **dict(zip(others, bases, strict=True))})
    return found


def _used(of: structure.Table, chosen: Chosen) -> set[int]:
    """Return the columns that the values of these are made of."""
    names = {name for one in chosen.values() for name in one.uses}
    return {column["number"] for column in of.columns if column["name"] in names} if names else set()


def search(
    of: structure.Table,
    candidates: Mapping[int, Sequence[columns.Candidate]],
    accepted: Sequence[tuple[Collection[int], Collection[Chosen]]],
) -> list[Chosen]:
    """Return combinations that every condition accepts: for each choice of items and NULLs the likeliest one.

    :param accepted: for columns what conditions on them accept.
    """
    # Items change the fastest: where there is no time for all, there is some for each of them.
    numbers = sorted(candidates, key=lambda number: any(one.kind == "item" for one in candidates[number]))
    allowed = [(frozenset(some), {frozenset(chosen.items()) for chosen in fine}) for some, fine in accepted]
    found: list[Chosen] = []
    for modes in itertools.islice(itertools.product(*(_modes(candidates[number]) for number in numbers)), _MODES):
        open_modes = dict(zip(numbers, modes, strict=True))
        # What is decided already comes first: what cannot be shows early.
        order = sorted(numbers, key=lambda number: len(open_modes[number]))
        chosen = _extend(of, {}, order, open_modes, allowed, [_TRIES])
        if chosen is not None:
            found.append({number: chosen[number] for number in candidates})
    return found


def _modes(some: Sequence[columns.Candidate]) -> list[tuple[columns.Candidate, ...]]:
    """Return what a column may be: made in one of several ways, one of the items, NULL."""
    options = tuple(one for one in some if one.kind in ("option", "key"))
    others = [(one,) for one in some if one.kind not in ("option", "key")]
    return [*([options] if options else []), *others]


def _extend(
    of: structure.Table,
    chosen: Chosen,
    left: Sequence[int],
    modes: Mapping[int, Sequence[columns.Candidate]],
    allowed: Sequence[tuple[frozenset[int], Collection[Key]]],
    budget: list[int],
) -> Chosen | None:
    """Return a combination with what is chosen already; None where there is none, or the budget of steps is spent."""
    if not left:
        return chosen
    number, *rest = left
    for one in modes[number]:
        if budget[0] <= 0:
            return None
        budget[0] -= 1
        tried = {**chosen, number: one}
        if _fits(of, tried, allowed):
            whole = _extend(of, tried, rest, modes, allowed, budget)
            if whole is not None:
                return whole
    return None


def _fits(of: structure.Table, chosen: Chosen, allowed: Sequence[tuple[frozenset[int], Collection[Key]]]) -> bool:
    made = _used(of, chosen)
    if any(chosen[number].uses or chosen[number].left_out for number in made & chosen.keys()):
        return False
    for some, fine in allowed:
        if not some <= chosen.keys():
            continue
        used = _used(of, {number: chosen[number] for number in some}) if made else set()
        if used <= chosen.keys() and frozenset((number, chosen[number]) for number in some | used) not in fine:
            return False
    return True


def best(accepted: Iterable[Chosen]) -> list[Shape]:
    """Return shapes of accepted combinations: of those with the same items and NULLs only the first.

    How often items come does not depend on what may be NULL beside them.
    """
    found: dict[tuple[str, ...], Chosen] = {}
    for chosen in accepted:
        found.setdefault(tuple(one.sql if one.kind in ("item", "null") else "" for one in chosen.values()), chosen)
    sums: dict[tuple[str, ...], float] = {}
    for chosen in found.values():
        sums[_items(chosen)] = sums.get(_items(chosen), 0.0) + _weight(chosen, "null")
    shapes = [
        Shape(chosen, _weight(chosen, "item") * _weight(chosen, "null") / sums[_items(chosen)])
        for chosen in found.values()
    ]
    return sorted(shapes, key=lambda shape: -shape.weight)[:_KEPT]


def _items(chosen: Chosen) -> tuple[str, ...]:
    return tuple(one.sql for one in chosen.values() if one.kind == "item")


def _weight(chosen: Chosen, kind: columns.Kind) -> float:
    return math.prod(one.weight for one in chosen.values() if one.kind == kind)


def alternatives(
    group: Group, accepted: Sequence[Chosen], usual: Mapping[int, Sequence[columns.Candidate]]
) -> list[tuple[Shape, ...]]:
    """Return sets of shapes for a group, the best first; a later one is for when the server refuses rows."""
    whole = tuple(best(accepted))
    if len(group.numbers) > 1:
        return [whole, *((shape,) for shape in whole[:8])] if len(whole) > 1 else [whole]
    number = group.numbers[0]
    options = [one for one in usual[number] if one.kind in ("option", "key")]
    others = [shape for shape in whole if shape.chosen[number].kind not in ("option", "key")]
    sets = [(Shape({number: one}, 1.0), *others) for one in options] or [whole]
    return [*sets, *((shape,) for shape in whole if len(whole) > 1)]


def question(of: structure.Table, group: Group, candidates: Sequence[Chosen], tried: Sequence[int]) -> str:
    """Return SQL that tells of each combination whether no row of it meets a condition that is false.

    The combinations are tried on a few rows at once; the answer is a row for each that all of them accept: its place.

    :param tried: the numbers of those rows.
    """
    rows = ", ".join(f"({row}::int8)" for row in tried)
    inner, outer = [], []
    for column in of.columns:
        number = column["number"]
        if number not in group.numbers:
            continue
        name = quoting.identifier(column["name"])
        arms = [_probe(chosen[number], column) for chosen in candidates]
        plain = [("NULL" if chosen[number].uses else arm) for chosen, arm in zip(candidates, arms, strict=True)]
        inner.append(f"{_by_place(plain, column)} AS {name}")
        made = {place: arm for place, arm in enumerate(arms) if candidates[place].get(number, columns.NULL).uses}
        if made:
            cases = _when("__place", made)
            outer.append(f"CASE {cases} ELSE {name} END AS {name}")
        else:
            outer.append(name)
    computed = " AND ".join(
        f"count({quoting.identifier(column['name'])}) >= 0"
        for column in of.columns
        if column["number"] in group.numbers
    )
    shown = "" if any(column["name"] == "n" for column in of.columns) else ", s.n AS n"
    conditions = " AND ".join(f"({text}) IS NOT FALSE" for _, text in group.conditions) or "true"
    names = ", ".join(outer)
    return (
        f"SELECT __place FROM (SELECT __place, {names} FROM ("
        f"SELECT __place, s.n AS __row{shown}, {', '.join(inner)} FROM (VALUES {rows}) s (n), "
        f"generate_series(0, {len(candidates) - 1}) __place OFFSET 0) __inner) __outer "
        # Counted, so that every value is computed.
        f"GROUP BY __place HAVING bool_and({conditions}) AND {computed} ORDER BY __place"
    )


def _probe(candidate: columns.Candidate, column: Mapping[str, Any]) -> str:
    if candidate.left_out:
        return f"NULL::{column['type']}" if not column["not_null"] else f"NULL::{column['base']}"
    sql = candidate.probe or candidate.sql
    return f"{sql}::{column['type']}" if sql == "NULL" else sql


def _by_place(arms: Sequence[str], column: Mapping[str, Any]) -> str:
    """Return SQL of the arm at a place; those that are alike are written once."""
    if len(set(arms)) == 1:
        return f"({arms[0]})::{column['type']}" if arms[0] != "NULL" else f"NULL::{column['type']}"
    return f"CASE {_when('__place', dict(enumerate(arms)))} END"


def _when(index: str, arms: Mapping[int, str]) -> str:
    alike: dict[str, list[str]] = {}
    for place, arm in arms.items():
        alike.setdefault(arm, []).append(str(place))
    return " ".join(f"WHEN {index} IN ({', '.join(places)}) THEN {arm}" for arm, places in alike.items())
