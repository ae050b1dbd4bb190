"""A function as a command that Invoke runs: its flags, what it prints, how it ends. `tasks` is made of these."""

import atexit
import functools
import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from invoke import exceptions, tasks
from invoke.parser import argument

from schemata import errors
from schemata.report import annotations, document, render, terminal, wrapping

Task = Callable[..., Any]


class _Empty(str):
    """An empty value that was typed: equal to that of a flag that was left out, and known by its type."""

    flag = ""


class _Given(argument.Argument):
    """An argument that remembers an empty value as one that was given."""

    def set_value(self, value: Any, cast: bool = True) -> None:
        """Set the value; what consists of nothing but spaces is empty as well."""
        if isinstance(value, str) and not value.strip():
            value = _Empty()
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


class Command(tasks.Task[Any]):
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


class WithOptional(Command):
    """A task whose first argument may be left out."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[argument.Argument]:
        """Return the arguments, the first as one that may be left out."""
        first, *rest = super().get_arguments(ignore_unknown_help)
        made = _Optional(names=first.names, positional=True, help=first.help, attr_name=first.attr_name)
        return [made, *rest]


class WithMany(Command):
    """A task whose first argument is as many words as there are."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[argument.Argument]:
        """Return the arguments, the first as one that takes all words."""
        first, *rest = super().get_arguments(ignore_unknown_help)
        return [_Many(names=first.names, positional=True, help=first.help, attr_name=first.attr_name), *rest]


def task(of: Any = Command, iterable: Sequence[str] = (), **help_: str) -> Callable[[Task], Any]:
    """Make an Invoke task: print what the function returns, and end with its exit code.

    The function gets its flags, those in `iterable` as lists, and a reporter. An expected error ends with its own
    text and exit code, an unexpected one with its traceback.
    """

    def decorate(function: Task) -> Any:
        @functools.wraps(function)
        def run(context: Any, *args: Any, **kwargs: Any) -> None:
            try:
                _run(function, args, kwargs)
            except KeyboardInterrupt as error:
                # What is left of a report that nobody reads would block the end.
                _quiet()
                # Here and not deeper: Ctrl-C may also come while the report is made, and Invoke would exit 1.
                raise exceptions.Exit("Interrupted; nothing was left half done.", code=errors.INTERRUPTED) from error

        texts = {name.strip("_").replace("_", "-"): text for name, text in help_.items()}
        return tasks.task(run, klass=of, help=texts, iterable=list(iterable))

    return decorate


def _refuse_empty(flags: dict[str, Any]) -> None:
    """Refuse a value that was given and is empty: it is a variable that is not set, and all would be meant by it."""
    for value in flags.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, _Empty):
                raise errors.ConfigError(
                    f"{one.flag} is empty", f"Set the variable that is used for it, or leave {one.flag} out."
                )


def keep_everything() -> None:
    """Collect no garbage in this process, which ends soon: what a command has read would be gone through each time.

    Python does so once more at the end, whether or not it is disabled: then it is to find nothing to go through.
    """
    gc.disable()
    atexit.register(gc.freeze)


def _run(function: Task, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    in_json = bool(kwargs.get("json"))
    screen = terminal.Terminal(verbose=bool(kwargs.get("verbose")))
    try:
        _refuse_empty(kwargs)
        result = function(screen.reporter(), *args, **kwargs)
    except BrokenPipeError:
        _quiet()
        result = None
    except errors.Error as error:
        screen.close()
        raise _ended(error, in_json) from error
    finally:
        screen.close()
    if result is not None:
        show(result, in_json)
        if result.exit_code:
            _annotate(result.exit_code, annotations.summary(result.blocks()))
            raise exceptions.Exit(code=result.exit_code)


def show(result: document.Result, in_json: bool) -> None:
    """Print a result for people or for programs. A reader that went away is no error."""
    if in_json:
        _print(render.as_json(result))
    else:
        _print(render.render(result, render.Paint(sys.stdout), terminal.width(sys.stdout)))


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _quiet()


def _quiet() -> None:
    # The reader (head, less) has seen enough; Python would complain again while it flushes at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _annotate(code: int, text: str) -> None:
    """Say in a workflow of GitHub's how the command ended; on stderr, so that JSON stays JSON."""
    if os.environ.get("GITHUB_ACTIONS") == "true" and (told := annotations.line(code, text)):
        print(told, file=sys.stderr, flush=True)


def _ended(error: errors.Error, in_json: bool) -> exceptions.Exit:
    _annotate(error.exit_code, str(error))
    if in_json:
        _print(render.error_as_json(error))
        return exceptions.Exit(code=error.exit_code)
    kind = render.Paint(sys.stderr)(type(error).__name__, "red")
    text = wrapping.wrap(f"{type(error).__name__}: {error}", terminal.width(sys.stderr))
    return exceptions.Exit(kind + text.removeprefix(type(error).__name__), code=error.exit_code)
