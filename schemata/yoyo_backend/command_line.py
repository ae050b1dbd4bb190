"""Yoyo's command line as the program: what it is told, and how it ends."""

import logging
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from schemata import errors

_logger = logging.getLogger("schemata.yoyo_backend")


def _is_command_line() -> bool:
    path = sys.argv[0] if sys.argv else ""
    return os.path.basename(path).startswith("yoyo") or path.endswith(os.path.join("yoyo", "__main__.py"))


def only_lists() -> bool:
    """Tell whether the command is `yoyo list`, which changes nothing."""
    return _is_command_line() and "list" in sys.argv[1:]


def report(text: str) -> None:
    """Tell a person who types, or the log of a program."""
    if _is_command_line():
        print(text, file=sys.stderr)
    else:
        _logger.info("%s", text)


def show_errors_plainly() -> None:
    """Have yoyo's command line end with the text of an expected error and its exit code, without a traceback."""
    if not _is_command_line() or getattr(sys.excepthook, "shows_plainly", False):
        return
    before: Callable[..., Any] = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not isinstance(error, errors.Error):
            before(kind, error, trace)
            return
        print(str(error), file=sys.stderr)
        sys.stdout.flush()
        sys.exit(error.exit_code)

    show.shows_plainly = True  # type: ignore[attr-defined]
    sys.excepthook = show
