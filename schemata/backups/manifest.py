"""What is known of a backup: the manifest that lies beside its archive, as a value."""

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from schemata import errors

FORMAT = 1
#: How far a backup was verified: by nothing, by reading all of it, by a restore whose rows were compared.
NONE, READ, RESTORE = "none", "read", "restore"
#: The archive is what another program keeps, and this is what it answered.
HOOK = "hook"


class BackupInvalid(errors.Error):
    """An archive is not what was written, or there is none to restore; nothing was touched."""


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """The rows of one table: how many, and the sum of their hashes. The order of rows and columns is no part of it."""

    rows: int
    hashes: str


@dataclasses.dataclass(frozen=True)
class Outside:
    """A foreign key to a table that is not in the backup: a restore leaves it out. `sql` makes it again."""

    schema: str
    table: str
    name: str
    sql: str


@dataclasses.dataclass(frozen=True)
class Beneath:
    """What belongs to no schema, and what is in one may need, such as a foreign server. `sql` makes it again."""

    name: str
    sql: str


@dataclasses.dataclass(frozen=True)
class Extension:
    """An extension of the database, with the schema that it is in."""

    name: str
    version: str
    schema: str


@dataclasses.dataclass(frozen=True)
class Verification:
    """How far a backup was verified, when, and what came of it; `text` says why it was no further."""

    level: str = NONE
    ok: bool = True
    at: str = ""
    text: str = ""

    @property
    def words(self) -> str:
        """Return it as a table shows it."""
        if not self.ok:
            return "FAILED"
        return {NONE: "no", READ: "read", RESTORE: "restored", HOOK: "by the hook"}[self.level]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """One backup.

    :param source: the database without password: host, port and name, by which retention tells databases apart.
    :param taken_at: in UTC, when its snapshot was taken.
    :param format: "custom" or "directory", of pg_dump; "hook" where another program keeps it.
    :param schemas: what it holds, the history's schema included.
    :param all_schemas: whether these are all that the project has.
    :param fingerprints: by "schema.table", taken in the snapshot that was dumped.
    :param roles: who owns something in it or has a privilege on it.
    """

    name: str
    source: str
    database: str
    taken_at: str
    reason: str
    format: str
    size: int
    sha256: str
    server_version: str
    client_version: str
    schemas: tuple[str, ...]
    all_schemas: bool
    history_schema: str
    head: str = ""
    digest: str = ""
    encoding: str = ""
    collate: str = ""
    ctype: str = ""
    database_size: int = 0
    fingerprints: Mapping[str, Fingerprint] = dataclasses.field(default_factory=dict)
    roles: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()
    beneath: tuple[Beneath, ...] = ()
    outside: tuple[Outside, ...] = ()
    seconds: float = 0.0
    verification: Verification = Verification()
    answer: str = ""

    @property
    def server_major(self) -> int:
        """Return the major version of the server that was backed up."""
        return int(self.server_version.partition(".")[0] or 0)

    @property
    def is_verified(self) -> bool:
        """Tell whether it was read whole or restored, and was what it has to be."""
        return self.verification.ok and self.verification.level in (READ, RESTORE)

    def as_dict(self) -> dict[str, Any]:
        """Return the document."""
        return {"manifest": FORMAT, **dataclasses.asdict(self)}

    def to_json(self) -> str:
        """Return the file's text."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"


def parse(text: str, where: str) -> Manifest:
    """Return the manifest of a file's text. Raises BackupInvalid, naming `where`."""
    try:
        document = json.loads(text)
        if document.pop("manifest") != FORMAT:
            raise BackupInvalid(
                f"{where} is of another version of schemata", "Use the one that made it, or a newer one."
            )
        document["fingerprints"] = {
            table: Fingerprint(int(one["rows"]), str(one["hashes"])) for table, one in document["fingerprints"].items()
        }
        document["extensions"] = tuple(Extension(**one) for one in document["extensions"])
        document["beneath"] = tuple(Beneath(**one) for one in document.get("beneath", ()))
        document["outside"] = tuple(Outside(**one) for one in document["outside"])
        document["verification"] = Verification(**document["verification"])
        for key in ("schemas", "roles"):
            document[key] = tuple(map(str, document[key]))
        return Manifest(**document)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BackupInvalid(
            f"{where} is not the manifest of a backup ({problem}), so nothing is known of its archive",
            "Restore another one: inv backups",
        ) from problem


def name_of(database: str, moment: str) -> str:
    """Return the name of a backup of a database, taken at a moment.

    >>> name_of("shop é", "20261128T101500Z")
    'shop___20261128T101500Z'
    """
    return f"{re.sub('[^A-Za-z0-9_-]', '_', database)[:60]}_{moment}"


def differing(expected: Mapping[str, Fingerprint], actual: Mapping[str, Fingerprint]) -> list[str]:
    """Return, for each table whose rows are not the same, the table and how many rows there are and should be."""
    result = []
    for table, before in expected.items():
        after = actual.get(table)
        if after is None:
            result.append(f"{table}: it is not there; it had {before.rows} rows")
        elif after != before:
            same = f"{before.rows} rows, of which some have other values"
            result.append(
                f"{table}: " + (same if after.rows == before.rows else f"{after.rows} rows instead of {before.rows}")
            )
    return result
