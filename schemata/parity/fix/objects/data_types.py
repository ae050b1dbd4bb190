"""Types of each sort, their parts, and collations."""

import json
from collections.abc import Iterable

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names
from schemata.snapshot import model

_NOT_VALID = " NOT VALID"


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a type or a collation."""
    facts, address = item.facts, names.address(item)
    match item.kind:
        case "shell type":
            text = f"CREATE TYPE {address};"
        case "enum":
            labels = ", ".join(names.literal(label) for label in json.loads(facts.get("labels", "[]")))
            text = f"CREATE TYPE {address} AS ENUM ({labels});"
        case "domain":
            text = f"CREATE DOMAIN {address} AS {facts['type']}"
            text += f" COLLATE {facts['collation']}" if "collation" in facts else ""
            text += f" DEFAULT {facts['default']}" if "default" in facts else ""
            text += f" CONSTRAINT {facts['not null constraint']}" if "not null constraint" in facts else ""
            text += " NOT NULL;" if "not null" in facts else ";"
        case "composite type":
            order = json.loads(facts.get("attribute order", "[]"))
            found = [world.of_expected(item.schema, "attribute", name, item.name) for name in order]
            listed = ", ".join(_attribute(attribute) for attribute in found if attribute is not None)
            text = f"CREATE TYPE {address} AS ({listed});"
        case "range type":
            names_of = names.parts(facts["multirange"]) if "multirange" in facts else []
            multirange = names.qualified(item.schema, names_of[-1]) if names_of else ""
            extra = f", MULTIRANGE_TYPE_NAME = {multirange}" if multirange else ""
            text = f"CREATE TYPE {address} AS RANGE ({facts['subtype']}{extra});"
        case _:
            return _base(item, world)
    return [steps.Step((text,))]


def _base(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    address, facts = names.address(item), item.facts
    words = [facts["definition"]]
    words += [f"DEFAULT = {names.literal(facts['default'])}"] if "default" in facts else []
    words += ["COLLATABLE = true"] if "collation" in facts else []
    functions = tuple(key for key in sorted(world.expected_needs.get(item.key, ())) if key[1] == "function")
    # Its functions take and give the type: it is there as a shell before they are.
    return [
        steps.Step((f"CREATE TYPE {address};",)),
        steps.Step((f"CREATE TYPE {address} ({', '.join(words)});",), needs=functions),
    ]


def _attribute(item: model.Item) -> str:
    collate = f" COLLATE {item.facts['collation']}" if "collation" in item.facts else ""
    return f"{names.quoted(item.name)} {item.facts['type']}{collate}"


def drop(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops a type or a collation."""
    if item.kind == "base type":
        # With its functions, which take and give it: everything else that needs it was dropped before.
        return steps.Step((f"DROP TYPE {names.address(item)} CASCADE;",))
    return steps.Step((f"DROP {names.word(item)} {names.address(item)};",))


