"""How a migration in Python can fail, told by the file and the line in it, without a traceback of the engine's."""

import os
import traceback
from types import TracebackType

from schemata import errors


class NotInstalled(errors.Error):
    """Yoyo, whose code runs migrations in Python, is not there."""

    exit_code = errors.NOT_AVAILABLE

    def __init__(self, path: str, missing: str) -> None:
        super().__init__(
            f"{path} is a migration in Python, and such are run by yoyo's own code; here there is no {missing}",
            "Nothing of it was run. Install it where this runs: pip install yoyo-migrations",
        )


class NotLoaded(errors.MigrationError):
    """The file of a migration could not be loaded; no step of it ran."""

    def __init__(self, path: str, error: BaseException) -> None:
        line, _ = place(error.__traceback__, path)
        where = f"{path}:{line}" if line else path
        super().__init__(
            f"{where}: it could not be loaded: {described(error)}",
            "No step of it was run. Correct the file, or install what it imports; then run again.",
        )
        self.line = line


class NotReversible(errors.MigrationError):
    """A step has no rollback, which shows only once the file is loaded. Nothing was rolled back."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path}: once it is loaded one of its steps has no rollback, so it would be left as it is",
            "Give each step a rollback: SQL, something to call, or '' where there is nothing to undo.",
        )


class CallFailed(errors.MigrationError):
    """What a step calls raised an exception, or left the session in a state that cannot be gone on with.

    `partly` tells that it may have committed a part itself.
    """

    def __init__(
        self, migration_id: str, where: str, line: int | None, what: str, hint: str, *, partly: bool = False
    ) -> None:
        super().__init__(f"{migration_id} failed at {where}\n  {what}", hint)
        self.line = line
        self.partly = partly


class TransactionRefused(errors.MigrationError):
    """A step tried to end, or to change, the transaction that it runs in."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"`{what}`: the engine opens and commits the transaction itself, together with the record of the migration",
            "Remove it; for a part that may fail use `with connection.transaction():`. Where each step is to commit "
            "by itself, write `__transactional__ = False` at the top of the file.",
        )


def described(error: BaseException) -> str:
    """Return the name of an exception and what it says, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place(trace: TracebackType | None, path: str) -> tuple[int | None, str]:
    """Return the last line of a file that a traceback passes through, and its function; None where it does not."""
    wanted = os.path.abspath(path)
    for frame in reversed(traceback.extract_tb(trace)):
        if os.path.abspath(frame.filename) == wanted:
            return frame.lineno, frame.name
    return None, ""
