"""Functions, procedures, aggregates, operators with their classes and families, casts, transforms, conversions."""

import json
import re

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names
from schemata.snapshot import model
from schemata.sql import replaceable

_CONVERSION = re.compile(r"(?P<source>\S+) to (?P<target>\S+) by (?P<function>.+)")
_DEFINED = frozenset(("definition", "cost"))


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a function or procedure."""
    return [steps.Step((_routine(item),))]


def _routine(item: model.Item, how: str = "CREATE") -> str:
    name = f"{names.quoted(item.schema)}.{names.without_arguments(item.name)}"
    return f"{how} {item.kind.upper()} {name}{item.facts['definition'].rstrip()};"


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a function: replaced where its callers keep what they call, else made again."""
    if not changed & _DEFINED:
        return []
    if replaceable.routine(_routine(old), _routine(new)):
        return [steps.Step((_routine(new, "CREATE OR REPLACE"),), changed & _DEFINED)]
    return [steps.Replace(changed)]


def drop(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops something that holds no data."""
    return steps.Step((f"DROP {names.word(item)} {names.address(item)};",))


def create_aggregate(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates an aggregate."""
    return [steps.Step((_aggregate(item, "CREATE"),))]


def _aggregate(item: model.Item, how: str) -> str:
    facts = item.facts
    name = f"{names.quoted(item.schema)}.{names.without_arguments(item.name)}"
    words = facts["definition"]
    words += ", HYPOTHETICAL" if facts.get("kind") == "hypothetical-set" else ""
    words += f", PARALLEL = {facts['parallel'].upper()}" if "parallel" in facts else ""
    return f"{how} AGGREGATE {name}({facts.get('arguments') or '*'}) ({words});"


def change_aggregate(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes an aggregate."""
    own = changed & {"definition", "parallel", "arguments", "returns", "kind"}
    if not own:
        return []
    if own & {"arguments", "returns", "kind"}:
        return [steps.Replace(changed)]
    return [steps.Step((_aggregate(new, "CREATE OR REPLACE"),), own)]


def create_operator(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates an operator."""
    facts = item.facts
    name, _, arguments = item.name.partition(" ")
    left, right = names.listed(arguments[1:-1])
    words = [f"FUNCTION = {names.without_arguments(facts['function'])}"]
    words += [f"LEFTARG = {left}"] if left != "NONE" else []
    words += [f"RIGHTARG = {right}"] if right != "NONE" else []
    for fact in ("commutator", "negator"):
        if fact in facts:
            words.append(f"{fact.upper()} = OPERATOR({names.without_arguments(facts[fact])})")
    for fact in ("restrict", "join"):
        if fact in facts:
            words.append(f"{fact.upper()} = {names.without_arguments(facts[fact])}")
    words += [fact.upper() for fact in ("hashes", "merges") if fact in facts]
    return [steps.Step((f"CREATE OPERATOR {names.quoted(item.schema)}.{name} ({', '.join(words)});",))]


def change_operator(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes an operator: its estimators can be altered, the rest makes another one."""
    own = changed & {"function", "returns", "commutator", "negator", "restrict", "join", "merges", "hashes"}
    if own - {"restrict", "join"}:
        return [steps.Replace(changed)]
    if not own:
        return []
    words = [
        f"{fact.upper()} = {names.without_arguments(new.facts[fact]) if fact in new.facts else 'NONE'}"
        for fact in sorted(own)
    ]
    return [steps.Step((f"ALTER OPERATOR {names.address(new)} SET ({', '.join(words)});",), own)]


def _members(item: model.Item) -> list[str]:
    found: list[str] = []
    for fact in ("operators", "functions", "members"):
        found += json.loads(item.facts.get(fact, "[]"))
    return found


def _loose(family: model.Item, items: dict[steps.Key, model.Item]) -> list[str]:
    """Return what is in a family without being in one of its classes."""
    plain, _, method = family.name.rpartition(" using ")
    of_classes = {
        member
        for item in items.values()
        if item.kind == "operator class"
        and names.parts(item.facts["family"]) == [family.schema, *names.parts(plain)]
        and item.name.endswith(f" using {method}")
        for member in _members(item)
    }
    return [member for member in _members(family) if member not in of_classes]


def create_family(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates an operator family, and adds what is in none of its classes."""
    made: list[steps.Outcome] = [steps.Step((f"CREATE OPERATOR FAMILY {names.address(item)};",))]
    loose = _loose(item, dict(world.expected))
    if loose:
        made.append(steps.Step((_add(item, loose),), late=True, needs=_operators(world)))
    return made


def _operators(world: steps.World) -> tuple[steps.Key, ...]:
    """Return what a member of a family may be: the snapshot tells no dependency of it."""
    return tuple(key for key in world.expected if key[1] in ("operator", "function"))


def _add(item: model.Item, members: list[str]) -> str:
    return f"ALTER OPERATOR FAMILY {names.address(item)} ADD\n    " + ",\n    ".join(members) + ";"


def change_family(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what adds members to an operator family and removes others."""
    facts = changed & {"operators", "functions"}
    if not facts:
        return []
    after, before = _loose(new, dict(world.expected)), _loose(old, dict(world.actual))
    gone = [_slot(member) for member in before if member not in after]
    added = [member for member in after if member not in before]
    sql = [f"ALTER OPERATOR FAMILY {names.address(new)} DROP\n    " + ",\n    ".join(gone) + ";"] if gone else []
    sql += [_add(new, added)] if added else []
    return [steps.Step(tuple(sql), facts, late=True, needs=_operators(world) if added else ())]


def _slot(member: str) -> str:
    """Return a member as DROP names it: by number and types.

    >>> _slot("OPERATOR 1 app.<(app.t,app.t)")
    'OPERATOR 1 (app.t,app.t)'
    """
    kind, number, rest = member.split(" ", 2)
    start = len(names.without_arguments(rest))
    return f"{kind} {number} {rest[start : names.closing(rest, start)]}"


def create_class(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates an operator class in its family."""
    facts = item.facts
    name, _, method = names.address(item).rpartition(" USING ")
    default = "DEFAULT " if "default" in facts else ""
    text = f"CREATE OPERATOR CLASS {name} {default}FOR TYPE {facts['type']} USING {method} FAMILY {facts['family']} AS"
    members = _members(item)
    members += [f"STORAGE {facts['storage type']}"] if "storage type" in facts else []
    members = members or [f"STORAGE {facts['type']}"]
    return [steps.Step((f"{text}\n    " + ",\n    ".join(members) + ";",))]


def create_cast(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a cast."""
    method, context = item.facts["method"], item.facts["context"]
    how = "WITHOUT FUNCTION" if method == "without function" else f"WITH {method[:8].upper()}{method[8:]}"
    when = "" if context == "explicit" else f" AS {context.upper()}"
    return [steps.Step((f"CREATE CAST {names.address(item)} {how}{when};",))]


def create_transform(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a transform."""
    words = [
        f"{word} WITH FUNCTION {item.facts[fact]}"
        for fact, word in (("from sql", "FROM SQL"), ("to sql", "TO SQL"))
        if fact in item.facts
    ]
    return [steps.Step((f"CREATE TRANSFORM {names.address(item)} ({', '.join(words)});",))]


def create_conversion(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a conversion between encodings."""
    match = _CONVERSION.fullmatch(item.facts["definition"])
    assert match is not None, item.facts["definition"]
    text = (
        f"CREATE {'DEFAULT ' if 'default' in item.facts else ''}CONVERSION {names.address(item)}"
        f" FOR '{match['source']}' TO '{match['target']}' FROM {names.without_arguments(match['function'])};"
    )
    return [steps.Step((text,))]
