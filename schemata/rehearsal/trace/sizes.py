"""How large the tables of a target are, and how long work on them may take at a stated rate: an estimate."""

import dataclasses
from collections.abc import Mapping

_UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
_MEGABYTE = 1_000_000


@dataclasses.dataclass(frozen=True)
class Size:
    """A table: rows as the planner estimates them, bytes with and without its indexes; 0 where nobody knows them."""

    rows: int
    total: int
    heap: int

    def describe(self) -> str:
        """Return it as people say it.

        >>> Size(48_200_000, 9_100_000_000, 6_000_000_000).describe()
        '48 M rows, 9.1 GB'
        """
        return f"{_rows(self.rows)}, {_bytes(self.total)}" if self.total else _rows(self.rows)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What is known of a target, or of the scale that a project says it has.

    :param tables: by schema and name; None where neither is given, so that nothing is known.
    :param whole: whether a table that is not among them is not there; a scale need not name every one.
    :param large: from how many rows on a table is large. :param rates: megabytes a second, by kind of work.
    """

    tables: Mapping[str, Size] | None
    large: int
    rates: Mapping[str, int]
    whole: bool = True

    def is_known(self, table: str) -> bool:
        """Tell whether the size of a table is known."""
        return self.tables is not None and table in self.tables

    def is_new(self, table: str) -> bool:
        """Tell whether the target does not have the table: nobody there waits for it."""
        return self.whole and self.tables is not None and table not in self.tables

    def is_large(self, table: str) -> bool:
        """Tell whether work on a table takes long; one whose size nobody knows may."""
        if self.tables is None or table not in self.tables:
            return self.tables is None or not self.whole
        return self.tables[table].rows >= self.large

    def describe(self, table: str) -> str:
        """Return a table with its size, where that is known."""
        return f"{table} ({self.tables[table].describe()})" if self.tables and table in self.tables else table

    def estimate(self, table: str, work: str) -> str:
        """Return how long a kind of work may take on a table; empty where its size is not known."""
        if not self.tables or table not in self.tables:
            return ""
        size, rate = self.tables[table], self.rates[work]
        if not size.total:
            return ""
        seconds = (size.total if work == "rewrite" else size.heap) / (rate * _MEGABYTE)
        return f"about {duration(seconds)} (an estimate, at {rate} MB/s)"


def duration(seconds: float) -> str:
    """Return a duration to one or two digits.

    >>> duration(372), duration(0.2), duration(41), duration(9000)
    ('6 min', 'less than 1 s', '41 s', '2.5 h')
    """
    for unit, name in _UNITS:
        if seconds >= unit:
            value = seconds / unit
            return f"{value:.1f} {name}" if unit == 3600.0 and value < 10 else f"{value:.0f} {name}"
    return "less than 1 s"


def _rows(count: int) -> str:
    for unit, name in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "")):
        if count >= unit:
            return f"{count / unit:.0f} {name} rows" if name else f"{count:,} rows"
    return f"{count:,} rows" if count != 1 else "1 row"


def _bytes(count: int) -> str:
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}" if count < 10 * unit else f"{count / unit:.0f} {name}"
    return f"{count} bytes"
