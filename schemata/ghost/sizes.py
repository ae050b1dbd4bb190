"""How many pages rows fill, computed from the types of their columns as PostgreSQL lays them out."""

import dataclasses
import math
from collections.abc import Sequence

#: Bytes of a page, of its header, of the pointer to a row, of a row's header, of an index entry's header.
PAGE = 8192
_PAGE_HEADER, _POINTER, _ROW_HEADER, _ENTRY_HEADER = 24, 4, 23, 8
_SPECIAL = 16
_ALIGNMENT = {"c": 1, "s": 2, "i": 4, "d": 8}
# Of what has no length of its own: bytes with the header, as measured in common schemas.
_USUAL = {"numeric": 8, "text": 20, "jsonb": 64, "json": 64, "bytea": 36, "inet": 11, "xml": 200}
_ARRAY, _OTHER = 40, 32
# A declared maximum is rarely filled.
_LONGEST = 24
# Summaries instead of an entry a row.
_RANGE = 128


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table or of an index, as pg_type and pg_attribute describe it."""

    name: str
    type: str
    length: int
    alignment: str = "i"
    modifier: int = -1

    @property
    def width(self) -> int:
        """Return the bytes that a usual value takes."""
        if self.length > 0:
            return self.length
        if self.type in ("varchar", "bpchar") and self.modifier > 4:
            declared = self.modifier - 4
            return 1 + (declared if self.type == "bpchar" else min(declared, _LONGEST))
        if self.type.startswith("_"):
            return _ARRAY
        return _USUAL.get(self.type, _OTHER)


def row_width(columns: Sequence[Column]) -> int:
    """Return the bytes of the values of a row, with what aligns them.

    >>> row_width([Column("a", "int4", 4, "i"), Column("b", "int8", 8, "d")])
    16
    """
    end = 0
    for column in columns:
        if column.length > 0:  # a short value of variable length is not aligned
            end = _aligned(end, _ALIGNMENT[column.alignment])
        end += column.width
    return end


def table_pages(rows: int, columns: Sequence[Column], fill_factor: int = 100) -> int:
    """Return how many pages the rows of a table fill.

    >>> table_pages(1_000_000, [Column("id", "int8", 8, "d")])
    4425
    """
    header = _aligned(_ROW_HEADER + (len(columns) + 7) // 8 if len(columns) > 8 else _ROW_HEADER, 8)
    row = _aligned(header + row_width(columns), 8) + _POINTER
    return math.ceil(rows / max((PAGE - _PAGE_HEADER) * fill_factor / 100 // row, 1))


def index_pages(rows: int, columns: Sequence[Column], method: str, heap_pages: int, fill_factor: int = 90) -> int:
    """Return how many pages an index over that many rows fills, its own page of facts included.

    >>> index_pages(1_000_000, [Column("id", "int8", 8, "d")], "btree", 4425)
    2734
    """
    if method == "brin":
        return 3 + heap_pages // _RANGE // 100
    entry = _aligned(_ENTRY_HEADER + row_width(columns), 8) + _POINTER
    return 1 + math.ceil(rows / max((PAGE - _PAGE_HEADER - _SPECIAL) * fill_factor / 100 // entry, 1))


def _aligned(end: int, by: int) -> int:
    return (end + by - 1) // by * by
