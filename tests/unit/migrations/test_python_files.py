"""What the text of a migration in Python says, without running it."""

import pytest

from schemata.migrations import migration, python_files
from tests.unit import cases

PATH = "migrations/app/app.20250101000000.a.py"


@cases.named(
    ("text", "depends"),
    [
        ("none", "", ()),
        ("a set", '__depends__ = {"a", "b"}', ("a", "b")),
        ("a list", "__depends__ = ['a']", ("a",)),
        ("a tuple over lines", '__depends__ = (\n    "a",\n    "b",\n)', ("a", "b")),
        ("one text", "__depends__ = 'a'", ("a",)),
        ("with a type", '__depends__: set[str] = {"a"}', ("a",)),
        ("an empty set", "__depends__ = set()", ()),
        ("yoyo's empty {}", "__depends__ = {}", ()),
    ],
)
def test_dependencies_are_read(text: str, depends: tuple[str, ...]) -> None:
    """Every way in which the ids stand plainly in the file."""
    assert python_files.parse_directives(f"{text}\nstep('SELECT 1')\n", PATH).depends == depends


@cases.named(
    ("text",),
    [
        ("a name", "IDS = {'a'}\n__depends__ = IDS"),
        ("a sum", "__depends__ = {'a'} | {'b'}"),
        ("a name among them", "A = 'a'\n__depends__ = {A, 'b'}"),
        ("numbers", "__depends__ = {1}"),
        ("written twice", "__depends__ = {'a'}\n__depends__ = {'b'}"),
        ("added to", "__depends__ = {'a'}\n__depends__ |= {'b'}"),
        ("in a block", "try:\n    __depends__ = {'a'}\nfinally:\n    pass"),
        ("a dict", "__depends__ = {'a': 1}"),
    ],
)
def test_what_only_a_run_would_tell_is_refused(text: str) -> None:
    """The order must be known without running anything."""
    with pytest.raises(migration.InvalidMigration, match="__depends__ cannot be told from the text"):
        python_files.parse_directives(f"{text}\nstep('SELECT 1')\n", PATH)


@cases.named(
    ("text", "shown"),
    [
        ("SQL", "step('SELECT 1', 'SELECT 2')", [(1, "SELECT 1", "SELECT 2")]),
        ("by name", "step(rollback='SELECT 2', apply='SELECT 1')", [(1, "SELECT 1", "SELECT 2")]),
        ("without a rollback", "step('SELECT 1', None)", [(1, "SELECT 1", None)]),
        ("a constant", "UP = 'SELECT 1'\nstep(UP, '')", [(2, "SELECT 1", "")]),
        ("imported under another name", "from yoyo import step as s\ns('SELECT 1')", [(2, "SELECT 1", None)]),
        ("of the module", "import yoyo\nyoyo.step('SELECT 1')", [(2, "SELECT 1", None)]),
        ("in a group, in order", "group([step('A'), step('B')])\nstep('C')", [(1, "A", None), (1, "B", None),
         (2, "C", None)]),
        ("called", "step(fill, lambda c: None)", [(1, "fill()", "lambda c: None")]),
    ],
)  # fmt: skip
def test_steps_are_read(text: str, shown: list[tuple[int, str, str | None]]) -> None:
    """SQL as it stands, what is called by its name."""

    def told(part: python_files.Part | None) -> str | None:
        return None if part is None else part.name if part.sql is None else part.sql

    found = python_files.steps(text, PATH)
    assert [(step.line, told(step.apply), told(step.rollback)) for step in found] == shown


@cases.named(
    ("before", "after"),
    [
        ("a set", '__depends__ = {"a", "b"}\nx\n', '__depends__ = {"c", "b"}\nx\n'),
        ("over lines", '__depends__ = [\n    "a",\n]  # é\n', '__depends__ = {"c"}  # é\n'),
        ("one text, after letters beyond ASCII", 'E = "é"; __depends__ = "a"\n', 'E = "é"; __depends__ = {"c"}\n'),
        ("two that become one", '__depends__ = {"a", "c"}\n', '__depends__ = {"c"}\n'),
        ("none", "x = 1\n", "x = 1\n"),
    ],
)
def test_dependencies_are_renamed(before: str, after: str) -> None:
    """Nothing but the value of `__depends__` is another text afterwards."""
    assert python_files.with_depends(before, {"a": "c"}) == after


def test_the_layout_counts_for_what_a_text_means() -> None:
    """Unlike in SQL: a line that is set in differently is another program."""
    assert python_files.same_meaning("if a:\n    b()\nc()\n", "if a:\n        b()\n\nc()  # d\n")
    assert not python_files.same_meaning("if a:\n    b()\nc()\n", "if a:\n    b()\n    c()\n")
    assert not python_files.same_meaning("a (", "a (")
