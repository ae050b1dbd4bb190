"""Where keys that may be referenced are kept: in arrays where each value is found by its place, else in a table."""

import pytest

from schemata.samples import structure
from schemata.seed import keys, parent_keys
from tests.unit.seed import test_values as made


def source(*bases: str, theirs: int = 0, checks: tuple[parent_keys.Condition, ...] = ()) -> parent_keys.Source:
    """Return what a foreign key of columns of such types picks from."""
    own = [made.made(number, name=f"c{number}", base=base, type=base) for number, base in enumerate(bases, 1)]
    listed = [f"p{number}" for number in range(1, len(bases) + 1)]
    key = [[column["number"] for column in own], 9, "app.parents", listed, "k", False]
    of: structure.Table = made.table(*own, keys=[key])
    frame = made.frame(of)
    return parent_keys.source(frame, keys.picks(frame), theirs, checks)


@pytest.mark.parametrize(
    ("bases", "few", "expected"),
    [
        (("int8",), [], True),
        (("int8", "text"), [2], True),
        (("uuid", "timestamptz"), [], True),
        (("text",), [1], False),
        (("text", "varchar"), [1, 2], False),
    ],
)
def test_a_column_of_one_length_makes_arrays_do(bases: tuple[str, ...], few: list[int], expected: bool) -> None:
    """Texts alone are joined: their place in an array is found by walking through it."""
    found = source(*bases)
    assert (found.few, found.may_be_arrays) == (few, expected)


def test_a_value_is_found_through_its_arrays() -> None:
    """A number is in the array itself; a text is one of a few, of which the array has the number."""
    found = source("int8", "text")
    there = parent_keys.Parents({"k": 5}, {"k": found.arrays()})
    table = "pg_temp.seed_parent_0"
    numbers = f"""(SELECT array_cat("c1", '{{}}') FROM {table})[1 + s.i]"""
    codes = f"""(SELECT array_cat("c2", '{{}}') FROM {table})[1 + s.i]"""
    assert there.value("k", 1, "s.i") == numbers
    assert there.value("k", 2, "s.i") == f"(SELECT listed FROM pg_temp.seed_values_0_2)[{codes}]"


def test_conditions_are_asked_of_the_rows_or_of_the_few() -> None:
    """What is required of a listed column is asked once a value, all else once a row."""
    alone = parent_keys.Condition(frozenset({2}), "c2 <> ''")
    both = parent_keys.Condition(frozenset({1, 2}), "c1 > length(c2)")
    found = source("int8", "text", checks=(alone, both))
    assert alone.text in found.listed(2)
    assert both.text not in found.listed(2)
    assert alone.text not in found.in_arrays()
    assert both.text in found.in_arrays()
    assert alone.text in found.in_table()
    assert both.text in found.in_table()
