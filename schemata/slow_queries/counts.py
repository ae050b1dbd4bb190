"""What the server counted of each statement, and what of it is new since an earlier look. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

_NAMES = ("calls", "total", "rows", "hit", "read", "temporary")


@dataclasses.dataclass(frozen=True)
class Counts:
    """Sums over all calls of a statement; times in milliseconds, buffers of 8 KiB."""

    calls: int = 0
    total: float = 0.0
    rows: int = 0
    hit: int = 0
    read: int = 0
    temporary: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(max(0, getattr(self, name) - getattr(other, name)) for name in _NAMES))

    @property
    def mean(self) -> float:
        """Return the milliseconds of one call."""
        return self.total / self.calls if self.calls else 0.0

    @property
    def rows_a_call(self) -> float:
        """Return the rows that one call gave or changed."""
        return self.rows / self.calls if self.calls else 0.0

    @property
    def buffers_a_call(self) -> float:
        """Return the buffers that one call looked at, wherever they were."""
        return (self.hit + self.read) / self.calls if self.calls else 0.0


@dataclasses.dataclass(frozen=True)
class Entry:
    """One row of pg_stat_statements.

    :param since: when its counts began (PostgreSQL 17 and later; else empty).
    """

    key: str
    query_id: str
    role: str
    text: str
    counts: Counts
    since: str = ""


@dataclasses.dataclass(frozen=True)
class Look:
    """All rows of one moment, and what tells whether their counts go on from those of another moment.

    :param reset: when all counts were last reset, as the server says it. :param started: when the server started.
    :param evicted: how many times rows were thrown out for want of room.
    """

    at: str
    reset: str
    started: str
    evicted: int
    entries: tuple[Entry, ...]


@dataclasses.dataclass(frozen=True)
class Mark:
    """What is kept of a look, to compare the next one with.

    :param counts: by key. :param since: when the counts of an entry began, by key.
    """

    at: str
    reset: str
    started: str
    counts: Mapping[str, Counts]
    since: Mapping[str, str]


def entry(row: Mapping[str, Any]) -> Entry:
    """Return a row of pg_stat_statements as a value. Versions before 1.8 of the extension have no total_exec_time."""
    counts = Counts(
        int(row["calls"]),
        float(row.get("total_exec_time", row.get("total_time", 0.0))),
        int(row["rows"]),
        int(row["shared_blks_hit"]),
        int(row["shared_blks_read"]),
        int(row["temp_blks_written"]),
    )
    query_id = str(row["queryid"])
    key = f"{row['userid']}/{query_id}/{'' if row.get('toplevel', True) else 'nested'}"
    return Entry(key, query_id, str(row["role"]), row["query"] or "", counts, str(row.get("stats_since") or ""))


def mark(look: Look) -> Mark:
    """Return what is kept of a look."""
    return Mark(
        look.at,
        look.reset,
        look.started,
        {one.key: one.counts for one in look.entries},
        {one.key: one.since for one in look.entries},
    )


def since(look: Look, before: Mark | None) -> tuple[Entry, ...]:
    """Return the entries with what was counted after `before`, without those that did nothing.

    Where the counts began again in between, by a reset or with a server that crashed and lost them, what is there is
    all new. After an orderly restart they go on.
    """
    if before is None or _began_again(look, before):
        return tuple(one for one in look.entries if one.counts.calls)
    found = []
    for one in look.entries:
        known = before.counts.get(one.key)
        again = known is None or one.counts.calls < known.calls or one.since != before.since.get(one.key, "")
        new = one.counts if known is None or again else one.counts - known
        if new.calls:
            found.append(dataclasses.replace(one, counts=new))
    return tuple(found)


def _began_again(look: Look, before: Mark) -> bool:
    if look.reset != before.reset:
        return True
    # A crash leaves no count, and the time of the last reset may be the same afterwards: none.
    return look.started != before.started and any(
        one.counts.calls < before.counts[one.key].calls for one in look.entries if one.key in before.counts
    )


def kept(mark_: Mark) -> dict[str, Any]:
    """Return the form in which a mark is stored."""
    return {
        "at": mark_.at,
        "reset": mark_.reset,
        "started": mark_.started,
        "counts": {key: dataclasses.astuple(counts) for key, counts in mark_.counts.items()},
        "since": {key: value for key, value in mark_.since.items() if value},
    }


def restored(document: Mapping[str, Any]) -> Mark:
    """Return a mark from its stored form. Raises ValueError for anything else."""
    try:
        return Mark(
            str(document["at"]),
            str(document["reset"]),
            str(document["started"]),
            {str(key): Counts(*values) for key, values in document["counts"].items()},
            {str(key): str(value) for key, value in document["since"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def total(entries: Iterable[Entry]) -> float:
    """Return the milliseconds of all calls together."""
    return sum(one.counts.total for one in entries)
