"""The plan: which statements, in which order, and what the structure is after each of them."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping

from schemata.parity import diff
from schemata.parity.fix import decisions, edges, nodes, ordering, repeatable, statements, steps, structure
from schemata.parity.fix.ddl import names, sequences, tables
from schemata.snapshot import kinds, model

_IN_USE = "dependent_objects_still_exist"


@dataclasses.dataclass(frozen=True)
class Plan:
    """Actions in the order in which they can be done, in groups, and what stays as it is."""

    groups: tuple[ordering.Group, ...]
    actions: tuple[nodes.Action, ...]
    refused: tuple[decisions.Refused, ...]
    #: What is there after an action, and what is gone after it.
    created: Mapping[int, tuple[steps.Key, ...]]
    dropped: Mapping[int, tuple[steps.Key, ...]]


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
    graph = nodes.Nodes()
    _add_drops(graph, decided, actual, world)
    _add_creates(graph, decided, expected, world)
    _add_changes(graph, decided, expected, world)
    for old, new in decided.renamed.items():
        item = expected.items[new]
        text = names.renamed(actual.items[old], item.name)
        if item.kind == "index" or not item.facts["definition"].startswith("FOREIGN KEY"):
            # The constraint takes the name of its index.
            text = f"ALTER INDEX IF EXISTS {names.qualified(item.schema, old[3])} RENAME TO {names.quoted(item.name)};"
        else:
            text = repeatable.passing(text, "undefined_object")
        number = graph.add("alter", item, steps.Step((text,)))
        graph.creating[new], graph.dropping[old] = [number], number
    _add_suspended(graph, decided, expected, actual, world)
    edges.connect(graph, decided, expected, actual)
    places = [_place(graph, number, tuple(schemas), world) for number in graph.before]
    try:
        groups = ordering.grouped(graph.before, places)
    except ordering.Circle as circle:
        actions = [graph.actions[number] for number in circle.numbers]
        described = [f"{action.what} {diff.subject(action.item)}" for action in actions]
        raise ordering.Circle(circle.numbers, described) from circle
    refused = [*decided.refused.values(), *_misplaced(expected, actual, decided)]
    return Plan(
        groups,
        tuple(graph.actions),
        tuple(sorted(refused, key=_by_item)),
        _by_number((numbers[0], key) for key, numbers in graph.creating.items() if numbers),
        _by_number((number, key) for key, number in graph.dropping.items()),
    )


def _by_number(pairs: Iterable[tuple[int, steps.Key]]) -> dict[int, tuple[steps.Key, ...]]:
    found: dict[int, tuple[steps.Key, ...]] = {}
    for number, key in pairs:
        found[number] = (*found.get(number, ()), key)
    return found


def _by_item(refused: decisions.Refused) -> tuple[object, ...]:
    item = refused.item
    return item.schema, kinds.ORDER[item.kind], item.of, item.name, sorted(refused.facts)


def _add_drops(
    graph: nodes.Nodes, decided: decisions.Decisions, actual: structure.Structure, world: steps.World
) -> None:
    carried: list[tuple[steps.Key, steps.Key]] = []
    taken = {
        name
        for key in decided.creates - decided.drops
        for name in decisions.taken_names(world.expected[key])
        if key[1] not in ("constraint", "index")
    }
    of_constraints = {
        name for key in decided.creates if key[1] == "constraint" for name in decisions.taken_names(world.expected[key])
    }
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
            if item.kind == "column" and relation is not None and tables.waits(item, relation, actual.needs):
                graph.undefaulted[key] = graph.add(
                    "alter", item, steps.Step((names.alter_column(item, "DROP DEFAULT"),))
                )
            continue
        outcome = statements.drop(item, world)
        step = outcome if isinstance(outcome, steps.Step) else steps.Step(())
        if key in decided.creates and item.kind in ("constraint", "index"):
            made = statements.create(world.expected[key], world)
            step = dataclasses.replace(step, alone=any(isinstance(one, steps.Step) and one.alone for one in made))
        if item.kind == "index" and of_constraints.intersection(decisions.taken_names(item)):
            # Where the constraint is there already the index of this name is its own, and stays.
            text = f"DROP INDEX IF EXISTS {names.qualified(item.schema, item.name)};"
            step = dataclasses.replace(step, alone=False, sql=(repeatable.passing(text, _IN_USE),))
        of_base_type = any(need[1] in ("base type", "shell type") for need in {key, *actual.needs.get(key, ())})
        if of_base_type or (not step.alone and any(name in taken for name in decisions.taken_names(item))):
            # Where another kind has the name already this one is not there; and where a base type is as it should be
            # its functions hang on it, and it on them.
            others = (_IN_USE,) if of_base_type else ()
            texts = [repeatable.statement(item, text) for text in step.sql]
            step = dataclasses.replace(step, sql=tuple(repeatable.passing(text, *others) for text in texts))
        graph.dropping[key] = graph.add("drop", item, step)
    _carry(graph.dropping, carried)


def _carry(known: dict[steps.Key, int], carried: list[tuple[steps.Key, steps.Key]]) -> None:
    carriers = dict(carried)
    for key, carrier in carried:
        while carrier in carriers:
            carrier = carriers[carrier]
        if carrier in known:
            known[key] = known[carrier]


def _add_creates(
    graph: nodes.Nodes, decided: decisions.Decisions, expected: structure.Structure, world: steps.World
) -> None:
    carriers: dict[steps.Key, steps.Key] = {}
    for key in sorted(decided.creates):
        item = expected.items[key]
        relation = world.whole(item)
        made = [one for one in statements.create(item, world) if isinstance(one, steps.Step)]
        if relation is not None and relation.key in decided.creates and _listed(item, relation):
            carriers[key] = relation.key
            made = [one for one in made if one.late and one.facts]
            if item.kind == "column" and tables.waits(item, relation, world.expected_needs):
                graph.deferred.add(key)
        elif item.kind == "sequence" and sequences.is_identity(item):
            column = sequences.owning_column(item, expected.items)
            carriers[key] = column.key if column is not None else key
        made = made or ([] if key in carriers else [steps.Step(())])
        graph.creating[key] = [
            graph.add("alter" if at or key in carriers else "create", item, step) for at, step in enumerate(made)
        ]
        _chain(graph, graph.creating[key], everything=False)
    for key, carrier in carriers.items():
        while carrier in carriers and carriers[carrier] != carrier:
            carrier = carriers[carrier]
        first = graph.creating.get(carrier, [])[:1] or [
            number for number in graph.changing.get(carrier, ()) if not graph.actions[number].step.late
        ]
        for number in graph.creating[key]:
            for one in first:
                graph.edge(one, number)
        graph.creating[key] = [*first, *graph.creating[key]]


def _listed(item: model.Item, relation: model.Item) -> bool:
    """Tell whether CREATE of a relation has the part in it."""
    if item.kind == "attribute":
        return True
    return item.kind == "column" and relation.kind in ("table", "foreign table")


def _chain(graph: nodes.Nodes, numbers: list[int], *, everything: bool) -> None:
    """Put the steps of one item in their order; what is late may wait, and nothing else for it."""
    early = [number for number in numbers if not graph.actions[number].step.late]
    for first, second in itertools.pairwise(early):
        graph.edge(first, second)
    late = [number for number in numbers if graph.actions[number].step.late]
    for number in late:
        if early:
            graph.edge(early[-1], number)
    for first, second in itertools.pairwise(late):
        if not graph.actions[first].step.needs or everything:
            graph.edge(first, second)


def _add_changes(
    graph: nodes.Nodes, decided: decisions.Decisions, expected: structure.Structure, world: steps.World
) -> None:
    for key in sorted(decided.changes):
        numbers = [graph.add("alter", expected.items[key], step) for step in decided.changes[key]]
        graph.changing[key] = numbers
        _chain(graph, numbers, everything=True)
        for number in numbers:
            step = graph.actions[number].step
            for made in step.makes:
                others = [one for one in graph.creating.get(made, ()) if one != number]
                for one in others:
                    graph.edge(number, one)
                graph.creating[made] = [number, *others]
            for gone in step.removes:
                graph.dropping[gone] = number


def _add_suspended(
    graph: nodes.Nodes,
    decided: decisions.Decisions,
    expected: structure.Structure,
    actual: structure.Structure,
    world: steps.World,
) -> None:
    """Drop a default whose function is made again, and set it when that is done."""
    for key in sorted(decided.suspended):
        item, old = expected.items[key], actual.items[key]
        first = graph.add("alter", old, steps.Step((names.alter_column(item, "DROP DEFAULT"),)))
        for need in actual.needs[key]:
            if need in graph.dropping:
                graph.edge(first, graph.dropping[need])
        for number in graph.changing.get(key, ()):
            graph.edge(first, number)
        if "default" in item.facts and item.facts["default"] == old.facts.get("default"):
            text = names.alter_column(item, f"SET DEFAULT {item.facts['default']}")
            last = graph.add("alter", item, steps.Step((text,), late=True))
            graph.edge(first, last)
            for need in expected.needs[key]:
                for number in graph.ready(need):
                    graph.edge(number, last)


def _place(graph: nodes.Nodes, number: int, schemas: tuple[str, ...], world: steps.World) -> ordering.Place:
    action = graph.actions[number]
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
