"""A snapshot as a value: its items, their canonical text, fingerprints, and the same as JSON."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
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

    def fingerprints(self) -> dict[str, str]:
        """Return the fingerprint of each schema that was read, and under "" that of the database's own items.

        A fingerprint is four digests joined by dots, one for each severity class in the order of `kinds.SEVERITIES`:
        equal ones mean equal structure, and unequal ones tell which class differs.
        """
        names = ["", *self.schemas]
        sums = {name: [hashlib.sha256() for _ in kinds.SEVERITIES] for name in names}
        for item in self.items:
            if item.schema not in sums:
                continue
            kind, facts = item.kind, item.facts
            classes = sums[item.schema]
            head = f"{kind}\0{item.of}\0{item.name}\0"
            classes[kinds.rank_of_presence(kind, facts)].update(f"{head}\n".encode())
            graded = kinds.graded(kind, facts)
            for fact in sorted(facts):
                classes[kinds.rank(graded, fact)].update(f"{head}{fact}\0{facts[fact]}\n".encode())
        return {name: ".".join(one.hexdigest()[:_DIGITS] for one in classes) for name, classes in sums.items()}

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
        found: dict[str, Any] = {
            "format": f"schemata snapshot {FORM}",
            "database": self.database,
            "server": {"version": self.version, "major": self.major},
            "deployer": self.deployer,
            "schemas": list(self.schemas),
            "left_out": list(self.left_out),
            "blind": list(self.blind),
            "not_compared": [{"what": what, "why": why} for what, why in kinds.NOT_COMPARED],
            "fingerprints": self.fingerprints(),
            "items": [
                {"kind": kind, "schema": schema, **({"of": of} if of else {}), "name": name, "facts": dict(facts)}
                for kind, schema, name, of, facts in self.items
            ],
        }
        if self.dependencies:
            numbers = {item.key: number for number, item in enumerate(self.items)}
            found["dependencies"] = [[numbers[one], numbers[other]] for one, other in self.dependencies]
        return found


# Of 64: enough that two structures meet by chance in no lifetime, and a fingerprint still fits a line.
_DIGITS = 16


def ordered(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return items in the one order that snapshots have: by schema, kind, relation and name."""
    order = kinds.ORDER
    return tuple(sorted(items, key=lambda item: (item.schema, order[item.kind], item.of, item.name)))


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


def to_json(snapshot: Snapshot) -> str:
    """Return the text of a snapshot file: the same for the same structure, an item a line."""
    found = snapshot.as_dict()
    items: Sequence[Any] = found.pop("items")
    dependencies = found.pop("dependencies", None)
    head = json.dumps(found, ensure_ascii=False, indent=1)[:-2]
    # One encoder for all: json.dumps with arguments makes a new one for each call.
    encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
    lines = ",\n".join(map(encode, items))
    text = f'{head},\n "items": [\n{lines}\n ]'
    if dependencies is not None:
        text += f',\n "dependencies": {json.dumps(dependencies)}'
    return f"{text}\n}}\n"


def from_json(text: str) -> Snapshot:
    """Return the snapshot of a snapshot file. Raises ValueError for anything else."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no snapshot: not a JSON object")
    return from_dict(found)
