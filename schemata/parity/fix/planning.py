"""The plan: which statements, in which order, and what the structure is after each of them."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping

from schemata.parity.fix import decisions, ordering, statements, steps, structure
from schemata.parity.fix.ddl import names, sequences, tables
from schemata.snapshot import kinds, model


@dataclasses.dataclass(frozen=True)
class Action:
    """One step of the plan.

    :param what: create, drop or alter.
    """

    what: str
    item: model.Item
    step: steps.Step


@dataclasses.dataclass(frozen=True)
class Plan:
    """Actions in the order in which they can be done, in groups, and what stays as it is."""

    groups: tuple[ordering.Group, ...]
    actions: tuple[Action, ...]
    refused: tuple[decisions.Refused, ...]
    #: What is there after an action, and what is gone after it.
    created: Mapping[int, tuple[steps.Key, ...]]
    dropped: Mapping[int, tuple[steps.Key, ...]]


class Nodes:
    """The actions while they are put together: what has to come before what."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.before: dict[int, set[int]] = {}
        #: The actions that create, drop or change an item; a part's may be its relation's.
        self.creating: dict[steps.Key, list[int]] = {}
        self.dropping: dict[steps.Key, int] = {}
        self.changing: dict[steps.Key, list[int]] = {}

    def add(self, what: str, item: model.Item, step: steps.Step) -> int:
        """Add an action and return its number."""
        self.actions.append(Action(what, item, step))
        self.before[len(self.actions) - 1] = set()
        return len(self.actions) - 1

    def edge(self, first: int, second: int) -> None:
        """Have one action come before another."""
        if first != second:
            self.before[second].add(first)

    def ready(self, key: steps.Key) -> list[int]:
        """Return the actions after which an item is there as others need it."""
        return [
            number
            for number in [*self.creating.get(key, ()), *self.changing.get(key, ())]
            if not self.actions[number].step.late
        ]


def plan(
    expected: structure.Structure,
    actual: structure.Structure,
    schemas: Iterable[str],
    major: int,
    *,
    destructive: bool = False,
) -> Plan:
    """Return how to turn the actual structure into the expected one.

    :param schemas: those that have migrations, the first of which has the files for everything else.
    :param destructive: data may be lost.
    """
    world = steps.World(expected.items, actual.items, expected.needs, actual.needs, major, destructive=destructive)
    decided = decisions.Deciding(expected, actual, world).decide()
    world = dataclasses.replace(world, made=decided.creates)
    nodes = Nodes()
    _add_drops(nodes, decided, actual, world)
    _add_creates(nodes, decided, expected, world)
    _add_changes(nodes, decided, expected, world)
    _add_suspended(nodes, decided, expected, actual, world)
    _connect(nodes, decided, expected, actual)
    groups = ordering.grouped(nodes.before, [_place(nodes, number, tuple(schemas), world) for number in nodes.before])
    refused = [*decided.refused.values(), *_misplaced(expected, actual, decided)]
    return Plan(
        groups,
        tuple(nodes.actions),
        tuple(sorted(refused, key=_by_item)),
        _by_number((numbers[0], key) for key, numbers in nodes.creating.items() if numbers),
        _by_number((number, key) for key, number in nodes.dropping.items()),
    )


def _by_number(pairs: Iterable[tuple[int, steps.Key]]) -> dict[int, tuple[steps.Key, ...]]:
    found: dict[int, tuple[steps.Key, ...]] = {}
    for number, key in pairs:
        found[number] = (*found.get(number, ()), key)
    return found


def _by_item(refused: decisions.Refused) -> tuple[object, ...]:
    item = refused.item
    return item.schema, kinds.ORDER[item.kind], item.of, item.name, sorted(refused.facts)


def _add_drops(nodes: Nodes, decided: decisions.Decisions, actual: structure.Structure, world: steps.World) -> None:
    carried: list[tuple[steps.Key, steps.Key]] = []
    for key in sorted(decided.drops):
        item = actual.items[key]
        relation = world.whole(item, actual=True)
        carrier = relation.key if relation is not None and relation.key in decided.drops else None
        if item.kind == "constraint" and item.facts["definition"].startswith("FOREIGN KEY"):
            carrier = None
        if item.kind == "sequence":
            column = sequences.owning_column(item, actual.items)
            carrier = column.key if column is not None and column.key in decided.drops else None
        for need in sorted(actual.needs.get(key, ())):
            if need[1] == "base type" and key in actual.needs.get(need, ()) and need in decided.drops:
                carrier = need
        if carrier is not None:
            carried.append((key, carrier))
            continue
        outcome = statements.drop(item, world)
        step = outcome if isinstance(outcome, steps.Step) else steps.Step(())
        if key in decided.creates and item.kind in ("constraint", "index"):
            made = statements.create(world.expected[key], world)
            step = dataclasses.replace(step, alone=any(isinstance(one, steps.Step) and one.alone for one in made))
        nodes.dropping[key] = nodes.add("drop", item, step)
    _carry(nodes.dropping, carried)