def change_enum(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what adds labels to an enum; one that others are taken from is made again, where nothing stores it."""
    if "labels" not in changed:
        return []
    facts = frozenset(("labels",))
    after, before = (json.loads(item.facts.get("labels", "[]")) for item in (new, old))
    if [label for label in after if label in before] != before:
        return [steps.Replace(facts)]
    sql = []
    there = list(before)
    for at, label in enumerate(after):
        if label in there:
            continue
        # Each is placed beside one that is there: the label before it always is, except for the first.
        place = (
            f" AFTER {names.literal(after[at - 1])}"
            if at
            else "".join(f" BEFORE {names.literal(one)}" for one in there[:1])
        )
        last = at and there[-1] == after[at - 1]
        sql.append(
            f"ALTER TYPE {names.address(new)} ADD VALUE {names.literal(label)}{'' if last or not there else place};"
        )
        there.insert(there.index(after[at - 1]) + 1 if at else 0, label)
    return [steps.Step(tuple(sql), facts, alone=True)]


def change_domain(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a domain: its default and NOT NULL; another type is another domain."""
    if changed & {"type", "collation"}:
        return [steps.Replace(changed)]
    made: list[steps.Outcome] = []
    alter = f"ALTER DOMAIN {names.address(new)}"
    if "default" in changed:
        what = f"SET DEFAULT {new.facts['default']}" if "default" in new.facts else "DROP DEFAULT"
        made.append(steps.Step((f"{alter} {what};",), frozenset(("default",))))
    own = changed & {"not null", "not null constraint"}
    if own:
        name = new.facts.get("not null constraint")
        if "not null" not in own:
            usual = names.quoted(f"{new.name}_not_null")
            what = f"RENAME CONSTRAINT {old.facts.get('not null constraint', usual)} TO {name or usual}"
        elif "not null" in new.facts:
            what = f"ADD CONSTRAINT {name} NOT NULL" if name else "SET NOT NULL"
        else:
            what = "DROP NOT NULL"
        made.append(steps.Step((f"{alter} {what};",), own))
    return made


def create_domain_constraint(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what adds a constraint to a domain; to one that is in use, checked in a second step."""
    alter = f"ALTER DOMAIN {names.relation(item)}"
    name, text = names.quoted(item.name), item.facts["definition"]
    if not world.live(item) or text.endswith(_NOT_VALID):
        return [steps.Step((f"{alter} ADD CONSTRAINT {name} {text};",))]
    sql = (f"{alter} ADD CONSTRAINT {name} {text}{_NOT_VALID};", f"{alter} VALIDATE CONSTRAINT {name};")
    return [steps.Step(sql, alone=True)]


def drop_domain_constraint(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops a constraint of a domain."""
    return steps.Step((f"ALTER DOMAIN {names.relation(item)} DROP CONSTRAINT {names.quoted(item.name)};",))


def change_domain_constraint(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes a constraint of a domain: it is validated where that is all, else made again."""
    if "definition" not in changed:
        return []
    if f"{new.facts['definition']}{_NOT_VALID}" != old.facts["definition"]:
        return [steps.Replace(changed)]
    text = f"ALTER DOMAIN {names.relation(new)} VALIDATE CONSTRAINT {names.quoted(new.name)};"
    return [steps.Step((text,), frozenset(("definition",)), alone=True)]


def create_attribute(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what adds an attribute to a composite type that is there."""
    return [
        steps.Step((f"ALTER TYPE {names.relation(item)} ADD ATTRIBUTE {_attribute(item)}{_cascade(item, world)};",))
    ]


def drop_attribute(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops an attribute: with its values, where a table stores the type."""
    text = f"ALTER TYPE {names.relation(item)} DROP ATTRIBUTE {names.quoted(item.name)}{_cascade(item, world)};"
    if world.destructive or not _stored(item, world):
        return steps.Step((text,))
    return steps.Refusal("the values of the attribute would be lost in every table that stores the type", (text,))


def _cascade(item: model.Item, world: steps.World) -> str:
    printed = (item.schema, item.of)
    typed = any(
        tuple(names.parts(other.facts["of type"])) == printed
        for other in world.actual.values()
        if other.kind == "table" and "of type" in other.facts
    )
    return " CASCADE" if typed else ""


def _stored(item: model.Item, world: steps.World) -> bool:
    kinds: Iterable[str] = ("composite type", "domain")
    wholes = {(item.schema, kind, "", item.of) for kind in kinds}
    return any(key[1] in ("column", "table") and needs & wholes for key, needs in world.actual_needs.items())


def change_attribute(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes an attribute's type, where no table stores it."""
    facts = changed & {"type", "collation"}
    if not facts:
        return []
    collate = f" COLLATE {new.facts['collation']}" if "collation" in new.facts else ""
    text = (
        f"ALTER TYPE {names.relation(new)} ALTER ATTRIBUTE {names.quoted(new.name)} TYPE {new.facts['type']}{collate};"
    )
    if _stored(new, world):
        return [steps.Refusal("PostgreSQL changes no type that a table stores", (text,), facts)]
    return [steps.Step((text,), facts)]


def change_composite(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes a composite type: nothing but the order of its attributes, by making it again."""
    if "attribute order" not in changed:
        return []
    before = {(key[3]) for key in world.actual if key[:3] == (new.schema, "attribute", new.name)}
    after = json.loads(new.facts.get("attribute order", "[]"))
    kept = [name for name in json.loads(old.facts.get("attribute order", "[]")) if name in after]
    if kept + [name for name in after if name not in before] == after:
        return [steps.Step((), frozenset(("attribute order",)), late=True)]
    return [steps.Replace(changed)]


def replace(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return that it has to be made again: nothing of it can be altered."""
    return [steps.Replace(changed)] if changed else []


def create_collation(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a collation."""
    facts = item.facts
    words = [f"PROVIDER = {facts.get('provider', 'libc')}"]
    locale = names.literal(facts.get("locale", ""))
    if "ctype" in facts:
        words += [f"LC_COLLATE = {locale}", f"LC_CTYPE = {names.literal(facts['ctype'])}"]
    else:
        words.append(f"LOCALE = {locale}")
    words += ["DETERMINISTIC = false"] if "deterministic" in facts else []
    words += [f"RULES = {names.literal(facts['rules'])}"] if "rules" in facts else []
    return [steps.Step((f"CREATE COLLATION {names.address(item)} ({', '.join(words)});",))]
