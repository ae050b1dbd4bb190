"""What a statement did to objects that existed before the migration: the difference of two states."""

import dataclasses
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from schemata.rehearsal.trace import states

_NAME = r"\(*(?:\"(?:[^\"]|\"\")+\"|\w+) IS NOT NULL\)*"
_NOT_NULL = re.compile(f"{_NAME}(?: AND {_NAME})*")
#: Statements that read or write rows, for which they may well scan.
QUERIES = (
    "select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "copy_stmt", "create_table_as_stmt",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Effect:
    """One thing that a statement did.

    :param kind: lock, rewrite, empty, move, scan, index, constraint, drop, detach, rename, retype, disable, enable,
        trigger, update, delete, label or body.
    :param on: the table, or the object itself. :param name: what of it: a lock's mode, a column, an index, a new name.
    :param what: the kind of object, in words. :param count: of rows. :param columns: those of a view that is dropped;
        of a routine its name and what it returns.
    """

    kind: str
    on: str
    name: str = ""
    what: str = ""
    count: int = 0
    columns: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value not in ("", 0, ())}


def between(
    before: states.State,
    after: states.State,
    base: Collection[int],
    held: Mapping[int, str],
    node: str = "",
    emptied: Collection[int] = (),
) -> tuple[Effect, ...]:
    """Return the effects of what happened between two states on the objects in `base`.

    :param held: the locks of earlier statements of the same transaction. :param node: what the parser calls it.
    :param emptied: tables whose new file holds nothing, though the one before held rows.
    """
    return (
        *_locks(before, after, base, held),
        *_files(before, after, base, emptied),
        *_counts(before, after, base, node),
        *_relations(before, after, base),
        *_columns(before, after, base),
        *_constraints(before, after, base),
        *_triggers(before, after, base),
        *_others(before, after, base),
    )


def _locks(
    before: states.State, after: states.State, base: Collection[int], held: Mapping[int, str]
) -> Iterator[Effect]:
    for oid, mode in sorted(after.locks.items()):
        relation = before.relations.get(oid)
        if oid not in base or relation is None or relation.kind in ("i", "I", "S") or mode not in states.BLOCKS:
            continue
        if oid not in held or states.strength(mode) > states.strength(held[oid]):
            yield Effect("lock", relation.full, mode, states.WORDS.get(relation.kind, "relation"))


def _files(
    before: states.State, after: states.State, base: Collection[int], emptied: Collection[int]
) -> Iterator[Effect]:
    changed = {
        oid
        for oid, old in before.relations.items()
        if oid in base and oid in after.relations and after.relations[oid].node != old.node
    }
    for oid in sorted(changed):
        old, new = before.relations[oid], after.relations[oid]
        word = states.WORDS.get(old.kind, "relation")
        scanned = _count(after, oid).sequential > _count(before, oid).sequential
        if old.kind == "i" and before.indexes[oid][0] not in changed:
            yield Effect("index", before.name_of(before.indexes[oid][0]), new.full)
        elif old.kind not in ("r", "m"):
            continue
        elif oid in emptied:
            yield Effect("empty", new.full, "", word)
        elif old.tablespace != new.tablespace and not scanned:
            yield Effect("move", new.full, "", word)
        else:
            yield Effect("rewrite", new.full, "", word)


def _counts(before: states.State, after: states.State, base: Collection[int], node: str) -> Iterator[Effect]:
    for oid in after.counts:
        if oid not in base:
            continue
        old, new = _count(before, oid), _count(after, oid)
        name = before.name_of(oid)
        # A foreign key is checked by a query, which may go through an index.
        by_index = new.by_index - old.by_index if node == "alter_table_stmt" else 0
        if new.sequential - old.sequential + by_index > 0:
            yield Effect("scan", name, "query" if node in QUERIES else "")
        if new.updated > old.updated:
            yield Effect("update", name, count=new.updated - old.updated)
        if new.deleted > old.deleted:
            yield Effect("delete", name, count=new.deleted - old.deleted)


def _count(state: states.State, oid: int) -> states.Counts:
    return state.counts.get(oid, states.Counts())


def _relations(before: states.State, after: states.State, base: Collection[int]) -> Iterator[Effect]:
    made = {item.node for oid, item in after.relations.items() if oid not in before.relations and item.node}
    of_dropped = {
        oid for oid, (table, _) in before.indexes.items() if table not in after.relations and table in before.relations
    }
    for oid, old in before.relations.items():
        if oid not in base:
            continue
        new = after.relations.get(oid)
        word = states.WORDS.get(old.kind, "relation")
        if new is None:
            # A wider varchar makes the index again around the same file; a table's own indexes go with it.
            moved = old.kind in ("i", "I") and (old.node in made or oid in of_dropped)
            again = old.kind in ("i", "I") and _rebuilt(before, after, oid)
            if not moved and not again:
                own = [column.name for (at, _), column in before.columns.items() if at == oid and old.kind == "v"]
                yield Effect("drop", old.full, what=word, columns=tuple(own))
        elif old.partition and not new.partition and old.kind in states.TABLES:
            yield Effect("detach", old.full, what=word)
        elif new.full != old.full:
            yield Effect("rename", old.full, new.full, word)
    nodes = {item.node for item in before.relations.values() if item.node}
    for oid, (table, _) in after.indexes.items():
        item = after.relations[oid]
        # That of a partitioned table holds nothing itself: those of its partitions are what is built.
        if oid not in before.indexes and table in base and item.kind == "i" and item.node not in nodes:
            what = "of a partition" if after.relations[table].partition else ""
            yield Effect("index", after.name_of(table), item.full, what)


