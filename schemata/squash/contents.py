"""The contents of an archive: which entry is of which schema, what needs what, and which baseline each goes into."""

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from schemata import errors

_LAST = ("EVENT TRIGGER", "PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA", "SUBSCRIPTION",
         "SUBSCRIPTION TABLE", "DEFAULT ACL")  # fmt: skip
_SPECIAL = ("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES")
_NEEDS = ";\tdepends on:"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of the list.

    :param kind: in capitals, as pg_dump calls it.
    :param schema: empty for what belongs to the database as a whole.
    :param title: its name, and after it its owner.
    :param needs: the numbers of entries that have to come before.
    """

    number: int
    kind: str
    schema: str
    title: str
    line: str
    needs: tuple[int, ...] = ()

    @property
    def subject(self) -> str:
        """Return what it is, for messages."""
        name = f"{self.schema}.{self.title}" if self.schema else self.title
        return f"{self.kind.lower()} {name.rpartition(' ')[0]}"


class Circular(errors.MigrationError):
    """Two schemas need each other, so neither baseline can run before the other."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            "the schemas need each other, so that there is no order of one baseline each:\n"
            + "\n".join(f"  {reason}" for reason in reasons),
            "Write one baseline for all of them: inv squash … --single",
        )


def parse(text: str, schemas: Collection[str]) -> tuple[Entry, ...]:
    """Return the entries of `pg_restore --list --verbose`.

    A line of it is `NUMBER; CATALOG OID KIND SCHEMA TITLE OWNER`, where the kind is of one word or more and the schema
    is `-` for none; below it may stand `;\\tdepends on: NUMBER …`. The kind ends where the name of a schema of the
    database (`schemas`) or the dash begins.
    """
    found: list[Entry] = []
    for line in text.split("\n"):
        if line.startswith(_NEEDS) and found:
            needs = tuple(int(word) for word in line.removeprefix(_NEEDS).split())
            found[-1] = dataclasses.replace(found[-1], needs=needs)
            continue
        number, semicolon, rest = line.partition("; ")
        if semicolon and number.isdecimal():
            found.append(_entry(int(number), rest, line, schemas))
    return tuple(entry for entry in found if entry.kind not in _SPECIAL)


def _entry(number: int, rest: str, line: str, schemas: Collection[str]) -> Entry:
    _, _, words = rest.split(" ", 2)
    kind: list[str] = []
    while words:
        if words.startswith("- "):
            return Entry(number, " ".join(kind), "", words[2:], line)
        schema = max((name for name in schemas if words.startswith(f"{name} ")), key=len, default="")
        if schema and kind:
            return Entry(number, " ".join(kind), schema, words[len(schema) + 1 :], line)
        word, _, words = words.partition(" ")
        kind.append(word)
    raise errors.Error(f"pg_restore lists an entry that is not understood: {line}", "Nothing was changed.")


