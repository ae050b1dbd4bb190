"""NOT NULL, which is a constraint from PostgreSQL 18 on."""

from collections.abc import Mapping

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names
from schemata.snapshot import model

FACTS = frozenset(("not null", "not null constraint"))
#: The first major version where NOT NULL is a constraint, and has a name.
NAMED = 18
#: At the end of the fact where a child table says NOT NULL of a column that its parent has so too.
_OWN_TOO = " (inherited, and of its own)"


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what makes a column take NULL or refuse it."""
    facts = changed & FACTS
    after, before = new.facts.get("not null", ""), old.facts.get("not null", "")
    if "not null" in facts and after.removesuffix(_OWN_TOO) == before.removesuffix(_OWN_TOO):
        return [_beside_parent(new, old, facts, world)]
    after, before = after.removesuffix(_OWN_TOO), before.removesuffix(_OWN_TOO)
    if after == before:
        return [_named_otherwise(new, old, facts, world)]
    if not after:
        if _with_parent(new, world, gone=True):
            return [steps.Step((), facts)]
        return [steps.Step((names.alter_column(new, "DROP NOT NULL"),), facts)]
    if after == "yes" and before == "yes NOT VALID":
        name = name_of(old, world.actual)
        sql = [f"ALTER TABLE {names.relation(new)} VALIDATE CONSTRAINT {name};"]
        return [steps.Step(tuple(sql), facts, alone=True)]
    if after == "yes" and not before and _with_parent(new, world, gone=False):
        return [steps.Step((), facts)]
    if after == "yes NOT VALID" and before == "yes" and names.inherited(new, world.whole(new)):
        return [steps.Refusal("what a child table has checked of a parent's NOT NULL stays checked", (), facts)]
    again = [names.alter_column(new, "DROP NOT NULL")] if before else []
    relation = world.whole(new)
    if after != "yes":
        return [steps.Step((*again, named(new, after)), facts)]
    if relation is not None and (relation.kind == "foreign table" or "partition by" in relation.facts or again):
        return [steps.Step((*again, *_plain(new)), facts)]
    return [steps.Step(tuple(in_steps(new)), facts, alone=True)]


def _named_otherwise(new: model.Item, old: model.Item, facts: frozenset[str], world: steps.World) -> steps.Outcome:
    """Return what gives a NOT NULL that is there on both sides the name that is expected."""
    was, now = name_of(old, world.actual), name_of(new, world.expected)
    same = names.parts(was) == names.parts(now)
    relation = world.whole(new)
    if names.inherited(new, relation):
        # What is attached keeps its name, and that is the usual one only with the parent.
        if same and relation is not None and "partition of" in relation.facts:
            return steps.Step((), facts)
        return steps.Refusal("a constraint that comes from a parent has its name from there", (), facts)
    if "inherited" in old.facts:
        # The name that it has from its parent stays.
        return steps.Step((), facts, late=True)
    if same:
        # The name stays, and is the usual one only with the parent, or only without it.
        return steps.Step((), facts)
    return steps.Step((f"ALTER TABLE {names.relation(new)} RENAME CONSTRAINT {was} TO {now};",), facts)


def _beside_parent(new: model.Item, old: model.Item, facts: frozenset[str], world: steps.World) -> steps.Outcome:
    """Return what becomes of a NOT NULL that only one side has of its own, beside the parent's."""
    relation, present = world.whole(new), world.whole(old, actual=True)
    if new.facts.get("not null", "").endswith(_OWN_TOO):
        if relation and present and names.parents(relation) != names.parents(present):
            # What it said alone it says beside its parent, once that is its parent.
            return steps.Step((), facts, late=True)
        reason = "NOT NULL that comes from a parent has its name from there, also where the table says it too"
        return steps.Refusal(reason, (names.alter_column(new, "SET NOT NULL"),), facts)
    if relation is not None and not names.parents(relation):
        return steps.Step((), facts, late=True)
    return steps.Refusal("a table that says NOT NULL of its own, beside its parent, goes on to say so", (), facts)


def name_of(item: model.Item, items: Mapping[steps.Key, model.Item]) -> str:
    """Return the name of a column's NOT NULL, quoted, whether the snapshot tells it or not."""
    return item.facts.get("not null constraint") or usual(item, items)


def usual(item: model.Item, items: Mapping[steps.Key, model.Item]) -> str:
    """Return the name of NOT NULL that a snapshot does not tell: that of the parent it comes from, or PostgreSQL's."""
    relation = steps.whole(items, item)
    if relation is not None and ("partition of" in relation.facts or "inherited" in item.facts):
        for schema, name in names.parents(relation):
            parent = items.get((schema, "column", name, item.name))
            if parent is not None and "not null" in parent.facts:
                return name_of(parent, items)
    return names.quoted(f"{item.of}_{item.name}_not_null")


def _with_parent(item: model.Item, world: steps.World, *, gone: bool) -> bool:
    """Tell whether the column of a parent becomes NOT NULL too, or ceases to be, and takes this one with it."""
    relation = world.whole(item)
    keys = [(schema, "column", name, item.name) for schema, name in names.parents(relation)] if relation else []
    return any(
        "not null" in (world.actual if gone else world.expected)[key].facts
        and "not null" not in (world.expected if gone else world.actual)[key].facts
        for key in keys
        if key in world.actual and key in world.expected
    )


def clause(state: str) -> str:
    """Return what stands behind NOT NULL.

    >>> clause("yes NO INHERIT"), clause("yes (inherited, and of its own)")
    (' NO INHERIT', '')
    """
    return state.removesuffix(_OWN_TOO).removeprefix("yes")


def _plain(item: model.Item) -> list[str]:
    sql = [names.alter_column(item, "SET NOT NULL")]
    if "not null constraint" in item.facts:
        sql = [named(item, "yes")]
    return sql


def in_steps(item: model.Item) -> list[str]:
    """Return what says NOT NULL of a table with rows without a long lock: a check first, which SET NOT NULL trusts."""
    table, column = names.relation(item), names.quoted(item.name)
    if "not null constraint" in item.facts:
        # A name only PostgreSQL 18 knows: there NOT NULL itself can be checked later.
        name = item.facts["not null constraint"]
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {name} NOT NULL {column} NOT VALID;",
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};",
        ]
    check = names.quoted(f"{item.name[:40]}_is_not_null")
    return [
        f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID;",
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {check};",
        names.alter_column(item, "SET NOT NULL"),
        f"ALTER TABLE {table} DROP CONSTRAINT {check};",
    ]


def named(item: model.Item, state: str) -> str:
    """Return what adds NOT NULL as the constraint that it is, with what differs from the usual one."""
    name = item.facts.get("not null constraint") or names.quoted(f"{item.of}_{item.name}_not_null")
    rest = clause(state)
    return f"ALTER TABLE {names.relation(item)} ADD CONSTRAINT {name} NOT NULL {names.quoted(item.name)}{rest};"
