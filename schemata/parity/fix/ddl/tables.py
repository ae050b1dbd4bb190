"""Tables and foreign tables: created with their columns, and what can be changed of a whole table."""

import dataclasses
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import columns, names, nullability
from schemata.snapshot import model

_SET_ACCESS_METHOD = 15
_OPTION, _TOAST = "option ", "toast option "


def columns_of(item: model.Item, world: steps.World) -> list[model.Item]:
    """Return the expected columns of a table in their order."""
    order = json.loads(item.facts.get("column order", "[]"))
    found = [world.of_expected(item.schema, "column", name, item.name) for name in order]
    return [column for column in found if column is not None]


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a table with its columns; its other parts have steps of their own."""
    facts = item.facts
    in_the_way = _of_same_bound(item, world)
    if in_the_way is not None and not world.destructive:
        reason = f"{names.relation(in_the_way)} has the same bound, and stays because its rows would be lost"
        move = f"ALTER TABLE {names.relation(in_the_way)} SET SCHEMA {names.quoted(item.schema)};"
        rename = f"ALTER TABLE {names.relation(in_the_way)} RENAME TO {names.quoted(item.name)};"
        return [steps.Refusal(reason, (move if in_the_way.schema != item.schema else rename,))]
    parts = columns_of(item, world)
    later = [column for column in parts if waits(column, item, world.expected_needs)]
    listed = [
        columns.definition(column, world, default=column not in later)
        for column in parts
        if not column.facts.get("inherited")
    ]
    # A partition is made as a table of its own and attached, so that its indexes have the names they should.
    head = f"CREATE {'UNLOGGED ' if facts.get('persistence') == 'unlogged' else ''}TABLE {names.address(item)}"
    if item.kind == "foreign table":
        head = f"CREATE FOREIGN TABLE {names.address(item)}"
    if "of type" in facts:
        typed = [_typed(column) for column in parts if {"default", "not null"} & column.facts.keys()]
        text = f"{head} OF {facts['of type']}" + (f" ({', '.join(typed)})" if typed else "")
    else:
        text = f"{head} (" + ",".join(f"\n    {one}" for one in listed) + ("\n)" if listed else ")")
    text += _clauses(item)
    sql = [f"{text};"]
    for column in parts:
        if column.facts.get("inherited"):
            sql += _own_of_inherited(column)
        sql += columns.after_creation(column, world)
    if "row security" in facts:
        sql.append(_alter(item, "ENABLE ROW LEVEL SECURITY"))
    if "force row security" in facts:
        sql.append(_alter(item, "FORCE ROW LEVEL SECURITY"))
    made: list[steps.Outcome] = [steps.Step(tuple(sql))]
    for column in later:
        made.append(
            steps.Step(
                (names.alter_column(column, f"SET DEFAULT {column.facts['default']}"),),
                late=True,
                needs=tuple(sorted(world.expected_needs.get(column.key, ()))),
            )
        )
    if "partition of" in facts:
        made.append(_attach(item, world))
    if "replica identity" in facts and item.kind == "table":
        made.append(_replica_identity(item, world))
    return made


def _of_same_bound(item: model.Item, world: steps.World) -> model.Item | None:
    """Return a partition that is there, is not expected, and holds the rows that this one should hold."""
    if "partition of" not in item.facts:
        return None
    for key, other in world.actual.items():
        if key not in world.expected and other.facts.get("partition of") == item.facts["partition of"]:
            return other
    return None


def _clauses(item: model.Item) -> str:
    facts = item.facts
    text = ""
    if "inherits" in facts:
        text += f"\nINHERITS ({facts['inherits']})"
    if "partition by" in facts:
        text += f"\nPARTITION BY {facts['partition by']}"
    if item.kind == "foreign table":
        text += f"\nSERVER {facts['server']}"
        options = columns.foreign_options(item)
        return text + (f" OPTIONS ({options})" if options else "")
    if "access method" in facts:
        text += f"\nUSING {names.quoted(facts['access method'])}"
    options = storage_parameters(item)
    if options:
        text += f"\nWITH ({options})"
    if "tablespace" in facts:
        text += f"\nTABLESPACE {names.quoted(facts['tablespace'])}"
    return text


def storage_parameters(item: model.Item) -> str:
    """Return the storage parameters of a relation as WITH has them between its parentheses."""
    own = [fact for fact in item.facts if fact.startswith(_OPTION)]
    toast = [fact for fact in item.facts if fact.startswith(_TOAST)]
    words = [names.assignments(item, own)] if own else []
    words += [f"toast.{names.assignments(item, [fact], _TOAST)}" for fact in sorted(toast)]
    return ", ".join(words)


def _typed(column: model.Item) -> str:
    words = [names.quoted(column.name), "WITH OPTIONS"]
    if "default" in column.facts:
        words.append(f"DEFAULT {column.facts['default']}")
    if "not null" in column.facts:
        words.append("NOT NULL")
    return " ".join(words)


def _own_of_inherited(column: model.Item) -> list[str]:
    """Return what a child table says by itself of a column that it has from its parent."""
    sql = []
    if "default" in column.facts:
        sql.append(names.alter_column(column, f"SET DEFAULT {column.facts['default']}"))
    if "not null" in column.facts:
        sql.append(names.alter_column(column, "SET NOT NULL"))
    return sql


def waits(column: model.Item, table: model.Item, needs: Mapping[steps.Key, AbstractSet[steps.Key]]) -> bool:
    """Tell whether a column's default needs something that needs the table: it is set when both are there."""
    if "default" not in column.facts:
        return False
    ahead = [key for key in needs.get(column.key, ()) if key != table.key and key[2] != table.name]
    seen = set(ahead)
    while ahead:
        key = ahead.pop()
        if key == table.key or (key[0] == table.schema and key[2] == table.name):
            return True
        more = {need for need in needs.get(key, ()) if need not in seen}
        seen |= more
        ahead += more
    return False


