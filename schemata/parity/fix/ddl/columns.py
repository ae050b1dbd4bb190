"""Columns: as a part of CREATE TABLE, added, and each of their facts changed."""

from collections.abc import Callable

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import conversions, identity, names, nullability
from schemata.snapshot import model

_STORED = " STORED"
_TABLES = ("table", "foreign table")


def definition(item: model.Item, world: steps.World, *, default: bool = True, not_null: bool = True) -> str:
    """Return a column as CREATE TABLE and ADD COLUMN have it."""
    facts = item.facts
    # The table of a partition is made by itself, and attached: its identity comes from there, and it must have none.
    relation = world.whole(item)
    of_partition = relation is not None and "partition of" in relation.facts
    words = [names.quoted(item.name), facts["type"]]
    if "foreign options" in facts or any(fact.startswith("foreign option ") for fact in facts):
        words.append(f"OPTIONS ({foreign_options(item)})")
    if "collation" in facts:
        words.append(f"COLLATE {facts['collation']}")
    if "generated" in facts:
        words.append(f"GENERATED ALWAYS AS {facts['generated']}")
    elif "identity" in facts and not of_partition:
        words.append(identity.definition(item, world))
    elif "default" in facts and default:
        words.append(f"DEFAULT {facts['default']}")
    if not_null and "not null" in facts and "NOT VALID" not in facts["not null"]:
        if "not null constraint" in facts:
            words.append(f"CONSTRAINT {facts['not null constraint']}")
        elif of_partition and world.major >= nullability.NAMED:
            words.append(f"CONSTRAINT {nullability.usual(item, world.expected)}")
        words.append("NOT NULL" + nullability.clause(facts["not null"]))
    return " ".join(words)


def foreign_options(item: model.Item) -> str:
    """Return the options of something foreign, as OPTIONS has them between its parentheses."""
    found = sorted(
        (fact.removeprefix("foreign option "), text)
        for fact, text in item.facts.items()
        if fact.startswith("foreign option ")
    )
    return ", ".join(f"{names.quoted(name)} {names.literal(text)}" for name, text in found)


def changed_foreign_options(new: model.Item, old: model.Item) -> str:
    """Return the difference of the options of something foreign, as ALTER … OPTIONS has it."""
    words = []
    for fact in sorted({*new.facts, *old.facts}):
        name = fact.removeprefix("foreign option ")
        if name == fact or new.facts.get(fact) == old.facts.get(fact):
            continue
        if fact not in new.facts:
            words.append(f"DROP {names.quoted(name)}")
        else:
            words.append(
                f"{'SET' if fact in old.facts else 'ADD'} {names.quoted(name)} {names.literal(new.facts[fact])}"
            )
    return ", ".join(words)


def made_with(item: model.Item, world: steps.World) -> tuple[steps.Key, ...]:
    """Return what comes into being together with a column: the sequence of an identity."""
    sequence = world.identity_sequence(item) if "identity" in item.facts else None
    return (sequence.key,) if sequence is not None else ()


def after_creation(item: model.Item, world: steps.World) -> list[str]:
    """Return what CREATE TABLE cannot say of a column."""
    facts = item.facts
    made = []
    if "not null" in facts and "NOT VALID" in facts["not null"]:
        made.append(nullability.named(item, facts["not null"]))
    for fact in ("storage", "compression", "statistics target"):
        if fact in facts:
            made.append(names.alter_column(item, f"SET {_SETTABLE[fact]} {facts[fact]}"))
    options = [fact for fact in facts if fact.startswith("option ")]
    if options:
        made.append(names.alter_column(item, f"SET ({names.assignments(item, options)})"))
    return made


