"""The diff of what ran against what the file says, of small and of large texts."""

import difflib

from hypothesis import given
from hypothesis import strategies as st

from schemata.history import difference

LINES = [f"INSERT INTO app.t VALUES ({number});\n" for number in range(100_000)]


@given(
    st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), max_size=30),
    st.lists(st.sampled_from(["a\n", "b\n"]), max_size=30),
)
def test_a_short_one_changes_the_one_into_the_other(before: list[str], after: list[str]) -> None:
    """Applied to the first text, the hunks give the second: numbers of lines are right, nothing is missing."""
    text = difference.diff("".join(before), "".join(after), "x")
    result, at = [], 0
    for line in text.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            numbers = line.split()[1][1:].split(",")
            start = int(numbers[0]) - (0 if numbers[1:] == ["0"] else 1)
            result += before[at:start]
            at = start
        elif line[0] in " -":
            assert before[at] == line[1:]
            at += 1
            result += [line[1:]] if line[0] == " " else []
        else:
            result.append(line[1:])
    assert result + before[at:] == after


def test_one_line_of_a_large_text() -> None:
    """It is shown where it stands, as difflib would."""
    edited = [*LINES[:77_776], "INSERT INTO app.t VALUES (7);\n", *LINES[77_777:]]
    text = difference.diff("".join(LINES), "".join(edited), "x")
    around = slice(77_776 - 3, 77_777 + 3)
    expected = "".join(difflib.unified_diff(LINES[around], edited[around])).split("\n", 3)[3]
    assert text == f"--- applied/x.sql\n+++ file/x.sql\n@@ -77774,7 +77774,7 @@\n{expected}"


def test_differences_far_apart() -> None:
    """The first is shown as it is, and it is said that there are more and where they end."""
    text = difference.diff("".join(LINES), "".join(["SELECT 1;\n", *LINES[:-1], "SELECT 2;\n"]), "x")
    assert text.splitlines() == [
        *("--- applied/x.sql", "+++ file/x.sql", "@@ -1,3 +1,4 @@", "+SELECT 1;"),
        *(f" {line[:-1]}" for line in LINES[:3]),
        "… and more: the last difference is at about line 100001 of the file",
    ]


def test_a_large_part_that_is_new() -> None:
    """Of many lines that were added the first are shown."""
    text = difference.diff("SELECT 0;\nSELECT 9;\n", "".join(["SELECT 0;\n", *LINES, "SELECT 9;\n"]), "x")
    lines = text.splitlines()
    assert lines[2:6] == [lines[2], " SELECT 0;", "+INSERT INTO app.t VALUES (0);", "+INSERT INTO app.t VALUES (1);"]
    assert not [line for line in lines[2:] if line.startswith("-")]
    assert lines[-1].startswith("… and more")
