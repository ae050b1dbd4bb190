"""What a database says about itself: the history as it was read."""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from schemata.history import layout, stored
from schemata.history.held import compatible
from schemata.migrations import checksums, migration, revision
from schemata.snapshot import fingerprints


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One migration that the history calls applied. `checksum` is empty when another tool recorded it."""

    id: str
    applied_at: str
    checksum: str
    state: str
    attempt: int
    duration_ms: float

    @property
    def schema(self) -> str:
        """Return the schema that the id names."""
        return self.id.partition(".")[0]

    @property
    def timestamp(self) -> str:
        """Return the time in the id, or the empty text when the id is of a foreign form."""
        return revision.time_of(self.id)


@dataclasses.dataclass(frozen=True, slots=True)
class OpenAttempt:
    """The latest try at a non-transactional migration, when it did not end well."""

    id: str
    attempt: int
    state: str
    direction: str
    checksum: str
    statement_count: int
    statements_done: int
    started_at: str
    host: str
    sqlstate: str
    line: int
    message: str
    structure_before: Mapping[str, str]
    sql: str = dataclasses.field(repr=False)
    backend_pid: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Head:
    """The row that sums the history up.

    :param compatible: what was applied last that the release before runs with, as `history.held.compatible` writes it.
    """

    digest: str = checksums.EMPTY
    applied: int = 0
    last_id: str = ""
    structure: Mapping[str, str] | None = None
    mark: str = ""
    compatible: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Drift:
    """A schema that somebody changed outside the migrations, as fingerprints; `accepted_by` is empty until it is."""

    schema: str
    expected: str
    actual: str
    noticed_at: str
    noticed_before: str = ""
    accepted_at: str = ""
    accepted_by: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """The whole history. `present` is False on a database that was never migrated, or only by a plain yoyo.

    :param restored: ids among `records` whose row is missing in `_yoyo_migration`: attempts and head prove them.
    :param lost: ids that something calls applied, which nothing proves; they are not among `records`.
    :param undone: ids that were applied once and were undone since; `uncounted` are those among them that a plain yoyo
        undid, so that the head still counts them.
    :param faults: what is wrong with the tables.
    :param drift: changes outside the migrations that nothing has accounted for, accepted ones too.
    :param keeps_drift: whether there is a table for them; an older engine made none.
    :param squashed: baselines that are recorded because all that they replace had run; they are not among `records`,
        because the head's digest is of what ran.
    """

    present: bool = False
    head: Head = Head()
    heads: int = 1
    records: tuple[Record, ...] = ()
    open_attempts: tuple[OpenAttempt, ...] = ()
    yoyo_lock_pid: int = 0
    standby: bool = False
    restored: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    faults: tuple[layout.Fault, ...] = ()
    versions: int = 1
    drift: tuple[Drift, ...] = ()
    keeps_drift: bool = True
    squashed: tuple[Record, ...] = ()

    def ids(self) -> set[str]:
        """Return the ids that are applied."""
        return {record.id for record in self.records}

    def head_agrees(self) -> bool:
        """Tell whether the summing row agrees with the rows that it sums up."""
        return self.heads == 1 and self.head.applied == self.rows and self.head.digest == self.digest()

    @property
    def rows(self) -> int:
        """Return how many rows record something as applied."""
        return len(self.records) + len(self.squashed)

    @property
    def rolled_back(self) -> int:
        """Return how many migrations were applied once and were undone since."""
        return len(self.undone)

    def summary_lost(self) -> bool:
        """Tell whether there is no summing row that could prove that the rows are all there were."""
        told = bool(self.records or self.lost)
        return self.present and told and (self.heads != 1 or self.head.digest == checksums.EMPTY)

    def unexplained(self, also: Collection[str] = ()) -> str:
        """Return what the summing row says that nothing else does, as text; empty where there is nothing.

        :param also: ids that a person is about to call applied.
        """
        if self.heads != 1 or self.head.digest == self.digest():
            return ""  # the digest is over ids and checksums, so that the rest of the row is wrong, not the rows
        told = {*self.ids(), *self.lost, *also, *(record.id for record in self.squashed)}
        counted, last = self.head.applied - len({*self.uncounted} - told), self.head.last_id
        unnamed = f", {last} among them" if last and last not in told and last not in self.undone else ""
        if counted > len(told):
            return (
                f"the summary (head) counts {self.head.applied} applied migrations, the rows {self.rows}: "
                f"{counted - len(told)} are recorded nowhere else{unnamed}"
            )
        if unnamed:
            return f"the summary (head) names {last} as the last applied migration, which is recorded nowhere else"
        return ""

    def contradicts(self, also: Mapping[str, str]) -> bool:
        """Tell whether the digest of the summing row says that these are not what is missing in the rows.

        :param also: checksums by id, as many as are missing; it cannot tell where another number is given, or where
            a row has lost its own checksum, or the summary its digest.
        """
        known = [(record.id, record.checksum) for record in self.records]
        added = [(id_, checksum) for id_, checksum in also.items() if id_ not in self.ids()]
        if self.uncounted or self.head.digest == checksums.EMPTY or not all(checksum for _, checksum in known):
            return False
        return self.rows + len(added) == self.head.applied and checksums.of([*known, *added]) != self.head.digest

    def is_whole(self) -> bool:
        """Tell whether there is nothing in it to repair or to ask a person about."""
        return self.head_agrees() and not (self.restored or self.lost or self.faults)

    def sum(self) -> Head:
        """Return the summing row that the records give."""
        return Head(self.digest(), self.rows, last_id(self.ids()))

    def digest(self) -> str:
        """Return the digest that the records give."""
        return checksums.of([(record.id, record.checksum) for record in self.records])


ABSENT = Recorded()


def parse(text: str) -> Recorded:
    """Return the history from the JSON document that the query `read` answers."""
    document = json.loads(text)
    head = document["head"] or (None,) * 6
    found = Recorded(
        present=True,
        head=Head(
            head[0] or checksums.EMPTY, head[1] or 0, head[2] or "", _structure(head[3]), head[4] or "", head[5] or ""
        ),
        heads=document.get("heads", 1 if document["head"] else 0),
        records=tuple(
            Record(row[0], row[1] or "", row[2] or "", row[3] or "", row[4] or 0, row[5] or 0.0)
            for row in document["records"]
        ),
        open_attempts=tuple(_open_attempt(row) for row in document["open"]),
        yoyo_lock_pid=document["yoyo_lock"][0] if document["yoyo_lock"] else 0,
        standby=document["standby"],
        versions=document.get("versions", 1),
        drift=tuple(Drift(*(value or "" for value in row)) for row in document.get("drift", [])),
    )
    squashed = set(document.get("squashed", []))
    found = dataclasses.replace(
        found,
        records=tuple(record for record in found.records if record.id not in squashed),
        squashed=tuple(record for record in found.records if record.id in squashed),
    )
    # One of these that lost its row is recorded again as it was the first time.
    return _with_gone(found, [row for row in document.get("gone", []) if row[0] not in squashed])


def _structure(value: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return the remembered structure; None for one that an older engine wrote in another form."""
    return value if value and fingerprints.FORM in value else None