def _rebuilt(before: states.State, after: states.State, oid: int) -> bool:
    """Tell whether there is an index of the same name and table again."""
    name, table = before.relations[oid].full, before.indexes[oid][0]
    return any(after.relations[new].full == name and at == table for new, (at, _) in after.indexes.items())


def _columns(before: states.State, after: states.State, base: Collection[int]) -> Iterator[Effect]:
    for (oid, number), old in before.columns.items():
        if oid not in base or oid not in after.relations:
            continue
        table = before.name_of(oid)
        new = after.columns.get((oid, number))
        if before.relations[oid].kind == "v":
            if new is None or new.name != old.name:
                yield Effect("drop", table, old.name, "column")
        elif new is None:
            yield Effect("drop", table, old.name, "column")
        elif new.name != old.name:
            yield Effect("rename", table, f"{old.name} to {new.name}", "column")
        elif (new.type, new.modifier) != (old.type, old.modifier):
            yield Effect("retype", table, old.name, "column")


def _constraints(before: states.State, after: states.State, base: Collection[int]) -> Iterator[Effect]:
    kept = {(item.relation, item.name) for item in after.constraints.values()}
    known = {(item.relation, item.name) for item in before.constraints.values()}
    for oid, old in before.constraints.items():
        if oid in after.constraints or old.relation not in base or old.relation not in after.relations:
            continue
        if (old.relation, old.name) not in kept and not _is_needless(old, after):
            yield Effect("drop", before.name_of(old.relation), old.name, "constraint")
    for oid, new in after.constraints.items():
        if new.relation not in base:
            continue
        was = before.constraints.get(oid)
        if was is None and (new.relation, new.name) not in known:
            state = "" if new.validated else "not validated"
            yield Effect(
                "constraint", after.name_of(new.relation), new.name, f"{_KINDS.get(new.kind, '')} {state}".strip()
            )
        elif was is not None and was.name != new.name:
            yield Effect("rename", after.name_of(new.relation), f"{was.name} to {new.name}", "constraint")


def _is_needless(dropped: states.Constraint, after: states.State) -> bool:
    """Tell whether a CHECK says only that its columns are not null, which they are by themselves."""
    if not dropped.columns or not _NOT_NULL.fullmatch(dropped.expression or ""):
        return False
    columns = [after.columns.get((dropped.relation, number)) for number in dropped.columns]
    return all(column is not None and column.not_null for column in columns)


_KINDS = {"f": "foreign key", "c": "check", "u": "unique", "p": "primary key", "x": "exclusion"}


def _triggers(before: states.State, after: states.State, base: Collection[int]) -> Iterator[Effect]:
    for oid, (table, name, fires) in after.triggers.items():
        was = before.triggers.get(oid)
        if table not in base:
            continue
        if fires == "D" and (was is None or was[2] != "D"):
            yield Effect("disable", after.name_of(table), name, "trigger")
        elif was is None:
            yield Effect("trigger", after.name_of(table), name, "trigger")
        elif was[2] == "D":
            yield Effect("enable", after.name_of(table), name, "trigger")
        elif was[1] != name:
            yield Effect("rename", after.name_of(table), f"{was[1]} to {name}", "trigger")
    for oid, (table, name, fires) in before.triggers.items():
        if table not in base or table not in after.relations or oid in after.triggers:
            continue
        if any((at, called) == (table, name) for at, called, _ in after.triggers.values()):
            continue
        # One of the server's own is known only while it is disabled.
        yield Effect("enable" if fires == "D" else "drop", after.name_of(table), name, "trigger")


def _others(before: states.State, after: states.State, base: Collection[int]) -> Iterator[Effect]:
    replaced = set(after.named.values()) - {after.named[oid] for oid in after.arguments} | after.calls()
    for oid, (word, name) in before.named.items():
        if oid not in base:
            continue
        new = after.named.get(oid)
        if new is None:
            called = before.called(oid)
            if called not in replaced and not (word in ("rule", "policy") and _gone_with_table(name, before, after)):
                results = (before.results[oid],) if oid in before.results else ()
                yield Effect("drop", called[1], what=word, columns=results)
        elif new != (word, name) and word not in ("rule", "policy"):
            yield Effect("rename", name, new[1], word)
        elif before.bodies.get(oid) != after.bodies.get(oid):
            yield Effect("body", name, what=word)
    for oid, (type_, label) in before.labels.items():
        now = after.labels.get(oid)
        if type_ in base and now is not None and now[1] != label:
            yield Effect("rename", before.named[type_][1], f"{label!r} to {now[1]!r}", "value of an enum")


def _gone_with_table(name: str, before: states.State, after: states.State) -> bool:
    table = name.rpartition(" on ")[2]
    return any(
        oid not in after.relations or after.relations[oid].full != table
        for oid, item in before.relations.items()
        if item.full == table
    )


def everything(state: states.State) -> frozenset[int]:
    """Return the oids of all that there is: what exists before a migration."""
    return frozenset([*state.relations, *state.named])


def present(state: states.State) -> frozenset[tuple[str, str]]:
    """Return the kind and the name of what there is, as the effect of a drop has them."""
    found = {(states.WORDS.get(item.kind, "relation"), item.full) for item in state.relations.values()}
    found |= {state.called(oid) for oid in state.named} | state.calls()
    found |= {("result", one) for one in state.results.values()}
    views = {oid for oid, item in state.relations.items() if item.kind == "v"}
    found |= {("column", f"{state.name_of(oid)}.{one.name}") for (oid, _), one in state.columns.items() if oid in views}
    found |= {("constraint", f"{state.name_of(one.relation)}.{one.name}") for one in state.constraints.values()}
    found |= {("trigger", f"{state.name_of(table)}.{name}") for table, name, _ in state.triggers.values()}
    return frozenset(found)