def _carry(known: dict[steps.Key, int], carried: list[tuple[steps.Key, steps.Key]]) -> None:
    carriers = dict(carried)
    for key, carrier in carried:
        while carrier in carriers:
            carrier = carriers[carrier]
        if carrier in known:
            known[key] = known[carrier]


def _add_creates(nodes: Nodes, decided: decisions.Decisions, expected: structure.Structure, world: steps.World) -> None:
    carriers: dict[steps.Key, steps.Key] = {}
    for key in sorted(decided.creates):
        item = expected.items[key]
        relation = world.whole(item)
        made = [one for one in statements.create(item, world) if isinstance(one, steps.Step)]
        if relation is not None and relation.key in decided.creates and _listed(item, relation):
            carriers[key] = relation.key
            made = [one for one in made if one.late and one.facts]
        elif item.kind == "sequence" and sequences.is_identity(item):
            column = sequences.owning_column(item, expected.items)
            carriers[key] = column.key if column is not None else key
        made = made or ([] if key in carriers else [steps.Step(())])
        nodes.creating[key] = [
            nodes.add("alter" if at or key in carriers else "create", item, step) for at, step in enumerate(made)
        ]
        _chain(nodes, nodes.creating[key], everything=False)
    for key, carrier in carriers.items():
        while carrier in carriers and carriers[carrier] != carrier:
            carrier = carriers[carrier]
        first = nodes.creating.get(carrier, [])[:1] or [
            number for number in nodes.changing.get(carrier, ()) if not nodes.actions[number].step.late
        ]
        for number in nodes.creating[key]:
            for one in first:
                nodes.edge(one, number)
        nodes.creating[key] = [*first, *nodes.creating[key]]


def _listed(item: model.Item, relation: model.Item) -> bool:
    """Tell whether CREATE of a relation has the part in it."""
    if item.kind == "attribute":
        return True
    return item.kind == "column" and relation.kind in ("table", "foreign table")


def _chain(nodes: Nodes, numbers: list[int], *, everything: bool) -> None:
    """Put the steps of one item in their order; what is late may wait, and nothing else for it."""
    early = [number for number in numbers if not nodes.actions[number].step.late]
    for first, second in itertools.pairwise(early):
        nodes.edge(first, second)
    late = [number for number in numbers if nodes.actions[number].step.late]
    for number in late:
        if early:
            nodes.edge(early[-1], number)
    for first, second in itertools.pairwise(late):
        if not nodes.actions[first].step.needs or everything:
            nodes.edge(first, second)


def _add_changes(nodes: Nodes, decided: decisions.Decisions, expected: structure.Structure, world: steps.World) -> None:
    for key in sorted(decided.changes):
        numbers = [nodes.add("alter", expected.items[key], step) for step in decided.changes[key]]
        nodes.changing[key] = numbers
        _chain(nodes, numbers, everything=True)
        for number in numbers:
            step = nodes.actions[number].step
            for made in step.makes:
                others = [one for one in nodes.creating.get(made, ()) if one != number]
                for one in others:
                    nodes.edge(number, one)
                nodes.creating[made] = [number, *others]
            for gone in step.removes:
                nodes.dropping[gone] = number


def _add_suspended(
    nodes: Nodes,
    decided: decisions.Decisions,
    expected: structure.Structure,
    actual: structure.Structure,
    world: steps.World,
) -> None:
    """Drop a default whose function is made again, and set it when that is done."""
    for key in sorted(decided.suspended):
        item, old = expected.items[key], actual.items[key]
        first = nodes.add("alter", old, steps.Step((names.alter_column(item, "DROP DEFAULT"),)))
        for need in actual.needs[key]:
            if need in nodes.dropping:
                nodes.edge(first, nodes.dropping[need])
        for number in nodes.changing.get(key, ()):
            nodes.edge(first, number)
        if "default" in item.facts and item.facts["default"] == old.facts.get("default"):
            text = names.alter_column(item, f"SET DEFAULT {item.facts['default']}")
            last = nodes.add("alter", item, steps.Step((text,), late=True))
            nodes.edge(first, last)
            for need in expected.needs[key]:
                for number in nodes.ready(need):
                    nodes.edge(number, last)


def _connect(
    nodes: Nodes, decided: decisions.Decisions, expected: structure.Structure, actual: structure.Structure
) -> None:
    for key, dropping in nodes.dropping.items():
        for need in actual.needs.get(key, ()):
            if need in nodes.dropping:
                nodes.edge(dropping, nodes.dropping[need])
            for number in nodes.changing.get(need, ()):
                if not nodes.actions[number].step.late:
                    nodes.edge(dropping, number)
        for number in nodes.creating.get(key, ()):
            nodes.edge(dropping, number)
    for key, numbers in [*nodes.creating.items(), *nodes.changing.items()]:
        for number in numbers:
            _connect_needs(nodes, number, key, expected)
    for key, numbers in nodes.changing.items():
        for need in actual.needs.get(key, ()):
            if need in nodes.dropping and key not in decided.suspended:
                for number in numbers:
                    nodes.edge(number, nodes.dropping[need])
    _free_names(nodes, expected, actual)
    _order_columns(nodes, expected)
    _parents_first(nodes, expected, actual)


