"""Which baselines a database has because it has all that they replace, and of which it has only a part."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from schemata.history import recorded
from schemata.migrations import migration
from schemata.migrations.groups import replaced


@dataclasses.dataclass(frozen=True)
class Behind:
    """A baseline that can neither run nor be recorded: a part of what all baselines replace is applied."""

    item: migration.Migration
    applied: int
    total: int
    missing: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Recognition:
    """The history as a set of files with baselines sees it.

    :param history: with each baseline that the database has in place of what that replaces. Its head is that of the
        database, so that it says nothing of these records.
    :param standing: baselines that the database has without a record of their own.
    :param edited: ids that were applied with another text than the one that was squashed, by baseline.
    """

    history: recorded.Recorded
    standing: tuple[migration.Migration, ...] = ()
    behind: tuple[Behind, ...] = ()
    edited: tuple[tuple[migration.Migration, tuple[str, ...]], ...] = ()

    @property
    def recordable(self) -> tuple[migration.Migration, ...]:
        """Return the baselines that may be recorded without running and without a person's word."""
        edited = {item.id for item, _ in self.edited}
        return tuple(item for item in self.standing if item.id not in edited)


Stands = Mapping[str, Sequence[migration.Replaced]]


def recognise(
    files: Sequence[migration.Migration], history: recorded.Recorded, stands: Stands | None = None
) -> Recognition:
    """Return the history as these files see it; the history itself where no baseline is concerned.

    :param stands: what records without a file stand for: baselines of a newer build, on a database that it made.
    """
    history = _unfolded(files, history, stands or {})
    baselines = replaced.baselines(files)
    if not baselines:
        return Recognition(history)
    ran = {record.id: record for record in history.records}
    noted = {record.id: record for record in history.squashed}
    known = ran.keys() | noted.keys()
    parts = {one.id: one.checksum for item in baselines for one in item.directives.replaces}
    applied = parts.keys() & known
    records = [record for record in history.records if record.id not in parts]
    standing, behind, edited = [], [], []
    for item in baselines:
        if item.id in ran:
            continue
        missing = replaced.missing(item, known)
        if item.id in noted:
            records.append(noted[item.id])
        elif not missing:
            own = [ran[one.id] for one in item.directives.replaces if one.id in ran]
            at = max((record.applied_at for record in own), default="")
            records.append(recorded.Record(item.id, at, item.checksum, "squashed", 0, 0.0))
            standing.append(item)
            if others := tuple(one.id for one in own if one.checksum not in ("", parts[one.id])):
                edited.append((item, others))
        elif applied:
            behind.append(Behind(item, len(applied), len(parts), tuple(one.id for one in missing)))
    return Recognition(
        dataclasses.replace(history, records=tuple(records)), tuple(standing), tuple(behind), tuple(edited)
    )


def _unfolded(files: Sequence[migration.Migration], history: recorded.Recorded, stands: Stands) -> recorded.Recorded:
    """Return the history with what a newer baseline replaced in its place, where these files still have all of it."""
    if not stands:
        return history
    checksums = {item.id: item.checksum for item in files}
    records: list[recorded.Record] = []
    for record in history.records:
        parts = list(_in_files(stands.get(record.id, ()), "", checksums))
        if parts and all(checksums.get(one.id) == one.checksum for one in parts):
            known = {one.id for one in records}
            records += [
                dataclasses.replace(record, id=one.id, checksum=one.checksum) for one in parts if one.id not in known
            ]
        else:
            records.append(record)
    return dataclasses.replace(history, records=tuple(records))


def _in_files(
    entries: Sequence[migration.Replaced], within: str, checksums: Mapping[str, str]
) -> Iterator[migration.Replaced]:
    """Give what was replaced, and of an earlier baseline that these files do not have what that one had replaced."""
    for one in entries:
        if one.within != within:
            continue
        if one.id not in checksums and any(other.within == one.id for other in entries):
            yield from _in_files(entries, one.id, checksums)
        else:
            yield one