def _open_attempt(row: Sequence[Any]) -> OpenAttempt:
    return OpenAttempt(
        id=row[0],
        attempt=row[1] or 0,
        state=row[2],
        direction=row[3] or "",
        checksum=row[4] or "",
        statement_count=row[5] or 0,
        statements_done=row[6] or 0,
        started_at=row[7] or "",
        host=row[8] or "",
        sqlstate=row[9] or "",
        line=row[10] or 0,
        message=row[11] or "",
        structure_before=row[12] or {},
        sql=stored.unpack(row[13] or "") or "",
        backend_pid=row[14] or 0,
    )


def _with_gone(actual: Recorded, rows: Sequence[Sequence[Any]]) -> Recorded:
    """Return the history with what became of the migrations that have no row but were applied once.

    The attempts and yoyo's log tell it independently; the later of the two counts, since a plain yoyo that rolls back
    writes to its log alone. What was applied last lost its row. The head proves such rows, all of them or none: it
    moves in the transaction of each migration. What it counts beyond all of this is a fault.
    """
    lost: list[Record] = []
    undone: list[str] = []
    uncounted: list[str] = []
    for id_, state, at, checksum, number, duration, finished, operation, logged in rows:
        by_attempts = state in ("applied", "baselined", "resolved")
        by_log = operation in ("apply", "mark")
        said_by_log = operation is not None and (state is None or (logged or 0.0) > (at or 0.0))
        if by_log if said_by_log else by_attempts:
            known = (checksum or "", state, number or 0, duration or 0.0) if by_attempts else ("", "", 0, 0.0)
            lost.append(Record(id_, finished or "", *known))
            continue
        undone.append(id_)
        if said_by_log and (state is None or by_attempts):
            uncounted.append(id_)
    actual = dataclasses.replace(actual, undone=tuple(undone), uncounted=tuple(uncounted))
    if lost:
        whole = sorted((*actual.records, *lost), key=lambda record: (record.applied_at, record.attempt))
        proved = dataclasses.replace(actual, records=tuple(whole))
        ids = tuple(record.id for record in lost)
        proves = actual.heads == 1 and actual.head.digest == proved.digest()
        if proves and all(record.checksum and record.attempt for record in lost):
            return dataclasses.replace(proved, restored=ids)
        actual = dataclasses.replace(actual, lost=ids)
    text = actual.unexplained()
    if text:
        return dataclasses.replace(actual, faults=(layout.Fault("head", text, derivable=False, acceptable=True),))
    return actual


def last_id(ids: Iterable[str]) -> str:
    """Return the id with the latest timestamp, which is how a revision is called.

    >>> last_id(["b.20250101000000.x", "a.20250102000000.y"])
    'a.20250102000000.y'
    """
    return max(ids, key=lambda id_: (revision.time_of(id_), id_), default="")


def head_after_apply(head: Head, item: migration.Migration, *, proved: bool = False) -> Head:
    """Return the head once a migration is applied; `proved` where the release before it was seen to run with it."""
    return Head(
        compatible=compatible.after(head.compatible, item, proved=proved),
        digest=checksums.add(head.digest, item.id, item.checksum),
        applied=head.applied + 1,
        last_id=last_id([head.last_id, item.id]),
    )


def head_after_rollback(history: Recorded, head: Head, item: migration.Migration, gone: Sequence[str]) -> Head:
    """Return the head once a migration is rolled back; `gone` are the ids rolled back so far, it among them."""
    checksum = next(record.checksum for record in history.records if record.id == item.id)
    return Head(
        digest=checksums.remove(head.digest, item.id, checksum),
        applied=head.applied - 1,
        last_id=last_id(history.ids() - set(gone)),
        compatible=compatible.without(head.compatible, item.id),
    )
