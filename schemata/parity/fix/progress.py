"""What a structure is after each group of a plan: what the rollback of its file has to undo."""

import json
from collections.abc import Iterator

from schemata.parity.fix import planning, steps, structure


def states(
    plan: planning.Plan, expected: structure.Structure, actual: structure.Structure
) -> Iterator[structure.Structure]:
    """Give the structure after each group of the plan, as far as it was done."""
    now = actual.copy()
    later = _later(plan)
    for group in plan.groups:
        for number in group.numbers:
            _apply(plan, number, now, expected, later)
        yield now.copy()


def _later(plan: planning.Plan) -> dict[steps.Key, frozenset[str]]:
    """Return the facts of created items that are brought by later actions, or are refused."""
    found: dict[steps.Key, frozenset[str]] = {}
    for action in plan.actions:
        if action.what == "alter":
            found[action.item.key] = found.get(action.item.key, frozenset()) | action.step.facts
    for refused in plan.refused:
        if refused.change == "changed":
            found[refused.item.key] = found.get(refused.item.key, frozenset()) | refused.facts
    return found


def _apply(
    plan: planning.Plan,
    number: int,
    now: structure.Structure,
    expected: structure.Structure,
    later: dict[steps.Key, frozenset[str]],
) -> None:
    action = plan.actions[number]
    for key in plan.dropped.get(number, ()):
        if now.items.pop(key, None) is not None:
            now.needs.pop(key, None)
            _move(now, key, there=False)
    for key in plan.created.get(number, ()):
        if key not in expected.items:
            continue
        item = expected.items[key]
        facts = {
            fact: text
            for fact, text in item.facts.items()
            if fact not in later.get(key, frozenset()) - {"column order"}
        }
        now.items[key] = item._replace(facts=facts)
        now.needs[key] = set(expected.needs.get(key, ()))
        _move(now, key, there=True)
    key = action.item.key
    if action.what == "alter" and key in now.items and key in expected.items:
        item = expected.items[key]
        facts = dict(now.items[key].facts)
        for fact in action.step.facts:
            if fact in item.facts:
                facts[fact] = item.facts[fact]
            else:
                facts.pop(fact, None)
        now.items[key] = now.items[key]._replace(facts=facts)
        now.needs[key] = set(expected.needs.get(key, ()))


def _move(now: structure.Structure, key: steps.Key, *, there: bool) -> None:
    """Note in a table's order that a column came or went."""
    schema, kind, of, name = key
    if kind not in ("column", "attribute"):
        return
    fact = f"{kind} order"
    for whole in steps.WHOLES:
        relation = now.items.get((schema, whole, "", of))
        if relation is None or fact not in relation.facts:
            continue
        order = [one for one in json.loads(relation.facts[fact]) if one != name or there]
        if there and name not in order:
            order.append(name)
        facts = {**relation.facts, fact: json.dumps(order, ensure_ascii=False)}
        now.items[relation.key] = relation._replace(facts=facts)
