"""A plain command line, read without Invoke: as Invoke reads it, or left to Invoke."""

import subprocess
import sys
from typing import Any

import pytest
from invoke import parser

from schemata import tasks
from schemata.command_line import direct
from schemata.tasks import listing
from tests.conftest import Project

COMMANDS = {one.name: one for one in listing.COMMANDS}

#: Command lines that are plain.
PLAIN = (
    ["migrate"],
    ["migrate", "--dry-run", "--json", "--url", "postgresql://u:p@h/d?options=-c%20x=y"],
    ["migrate", "--url=postgresql://u:p@h/d?a=b&c=-d", "--to=-odd"],
    ["migrate-status", "--json"],
    ["snapshot", "--json", "--schemas", "a,b", "--lock-wait", "5s"],
    ["parity", "--ignore", "a", "--from", "x.sql", "--ignore=b"],
    ["lint"],
    ["lint", "a.sql", "--base", "main", "b.sql", "--no-squawk"],
    ["rehearse", "one,two", "--accept", "a reason of several words"],
    ["rehearse", "--all"],
    ["logs", "--lines", "7", "worker"],
    ["drift-audit", "install", "--json"],
)
#: Command lines that are wrong, or mean something that only Invoke knows.
LEFT_ALONE = (
    [],
    ["--list"],
    ["--version"],
    ["--echo", "migrate"],
    ["migrat"],
    ["migrate", "--help"],
    ["--help", "migrate"],
    ["migrate", "-j"],
    ["migrate", "--dry-rum"],
    ["migrate", "--url"],
    ["migrate", "--url", "--json"],
    ["migrate", "--url", ""],
    ["migrate", "--url="],
    ["migrate", "--url", "a", "--url", "b"],
    ["migrate", "--json=yes"],
    ["migrate", "--no-json"],
    ["migrate", "smoke"],
    ["migrate", ""],
    ["migrate-status", "migrate"],
    ["rehearse", "one", "two"],
    ["migrate-resolve"],
)


def by_invoke(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the command and the values that Invoke's own parser finds."""
    contexts = tasks.namespace.to_contexts()
    (found,) = parser.Parser(contexts=contexts).parse_argv(words)
    return str(found.name), {str(one.attr_name or one.name).replace("-", "_"): one.value for one in found.args.values()}


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_a_plain_line_is_read_as_invoke_reads_it(words: list[str]) -> None:
    """The same command, and the same value of every parameter, but that nothing stands for no word."""
    parsed = direct.parse(words, COMMANDS)
    assert parsed is not None
    command, values = parsed
    name, expected = by_invoke(words)
    assert command.name == name
    assert {key.strip("_"): value or None for key, value in values.items()} == {
        key.strip("_"): value or None for key, value in expected.items()
    }


@pytest.mark.parametrize("words", LEFT_ALONE, ids=" ".join)
def test_what_is_not_plain_is_left_to_invoke(words: list[str]) -> None:
    """A mistake among it: its words come from one parser."""
    assert direct.parse(words, COMMANDS) is None


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_flag_of_each_command(name: str) -> None:
    """Given one at a time, with what it needs."""
    command = COMMANDS[name]
    positional = [key for key, default in command.parameters().items() if default is ... and command.first != "many"]
    needed = [f"word-{key}" for key in positional]
    for argument in {id(one): one for one in tasks.namespace[name].get_arguments()}.values():
        if argument.positional:
            continue
        words = [name, *needed, f"--{argument.names[0]}", *(["value"] if argument.takes_value else [])]
        parsed = direct.parse(words, COMMANDS)
        assert parsed is not None, words
        expected = by_invoke(words)[1]
        assert {key.strip("_"): value or None for key, value in parsed[1].items()} == {
            key.strip("_"): value or None for key, value in expected.items()
        }, words


def test_a_plain_command_loads_no_invoke(project: Project) -> None:
    """What the console script is for; `--list` does, which shows that the question is a real one."""
    script = (
        "import sys; from schemata import cli\ntry: cli.main()\n"
        "finally: print('loaded' if 'invoke' in sys.modules else 'not loaded', file=sys.stderr)"
    )
    for words, told in (["migrate-new", "--schema", "app", "--name", "things"], "not loaded"), (["--list"], "loaded"):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], cwd=project.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1] == told
