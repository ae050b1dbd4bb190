"""Sentences and progress on standard error; a bar only for a person, and only when it takes a while."""

import shutil
import sys
import time
from typing import TextIO

from schemata.report import progress, wrapping

_PATIENCE = 1.0  # seconds before a bar is worth its import


def width(stream: TextIO) -> int:
    """Return how many columns a person sees of a stream; 0 where it is no terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else 0


class Terminal:
    """Speaks for one command. Closing it takes the bar away."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._person = sys.stderr.isatty()
        self._began = time.monotonic()
        self._bar: object = None

    def reporter(self) -> progress.Reporter:
        """Return what a command is given to speak with."""
        return progress.Reporter(info=self.info, step=self.step, verbose=self._verbose)

    def info(self, text: str) -> None:
        """Write a sentence above the bar, or plainly."""
        if self._quiet:
            return
        text = wrapping.wrap(text, width(sys.stderr))
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)  # type: ignore[attr-defined]
        else:
            print(text, file=sys.stderr, flush=True)

    def step(self, done: int, total: int, what: str) -> None:
        """Move the bar; without a person at a terminal there is none."""
        if self._quiet or not self._person or time.monotonic() - self._began < _PATIENCE:
            return
        if self._bar is None:
            # Imported here: it costs 0.1 s, and most commands never need it.
            from rich import console, progress

            self._bar = progress.Progress(
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeElapsedColumn(),
                progress.TextColumn("{task.description}", markup=False),
                console=console.Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=done, total=total, description=what)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()  # type: ignore[attr-defined]
            self._bar = None
