"""What has to come before what in a plan."""

import itertools
import json

from schemata.parity.fix import decisions, nodes, steps, structure
from schemata.parity.fix.ddl import names, sequences
from schemata.snapshot import model


def connect(
    graph: nodes.Nodes, decided: decisions.Decisions, expected: structure.Structure, actual: structure.Structure
) -> None:
    """Add what has to come before what, because one item needs another or takes its name."""
    for key, number in graph.undefaulted.items():
        graph.edge(number, graph.dropping[key])
    for key, dropping in graph.dropping.items():
        for need in actual.needs.get(key, ()):
            if key in graph.undefaulted and need in graph.dropping and need[1] in decisions.OF_DEFAULTS:
                graph.edge(graph.undefaulted[key], graph.dropping[need])
            elif need in graph.dropping:
                graph.edge(dropping, graph.dropping[need])
            for number in graph.changing.get(need, ()):
                if not graph.actions[number].step.late:
                    graph.edge(dropping, number)
        for number in graph.creating.get(key, ()):
            graph.edge(dropping, number)
    for key, numbers in [*graph.creating.items(), *graph.changing.items()]:
        for number in numbers:
            _connect_needs(graph, number, key, expected)
    for key, numbers in graph.changing.items():
        for need in actual.needs.get(key, ()):
            if need in graph.dropping and key not in decided.suspended:
                for number in numbers:
                    graph.edge(number, graph.dropping[need])
    _free_names(graph, expected, actual)
    _order_columns(graph, expected)
    _owners_of_sequences(graph, expected)
    _parents_first(graph, expected, actual)
    _indexes_of_the_whole_first(graph, actual)
    _references_before_partitions(graph, actual)


def _connect_needs(graph: nodes.Nodes, number: int, key: steps.Key, expected: structure.Structure) -> None:
    step = graph.actions[number].step
    item = expected.items[key]
    for need in expected.needs.get(key, ()):
        shell = item.kind == "base type" and need[1] == "function"
        by_default = key in graph.deferred and need[1] in decisions.OF_DEFAULTS
        if (shell or by_default) and graph.actions[number].what == "create":
            continue
        ready = graph.ready(need)
        if need[1] == "base type" and item.kind == "function":
            ready = ready[:1]
        for other in ready:
            if other not in graph.creating.get(key, ()) or other < number:
                graph.edge(other, number)
    for need in step.needs:
        for other in graph.ready(need):
            graph.edge(other, number)


def _free_names(graph: nodes.Nodes, expected: structure.Structure, actual: structure.Structure) -> None:
    """Have what is dropped give its name free before another item takes it."""
    given: dict[tuple[str, str, str], list[int]] = {}
    for key, number in graph.dropping.items():
        for name in decisions.taken_names(actual.items[key]):
            given.setdefault(name, []).append(number)
    for key, numbers in graph.creating.items():
        for name in decisions.taken_names(expected.items[key]):
            for first in given.get(name, ()):
                for second in numbers:
                    graph.edge(first, second)


def _order_columns(graph: nodes.Nodes, expected: structure.Structure) -> None:
    for item in list(expected.items.values()):
        order = json.loads(item.facts.get("column order") or item.facts.get("attribute order") or "[]")
        kind = "column" if "column order" in item.facts else "attribute"
        created = [graph.creating.get((item.schema, kind, item.name, name), [])[:1] for name in order]
        numbers = [number for one in created for number in one]
        for first, second in itertools.pairwise(numbers):
            graph.edge(first, second)


def _owners_of_sequences(graph: nodes.Nodes, expected: structure.Structure) -> None:
    """Have a sequence belong to its table before that changes its owner, and grant on it when both have."""
    for key, item in expected.items.items():
        column = sequences.owning_column(item, expected.items) if item.kind == "sequence" else None
        table = steps.whole(expected.items, column) if column is not None else None
        if table is None:
            continue
        for owner in _steps_of(graph, table.key, "owner"):
            for number in _steps_of(graph, key, "owned by"):
                graph.edge(number, owner)
            for number in [*_steps_of(graph, key, "owner"), *_steps_of(graph, key, "grants")]:
                graph.edge(owner, number)


def _steps_of(graph: nodes.Nodes, key: steps.Key, fact: str) -> list[int]:
    """Return the actions that bring this fact of an item."""
    numbers = [*graph.creating.get(key, ()), *graph.changing.get(key, ())]
    return [
        number
        for number in numbers
        if graph.actions[number].item.key == key and fact in graph.actions[number].step.facts
    ]


def _parents_first(graph: nodes.Nodes, expected: structure.Structure, actual: structure.Structure) -> None:
    """Change a column of a parent before its children's, and their checks likewise."""
    for items, known in ((expected.items, graph.changing), (actual.items, None)):
        for item in list(items.values()):
            if item.kind not in ("column", "constraint"):
                continue
            for parent in _parents(item, items):
                if known is not None:
                    for first in [*known.get(parent, ()), *graph.creating.get(parent, ())[:1]]:
                        for second in [*known.get(item.key, ()), *graph.creating.get(item.key, ())[:1]]:
                            if _is_check(item):
                                graph.edge(first, second)
                elif _is_check(item) and _dropped_alone(graph, parent) and _dropped_alone(graph, item.key):
                    graph.edge(graph.dropping[parent], graph.dropping[item.key])


def _dropped_alone(graph: nodes.Nodes, key: steps.Key) -> bool:
    """Tell whether a part is dropped by a statement of its own: with its table it goes in the order of the tables."""
    return key in graph.dropping and graph.actions[graph.dropping[key]].item.key == key


def _indexes_of_the_whole_first(graph: nodes.Nodes, actual: structure.Structure) -> None:
    """Drop the index of a partitioned table before those of its partitions, which it takes with it."""
    for key, item in actual.items.items():
        parent = structure.attached_to(item)
        for upper in _parents(item._replace(name=parent), actual.items) if parent else ():
            if _dropped_alone(graph, key) and _dropped_alone(graph, upper):
                graph.edge(graph.dropping[upper], graph.dropping[key])


def _references_before_partitions(graph: nodes.Nodes, actual: structure.Structure) -> None:
    """Drop a foreign key to a partitioned table before the partitions, on each of which it stands as well."""
    references = [
        (graph.dropping[key], {(need[0], need[2] or need[3]) for need in actual.needs.get(key, ())})
        for key in graph.dropping
        if key[1] == "constraint" and _is_reference(actual.items[key]) and _dropped_alone(graph, key)
    ]
    for key in graph.dropping if references else ():
        above: model.Item | None = actual.items[key]
        while above is not None and above.kind == "table" and "partition of" in above.facts:
            schema, name = names.parents(above)[0]
            above = actual.items.get((schema, "table", "", name))
            for number, referred in references:
                if (schema, name) in referred:
                    graph.edge(number, graph.dropping[key])


def _is_reference(item: model.Item) -> bool:
    return item.facts["definition"].startswith("FOREIGN KEY")


def _is_check(item: model.Item) -> bool:
    return item.kind == "column" or item.facts["definition"].startswith("CHECK")


def _parents(item: model.Item, items: dict[steps.Key, model.Item]) -> list[steps.Key]:
    """Return the keys that a part of the same name has on the parents of its table."""
    relation = steps.whole(items, item)
    parents = names.parents(relation) if relation is not None else []
    return [(schema, item.kind, name, item.name) for schema, name in parents]
