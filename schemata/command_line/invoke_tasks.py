"""Commands as tasks of Invoke's: parsed by it, listed by `inv --list`."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from invoke import exceptions, tasks
from invoke.parser import argument

from schemata.command_line import command


class _Given(argument.Argument):
    """An argument that remembers an empty value as one that was given."""

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Set the value; what consists of nothing but spaces is empty as well."""
        if isinstance(value, str) and not value.strip():
            value = command.Empty()
            value.flag = f"the argument {self.name}" if self.positional else f"--{self.names[0]}"
            # Invoke would make an ordinary text of it.
            cast = False
        super().set_value(value, cast)


class _Optional(_Given):
    """A positional argument that may be left out; Invoke itself knows only those that must be there.

    Its parser asks "is the value None?" for two reasons: to hand over the next word, and at the end of the command
    to complain that nothing came. Only the question tells them apart, so the second one is answered with no.
    """

    @property
    def value(self) -> Any:
        """Return what was given; None where nothing was."""
        given = super().value
        if given is None:
            frame = sys._getframe()
            while frame.f_back is not None and frame.f_code.co_name != "handle":
                if frame.f_code.co_name == "complete_context":
                    return ""
                frame = frame.f_back
        return given

    @value.setter
    def value(self, given: Any) -> None:
        self.set_value(given)


class _Many(_Given):
    """A positional argument that takes every word that is no flag: the files that a hook names.

    As with `_Optional`: while the parser asks whether it lacks a value it does; at the end it has none or more.
    """

    @property
    def value(self) -> Any:
        """Return what was given, as a list; None while the parser has more words."""
        frame = sys._getframe()
        while frame.f_back is not None and frame.f_code.co_name not in ("handle", "parse_argv"):
            if frame.f_code.co_name == "complete_context":
                return list(self._words)
            frame = frame.f_back
        # A word that looks like a flag is one: --help is asked of Invoke itself.
        is_flag = str(frame.f_locals.get("token", "")).startswith("-")
        return None if frame.f_code.co_name in ("handle", "parse_argv") and not is_flag else list(self._words)

    @value.setter
    def value(self, given: Any) -> None:
        super().set_value(given)
        self._words.append(self._value)

    @functools.cached_property
    def _words(self) -> list[Any]:
        return []


class Task(tasks.Task[Any]):
    """A task that tells the help of its flags each time it is asked; Invoke's own gives each text away once.

    Its arguments tell one that was given empty from one that was left out.
    """

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[argument.Argument]:
        """Return the arguments; the task keeps its texts."""
        kept = dict(self.help)
        try:
            return [_given(one) if one.takes_value else one for one in super().get_arguments(ignore_unknown_help)]
        finally:
            self.help = kept


def _given(made: argument.Argument) -> _Given:
    return _Given(
        names=made.names,
        kind=made.kind,
        default=made.default,
        help=made.help,
        positional=made.positional,
        optional=made.optional,
        attr_name=made.attr_name,
    )


class WithOptional(Task):
    """A task whose first argument may be left out."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[argument.Argument]:
        """Return the arguments, the first as one that may be left out."""
        first, *rest = super().get_arguments(ignore_unknown_help)
        made = _Optional(names=first.names, positional=True, help=first.help, attr_name=first.attr_name)
        return [made, *rest]


class WithMany(Task):
    """A task whose first argument is as many words as there are."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[argument.Argument]:
        """Return the arguments, the first as one that takes all words."""
        first, *rest = super().get_arguments(ignore_unknown_help)
        return [_Many(names=first.names, positional=True, help=first.help, attr_name=first.attr_name), *rest]


_CLASSES: dict[command.First, type[Task]] = {"": Task, "optional": WithOptional, "many": WithMany}


def task(first: command.First = "", iterable: Sequence[str] = (), **help_: str) -> Callable[[command.Function], Any]:
    """Make an Invoke task: print what the function returns, and end with its exit code.

    The function gets its flags, those in `iterable` as lists, and a reporter. An expected error ends with its own
    text and exit code, an unexpected one with its traceback.
    """
    described = command.command(first, iterable, **help_)
    return lambda function: of(described(function))


def of(described: command.Command) -> Any:
    """Make an Invoke task of a command."""

    @functools.wraps(described.function)
    def run(context: Any, *args: Any, **kwargs: Any) -> None:
        ending = command.run(described.function, args, kwargs)
        if ending.code:
            raise exceptions.Exit(ending.message or None, code=ending.code)

    iterable = list(described.iterable)
    return tasks.task(run, klass=_CLASSES[described.first], help=dict(described.help), iterable=iterable)
