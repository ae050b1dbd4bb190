"""Two texts side by side: which words are marked, which lines stand beside each other, what is left out."""

from hypothesis import assume, given
from hypothesis import strategies as st

from schemata.report import marking

TEXTS = st.text(alphabet="ab ',\"\n(é", max_size=40)


def whole(pieces: tuple[marking.Piece, ...]) -> str:
    """Return the text of pieces."""
    return "".join(piece.text for piece in pieces)


def differing(pieces: tuple[marking.Piece, ...]) -> list[str]:
    """Return what is marked."""
    return [piece.text for piece in pieces if piece.differs]


@given(TEXTS, TEXTS)
def test_nothing_is_lost_or_added(one: str, other: str) -> None:
    """The pieces of a side are its text, and the unmarked ones are the same text on both sides."""
    left, right = marking.marked(one, other)
    assert (whole(left), whole(right)) == (one, other)
    if one == other:
        assert not differing(left)
        assert not differing(right)
    else:
        assert differing(left) or differing(right)
    same = ["".join(piece.text for piece in side if not piece.differs) for side in (left, right)]
    assert same[0] == same[1]


@given(TEXTS, TEXTS)
def test_every_line_is_shown_once(one: str, other: str) -> None:
    """With enough context the lines of each side are those of its text, in order."""
    assume(one != other)
    rows = marking.rows(one, other, context=100)
    for at, text in ((0, one), (1, other)):
        lines = [whole(row[at]) for row in rows if row[at] is not None]
        both_end = one.endswith("\n") and other.endswith("\n")
        assert lines == (text[:-1] if both_end else text).split("\n")


def test_whole_words_are_marked() -> None:
    """A literal and a quoted name are words: no mark begins inside of one."""
    left, right = marking.marked("x = 'a b' OR \"N a\"", "x = 'a c' OR \"N b\"")
    assert differing(left) == ["'a b'", '"N a"']
    assert differing(right) == ["'a c'", '"N b"']


def test_a_blank_does_not_cut_a_mark() -> None:
    """Two differing words are one mark."""
    assert differing(marking.marked("a one two b", "a three four b")[0]) == ["one two"]


def test_a_long_text_is_marked_whole() -> None:
    """Words of a text of many thousand are not compared: it would take too long."""
    text = "word " * 3000
    left, right = marking.marked(text, f"{text}more")
    assert differing(left) == [text]
    assert differing(right) == [f"{text}more"]


def test_long_equal_parts_are_left_out() -> None:
    """Three lines around what differs are kept, and how many are left out is told."""
    lines = [f"line {number}" for number in range(40)]
    other = [*lines[:20], "another", *lines[21:]]
    rows = marking.rows("\n".join(lines), "\n".join(other))
    assert [row.skipped for row in rows if row.skipped] == [17, 16]
    assert len([row for row in rows if not row.skipped]) == 7


def test_alike_lines_stand_beside_each_other() -> None:
    """A line that was put in does not move the ones after it."""
    rows = marking.rows("begin\n  a := 1;\nend", "begin\n  log();\n  a := 2;\nend")
    shown = [(row.left and whole(row.left), row.right and whole(row.right)) for row in rows]
    assert shown == [("begin", "begin"), (None, "  log();"), ("  a := 1;", "  a := 2;"), ("end", "end")]
    assert differing(rows[1].right or ()) == ["log();"], "the indentation is not marked"


def test_a_side_that_is_not_there_has_no_lines() -> None:
    """What is missing or extra stands alone."""
    assert marking.rows(None, "a\nb") == [
        marking.Row(None, (marking.Piece("a", True),)), marking.Row(None, (marking.Piece("b", True),)),
    ]  # fmt: skip


@given(st.text(max_size=80), st.text(max_size=80), st.integers(min_value=8, max_value=60))
def test_an_excerpt_fits(one: str, other: str, width: int) -> None:
    """It is on one line, no longer than the width, and whole where it fits."""
    for shown, text in zip(marking.excerpt(one, other, width, "-"), (one, other), strict=True):
        assert len(shown) <= width
        line = " ".join(text.split())
        assert shown == line if len(line) <= width else "…" in shown


def test_an_excerpt_shows_what_differs() -> None:
    """It is cut around the first word that differs, not in front of it."""
    head = "CHECK (((status)::text = ANY (ARRAY['new'::text, 'open'::text, "
    shown = marking.excerpt(f"{head}'closed'::text])))", f"{head}'gone'::text])))", 30, "-")
    assert "'closed'" in shown[0]
    assert "'gone'" in shown[1]


def test_a_value_that_is_not_set_is_told() -> None:
    """In place of a value stands what the caller says."""
    assert marking.excerpt(None, "x", 20, "(not set)") == ("(not set)", "x")