def of_another(entry: Entry, schemas: Sequence[str]) -> bool:
    """Tell whether an entry is a schema that is not among these, or in one."""
    return _unit(entry, schemas).startswith("schema ")


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which entries each baseline holds, in the order of the baselines, and which other baselines each needs."""

    parts: Mapping[str, tuple[Entry, ...]]
    needs: Mapping[str, tuple[str, ...]]


def layout(
    entries: Sequence[Entry], schemas: Sequence[str], more: Iterable[tuple[str, str, str]] = (), *, single: str = ""
) -> Layout:
    """Divide entries among one baseline a schema. Raises Circular.

    What belongs to no schema of `schemas` goes where all that it needs is there by then: as early as possible, and as
    late as possible where it would change what runs after it. With `single`, a schema, all of it is in one.

    :param more: schemas of which the first needs the second, and why.
    """
    if single:
        return Layout({single: tuple(entries)}, {single: ()})
    return _Division(entries, schemas, tuple(more)).layout()


class _Division:
    """Units are the schemas of the project, any other schema as a whole, and each entry that is of none."""

    def __init__(self, entries: Sequence[Entry], schemas: Sequence[str], more: Sequence[tuple[str, str, str]]) -> None:
        self._entries, self._schemas = entries, schemas
        self._unit_of = {entry.number: _unit(entry, schemas) for entry in entries}
        by_number = {entry.number: entry for entry in entries}
        self._needs: dict[str, dict[str, str]] = {name: {} for name in schemas}
        for entry in entries:
            of_unit = self._needs.setdefault(self._unit_of[entry.number], {})
            for number in entry.needs:
                if number in by_number:
                    why = f"{entry.subject} needs {by_number[number].subject}"
                    of_unit.setdefault(self._unit_of[number], why)
        for one, other, why in more:
            if one in self._needs:
                self._needs[one].setdefault(other, why)

    def layout(self) -> Layout:
        """Return the division."""
        present = [name for name in self._schemas if any(unit == name for unit in self._unit_of.values())]
        present = [name for name in self._schemas if name in present or self._needs[name]] or list(self._schemas[:1])
        edges = {name: self._reached(name) for name in present}
        order = self._ordered(present, edges)
        place = {name: number for number, name in enumerate(order)}
        last = {
            self._unit_of[entry.number]
            for entry in self._entries
            if entry.kind in _LAST and self._unit_of[entry.number] not in place
        }
        for unit in self._needs:
            if unit not in place:
                place[unit] = self._place(unit, place, last, len(order) - 1, frozenset())
        parts = {
            name: tuple(entry for entry in self._entries if place[self._unit_of[entry.number]] == number)
            for number, name in enumerate(order)
        }
        return Layout(parts, {name: tuple(other for other in order if other in edges[name]) for name in order})

    def _reached(self, name: str) -> dict[str, str]:
        """Return the schemas that a schema needs, also by way of what is of none, and why."""
        found: dict[str, str] = {}
        seen = {name}
        waiting = list(self._needs[name].items())
        while waiting:
            unit, why = waiting.pop()
            if unit in self._schemas:
                if unit != name:
                    found.setdefault(unit, why)
            elif unit not in seen:
                seen.add(unit)
                waiting += [(other, f"{why}, and {because}") for other, because in self._needs.get(unit, {}).items()]
        return found

    def _ordered(self, names: Sequence[str], edges: Mapping[str, Mapping[str, str]]) -> list[str]:
        order: list[str] = []
        while len(order) < len(names):
            free = next((n for n in names if n not in order and not edges[n].keys() - set(order)), None)
            if free is None:
                raise Circular(_circle([name for name in names if name not in order], edges))
            order.append(free)
        return order

    def _place(
        self, unit: str, place: Mapping[str, int], last: Collection[str], end: int, above: frozenset[str]
    ) -> int:
        if unit in place:
            return place[unit]
        if unit in last:
            return end
        others = (other for other in self._needs.get(unit, {}) if other not in above)
        return max((self._place(other, place, last, end, above | {unit}) for other in others), default=0)


def _unit(entry: Entry, schemas: Sequence[str]) -> str:
    # What a publication has of a schema is listed as the schema's, and needs the publication.
    if entry.schema and not entry.kind.startswith("PUBLICATION"):
        return entry.schema if entry.schema in schemas else f"schema {entry.schema}"
    if entry.kind == "SCHEMA":
        own = next((name for name in schemas if entry.title.startswith(f"{name} ")), None)
        return own if own is not None else f"schema {entry.title.rpartition(' ')[0]}"
    return f"entry {entry.number}"


def _circle(left: Sequence[str], edges: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return why each of a circle of schemas needs the next."""
    path = [left[0]]
    while True:
        after = next(other for other in edges[path[-1]] if other in left)
        if after in path:
            circle = [*path[path.index(after) :], after]
            return [f"{one} needs {other}: {edges[one][other]}" for one, other in itertools.pairwise(circle)]
        path.append(after)