def _connect_needs(nodes: Nodes, number: int, key: steps.Key, expected: structure.Structure) -> None:
    step = nodes.actions[number].step
    item = expected.items[key]
    for need in expected.needs.get(key, ()):
        shell = item.kind == "base type" and need[1] == "function"
        if shell and nodes.actions[number].what == "create":
            continue
        ready = nodes.ready(need)
        if need[1] == "base type" and item.kind == "function":
            ready = ready[:1]
        for other in ready:
            if other not in nodes.creating.get(key, ()) or other < number:
                nodes.edge(other, number)
    for need in step.needs:
        for other in nodes.ready(need):
            nodes.edge(other, number)


def _free_names(nodes: Nodes, expected: structure.Structure, actual: structure.Structure) -> None:
    """Have what is dropped give its name free before another item takes it."""
    given: dict[tuple[str, str, str], list[int]] = {}
    for key, number in nodes.dropping.items():
        for name in decisions.taken_names(actual.items[key]):
            given.setdefault(name, []).append(number)
    for key, numbers in nodes.creating.items():
        for name in decisions.taken_names(expected.items[key]):
            for first in given.get(name, ()):
                for second in numbers:
                    nodes.edge(first, second)


def _order_columns(nodes: Nodes, expected: structure.Structure) -> None:
    for item in list(expected.items.values()):
        order = json.loads(item.facts.get("column order") or item.facts.get("attribute order") or "[]")
        kind = "column" if "column order" in item.facts else "attribute"
        created = [nodes.creating.get((item.schema, kind, item.name, name), [])[:1] for name in order]
        numbers = [number for one in created for number in one]
        for first, second in itertools.pairwise(numbers):
            nodes.edge(first, second)


def _parents_first(nodes: Nodes, expected: structure.Structure, actual: structure.Structure) -> None:
    """Change a column of a parent before its children's, and their checks likewise."""
    for items, known in ((expected.items, nodes.changing), (actual.items, None)):
        for item in list(items.values()):
            if item.kind not in ("column", "constraint"):
                continue
            for parent in _parents(item, items):
                if known is not None:
                    for first in [*known.get(parent, ()), *nodes.creating.get(parent, ())[:1]]:
                        for second in [*known.get(item.key, ()), *nodes.creating.get(item.key, ())[:1]]:
                            if _is_check(item):
                                nodes.edge(first, second)
                elif parent in nodes.dropping and item.key in nodes.dropping and _is_check(item):
                    nodes.edge(nodes.dropping[parent], nodes.dropping[item.key])


def _is_check(item: model.Item) -> bool:
    return item.kind == "column" or item.facts["definition"].startswith("CHECK")


def _parents(item: model.Item, items: dict[steps.Key, model.Item]) -> list[steps.Key]:
    relation = steps.whole(items, item)
    if relation is None:
        return []
    printed = [tables.bound(relation)[0]] if "partition of" in relation.facts else []
    printed += names.listed(relation.facts.get("inherits", ""))
    found = []
    for text in printed:
        *schema, name = names.parts(text)
        found.append((schema[0] if schema else item.schema, item.kind, name, item.name))
    return found


def _place(nodes: Nodes, number: int, schemas: tuple[str, ...], world: steps.World) -> ordering.Place:
    action = nodes.actions[number]
    item = action.item
    schema = item.schema if item.schema in schemas else schemas[0]
    if item.kind == "schema" and item.name in schemas:
        schema = item.name
    rank = steps.rank(item, world.whole(item) or world.whole(item, actual=True))
    if action.what == "drop":
        first, *rest = rank
        rank = (-int(str(first)), *rest)
    return ordering.Place(
        (schemas.index(schema), schema, action.step.alone) if action.step.sql else None,
        (0 if action.what == "drop" else 1, *rank, number),
    )


def _misplaced(
    expected: structure.Structure, actual: structure.Structure, decided: decisions.Decisions
) -> list[decisions.Refused]:
    """Return the tables whose columns will stand in another order than is expected: no statement moves a column."""
    found = []
    reason = "a column that is added stands behind the others, and none can be moved: nothing but SELECT * sees it"
    for key, item in expected.items.items():
        if key not in actual.items or key in decided.creates or "column order" not in item.facts:
            continue
        after = structure.placed(item, actual.items[key], decided.creates, decided.drops)
        wanted = json.loads(item.facts["column order"])
        if [name for name in after if name in wanted] != [name for name in wanted if name in after]:
            found.append(decisions.Refused(item, "changed", frozenset(("column order",)), reason))
    return found
