"""A structure while it is planned: its items, and which of them need which."""

import dataclasses
import json
from collections.abc import Iterable

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names, sequences
from schemata.snapshot import model


@dataclasses.dataclass
class Structure:
    """The items of some schemas by key, and what each needs."""

    items: dict[steps.Key, model.Item]
    needs: dict[steps.Key, set[steps.Key]]

    def users(self) -> dict[steps.Key, set[steps.Key]]:
        """Return by item what needs it."""
        found: dict[steps.Key, set[steps.Key]] = {}
        for key, needs in self.needs.items():
            for need in needs:
                found.setdefault(need, set()).add(key)
        return found

    def copy(self) -> "Structure":
        """Return the same, to be changed."""
        return Structure(dict(self.items), {key: set(needs) for key, needs in self.needs.items()})

    def snapshot(self, like: model.Snapshot) -> model.Snapshot:
        """Return it as a snapshot of the same database as another one."""
        dependencies = (model.Dependency(key, need) for key, needs in self.needs.items() for need in needs)
        return dataclasses.replace(like, items=model.ordered(self.items.values()), dependencies=tuple(dependencies))


def of(snapshot: model.Snapshot, schemas: Iterable[str]) -> Structure:
    """Return the structure of some schemas and of the database itself."""
    wanted = {"", *schemas}
    items = {item.key: item for item in snapshot.items if item.schema in wanted}
    needs: dict[steps.Key, set[steps.Key]] = {key: set() for key in items}
    for item, need in snapshot.dependencies:
        if item in items and need in items and not _owned(items[item], need) and not _attached(items[item], need):
            needs[item].add(need)
    for key, one in items.items():
        relation = steps.whole(items, one)
        if relation is not None:
            needs[key].add(relation.key)
        schema = one.facts["schema"] if one.kind == "extension" else one.schema
        of_schema = (schema, "schema", "", schema)
        if schema and one.kind != "schema" and of_schema in items:
            needs[key].add(of_schema)
    return Structure(items, needs)


def _owned(item: model.Item, need: steps.Key) -> bool:
    """Tell whether a sequence merely belongs to a column, whose default needs the sequence."""
    return item.kind == "sequence" and need[1] == "column" and not sequences.is_identity(item)


def _attached(item: model.Item, need: steps.Key) -> bool:
    """Tell whether a partition's index is merely attached to its parent's, which is made after it."""
    return attached_to(item) == need[3] and need[1] in ("index", "constraint") and need[1] == item.kind


def attached_to(item: model.Item) -> str:
    """Return the name of the index that a partition's index, or that behind its constraint, is attached to."""
    printed = item.facts.get("attached to") or item.facts.get("index attached to")
    return names.parts(printed)[-1] if printed else ""


def placed(item: model.Item, before: model.Item, creates: Iterable[steps.Key], drops: Iterable[steps.Key]) -> list[str]:
    """Return the order of a table's columns once some are dropped and others added behind them."""
    gone = {key[3] for key in drops if key[:3] == (item.schema, "column", item.name)}
    new = {key[3] for key in creates if key[:3] == (item.schema, "column", item.name)}
    old = [name for name in json.loads(before.facts.get("column order", "[]")) if name not in gone]
    return old + [name for name in json.loads(item.facts.get("column order", "[]")) if name in new and name not in old]
