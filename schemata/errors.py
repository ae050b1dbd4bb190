"""What can go wrong, in words for the person who typed the command.

Every expected error has three parts: what is so, why it stops us, and what to type (the hint).
Subclasses keep their facts in fields and build the text from them. The exit codes are part of
the interface (docs/troubleshooting.md lists them).
"""

DONE = 0
NEEDS_PERSON = 1
WRONG_SETTINGS = 2
NOT_AVAILABLE = 3
PENDING = 4
BUSY = 5
INTERRUPTED = 130
TERMINATED = 143

_SEVERITY = (DONE, PENDING, BUSY, NEEDS_PERSON, WRONG_SETTINGS, NOT_AVAILABLE)


def worst(codes: "list[int]") -> int:
    """Return the exit code that wins when several findings meet.

    >>> worst([PENDING, NEEDS_PERSON, BUSY])
    1
    >>> worst([])
    0
    """
    return max(codes, key=_SEVERITY.index, default=DONE)


class Error(Exception):
    """Something a person can act on. `str(error)` is the whole text, hint and target included.

    `target` is the database that it is about, where a command works on one: a person who types what the
    hint says must see which.
    """

    exit_code = NEEDS_PERSON
    target = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        target = f"Target: {self.target}" if self.target else ""
        return "\n".join(filter(None, [self.message, self.hint, target]))


class ConfigError(Error):
    """The settings or the command line are wrong; nothing was done."""

    exit_code = WRONG_SETTINGS


class NotAvailable(Error):
    """A server, Docker or a program is not there."""

    exit_code = NOT_AVAILABLE


class Busy(Error):
    """Somebody else holds what we need; nothing is wrong, run again."""

    exit_code = BUSY


class MigrationError(Error):
    """A migration needs a person."""


class Interrupted(Error):
    """A signal stopped the run after it was cleaned up and recorded."""

    exit_code = INTERRUPTED

    def __init__(self, message: str, hint: str = "", exit_code: int = INTERRUPTED) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code
