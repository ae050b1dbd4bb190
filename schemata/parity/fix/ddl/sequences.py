"""Sequences: of their own, of a serial column, of an identity column."""

from collections.abc import Mapping

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import annotations, names, privileges
from schemata.snapshot import model

_NUMBERS = ("smallint", "integer", "bigint", "numeric")
_OPTIONS = {
    "type": "AS",
    "increment": "INCREMENT BY",
    "minimum": "MINVALUE",
    "maximum": "MAXVALUE",
    "start": "START WITH",
    "cache": "CACHE",
}


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a sequence; nothing for that of an identity column, which comes with the column."""
    if is_identity(item):
        return []
    unlogged = "UNLOGGED " if item.facts.get("persistence") == "unlogged" else ""
    made: list[steps.Outcome] = [
        steps.Step((f"CREATE {unlogged}SEQUENCE {names.address(item)}\n    {options(item.facts)};",))
    ]
    column = owning_column(item, world.expected)
    owned = item.facts.get("owned by")
    if owned:
        sql = [
            *_as_its_table(item, steps.nothing(item), world),
            f"ALTER SEQUENCE {names.address(item)} OWNED BY {owned};",
        ]
        there = world.actual.get(column.key) if column is not None else None
        if column is not None and there is not None and there.facts.get("type") in _NUMBERS:
            sql.append(position(item, column))
        needs = (column.key,) if column is not None else ()
        made.append(steps.Step(tuple(sql), frozenset(("owned by",)), late=True, needs=needs))
    return made


def options(facts: Mapping[str, str]) -> str:
    """Return the parameters of a sequence as CREATE SEQUENCE has them."""
    words = [f"{word} {facts[fact]}" for fact, word in _OPTIONS.items() if fact in facts]
    return " ".join([*words, *(["CYCLE"] if "cycle" in facts else [])])


_MOST = {"smallint": 2**15 - 1, "integer": 2**31 - 1}


def _fits(item: model.Item) -> bool:
    """Tell whether the limits of a sequence are possible in its type."""
    most = _MOST.get(item.facts.get("type", ""), 2**63 - 1)
    return all(abs(int(item.facts.get(fact, "1"))) <= most + 1 for fact in ("minimum", "maximum"))


def position(item: model.Item, column: model.Item) -> str:
    """Return the statement that moves a new sequence past the values that its column has."""
    highest, lowest = ("max", "greatest") if not item.facts.get("increment", "1").startswith("-") else ("min", "least")
    return (
        f"SELECT pg_catalog.setval({names.literal(names.address(item))}, {lowest}({item.facts.get('start', '1')},"
        f" {highest}({names.quoted(column.name)}) + {item.facts.get('increment', '1')}), false)"
        # Not where the sequence is in use already: it would go back to numbers that it has given.
        f" FROM {names.relation(column)} HAVING NOT (SELECT is_called FROM {names.address(item)});"
    )


def is_identity(item: model.Item) -> bool:
    """Tell whether a sequence is that of an identity column."""
    return item.facts.get("owned by", "").endswith(steps.IDENTITY)


def owning_column(item: model.Item, items: Mapping[steps.Key, model.Item]) -> model.Item | None:
    """Return the column that owns a sequence."""
    owned = item.facts.get("owned by", "").removesuffix(steps.IDENTITY)
    if not owned:
        return None
    *schema, table, column = names.parts(owned)
    return items.get((schema[0] if schema else item.schema, "column", table, column))


def drop(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops a sequence: with its position, which is data."""
    if is_identity(item):
        return steps.Step(())
    sql = f"DROP SEQUENCE {names.address(item)};"
    if world.destructive:
        return steps.Step((sql,))
    return steps.Refusal("the position that the sequence has reached would be lost", (sql,))


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a sequence's parameters and its owner's column."""
    made: list[steps.Outcome] = []
    address = names.address(new)
    if is_identity(new) != is_identity(old):
        # It becomes that of an identity column, or ceases to be: the column's change does it.
        return [steps.Step((), changed & {*_OPTIONS, "cycle", "owned by", "persistence"})]
    own = changed & {*_OPTIONS, "cycle"}
    if own:
        defaults = {"cache": "1"}
        words = [
            f"{word} {new.facts.get(fact, defaults.get(fact, ''))}" for fact, word in _OPTIONS.items() if fact in own
        ]
        if is_identity(new) and own & {"minimum", "maximum"} and "type" not in own and "type" in new.facts:
            # It may have another type than its column, and limits are those of a type.
            words.insert(0, f"AS {new.facts['type'] if _fits(new) else 'bigint'}")
        if "cycle" in own:
            words.append("CYCLE" if "cycle" in new.facts else "NO CYCLE")
        text = f"ALTER SEQUENCE {address} {' '.join(words)}"
        if not _overlap(new, old) and not world.destructive:
            reason = "the position that the sequence has reached lies outside of what is expected, and would be lost"
            made.append(steps.Refusal(reason, (f"{text} RESTART;",), own))
        else:
            made.append(steps.Step((f"{text};" if _overlap(new, old) else f"{text} RESTART;",), own))
    if "persistence" in changed:
        word = "UNLOGGED" if "persistence" in new.facts else "LOGGED"
        made.append(steps.Step((f"ALTER SEQUENCE {address} SET {word};",), frozenset(("persistence",))))
    if "owned by" in changed:
        column = owning_column(new, world.expected)
        owned = new.facts.get("owned by", "NONE").removesuffix(steps.IDENTITY)
        made.append(
            steps.Step(
                (*_as_its_table(new, old, world), f"ALTER SEQUENCE {address} OWNED BY {owned};"),
                frozenset(("owned by",)),
                late=not is_identity(new) and "owned by" in new.facts,
                needs=(column.key,) if column is not None else (),
            )
        )
    return made


def _as_its_table(new: model.Item, old: model.Item, world: steps.World) -> list[str]:
    """Return what gives a sequence to the owner of the table that it is to belong to, as that is."""
    column = owning_column(new, world.expected)
    table = steps.whole(world.actual, column) if column is not None else None
    if table is None or table.key in world.made:
        return []
    whose = privileges.owner(table, world.major)
    if whose == privileges.owner(old, world.major):
        return []
    none = [f"ALTER SEQUENCE {names.address(new)} OWNED BY NONE;"] if "owned by" in old.facts else []
    return [*none, annotations.owner(new, whose)]


def _overlap(new: model.Item, old: model.Item) -> bool:
    """Tell whether a number may be in the range of both."""
    try:
        lowest = max(int(item.facts["minimum"]) for item in (new, old))
        highest = min(int(item.facts["maximum"]) for item in (new, old))
    except (KeyError, ValueError):
        return True
    return lowest <= highest
