"""Constraints, indexes and statistics objects, in the forms that keep a table in use."""

import re
from collections.abc import Mapping

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names
from schemata.snapshot import model

_NOT_VALID = " NOT VALID"
_INVALID = "an index that is not valid is not made on purpose"
_KEY = re.compile(r"(?P<what>PRIMARY KEY|UNIQUE(?P<nulls> NULLS NOT DISTINCT)?) (?=\()")
_PLAIN_AFTER = re.compile(r"(?: INCLUDE \((?P<include>.*?)\))?(?P<deferrable>(?: DEFERRABLE| INITIALLY DEFERRED)*)")


def create_constraint(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what adds a constraint: on a table that is in use, without keeping others out while it is checked."""
    text = item.facts["definition"]
    heir = world.whole(item)
    if _kept_from_parent(item, world):
        if heir is not None and any(key in world.expected for key in _of_parents(item, heir)):
            return [steps.Refusal("a check that comes from a parent cannot be made the table's own", ())]
        return [steps.Step(())]
    if _comes_with_parent(item, world):
        return [steps.Step(())]
    relation = world.whole(item)
    partitioned = relation is not None and "partition by" in relation.facts
    live = world.live(item) and not partitioned and relation is not None and relation.kind == "table"
    # The key of a partitioned table takes the indexes of its partitions one by one, those that are expected.
    only = "ONLY " if partitioned and _KEY.match(text) else ""
    add = f"ALTER TABLE {only}{names.relation(item)} ADD CONSTRAINT {names.quoted(item.name)}"
    if live and (sql := _in_steps(item, add)):
        return [steps.Step((*sql, *_of_index(item)), alone=True), *_attached(item, "index attached to", world)]
    # The index of a key that is made in one statement gets its storage parameters afterwards, before it has rows.
    options = _options(item, frozenset(item.facts))
    sql = [f"{add} {text};", *(one for step in options for one in step.sql), *_of_index(item)]
    return [steps.Step(tuple(sql)), *_attached(item, "index attached to", world)]


def _attached(item: model.Item, fact: str, world: steps.World) -> list[steps.Step]:
    """Return what attaches the index of a partition to that of the whole, once both are there."""
    if fact not in item.facts:
        return []
    schema, name = [item.schema, *names.parts(item.facts[fact])][-2:]
    needs = tuple(
        key for key in world.expected if (key[0], key[3]) == (schema, name) and key[1] in ("index", "constraint")
    )
    index = names.qualified(item.schema, item.name)
    text = f"ALTER INDEX {item.facts[fact]} ATTACH PARTITION {index};"
    return [steps.Step((text,), frozenset((fact,)), late=True, needs=needs)]


def _in_steps(item: model.Item, add: str) -> list[str]:
    text = item.facts["definition"]
    if text.startswith(("CHECK", "FOREIGN KEY")):
        if text.endswith((_NOT_VALID, " NOT ENFORCED")):
            return []
        validate = f"ALTER TABLE {names.relation(item)} VALIDATE CONSTRAINT {names.quoted(item.name)};"
        return [f"{add} {text}{_NOT_VALID};", validate]
    index = _index_of_key(item)
    if index is None:
        return []
    sql, what, deferrable = index
    return [sql, f"{add} {what} USING INDEX {names.quoted(item.name)}{deferrable};"]


def _index_of_key(item: model.Item) -> tuple[str, str, str] | None:
    """Return CREATE UNIQUE INDEX CONCURRENTLY for a key, what key it is and whether deferrable; None without one."""
    text = item.facts["definition"]
    match = _KEY.match(text)
    if match is None:
        return None
    end = names.closing(text, match.end())
    after = _PLAIN_AFTER.fullmatch(text, end)
    if after is None or "WITHOUT OVERLAPS" in text[match.end() : end]:
        return None
    name, columns = names.quoted(item.name), text[match.end() : end]
    sql = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {names.relation(item)} {columns}"
    sql += f" INCLUDE ({after['include']})" if after["include"] else ""
    sql += " NULLS NOT DISTINCT" if match["nulls"] else ""
    options = [fact for fact in item.facts if fact.startswith("option ")]
    if options:
        sql += f" WITH ({names.assignments(item, options)})"
    if "index tablespace" in item.facts:
        sql += f" TABLESPACE {names.quoted(item.facts['index tablespace'])}"
    return f"{sql};", match["what"].split(" ")[0].replace("PRIMARY", "PRIMARY KEY"), after["deferrable"] or ""


def _of_index(item: model.Item) -> list[str]:
    sql = []
    if "clustered" in item.facts:
        sql.append(f"ALTER TABLE {names.relation(item)} CLUSTER ON {names.quoted(item.name)};")
    return sql


def _comes_with_parent(item: model.Item, world: steps.World) -> bool:
    """Tell whether a partition's CHECK is its parent's, which brings it when it is added."""
    relation = world.whole(item)
    if relation is None or "partition of" not in relation.facts or not item.facts["definition"].startswith("CHECK"):
        return False
    if relation.key in world.made or relation.key not in world.actual:
        return False
    parents = [
        other
        for other in world.expected.values()
        if other.kind == "constraint" and other.name == item.name and other.key != item.key
    ]
    return any(
        other.facts == item.facts and (other.key not in world.actual or other.key in world.made) for other in parents
    )


def _kept_from_parent(item: model.Item, world: steps.World) -> bool:
    """Tell whether a table has a check from a parent that it will no longer inherit from: then it is its own."""
    relation = world.whole(item, actual=True)
    return relation is not None and any(
        world.actual[key].facts.get("definition") == item.facts["definition"]
        for key in _of_parents(item, relation)
        if key in world.actual
    )


def _of_parents(item: model.Item, relation: model.Item) -> list[steps.Key]:
    """Return the keys that a constraint of the same name has on the tables that a table inherits from."""
    if "inherits" not in relation.facts:
        return []
    return [(schema, "constraint", name, item.name) for schema, name in names.parents(relation)]


def drop_constraint(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops a constraint; a partition's goes with its parent's, where it is the same."""
    relation = world.whole(item, actual=True)
    heir = world.whole(item)
    if heir is not None and any(key in world.expected for key in _of_parents(item, heir)):
        return steps.Refusal("a check of a parent that a table has of its own stays so", ())
    of_partition = relation is not None and "partition of" in relation.facts
    if of_partition and "index attached to" in item.facts:
        if _parent_goes(item, world):
            return steps.Step(())
        text = f"ALTER TABLE {names.relation(item)} DROP CONSTRAINT {names.quoted(item.name)};"
        return steps.Refusal("the key of the whole needs it", (text,))
    if of_partition and relation is not None and item.facts["definition"].startswith("CHECK"):
        schema, name = names.parents(relation)[0]
        parent = (schema, "constraint", name, item.name)
        if parent in world.actual and (parent not in world.expected or parent in world.made):
            return steps.Step(())
    return steps.Step((f"ALTER TABLE {names.relation(item)} DROP CONSTRAINT {names.quoted(item.name)};",))


def _parent_goes(item: model.Item, world: steps.World) -> bool:
    parent = names.parts(item.facts.get("index attached to", item.facts.get("attached to", "")))
    found = [
        key
        for key, other in world.actual.items()
        if other.kind in ("constraint", "index") and other.name == parent[-1] and key[0] in (parent[0], item.schema)
    ]
    return all(key not in world.expected or key in world.made for key in found)


def change_constraint(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes a constraint: it is validated where that is all, else made again."""
    made: list[steps.Outcome] = []
    after, before = new.facts["definition"], old.facts["definition"]
    if "triggers" in changed and "triggers" in new.facts:
        reason = "a foreign key that checks nothing is not made on purpose"
        made.append(steps.Refusal(reason, (), frozenset(("triggers",))))
        changed = changed - {"triggers"}
    if "triggers" in changed or ("definition" in changed and f"{after}{_NOT_VALID}" != before):
        return [steps.Replace(changed)]
    if "definition" in changed:
        text = f"ALTER TABLE {names.relation(new)} VALIDATE CONSTRAINT {names.quoted(new.name)};"
        made.append(steps.Step((text,), frozenset(("definition",)), alone=True))
    made += _options(new, changed)
    return [*made, *_change_index(new, old, changed, world, "index tablespace", "index attached to")]


def _options(item: model.Item, changed: frozenset[str]) -> list[steps.Step]:
    """Return what sets and resets the storage parameters of an index, also of that behind a constraint."""
    facts = frozenset(fact for fact in changed if fact.startswith("option "))
    there = [fact for fact in facts if fact in item.facts]
    alter = f"ALTER INDEX {names.qualified(item.schema, item.name)}"
    gone = ", ".join(names.quoted(fact.removeprefix("option ")) for fact in sorted(facts - set(there)))
    sql = [f"{alter} RESET ({gone});"] if gone else []
    sql += [f"{alter} SET ({names.assignments(item, there)});"] if there else []
    return [steps.Step(tuple(sql), facts)] if sql else []


def _is_partition(item: model.Item, world: steps.World, *, actual: bool = False) -> bool:
    relation = world.whole(item, actual=actual)
    return relation is not None and "partition of" in relation.facts


def _change_index(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World, tablespace: str, attached: str
) -> list[steps.Outcome]:
    made: list[steps.Outcome] = []
    index = names.qualified(new.schema, new.name)
    if "valid" in changed:
        if "valid" in new.facts:
            made.append(steps.Refusal(_INVALID, (), frozenset(("valid",))))
        else:
            made.append(steps.Step((f"REINDEX INDEX CONCURRENTLY {index};",), frozenset(("valid",)), alone=True))
    if "clustered" in changed:
        what = f"CLUSTER ON {names.quoted(new.name)}" if "clustered" in new.facts else "SET WITHOUT CLUSTER"
        # Of two indexes of a table one is clustered on: the one that is no longer comes first.
        text = f"ALTER TABLE {names.relation(new)} {what};"
        made.append(steps.Step((text,), frozenset(("clustered",)), late="clustered" in new.facts))
    if tablespace in changed:
        where = names.quoted(new.facts.get(tablespace, "pg_default"))
        made.append(steps.Step((f"ALTER INDEX {index} SET TABLESPACE {where};",), frozenset((tablespace,))))
    if attached in changed:
        if attached in new.facts and attached not in old.facts:
            made += _attached(new, attached, world)
        elif _is_partition(new, world) and _is_partition(old, world, actual=True):
            if not _parent_goes(old, world):
                reason = "an index of a partition stays attached while that of the whole is there"
                return [steps.Refusal(reason, (), frozenset((attached,)))]
            return [steps.Replace(frozenset((attached,)))]
        else:
            # It is attached and detached together with its table.
            made.append(steps.Step((), frozenset((attached,)), late=True))
    return made


def create_index(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what builds an index; concurrently on a table or materialized view that is in use."""
    relation = world.whole(item)
    live = world.live(item) and relation is not None and "partition by" not in relation.facts
    # That of a partitioned table takes the indexes of its partitions one by one, those that are expected.
    only = "ONLY " if relation is not None and "partition by" in relation.facts else ""
    sql = (_create_index(item, item.name, live, only), *_index_rest(item))
    made: list[steps.Outcome] = [steps.Step(sql, alone=live)]
    if "valid" in item.facts:
        made.append(steps.Refusal(_INVALID, (), frozenset(("valid",))))
    return [*made, *_attached(item, "attached to", world)]


def _create_index(item: model.Item, name: str, concurrently: bool, only: str = "") -> str:
    unique = "UNIQUE " if "unique" in item.facts else ""
    how = "CONCURRENTLY " if concurrently else ""
    text = item.facts["definition"]
    if "tablespace" in item.facts:
        at = _predicate(text)
        text = f"{text[:at]} TABLESPACE {names.quoted(item.facts['tablespace'])}{text[at:]}"
    return f"CREATE {unique}INDEX {how}{names.quoted(name)} ON {only}{names.relation(item)} {text};"


def _predicate(text: str) -> int:
    """Return where the WHERE of an index definition begins: behind everything that TABLESPACE has to follow."""
    at = text.index("(")
    end = names.closing(text, at)
    for word in (" INCLUDE (", " WITH ("):
        if text.startswith(word, end):
            end = names.closing(text, end + len(word) - 1)
    found = text.find(" WHERE ", end)
    return found if found >= 0 else len(text)


def _index_rest(item: model.Item) -> list[str]:
    sql = [
        f"ALTER INDEX {names.qualified(item.schema, item.name)} ALTER COLUMN {number} SET STATISTICS {value};"
        for number, value in _targets(item).items()
    ]
    if "clustered" in item.facts:
        sql.append(f"ALTER TABLE {names.relation(item)} CLUSTER ON {names.quoted(item.name)};")
    return sql


def _targets(item: model.Item) -> dict[str, str]:
    text = item.facts.get("statistics targets", "")
    return dict(part.split("=", 1) for part in text.split(", ") if part)


def drop_index(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops an index; concurrently, where the server can."""
    relation = world.whole(item, actual=True)
    index = names.qualified(item.schema, item.name)
    if "attached to" in item.facts:
        if _parent_goes(item, world):
            return steps.Step(())
        return steps.Refusal("the index of the whole needs it", (f"DROP INDEX {index};",))
    for other in world.actual.values() if relation is not None and "partition by" in relation.facts else ():
        attached = names.parts(other.facts.get("index attached to", ""))
        if other.kind == "constraint" and attached == [item.schema, item.name]:
            reason = f"the key {other.name} of its partition {other.of} goes with it"
            return steps.Refusal(reason, (f"DROP INDEX {index} CASCADE;",))
    staying = relation is not None and relation.key not in world.made and relation.key in world.expected
    if relation is None or "partition by" in relation.facts or not staying:
        return steps.Step((f"DROP INDEX {index};",))
    return steps.Step((f"DROP INDEX CONCURRENTLY {index};",), alone=True)


def change_index(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes an index: another definition is built beside it before it goes."""
    own = changed & {"definition", "unique"}
    (after, after_options), (before, before_options) = (
        _without_options(item.facts["definition"]) for item in (new, old)
    )
    if own == {"definition"} and after == before:
        rest = change_index(new, old._replace(facts={**old.facts, **_only(new)}), changed - own, world)
        return [_other_options(new, before_options, after_options), *rest]
    if not own:
        made = _change_index(new, old, changed, world, "tablespace", "attached to")
        if "statistics targets" in changed:
            made.append(_retarget(new, old))
        return made
    relation = world.whole(new)
    if "attached to" in old.facts and not _parent_goes(old, world):
        return [steps.Refusal("the index of the whole needs it as it is", (), frozenset(changed))]
    if relation is None or "partition by" in relation.facts or "attached to" in {*new.facts, *old.facts}:
        return [steps.Replace(changed)]
    beside = f"{new.name[:59]}_new"
    index = names.qualified(new.schema, new.name)
    sql = (
        _create_index(new, beside, True),
        f"DROP INDEX CONCURRENTLY {index};",
        f"ALTER INDEX {names.qualified(new.schema, beside)} RENAME TO {names.quoted(new.name)};",
        *_index_rest(new),
        # A comment belongs to the index that went.
        *_comment(new),
    )
    return [steps.Step(sql, frozenset(changed), alone=True)]


def _other_options(item: model.Item, before: Mapping[str, str], after: Mapping[str, str]) -> steps.Step:
    alter = f"ALTER INDEX {names.qualified(item.schema, item.name)}"
    gone = [name for name in before if name not in after]
    sql = [f"{alter} RESET ({', '.join(gone)});"] if gone else []
    words = [f"{name} = {value}" for name, value in after.items() if before.get(name) != value]
    sql += [f"{alter} SET ({', '.join(words)});"] if words else []
    return steps.Step(tuple(sql), frozenset(("definition",)))


def _only(item: model.Item) -> dict[str, str]:
    return {"definition": item.facts["definition"]}


def _without_options(text: str) -> tuple[str, dict[str, str]]:
    """Return the definition of an index without its storage parameters, and these.

    >>> _without_options("USING btree (id) INCLUDE (n) WITH (fillfactor='70') WHERE (id > 0)")
    ('USING btree (id) INCLUDE (n) WHERE (id > 0)', {'fillfactor': "'70'"})
    """
    end = names.closing(text, text.index("("))
    if text.startswith(" INCLUDE (", end):
        end = names.closing(text, end + len(" INCLUDE "))
    if text.startswith(" NULLS NOT DISTINCT", end):
        end += len(" NULLS NOT DISTINCT")
    if not text.startswith(" WITH (", end):
        return text, {}
    close = names.closing(text, end + len(" WITH "))
    options = names.listed(text[end + len(" WITH (") : close - 1])
    return text[:end] + text[close:], dict(option.split("=", 1) for option in options)


def _comment(item: model.Item) -> list[str]:
    if "comment" not in item.facts:
        return []
    from_facts = item.facts["comment"].replace("'", "''").replace("\\", "\\\\")
    return [f"COMMENT ON INDEX {names.qualified(item.schema, item.name)} IS E'{from_facts}';"]


def _retarget(new: model.Item, old: model.Item) -> steps.Step:
    after, before = _targets(new), _targets(old)
    alter = f"ALTER INDEX {names.qualified(new.schema, new.name)} ALTER COLUMN"
    sql = [
        f"{alter} {number} SET STATISTICS {after.get(number, -1)};"
        for number in sorted({*after, *before}, key=int)
        if after.get(number) != before.get(number)
    ]
    return steps.Step(tuple(sql), frozenset(("statistics targets",)))


def create_statistics(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a statistics object."""
    address = names.address(item)
    sql = [f"CREATE STATISTICS {address} {item.facts['definition']};"]
    if "statistics target" in item.facts:
        sql.append(f"ALTER STATISTICS {address} SET STATISTICS {item.facts['statistics target']};")
    return [steps.Step(tuple(sql))]


def change_statistics(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes a statistics object: another definition is another object."""
    if "definition" in changed:
        return [steps.Replace(changed)]
    if "statistics target" in changed:
        text = f"ALTER STATISTICS {names.address(new)} SET STATISTICS {new.facts.get('statistics target', '-1')};"
        return [steps.Step((text,), frozenset(("statistics target",)))]
    return []