def drop(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops a table: with its rows, unless it is a foreign one."""
    sql = f"DROP {names.word(item)} {names.address(item)};"
    if world.destructive or item.kind == "foreign table":
        return steps.Step((sql,))
    if "partition of" in item.facts:
        sql = f"{_detach(item)}\n{sql}"
    return steps.Refusal("the rows of the table would be lost", tuple(sql.split("\n")))


def _alter(item: model.Item, what: str) -> str:
    return f"ALTER TABLE {names.relation(item)} {what};"


def _attach(item: model.Item, world: steps.World) -> steps.Step:
    parent, values = names.bound(item)
    own = [
        other.key
        for other in world.expected.values()
        if other.schema == item.schema and other.of == item.name and other.kind in ("constraint", "index", "column")
    ]
    text = f"ALTER TABLE {parent} ATTACH PARTITION {names.relation(item)} {values};"
    return steps.Step((text,), frozenset(("partition of",)), late=True, needs=tuple(own))


def _detach(item: model.Item) -> str:
    return f"ALTER TABLE {names.bound(item)[0]} DETACH PARTITION {names.relation(item)};"


def _replica_identity(item: model.Item, world: steps.World) -> steps.Step:
    value = item.facts.get("replica identity", "default")
    needs: tuple[steps.Key, ...] = ()
    if value.startswith("index "):
        index = names.parts(value.removeprefix("index "))[0]
        value = f"USING INDEX {names.quoted(index)}"
        candidates = [(item.schema, kind, item.name, index) for kind in ("index", "constraint")]
        needs = tuple(key for key in candidates if key in world.expected)
    text = _alter(item, f"REPLICA IDENTITY {value if value.startswith('USING') else value.upper()}")
    return steps.Step((text,), frozenset(("replica identity",)), late=True, needs=needs)


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what brings the changed facts of a table."""
    made: list[steps.Outcome] = []
    simple = {
        "row security": ("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
        "force row security": ("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
        "persistence": ("SET UNLOGGED", "SET LOGGED"),
        "of type": (f"OF {new.facts.get('of type')}", "NOT OF"),
        "access method": (
            f"SET ACCESS METHOD {names.quoted(new.facts.get('access method', 'heap'))}",
            # A partitioned table without one is another thing than one that says heap.
            f"SET ACCESS METHOD {'DEFAULT' if 'partition by' in new.facts else 'heap'}",
        ),
        "tablespace": (f"SET TABLESPACE {names.quoted(new.facts.get('tablespace', 'pg_default'))}",) * 2,
    }
    for fact, (there, gone) in simple.items():
        if fact in changed:
            text = _alter(new, there if fact in new.facts else gone)
            if fact == "access method" and world.major < _SET_ACCESS_METHOD:
                reason = f"a table gets another access method from PostgreSQL {_SET_ACCESS_METHOD} on only"
                made.append(steps.Refusal(reason, (text,), frozenset((fact,))))
                continue
            made.append(steps.Step((text,), frozenset((fact,)), late="row security" in fact))
    if "partition by" in changed:
        reason = "a table cannot get or lose a partition key: make another table, and move the rows"
        made.append(steps.Refusal(reason, (), frozenset(("partition by",))))
    if "partition of" in changed:
        made.append(_moved(new, old, world))
    if "inherits" in changed:
        made.append(_inherits(new, old, world))
    if "replica identity" in changed:
        made.append(_replica_identity(new, world))
    if "server" in changed:
        made.append(steps.Replace(frozenset(("server",))))
    foreign = frozenset(fact for fact in changed if fact.startswith("foreign option "))
    if foreign:
        words = columns.changed_foreign_options(new, old)
        made.append(steps.Step((f"ALTER FOREIGN TABLE {names.relation(new)} OPTIONS ({words});",), foreign))
    made += options(new, changed)
    return made


def options(item: model.Item, changed: frozenset[str]) -> list[steps.Outcome]:
    """Return what sets and resets storage parameters and the options of views."""
    facts = frozenset(fact for fact in changed if fact.startswith((_OPTION, _TOAST)))
    if not facts:
        return []
    sql = []
    gone = sorted(fact for fact in facts if fact not in item.facts)
    if gone:
        listed = ", ".join(
            f"toast.{names.quoted(fact.removeprefix(_TOAST))}"
            if fact.startswith(_TOAST)
            else names.quoted(fact.removeprefix(_OPTION))
            for fact in gone
        )
        sql.append(f"ALTER {names.word(item)} {names.address(item)} RESET ({listed});")
    there = item._replace(facts={fact: item.facts[fact] for fact in facts if fact in item.facts})
    if there.facts:
        sql.append(f"ALTER {names.word(item)} {names.address(item)} SET ({storage_parameters(there)});")
    return [steps.Step(tuple(sql), facts)]


def _moved(new: model.Item, old: model.Item, world: steps.World) -> steps.Outcome:
    facts = frozenset(("partition of",))
    if "partition of" not in new.facts:
        return steps.Step((_detach(old), *_not_null_renamed(new, world)), facts)
    attach = _attach(new, world)
    if "partition of" not in old.facts:
        return dataclasses.replace(attach, sql=(*_not_null_renamed(new, world), *attach.sql))
    if names.bound(new) == names.bound(old):
        return steps.Step(
            (f"ALTER TABLE {names.bound(old)[0]} DETACH PARTITION {names.relation(old)} FINALIZE;",), facts
        )
    return steps.Step((_detach(old), *attach.sql), facts)


def _not_null_renamed(table: model.Item, world: steps.World) -> list[str]:
    """Return what gives NOT NULL the name that it should have with another parent, or without one.

    It keeps its name where a table is attached or detached, and the usual one is another then.
    """
    sql = []
    for column in columns_of(table, world):
        old = world.actual.get(column.key)
        if old is None or world.major < nullability.NAMED or "not null" not in old.facts.keys() & column.facts.keys():
            continue
        was, now = nullability.name_of(old, world.actual), nullability.name_of(column, world.expected)
        told = old.facts.get("not null constraint") != column.facts.get("not null constraint")
        if not told and names.parts(was) != names.parts(now):
            sql.append(_alter(table, f"RENAME CONSTRAINT {was} TO {now}"))
    return sql


def _inherits(new: model.Item, old: model.Item, world: steps.World) -> steps.Outcome:
    before, after = (names.listed(item.facts.get("inherits", "")) for item in (old, new))
    gone = [_alter(new, f"NO INHERIT {parent}") for parent in before if parent not in after]
    added = [_alter(new, f"INHERIT {parent}") for parent in after if parent not in before]
    facts = frozenset(("inherits",))
    if sorted(before) == sorted(after):
        return steps.Refusal("the order of parents cannot be changed without making columns the table's own", (), facts)
    lacking = [
        _alter(new, f"ADD CONSTRAINT {names.quoted(check.name)} {check.facts['definition']}")
        for parent in after
        if parent not in before
        for check in _checks(parent, new, world)
    ]
    if lacking:
        reason = "the table lacks checks of its parent, which would stay its own: add them, then let it inherit"
        return steps.Refusal(reason, (*gone, *lacking, *added), facts)
    if added and world.major >= 18 and (own := _own_not_null(new, world)):
        reason = f"NOT NULL of {', '.join(own)} would be the table's own beside the parent's"
        return steps.Refusal(reason, (*gone, *added), facts)
    named = _not_null_by_own_name(new, world) if gone and not after else []
    return steps.Step((*gone, *added, *named), facts, late=True)


def _own_not_null(item: model.Item, world: steps.World) -> list[str]:
    """Return the columns that are NOT NULL by the table itself, and are expected to be so by its parent alone."""
    found = []
    for column in columns_of(item, world):
        old = world.actual.get(column.key)
        by_parent = "inherited" in column.facts and column.facts.get("not null") == "yes"
        if by_parent and old is not None and "not null" in old.facts and "inherited" not in old.facts:
            found.append(column.name)
    return found


def _not_null_by_own_name(item: model.Item, world: steps.World) -> list[str]:
    """Return what gives NOT NULL, a constraint from PostgreSQL 18 on, the name that it has without a parent."""
    sql = []
    for column in columns_of(item, world):
        old = world.actual.get(column.key)
        plain = column.facts.get("not null") == "yes" and "not null constraint" not in column.facts
        if world.major >= 18 and plain and old is not None and "inherited" in old.facts:
            name = names.quoted(column.name)
            sql.append(_alter(item, f"ALTER COLUMN {name} DROP NOT NULL, ALTER COLUMN {name} SET NOT NULL"))
    return sql


def _checks(parent: str, child: model.Item, world: steps.World) -> list[model.Item]:
    """Return the checks of a parent that a table needs before it can inherit."""
    schema, name = [child.schema, *names.parts(parent)][-2:]
    return [
        item
        for item in world.expected.values()
        if item.kind == "constraint"
        and (item.schema, item.of) == (schema, name)
        and item.facts["definition"].startswith("CHECK")
        and "NO INHERIT" not in item.facts["definition"]
        and (child.schema, "constraint", child.name, item.name) not in world.actual
    ]
