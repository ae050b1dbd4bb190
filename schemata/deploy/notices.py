"""The server's notices while a run works: the first of each migration are reported, the rest counted."""

from collections.abc import Callable

#: So many of one migration, and of one run, are reported; warnings are counted apart from what is less.
OF_ONE = 10
OF_RUN = 100


class Notices:
    """Report what the server says by itself, up to a limit; `end` and `close` report how many more there were.

    With `verbose` there is no limit. However many come, only numbers are kept.
    """

    def __init__(self, report: Callable[[str], None], *, verbose: bool = False) -> None:
        self._report = report
        self._verbose = verbose
        self._of_one: dict[bool, int] = {}
        self._of_run: dict[bool, int] = {}
        self._left = 0
        self._rest = 0

    def __call__(self, severity: str, message: str) -> None:
        """Take one notice; `severity` is the server's word for it, not translated."""
        warning = severity == "WARNING"
        self._of_one[warning] = self._of_one.get(warning, 0) + 1
        if not self._verbose and (self._of_one[warning] > OF_ONE or self._of_run.get(warning, 0) >= OF_RUN):
            self._left += 1
            return
        self._of_run[warning] = self._of_run.get(warning, 0) + 1
        self._report(f"{severity}: {message}")

    def end(self, of: str) -> None:
        """Report how many of a migration were left out; what comes now is another's."""
        self._of_one.clear()
        if self._left and max(self._of_run.values()) >= OF_RUN:
            self._rest += self._left
        elif self._left:
            self._report_left(self._left, of)
        self._left = 0

    def close(self) -> None:
        """Report how many were left out since the run had enough of them."""
        if self._rest + self._left:
            self._report_left(self._rest + self._left, "this run")
        self._rest = self._left = 0

    def _report_left(self, count: int, of: str) -> None:
        self._report(f"… and {count:,} more notice{'' if count == 1 else 's'} of {of}; --verbose prints all")
