"""Two values as text: what fits a page, and how differing words are marked with and without colour."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata.report import document, render, sides

PLAIN = render.Paint(io.StringIO(), {})
COLOUR = render.Paint(io.StringIO(), {"FORCE_COLOR": "1"})
VALUES = st.none() | st.text(max_size=300)


@given(VALUES, VALUES, st.booleans(), st.integers(min_value=60, max_value=100))
def test_no_line_is_wider_than_the_page(expected: str | None, actual: str | None, full: bool, page: int) -> None:
    """Short and full, whatever the values hold, and without anything that a terminal would take for a command."""
    text = sides.change(document.Change("definition", expected, actual, full), PLAIN, page)
    for line in text.split("\n"):
        assert len(line) <= page
        assert full or line.isprintable()


def test_words_are_marked_without_colour() -> None:
    """As `git diff --word-diff` does."""
    text = sides.change(document.Change("type", "numeric(10,2)", "numeric(12,2)", True), PLAIN, 100)
    assert "numeric([-10-],2)" in text
    assert "numeric({+12+},2)" in text


@pytest.mark.parametrize("full", [True, False])
def test_words_are_marked_in_colour(full: bool) -> None:
    """Red and green, and nothing else is coloured."""
    text = sides.change(document.Change("type", "numeric(10,2)", "numeric(12,2)", full), COLOUR, 100)
    assert "numeric(\x1b[31m10\x1b[0m,2)" in text
    assert "numeric(\x1b[32m12\x1b[0m,2)" in text
    assert "[-" not in text.replace("\x1b[", "")


def test_what_is_not_set_is_told() -> None:
    """In both forms."""
    for full in (True, False):
        assert sides.ABSENT in sides.change(document.Change("default", None, "0", full), PLAIN, 100)


def test_a_long_fact_is_cut_or_whole() -> None:
    """On one line it is cut; in full every line of it is there."""
    value = "\n".join(f"line {number}" for number in range(50))
    assert len(sides.fact(document.Fact("definition", value), 80)) <= 80
    shown = sides.fact(document.Fact("definition", value, full=True), 80)
    assert [line.strip() for line in shown.split("\n")][-1] == "line 49"
