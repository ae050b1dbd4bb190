"""A snapshot as a value: its items, their canonical text, fingerprints, and the same as JSON."""

import collections
import dataclasses
import functools
import hashlib
import itertools
import json.encoder
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemata.snapshot import kinds

#: Goes up with every change of what the items say of one and the same structure: fingerprints of another form are
#: not compared with ours.
FORM = 1

DEPLOYER = "(deployer)"


class Item(NamedTuple):
    """One thing that a database is made of.

    :param kind: a name of `kinds.KINDS`.
    :param schema: empty for what belongs to the database as a whole.
    :param name: unique within the kind, the schema and `of`.
    :param of: the relation or type of the same schema that this is a part of (a column's table); else empty.
    :param facts: what is so of it, as text by name. What has its default value is absent.
    """

    kind: str
    schema: str
    name: str
    of: str
    facts: Mapping[str, str]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Return what tells it from every other item of a snapshot."""
        return self.schema, self.kind, self.of, self.name


class Dependency(NamedTuple):
    """One item needs another, both by their keys."""

    item: tuple[str, str, str, str]
    needs: tuple[str, str, str, str]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The structure of a database, or of some schemas of it, at one moment.

    :param schemas: the schemas that were read, whether they exist or not.
    :param left_out: schemas of the database that were not read.
    :param deployer: the role that stands as "(deployer)" in owners and grants: the owner of the history, else of the
        database. So databases that differ in nothing but the name of that role are equal.
    :param blind: what this role was not allowed to see, in words.
    """

    database: str
    version: str
    major: int
    schemas: tuple[str, ...]
    items: tuple[Item, ...]
    deployer: str = ""
    left_out: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    _fingerprints: dict[str, str] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def fingerprints(self) -> dict[str, str]:
        """Return the fingerprint of each schema that was read, and under "" that of the database's own items.

        A fingerprint is four digests joined by dots, one for each severity class in the order of `kinds.SEVERITIES`:
        equal ones mean equal structure, and unequal ones tell which class differs.
        """
        if not self._fingerprints:
            self._fingerprints.update(_fingerprints(self))
        return dict(self._fingerprints)

    def only(self, schemas: Sequence[str]) -> "Snapshot":
        """Return the snapshot without the schemas that are not among these: those count as not read."""
        if set(self.schemas) <= set(schemas):
            return self
        return dataclasses.replace(
            self,
            schemas=tuple(name for name in self.schemas if name in schemas),
            items=tuple(item for item in self.items if item.schema in ("", *schemas)),
            left_out=(*self.left_out, *(name for name in self.schemas if name not in schemas)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: the form of snapshot files and of `--json`."""
        found = self.head()
        found["items"] = [
            {"kind": kind, "schema": schema, **({"of": of} if of else {}), "name": name, "facts": dict(facts)}
            for kind, schema, name, of, facts in self.items
        ]
        if self.dependencies:
            found["dependencies"] = self.edges()
        return found

    def head(self) -> dict[str, Any]:
        """Return what a snapshot file says before the items."""
        return {
            "format": f"schemata snapshot {FORM}",
            "database": self.database,
            "server": {"version": self.version, "major": self.major},
            "deployer": self.deployer,
            "schemas": list(self.schemas),
            "left_out": list(self.left_out),
            "blind": list(self.blind),
            "not_compared": [{"what": what, "why": why} for what, why in kinds.NOT_COMPARED],
            "fingerprints": self.fingerprints(),
        }

    def edges(self) -> list[list[int]]:
        """Return the dependencies, each as the numbers of two items."""
        numbers = {item.key: number for number, item in enumerate(self.items)}
        return [[numbers[one], numbers[other]] for one, other in self.dependencies]


# Of 64: enough that two structures meet by chance in no lifetime, and a fingerprint still fits a line.
_DIGITS = 16


def _fingerprints(snapshot: Snapshot) -> dict[str, str]:
    hashes = {name: tuple(hashlib.sha256() for _ in kinds.SEVERITIES) for name in ("", *snapshot.schemas)}
    # What is told of the items of one kind and schema, by severity: less memory is touched than with all at once.
    texts: tuple[list[str], ...] = tuple([] for _ in kinds.SEVERITIES)
    of_schema: tuple[Any, ...] | None = None
    # Items that were read together share their facts.
    known: dict[int, list[tuple[Callable[[str], None], list[str]]]] = {}
    last_kind = last_schema = last_of = head = None
    for kind, schema, name, of, facts in snapshot.items:
        if kind != last_kind or schema != last_schema:
            _hash(of_schema, texts)
            last_kind, last_schema, last_of = kind, schema, None
            of_schema = hashes.get(schema)
            known = {}
        if of_schema is None:
            continue
        if of != last_of:
            last_of = of
            head = f"{kind}\0{of}\0"
        parts = known.get(id(facts))
        if parts is None:
            parts = known[id(facts)] = [(texts[rank].append, told) for rank, told in _by_rank(kind, facts)]
        for append, told in parts:
            append(f"{head}{name}\0".join(told))
    _hash(of_schema, texts)
    return {name: ".".join(one.hexdigest()[:_DIGITS] for one in made) for name, made in hashes.items()}


def _hash(hashes: Sequence[Any] | None, texts: Sequence[list[str]]) -> None:
    """Take in what was told by severity, and leave the lists empty."""
    for one, told in zip(hashes or (), texts, strict=False):
        one.update("".join(told).encode())
        told.clear()


def _by_rank(kind: str, facts: Mapping[str, str]) -> list[tuple[int, list[str]]]:
    """Return, by severity, what is told of an item; between the texts stands what tells it from others."""
    return [
        (rank, [*first, *[f"{fact}\0{facts[fact]}\n" for fact in names]])
        for rank, first, names in _ranks(kind, tuple(facts))
    ]


@functools.lru_cache(maxsize=4096)
def _ranks(kind: str, names: tuple[str, ...]) -> list[tuple[int, tuple[str, ...], list[str]]]:
    """Return the severities of the presence and of the facts of such an item; each with its facts, in order.

    Before them stands what says that the item is there, with the severity of its presence.
    """
    facts = dict.fromkeys(names, "")
    graded = kinds.graded(kind, facts)
    presence = kinds.rank_of_presence(kind, facts)
    found: dict[int, tuple[tuple[str, ...], list[str]]] = {presence: (("", "\n"), [])}
    for name in sorted(names):
        found.setdefault(kinds.rank(graded, name), (("",), []))[1].append(name)
    return [(rank, *told) for rank, told in found.items()]


def ordered(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return items in the one order that snapshots have: by schema, kind, relation and name."""
    # Level by level: to compare four words each time takes ten times as long.
    levels: dict[tuple[str, int], dict[str, list[Item]]] = {}
    order = kinds.ORDER
    last_kind = last_schema = None
    level: dict[str, list[Item]] = {}
    for item in items:
        kind, schema, _, of, _ = item
        if kind != last_kind or schema != last_schema:
            last_kind, last_schema = kind, schema
            level = levels.setdefault((schema, order[kind]), collections.defaultdict(list))
        level[of].append(item)
    by_name = operator.itemgetter(2)
    found: list[Item] = []
    for _, level in sorted(levels.items(), key=operator.itemgetter(0)):
        for _, some in sorted(level.items(), key=operator.itemgetter(0)):
            some.sort(key=by_name)
            found += some
    return tuple(found)


def _lines(items: Iterable[Item]) -> Iterator[str]:
    """Give items as JSON, the members in the order of their names."""
    quote = json.encoder.encode_basestring
    known: dict[int, str] = {}
    last_kind = last_schema = last_of = None
    before = after = ""
    for kind, schema, name, of, facts in items:
        if kind != last_kind or of != last_of or schema != last_schema:
            if kind != last_kind:
                known = {}
                before = f', "kind": {quote(kind)}, "name": '
            last_kind, last_schema, last_of = kind, schema, of
            place = f'"of": {quote(of)}, ' if of else ""
            after = f', {place}"schema": {quote(schema)}}}'
        told = known.get(id(facts))
        if told is None:
            each = [f"{quote(fact)}: {quote(facts[fact])}" for fact in sorted(facts)]
            told = known[id(facts)] = f'{{"facts": {{{", ".join(each)}}}{before}'
        yield f"{told}{quote(name)}{after}"


def from_dict(document: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot that `as_dict` made. Raises ValueError for anything else."""
    try:
        if document["format"] != f"schemata snapshot {FORM}":
            raise ValueError(f"its format is {document['format']!r}, not 'schemata snapshot {FORM}'")
        items = tuple(
            Item(kind=one["kind"], schema=one["schema"], name=one["name"], of=one.get("of", ""), facts=one["facts"])
            for one in document["items"]
        )
        unknown = sorted({item.kind for item in items} - kinds.KINDS.keys())
        if unknown:
            raise ValueError(f"it has items of an unknown kind: {', '.join(unknown)}")
        return Snapshot(
            database=document["database"],
            version=document["server"]["version"],
            major=document["server"]["major"],
            schemas=tuple(document["schemas"]),
            items=items,
            deployer=document["deployer"],
            left_out=tuple(document["left_out"]),
            blind=tuple(document["blind"]),
            dependencies=tuple(
                Dependency(items[one].key, items[other].key) for one, other in document.get("dependencies", ())
            ),
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"it is no snapshot: {type(error).__name__}: {error}") from error


def to_json(snapshot: Snapshot, **before: object) -> str:
    """Return the text of a snapshot file: the same for the same structure, an item a line.

    What `before` names comes first, as members of the same object.
    """
    head = json.dumps({**before, **snapshot.head()}, ensure_ascii=False, indent=1)[:-2]
    tail = "\n ]"
    if snapshot.dependencies:
        tail += f',\n "dependencies": {json.dumps(snapshot.edges())}'
    # Put together in pieces: of a large database it is megabytes.
    lines = _lines(snapshot.items)
    pieces = list(iter(lambda: ",\n".join(itertools.islice(lines, 500)), "")) or [""]
    pieces[0] = f'{head},\n "items": [\n{pieces[0]}'
    pieces[-1] += f"{tail}\n}}\n"
    return ",\n".join(pieces)


def from_json(text: str) -> Snapshot:
    """Return the snapshot of a snapshot file. Raises ValueError for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no snapshot: not a JSON object")
    return from_dict(found)
