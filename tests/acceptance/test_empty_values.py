"""A value that is given and empty is a variable that is not set: each command refuses it, whatever the flag."""

from collections.abc import Iterator

import pytest

from schemata import tasks
from tests.acceptance.conftest import CommandLine


def _values() -> Iterator[tuple[str, str, list[str]]]:
    """Give each argument of each command that takes a value: the command, what it is called, and how it is given."""
    for name in sorted(tasks.namespace.task_names):
        arguments = tasks.namespace[name].get_arguments()
        for one in arguments:
            if one.takes_value and one.positional:
                # The others, in their places.
                places = [other for other in arguments if other.positional]
                yield name, f"the argument {one.name}", ["" if other is one else "x" for other in places]
            elif one.takes_value:
                # What has to be there is given.
                others = ["x" for other in arguments if other.positional and other.default is None]
                others = [] if name in ("drift-audit", "logs") else others
                yield name, f"--{one.names[0]}", [*others, f"--{one.names[0]}", ""]


def test_every_value_that_is_given_empty_is_refused(schemata: CommandLine) -> None:
    """Nothing is done with the meaning that the value has when it is left out."""
    seen = set()
    for command, called, given in _values():
        text = schemata.refused(command, *given, code=2, says=(f"{called} is empty", f"leave {called} out"))
        assert "variable" in text
        seen.add((command, called))
    assert {("rollback", "--to"), ("drift-accept", "--schema"), ("parity", "--from"), ("parity", "--ignore")} <= seen
    assert {("migrate-resolve", "the argument migration"), ("logs", "the argument service")} <= seen


@pytest.mark.parametrize(
    "arguments", [("rollback", "--to="), ("rollback", "-t", ""), ("rollback", "--to", "  "), ("parity", "-i", "")]
)
def test_an_empty_value_is_refused_however_it_is_written(schemata: CommandLine, arguments: tuple[str, ...]) -> None:
    """With an equals sign, by a short flag, or as spaces."""
    schemata.refused(*arguments, code=2, says=("is empty", "Set the variable"))


def test_an_empty_value_is_told_in_json(schemata: CommandLine) -> None:
    """A program is told the same."""
    assert "--schema is empty" in schemata.json("drift-accept", "--schema", "", "--reason", "x", code=2)["error"]