_SETTABLE = {"storage": "STORAGE", "compression": "COMPRESSION", "statistics target": "STATISTICS"}


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what adds a column to a table that is there, or says what differs of a view's column."""
    relation = world.whole(item)
    if relation is None or relation.kind not in _TABLES:
        return change(item, steps.nothing(item), frozenset(item.facts), world)
    if names.inherited(item, relation):
        # It comes with the parent's.
        return [steps.Step(())]
    table = f"ALTER TABLE {names.relation(item)}"
    facts = item.facts
    rest = tuple(after_creation(item, world))
    filled = bool({"default", "generated", "identity"} & facts.keys())
    fresh = relation.key not in world.actual or relation.kind == "foreign table"
    if "not null" not in facts or filled or fresh:
        sql = (f"{table} ADD COLUMN {definition(item, world)};", *rest)
        return [steps.Step(sql, makes=made_with(item, world))]
    sql = (f"{table} ADD COLUMN {definition(item, world, not_null=False)};", *rest)
    reason = "rows that are there have no value for the new column: fill it, then say NOT NULL"
    return [
        steps.Step(sql, makes=made_with(item, world)),
        steps.Refusal(reason, tuple(nullability.in_steps(item)), frozenset(("not null", "not null constraint"))),
    ]


def drop(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops a column: with its values, unless they are generated or it is foreign."""
    relation = world.whole(item, actual=True)
    sql = f"ALTER TABLE {names.relation(item)} DROP COLUMN {names.quoted(item.name)};"
    if names.inherited(item, relation):
        return steps.Step(())
    if world.destructive or "generated" in item.facts or (relation is not None and relation.kind == "foreign table"):
        sequence = world.identity_sequence(item, actual=True)
        return steps.Step((sql,), removes=(sequence.key,) if sequence is not None else ())
    return steps.Refusal("the values of the column would be lost", (sql,))


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what brings the changed facts of a column, in the order in which it has to be done."""
    made: list[steps.Outcome] = []
    left = set(changed)
    # An identity needs NOT NULL before it, and gives it up after it.
    order = (_NULLABILITY, *_CHANGERS) if "identity" in new.facts else (*_CHANGERS, _NULLABILITY)
    for facts, changer in order:
        if left & facts:
            outcomes = changer(new, old, frozenset(left), world)
            made += outcomes
            left -= facts
            for outcome in outcomes:
                left -= outcome.facts
    for fact in ("storage", "compression", "statistics target"):
        if fact in left:
            made.append(_one(new, fact, f"SET {_SETTABLE[fact]} {new.facts.get(fact, _unset(fact, new, world))}"))
    options = {fact for fact in left if fact.startswith("option ")}
    if options:
        made.append(_options(new, options))
    if "inherited" in left:
        facts = frozenset(("inherited",))
        if "inherited" in new.facts:
            made.append(steps.Refusal("a column that a table has of its own stays so, also under a parent", (), facts))
        elif _of_parent(new, world):
            made.append(steps.Refusal("a column that comes from a parent cannot be made the table's own", (), facts))
        else:
            made.append(steps.Step((), facts, late=True))
    foreign = frozenset(fact for fact in left if fact.startswith("foreign option "))
    if foreign:
        words = changed_foreign_options(new, old)
        made.append(steps.Step((_alter_foreign(new, f"OPTIONS ({words})"),), foreign))
    return made


def _of_parent(item: model.Item, world: steps.World) -> bool:
    """Tell whether a table that an expected column is of inherits from one that has it too."""
    relation = world.whole(item)
    for schema, name in names.parents(relation) if relation is not None else ():
        key = (schema, "column", name, item.name)
        # What the parent has and should not have stays, because its values would be lost.
        if key in world.expected or (key in world.actual and not world.destructive):
            return True
    return False


def _one(item: model.Item, fact: str, what: str) -> steps.Step:
    return steps.Step((names.alter_column(item, what),), frozenset((fact,)))


def _unset(fact: str, item: model.Item, world: steps.World) -> str:
    if fact == "statistics target":
        return "-1"
    # DEFAULT for STORAGE came with PostgreSQL 16; what a type has from its birth is extended for all but a few.
    return "DEFAULT" if fact == "compression" or world.major >= 16 else conversions.storage(item.facts.get("type", ""))


def _options(item: model.Item, options: set[str]) -> steps.Step:
    sql = []
    there = [fact for fact in options if fact in item.facts]
    gone = sorted(options - set(there))
    if gone:
        listed = ", ".join(names.quoted(fact.removeprefix("option ")) for fact in gone)
        sql.append(names.alter_column(item, f"RESET ({listed})"))
    if there:
        sql.append(names.alter_column(item, f"SET ({names.assignments(item, there)})"))
    return steps.Step(tuple(sql), frozenset(options))


def _alter_foreign(item: model.Item, what: str) -> str:
    return f"ALTER FOREIGN TABLE {names.relation(item)} ALTER COLUMN {names.quoted(item.name)} {what};"


def _retype(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    facts = changed & {"type", "collation"}
    target = new.facts["type"]
    collate = f" COLLATE {new.facts['collation']}" if "collation" in new.facts else ""
    what = f"TYPE {target}{collate}"
    if names.inherited(new, world.whole(new)):
        # The parent's change reaches it.
        return [steps.Step((), facts, retypes=True)]
    kind = conversions.judge(old.facts["type"], target) if "type" in changed else conversions.LOSSLESS
    using = f" USING {names.quoted(new.name)}::{target}"
    if "generated" in new.facts and "generated" in old.facts:
        kind, using = conversions.LOSSLESS, ""
    if kind == conversions.UNSAFE and not world.destructive:
        reason = f"not every value of {old.facts['type']} is one of {target}: check the rows, then convert them"
        return [steps.Refusal(reason, (names.alter_column(new, f"{what}{using}"),), facts)]
    sql = []
    defaulted = "default" in old.facts and "generated" not in old.facts
    if defaulted:
        sql.append(names.alter_column(new, "DROP DEFAULT"))
    sql.append(
        names.alter_column(new, what if kind in (conversions.LOSSLESS, conversions.CHECKED) else f"{what}{using}")
    )
    if "default" in new.facts and "identity" not in new.facts and (defaulted or "default" in changed):
        sql.append(names.alter_column(new, f"SET DEFAULT {new.facts['default']}"))
    brought = facts | ({"default"} & changed)
    return [steps.Step(tuple(sql), brought, retypes=True)]


def _generated(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    facts = changed & {"generated", "default"}
    before, after = old.facts.get("generated", ""), new.facts.get("generated", "")
    if before and after and before.endswith(_STORED) == after.endswith(_STORED):
        expression = after.rpartition(" ")[0]
        if world.major >= 17:
            return [steps.Step((names.alter_column(new, f"SET EXPRESSION AS {expression}"),), facts, retypes=True)]
        return [_again(new, facts)]
    if before and after:
        return [_again(new, facts)]
    if before.endswith(_STORED):
        sql = [names.alter_column(new, "DROP EXPRESSION IF EXISTS")]
        if "default" in new.facts:
            sql.append(names.alter_column(new, f"SET DEFAULT {new.facts['default']}"))
        return [steps.Step(tuple(sql), facts)]
    name, table = names.quoted(new.name), names.relation(new)
    sql = [
        f"ALTER TABLE {table} DROP COLUMN {name};",
        f"ALTER TABLE {table} ADD COLUMN {definition(new, world)};",
    ]
    reason = (
        "the values that the column has would be lost: they would be computed"
        if after
        else "a virtual column has no values that could be kept"
    )
    return [steps.Refusal(reason, tuple(sql), facts)]


def _again(new: model.Item, facts: frozenset[str]) -> steps.Outcome:
    """Drop and add a generated column: nothing is lost but its place among the columns."""
    return steps.Replace(facts)


def _default(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    value = new.facts.get("default")
    if value is None and "identity" in new.facts and "identity" not in old.facts:
        return []
    what = f"SET DEFAULT {value}" if value is not None else "DROP DEFAULT"
    if world.expected.get(new.key) is not None and _is_partitioned(new, world):
        # Partitions have defaults of their own.
        what = f"ALTER TABLE ONLY {names.relation(new)} ALTER COLUMN {names.quoted(new.name)} {what};"
        return [steps.Step((what,), frozenset(("default",)))]
    return [_one(new, "default", what)]


def _is_partitioned(item: model.Item, world: steps.World) -> bool:
    relation = world.whole(item)
    return relation is not None and "partition by" in relation.facts


_Changer = Callable[[model.Item, model.Item, frozenset[str], steps.World], list[steps.Outcome]]
_NULLABILITY: tuple[frozenset[str], _Changer] = (nullability.FACTS, nullability.change)
_CHANGERS: tuple[tuple[frozenset[str], _Changer], ...] = (
    (frozenset(("type", "collation")), _retype),
    (frozenset(("generated",)), _generated),
    (frozenset(("identity",)), identity.change),
    (frozenset(("default",)), _default),
)
