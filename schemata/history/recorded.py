"""What a database says about itself: the history as it was read."""

import dataclasses
import json
from collections.abc import Iterable, Mapping

from schemata.migrations import checksums, revision


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
    """The row that sums the history up."""

    digest: str = checksums.EMPTY
    applied: int = 0
    last_id: str = ""
    structure: Mapping[str, str] | None = None
    mark: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """The whole history. `present` is False on a database that was never migrated."""

    present: bool = False
    head: Head = Head()
    records: tuple[Record, ...] = ()
    open_attempts: tuple[OpenAttempt, ...] = ()
    yoyo_lock_pid: int = 0
    standby: bool = False

    def ids(self) -> set[str]:
        """Return the ids that are applied."""
        return {record.id for record in self.records}

    def head_agrees(self) -> bool:
        """Tell whether the summing row agrees with the rows that it sums up."""
        return self.head.applied == len(self.records) and self.head.digest == self.digest()

    def digest(self) -> str:
        """Return the digest that the records give."""
        return checksums.of([(record.id, record.checksum) for record in self.records])


ABSENT = Recorded()


def parse(text: str) -> Recorded:
    """Return the history from the JSON document that the query `read` answers."""
    document = json.loads(text)
    head = document["head"] or (checksums.EMPTY, 0, "", None, "")
    return Recorded(
        present=True,
        head=Head(head[0], head[1], head[2] or "", head[3], head[4] or ""),
        records=tuple(
            Record(row[0], row[1] or "", row[2] or "", row[3] or "", row[4] or 0, row[5] or 0.0)
            for row in document["records"]
        ),
        open_attempts=tuple(
            OpenAttempt(
                id=row[0],
                attempt=row[1],
                state=row[2],
                direction=row[3],
                checksum=row[4],
                statement_count=row[5] or 0,
                statements_done=row[6] or 0,
                started_at=row[7] or "",
                host=row[8] or "",
                sqlstate=row[9] or "",
                line=row[10] or 0,
                message=row[11] or "",
                structure_before=row[12] or {},
                sql=row[13] or "",
                backend_pid=row[14] or 0,
            )
            for row in document["open"]
        ),
        yoyo_lock_pid=document["yoyo_lock"][0] if document["yoyo_lock"] else 0,
        standby=document["standby"],
    )


def last_id(ids: Iterable[str]) -> str:
    """Return the id with the latest timestamp, which is how a revision is called.

    >>> last_id(["b.20250101000000.x", "a.20250102000000.y"])
    'a.20250102000000.y'
    """
    return max(ids, key=lambda id_: (revision.time_of(id_), id_), default="")
