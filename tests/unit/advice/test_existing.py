"""Which indexes can go: covered ones and unread ones, and never one that is needed for something else."""

import dataclasses
from typing import Any

import pytest

from schemata.advice import existing

BASE = existing.Index("app", "t", "one", "", "btree", ("a", "b"), ("1/0", "1/0"), scans=5)


def index(name: str, keys: str, **more: Any) -> existing.Index:
    """Return an index of the columns, separated by blanks; `_` in one stands for the blank before DESC."""
    columns = tuple(key.replace("_", " ") for key in keys.split())
    return dataclasses.replace(BASE, name=name, keys=columns, kinds=("1/0",) * len(columns), **more)


def covered(*indexes: existing.Index, declared: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return what can go, with what covers it."""
    return {one.index.name: one.covered_by for one in existing.covered(indexes, declared)}


#: Indexes beside `long`, of a and b, and which of them it covers.
COVERED: dict[str, tuple[existing.Index, bool]] = {
    "the first column": (index("short", "a"), True),
    "the first column, from its end": (index("short", "a_DESC"), True),
    "the second column": (index("short", "b"), False),
    "the same, with another name": (index("more", "a b"), True),
    "one direction differs": (index("short", "a b_DESC"), False),
    "unique": (index("short", "a", is_constraint=True), False),
    "a replica identity": (index("short", "a", is_identity=True), False),
    "of some rows": (index("short", "a", predicate="(a > 0)"), False),
    "another method": (index("short", "a", method="hash"), False),
    "another table": (index("short", "a", table="u"), False),
    "another operator class": (index("short", "a"), False),
    "with a column that is included": (index("short", "a", included=("b",)), True),
    "with one that is not in the other": (index("short", "a", included=("c",)), False),
    "not valid": (index("short", "a", is_valid=False), False),
    "of a partition": (index("short", "a", is_of_partitions=True), False),
}


@pytest.mark.parametrize("case", COVERED)
def test_what_another_covers(case: str) -> None:
    """Only one that does all of it, and does it for the same rows."""
    short, wanted = COVERED[case]
    if case == "another operator class":
        short = dataclasses.replace(short, kinds=("2/0",))
    assert covered(index("long", "a b"), short) == ({short.name: "app.long"} if wanted else {})


def test_of_two_equal_ones_one_stays() -> None:
    """The page's where a page names one, else the constraint's, else the first by name; what is named stays."""
    one, other = index("x1", "a"), index("x2", "a")
    assert covered(one, other) == {"x2": "app.x1"}
    assert covered(one, other, declared=frozenset({"x2"})) == {"x1": "app.x2"}
    assert covered(one, dataclasses.replace(other, is_constraint=True)) == {"x1": "app.x2"}
    assert covered(one, other, index("x3", "a b")) == {"x1": "app.x3", "x2": "app.x3"}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"scans": 0}, True),
        ({"scans": 3}, False),
        ({"scans": None}, False),
        ({"scans": 0, "is_constraint": True}, False),
        ({"scans": 0, "is_identity": True}, False),
        ({"scans": 0, "foreign_key": "t_a_fkey"}, False),
        ({"scans": 0, "name": "declared"}, False),
    ],
)
def test_what_nothing_reads(more: dict[str, Any], wanted: bool) -> None:
    """An index without a read, that is for nothing else."""
    one = dataclasses.replace(BASE, **more)
    assert bool(list(existing.unused([one], frozenset({"declared"})))) is wanted


def test_one_of_two_is_not_read_because_the_other_is() -> None:
    """Which of two equal ones the planner takes says nothing of the other."""
    assert not list(existing.unused([index("x1", "a", scans=0), index("x2", "a", scans=9)], frozenset()))
