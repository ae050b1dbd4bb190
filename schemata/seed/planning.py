"""How rows of a table can be made: found by asking the server which values its conditions accept."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemata.postgres import queries, sessions
from schemata.seed import keys, parent_keys, shapes, statement
from schemata.seed.values import columns

# Fewer combinations than this are tried on many rows, and rows up to this one in any case.
_FEW = 60
_LEAST = 24


class NoValues(Exception):
    """No values were found that a condition of a table accepts."""

    def __init__(self, frame: columns.Frame, group: shapes.Group) -> None:
        names = [column["name"] for column in frame.table.columns if column["number"] in group.numbers]
        texts = "; ".join(text for _, text in group.conditions) or "its type"
        super().__init__(f"no values were found for {', '.join(names)} that {texts} accepts")
        self.columns = names


def plan(ask: queries.Ask, frame: columns.Frame, details: keys.Details) -> statement.Plan:
    """Return how rows of a table are made. Raises NoValues."""
    picks = keys.picks(frame)
    assigned = keys.assign(frame, details)
    keyed = [set(pick.key.own) for pick in picks]
    filled = {number for pick in picks for number in pick.fills}
    required = {
        pick.key.name: tuple(
            parent_keys.Condition(frozenset(numbers), shapes.condition(text))
            for _, numbers, text in frame.table.checks
            if set(numbers) <= set(pick.key.own)
        )
        for pick in picks
    }
    sets: dict[int, Sequence[tuple[shapes.Shape, ...]]] = {}
    decided: set[int] = set()
    for group in shapes.groups(frame, keyed):
        several = len(group.numbers) > 1
        usual: dict[int, list[columns.Candidate]] = {}
        for column in frame.table.columns:
            if column["number"] in group.numbers:
                some = _candidates(frame, column, assigned, filled, several=several)
                fine = _alone(ask, frame, group.alone(column["number"]), some)
                usual[column["number"]] = _preferred(fine, several=several)
        decided |= {number for number in filled & set(usual) if columns.NULL in usual[number]}
        found = _together(ask, frame, group, usual) if several else _each(group, usual)
        if not found:
            raise NoValues(frame, group)
        sets[group.numbers[0]] = shapes.alternatives(group, found, usual)
    return statement.Plan(frame, details, _with_accepted(frame, assigned, sets), sets, required, frozenset(decided))


def _with_accepted(
    frame: columns.Frame, assigned: keys.Assignment, sets: Mapping[int, Sequence[tuple[shapes.Shape, ...]]]
) -> keys.Assignment:
    """Return the assignment with as many values of listed columns as are accepted."""
    numbers = {column["name"]: column["number"] for column in frame.table.columns}
    digits = tuple(
        (name, len(sets[numbers[name]][0]) if listed and numbers[name] in sets else listed)
        for name, listed in assigned.digits
    )
    return dataclasses.replace(assigned, digits=digits)


def _candidates(
    frame: columns.Frame,
    column: Mapping[str, Any],
    assigned: keys.Assignment,
    filled: set[int],
    *,
    several: bool,
) -> list[columns.Candidate]:
    number = column["number"]
    if number in filled or number in assigned.counters:
        return columns.of_key(frame, column, nullable=several and number in filled)
    for key in frame.table.keys:
        if key.name in frame.itself and number in key.own:
            target = columns.bounds_name(key.theirs[key.own.index(number)])
            if target != column["name"]:
                return columns.of_itself(frame, column, target)
    return columns.candidates(frame, column, carrier=number in assigned.carriers)


def _preferred(fine: list[columns.Candidate], *, several: bool) -> list[columns.Candidate]:
    """Return what is to be taken of what is accepted."""
    if any(one.kind == "item" for one in fine):
        # Listed values are the ones that are meant.
        fine = [one for one in fine if one.kind in ("item", "null")]
    # What a default gives is not known: with other columns it goes only where there is nothing else.
    known = [one for one in fine if not one.left_out] if several else []
    return known or fine


def _alone(
    ask: queries.Ask, frame: columns.Frame, group: shapes.Group, candidates: Sequence[columns.Candidate]
) -> list[columns.Candidate]:
    """Return the candidates of a column that are accepted by themselves."""
    number = group.numbers[0]
    free = [one for one in candidates if not one.uses]
    found = _accepted(ask, frame, group, [{number: one} for one in free])
    fine = [chosen[number] for chosen in found]
    return [one for one in candidates if one.uses or one in fine]


def _each(group: shapes.Group, usual: Mapping[int, Sequence[columns.Candidate]]) -> list[shapes.Chosen]:
    number = group.numbers[0]
    return [{number: one} for one in usual[number]]


def _together(
    ask: queries.Ask, frame: columns.Frame, group: shapes.Group, usual: Mapping[int, Sequence[columns.Candidate]]
) -> list[shapes.Chosen]:
    """Return combinations that are accepted: by each condition, and then by all of them at once."""
    accepted = []
    for numbers, text in group.conditions:
        own = numbers & usual.keys()
        if len(own) == 1 and not any(one.uses for number in own for one in usual[number]):
            # Each candidate was asked about already.
            continue
        by_columns: dict[tuple[int, ...], list[shapes.Chosen]] = {}
        for chosen in shapes.to_try(frame.table, own, usual):
            by_columns.setdefault(tuple(sorted(chosen)), []).append(chosen)
        fine: list[shapes.Chosen] = []
        for some, tried in by_columns.items():
            fine += _accepted(ask, frame, shapes.Group(some, ((numbers, text),)), tried)
        accepted.append((own, fine))
    found = [shape.chosen for shape in shapes.best(shapes.search(frame.table, usual, accepted))]
    return _accepted(ask, frame, group, found)


def _accepted(
    ask: queries.Ask, frame: columns.Frame, group: shapes.Group, combinations: Sequence[shapes.Chosen]
) -> list[shapes.Chosen]:
    """Return the combinations that the conditions accept; one that the server cannot compute is not."""
    if not combinations:
        return []
    if len(group.numbers) == 1 and any(one.uses for chosen in combinations for one in chosen.values()):
        # Made of columns of another group: whether it fits shows when rows are made.
        return list(combinations)
    numbers = shapes.MANY if len(combinations) < _FEW else shapes.FEW
    rooms = [one.room for chosen in combinations for one in chosen.values() if one.room]
    # Of what has room for fewer rows, fewer are made: the last ones that it accepts, and none after.
    most = max(frame.rows, _LEAST) if len(combinations) > 1 else min([max(frame.rows, _LEAST), *rooms])
    tried = [row for row in numbers if row <= most]
    try:
        rows = ask(shapes.question(frame.table, group, combinations, tried))
    except sessions.StatementFailed:
        if len(combinations) == 1:
            return []
        half = len(combinations) // 2
        return [
            *_accepted(ask, frame, group, combinations[:half]),
            *_accepted(ask, frame, group, combinations[half:]),
        ]
    return [combinations[int(str(place))] for (place,) in rows]
