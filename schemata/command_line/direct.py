"""A plain command line, run without Invoke: one command with its flags written out.

Importing Invoke takes 0.1 to 0.2 s, more than a status does. What is not plain (short flags, several commands, --help,
a mistake) is left to Invoke, so there is one parser whose words people read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from schemata.command_line import command

#: What a parameter's default says of its flag: no value, or a text.
_SWITCH, _TEXT = bool, (str, type(None))


def parse(
    words: Sequence[str], commands: Mapping[str, command.Command]
) -> tuple[command.Command, dict[str, Any]] | None:
    """Return the command that the words name and the values of its parameters; None where they are not plain."""
    if not words or words[0] not in commands:
        return None
    found = commands[words[0]]
    defaults = found.parameters()
    lists = {*found.iterable, *list(defaults)[: found.first == "many"]}
    values: dict[str, Any] = {name: [] for name in lists}
    left = list(words[1:])
    while left:
        word = left.pop(0)
        read = _flag(found, defaults, word, left) if word.startswith("--") else _word(found, defaults, word, values)
        if read is None:
            return None
        name, value = read
        if name in lists:
            values[name].append(value)
        elif name in values:
            return None
        else:
            values[name] = value
    given = {**defaults, **values}
    return None if ... in given.values() else (found, given)


def _flag(found: command.Command, defaults: Mapping[str, Any], word: str, left: list[str]) -> tuple[str, Any] | None:
    """Return the parameter of a flag and its value, which is taken from the words that are left if it needs one."""
    flag, equals, value = word[2:].partition("=")
    name = {command.flag_of(one): one for one in defaults}.get(flag)
    if name is None or (found.first and name == next(iter(defaults))) or defaults[name] is ...:
        return None
    default = defaults[name]
    if isinstance(default, _SWITCH):
        return None if equals or default else (name, True)
    if not isinstance(default, _TEXT):
        return None
    if not equals:
        if not left or left[0].startswith("-"):
            return None
        value = left.pop(0)
    # An empty value is refused with a text of its own.
    return (name, value) if value.strip() else None


def _word(
    found: command.Command, defaults: Mapping[str, Any], word: str, values: Mapping[str, Any]
) -> tuple[str, Any] | None:
    """Return the parameter that a word without a flag is for; None where there is none left."""
    first = next(iter(defaults), None)
    if word.startswith("-") or not word.strip() or first is None:
        return None
    if found.first == "many" or (found.first == "optional" and first not in values):
        return first, word
    required = [name for name, default in defaults.items() if default is ... and name not in values]
    return (required[0], word) if required else None
