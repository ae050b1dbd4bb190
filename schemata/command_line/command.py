"""A function as a command: its flags, what it prints, and how it ends. Knows nothing of who parses the words."""

import atexit
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from schemata import errors
from schemata.report import annotations, document, render, terminal, wrapping

Function = Callable[..., Any]

#: What the first flag is beside: nothing, a word that may be left out, or as many words as there are.
First = Literal["", "optional", "many"]


class Empty(str):
    """An empty value that was typed: equal to that of a flag that was left out, and known by its type."""

    flag = ""


class Command(NamedTuple):
    """A function that people call by its name.

    :param function: takes a reporter and its flags, returns what is printed, or None.
    :param help: a text for each flag, by its name on the command line.
    :param iterable: parameters that may be given several times, as lists.
    :param first: how the first parameter may be given as a word without a flag.
    """

    function: Function
    help: Mapping[str, str]
    iterable: Sequence[str] = ()
    first: First = ""

    @property
    def name(self) -> str:
        """Return what people type."""
        return flag_of(self.function.__name__)

    def parameters(self) -> dict[str, Any]:
        """Return the defaults by parameter, without the reporter; `...` for one that must be given."""
        code = self.function.__code__
        names = code.co_varnames[1 : code.co_argcount]
        defaults = self.function.__defaults__ or ()
        return dict(zip(names, (*[...] * (len(names) - len(defaults)), *defaults), strict=True))


class Ending(NamedTuple):
    """How a command ended: the exit code, and what is still to be said on standard error."""

    code: int
    message: str = ""


def command(first: First = "", iterable: Sequence[str] = (), **help_: str) -> Callable[[Function], Command]:
    """Describe a function as a command; the other arguments are the texts of its flags."""
    texts = {flag_of(name): text for name, text in help_.items()}
    return lambda function: Command(function, texts, tuple(iterable), first)


def flag_of(name: str) -> str:
    """Return what people type for a Python name.

    >>> flag_of("from_"), flag_of("lock_wait")
    ('from', 'lock-wait')
    """
    return name.strip("_").replace("_", "-")


def run(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Ending:
    """Call the function of a command, print its result, and return how that ended.

    An expected error is an ending with its own text and exit code, an unexpected one is raised.
    """
    try:
        return _run(function, args, kwargs)
    except KeyboardInterrupt:
        # What is left of a report that nobody reads would block the end.
        _quiet()
        # Here and not deeper: Ctrl-C may also come while the report is made.
        return Ending(errors.INTERRUPTED, "Interrupted; nothing was left half done.")


def keep_everything() -> None:
    """Collect no garbage in this process, which ends soon: what a command has read would be gone through each time.

    Python does so once more at the end, whether or not it is disabled: then it is to find nothing to go through.
    """
    gc.disable()
    atexit.register(gc.freeze)


def show(result: document.Result, in_json: bool) -> None:
    """Print a result for people or for programs. A reader that went away is no error."""
    if in_json:
        _print(render.as_json(result))
    else:
        _print(render.render(result, render.Paint(sys.stdout), terminal.width(sys.stdout)))


def _refuse_empty(flags: Mapping[str, Any]) -> None:
    """Refuse a value that was given and is empty: it is a variable that is not set, and all would be meant by it."""
    for value in flags.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Empty):
                raise errors.ConfigError(
                    f"{one.flag} is empty", f"Set the variable that is used for it, or leave {one.flag} out."
                )


def _run(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Ending:
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
        return _refused(error, in_json)
    finally:
        screen.close()
    if result is None:
        return Ending(errors.DONE)
    show(result, in_json)
    if result.exit_code:
        _annotate(result.exit_code, annotations.summary(result.blocks()))
    return Ending(result.exit_code)


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


def _refused(error: errors.Error, in_json: bool) -> Ending:
    _annotate(error.exit_code, str(error))
    if in_json:
        _print(render.error_as_json(error))
        return Ending(error.exit_code)
    kind = render.Paint(sys.stderr)(type(error).__name__, "red")
    text = wrapping.wrap(f"{type(error).__name__}: {error}", terminal.width(sys.stderr))
    return Ending(error.exit_code, kind + text.removeprefix(type(error).__name__))
