"""How many rows the tables have by the scale of a project: how long a lock lasts that is held over all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from schemata.lint.structure import tree


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The rows of tables, from how many on one is large, and where that is said.

    :param rows: None where no scale is given: then every table may be large.
    """

    rows: Mapping[tree.Name, int] | None = None
    large: int = 10_000
    source: str = ""

    def is_small(self, tables: Iterable[tree.Name]) -> bool:
        """Tell whether the scale says of all of these that they are small; not of none.

        >>> known = Sizes({("app", "a"): 40})
        >>> known.is_small([("app", "a")]), known.is_small([("app", "a"), ("app", "b")]), known.is_small([])
        (True, False, False)
        >>> known.is_small([("", "a")])
        True
        """
        counts = [self._count(table) for table in tables]
        return bool(counts) and all(count is not None and count < self.large for count in counts)

    def is_large(self, table: tree.Name) -> bool:
        """Tell whether the scale says of a table that it is large."""
        count = self._count(table)
        return count is not None and count >= self.large

    def describe(self, tables: Iterable[tree.Name]) -> str:
        """Return a sentence with the rows of these tables; empty where no scale is given.

        >>> Sizes({("app", "a"): 40}, source="migrations/scale.toml").describe([("app", "a"), ("app", "b")])
        'By migrations/scale.toml app.a has 40 rows, and nothing is said of app.b.'
        """
        if self.rows is None:
            return ""
        told = [
            f"{'.'.join(filter(None, one))} has {count:,} rows"
            for one in tables
            if (count := self._count(one)) is not None
        ]
        silent = [".".join(filter(None, one)) for one in tables if self._count(one) is None]
        parts = [*told, f"nothing is said of {', '.join(silent)}"] if silent else told
        return f"By {self.source} {', and '.join(parts)}."

    def _count(self, table: tree.Name) -> int | None:
        if self.rows is None or table in self.rows or table[0]:
            return self.rows.get(table) if self.rows is not None else None
        # A file outside the project leaves the schema to the search_path.
        found = {schema: count for (schema, name), count in self.rows.items() if name == table[1]}
        return found.get("public", next(iter(found.values())) if len(found) == 1 else None)
