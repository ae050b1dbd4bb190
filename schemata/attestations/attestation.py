"""One line a migration: the checksums of its files, the PostgreSQL version, and what was proved, by name.

Each line stands for itself, in the order of the ids, so that two branches which add one each seldom meet; where they
do, both sides of the conflict are read.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

from schemata.migrations import checksums, migration

_FORMAT = "schemata attestations 1"
_NONE = "-"
_MARKS = ("<<<<<<<", "=======", ">>>>>>>")
_REASON = " # "

#: What there may be, in the order in which it is written. Another name is kept as it stands.
SLOTS = ("lint", "rehearsal", "rollback", "backup", "previous")
#: The slot of what the release before was seen to run with: the revision of that release, or that it does not.
PREVIOUS, NOT_PROVED = "previous", "not-proved"
#: What is said of a migration that lacks a rollback.
NO_ROLLBACK = "it has neither a rollback nor the line `-- irreversible: reason`"
Rollback = Literal["proved", "irreversible"]


@dataclasses.dataclass(frozen=True)
class Attestation:
    """What was proved of one migration on one major version.

    :param rollback: the checksum of the rollback file; empty where there is none.
    :param slots: the verdict by the name of the proof: rollback=proved, rehearsal=ok, warnings or accepted, lint=ok,
        backup=the name of the one on whose rows it was tried.
    :param seconds: how long the migration took in the rehearsal. :param at: when, in UTC.
    :param reason: why findings were accepted.
    """

    id: str
    checksum: str
    rollback: str
    major: int
    slots: Mapping[str, str]
    seconds: float = 0.0
    at: str = ""
    reason: str = ""

    def fits(self, item: migration.Migration) -> bool:
        """Tell whether it is of these very files. The text of the rollback must have been read."""
        return (self.checksum, self.rollback) == (item.checksum, rollback_checksum(item))


class Damaged(ValueError):
    """A line is none of this file."""


def rollback_checksum(item: migration.Migration) -> str:
    """Return the checksum of a rollback file; that of a migration in Python is in the file itself."""
    return checksums.checksum(item.rollback_sql) if item.rollback_path and not item.is_python else ""


def text(items: Iterable[Attestation]) -> str:
    """Return the text of the file."""
    lines = [_line(one) for one in sorted(items, key=lambda one: (one.id, one.major))]
    return "\n".join([_FORMAT, "", *lines]) + "\n"


def _line(one: Attestation) -> str:
    names = [name for name in SLOTS if name in one.slots] + sorted(one.slots.keys() - set(SLOTS))
    slots = " ".join(f"{name}={one.slots[name]}" for name in names)
    words = f"{one.id} {one.checksum} {one.rollback or _NONE} {one.major} {one.at or _NONE} {one.seconds:.3f} {slots}"
    return f"{words}{_REASON}{' '.join(one.reason.split())}" if one.reason else words


def parse(told: str) -> dict[tuple[str, int], Attestation]:
    """Return what a file says, by id and major version; of two lines about the same the later. Raises Damaged."""
    first, *lines = told.splitlines() or [""]
    if first != _FORMAT and not first.startswith(_MARKS):
        raise Damaged(f"its first line is not {_FORMAT!r}")
    found: dict[tuple[str, int], Attestation] = {}
    for line in lines:
        if not line.strip() or line == _FORMAT or line.startswith(_MARKS):
            continue
        one = _parsed(line)
        known = found.get((one.id, one.major))
        if known is None or known.at <= one.at:
            found[one.id, one.major] = one
    return found


def _parsed(line: str) -> Attestation:
    words, _, reason = line.partition(_REASON)
    try:
        id_, checksum, rollback, major, at, seconds, *slots = words.split()
        named = dict(slot.split("=", 1) for slot in slots)
        return Attestation(
            id_, checksum, "" if rollback == _NONE else rollback, int(major), named, float(seconds),
            "" if at == _NONE else at, reason,
        )  # fmt: skip
    except ValueError as error:
        raise Damaged(f"the line {line!r} is none of attestations") from error


def merged(known: Attestation | None, new: Attestation) -> Attestation:
    """Return a new attestation with what is known of the same files and not proved again."""
    if known is None or (known.checksum, known.rollback) != (new.checksum, new.rollback):
        return new
    return dataclasses.replace(new, slots={**known.slots, **new.slots})


def lacks_rollback(item: migration.Migration) -> bool:
    """Tell whether there is neither a rollback nor a reason why there is none."""
    return not (item.rollback_path or item.directives.irreversible or item.not_run)


def lacking(item: migration.Migration, known: Attestation | None, major: int) -> tuple[str, ...]:
    """Return what is missing of the proof of a migration, in words; nothing where it is whole."""
    if known is None:
        return (f"nothing is attested for PostgreSQL {major}",)
    if not known.fits(item):
        which = "its rollback" if known.checksum == item.checksum else "it"
        return (f"{which} was edited after it was attested",)
    found = []
    if item.rollback_path and known.slots.get("rollback") != "proved":
        found.append("its rollback is not proved")
    if lacks_rollback(item):
        found.append(NO_ROLLBACK)
    match known.slots.get("rehearsal", _NONE):
        case "ok" | "warnings" | "accepted":
            pass
        case "errors":
            found.append("its rehearsal found errors that nobody has accepted")
        case _:
            found.append("it was not rehearsed")
    if known.slots.get("lint") == "errors":
        found.append("lint found errors in it")
    return tuple(found)
