"""The scale file: what it may say, what is refused and in which words, and that what is written is read again."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata.ghost import sizes
from schemata.scale import scale

_NAMES = st.text(st.characters(codec="utf-8", exclude_characters=".", exclude_categories=("Cc", "Cs")), min_size=1)
_DISTINCT = st.one_of(st.integers(1, 10**9).map(float), st.floats(-1, -0.001).map(lambda x: float(f"{x:g}")))
_TABLES = st.builds(scale.Table, st.integers(0, 10**12), st.dictionaries(_NAMES, _DISTINCT), st.integers(0, 10**6))


@given(st.dictionaries(st.tuples(_NAMES, _NAMES).map(".".join), _TABLES, min_size=1))
def test_what_is_written_is_read_again(tables: dict[str, scale.Table]) -> None:
    """Whatever the names, the text is TOML of the same sizes."""
    written = scale.text(scale.Scale(tables, "x"), ["A comment."])
    assert scale.parse(tomllib.loads(written), "x") == scale.Scale(tables, "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "x has no table"),
        ("rows = 5", "x: rows is not a schema with its tables"),
        ("app.rows = 5", "x [app.rows] is not a table"),
        ("[app.a]", "x [app.a] has no rows"),
        ("[app.a]\nrow = 5", "x [app.a] row: no such key\nDid you mean rows?"),
        ("[app.a]\nrows = -1", "x [app.a] rows: -1 is not a whole number"),
        ("[app.a]\nrows = true", "x [app.a] rows: True is not a whole number"),
        ("[app.a]\nrows = 5.5", "x [app.a] rows: 5.5 is not a whole number"),
        ("[app.a]\nrows = 5\nn_distinct = 4", "x [app.a] n_distinct is not a table of columns"),
        ("[app.a]\nrows = 5\nn_distinct.b = 0", "x [app.a] n_distinct.b: 0 is no number of distinct values"),
        ("[app.a]\nrows = 5\nn_distinct.b = -2", "x [app.a] n_distinct.b: -2 is no number of distinct values"),
        ('[app.a]\nrows = 5\nn_distinct.b = "4"', "x [app.a] n_distinct.b: '4' is no number of distinct values"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(text: str, expected: str) -> None:
    """A mistake in the file is named with the table and the key."""
    with pytest.raises(scale.InvalidScale) as caught:
        scale.parse(tomllib.loads(text), "x")
    assert str(caught.value).startswith(expected)


def test_a_column_has_no_more_values_than_rows() -> None:
    """Rows that were edited down do not make the other numbers wrong."""
    table = scale.Table(10, {"a": 4.0, "b": 400.0, "c": -1.0})
    assert [table.distinct(column) for column in "abc"] == [4, 10, -1]


def test_tables_that_are_asked_for_are_named() -> None:
    """Which table is missing, and which page asks for it."""
    with pytest.raises(scale.InvalidScale, match=r"x has no size of app\.b \(page list\)"):
        scale.Scale({"app.a": scale.Table(1)}, "x").check_has([("app.a", "page all"), ("app.b", "page list")])


# The pages on which real tables of PostgreSQL 18 have rows; the file is a little longer, for rows to come.
_ID = sizes.Column("id", "int8", 8, "d")
_STAMP = sizes.Column("at", "timestamptz", 8, "d")


@pytest.mark.parametrize(
    ("rows", "columns", "pages"),
    [
        (1_000_000, [_ID], 4_425),
        (1_000_000, [_ID, _STAMP], 5_406),
        (100_000, [_ID, sizes.Column("a", "int4", 4, "i"), sizes.Column("b", "bool", 1, "c")], 541),
        (0, [_ID], 0),
    ],
)
def test_pages_of_a_table(rows: int, columns: list[sizes.Column], pages: int) -> None:
    """Columns of fixed lengths give what the server itself counts."""
    assert sizes.table_pages(rows, columns) == pages


def test_pages_of_an_index_are_near_what_the_server_counts() -> None:
    """A B-tree of a million keys of 8 bytes has 2,745 pages, upper levels included."""
    assert sizes.index_pages(1_000_000, [_ID], "btree", 4_425) == pytest.approx(2_745, rel=0.01)
    assert sizes.index_pages(1_000_000, [_ID], "brin", 4_425) < 10
