"""What reports say of every snapshot: what it holds, what was not read, and what is not compared at all."""

import collections
import operator
from collections.abc import Iterable

from schemata.report import document
from schemata.snapshot import kinds, model

#: Stands where a schema's name stands, for what belongs to the database as a whole.
DATABASE = "(database)"


def counts(snapshot: model.Snapshot) -> dict[str, dict[str, int]]:
    """Return how many items there are, by schema and kind, each schema that was read among them."""
    found: dict[str, dict[str, int]] = {name: {} for name in ("", *snapshot.schemas)}
    for (schema, kind), number in collections.Counter(map(operator.itemgetter(1, 0), snapshot.items)).items():
        found.setdefault(schema, {})[kind] = number
    return found


def absent(snapshot: model.Snapshot) -> tuple[str, ...]:
    """Return the schemas that were to be read and do not exist."""
    there = {item.name for item in snapshot.items if item.kind == "schema"}
    return tuple(name for name in snapshot.schemas if name not in there)


def not_read(names: Iterable[str]) -> list[document.Block]:
    """Name the schemas that exist and were not looked at; nothing where there are none."""
    names = list(names)
    if not names:
        return []
    which = "schema exists and was" if len(names) == 1 else "schemas exist and were"
    return [document.Text(f"{len(names)} {which} not read: {', '.join(names)} (--all-schemas reads them).", "yellow")]


def not_compared(lists: str = "") -> document.Text:
    """Return what is never compared; in short where `lists` is the flag that lists it. The reasons are in `--json`."""
    if lists:
        count = len(kinds.NOT_COMPARED)
        return document.Text(f"Not compared: {kinds.NOT_COMPARED_IN_SHORT} (inv {lists} lists all {count}).", "dim")
    return document.Text(f"Not compared: {'; '.join(what for what, _ in kinds.NOT_COMPARED)}.", "dim")


def not_compared_in_full() -> list[dict[str, str]]:
    """Return the same with the reasons, for `--json`."""
    return [{"what": what, "why": why} for what, why in kinds.NOT_COMPARED]
