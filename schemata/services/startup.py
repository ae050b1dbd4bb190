"""Services that were started and are to become ready: look at each until it is, is over, or has had its time."""

import contextlib
import dataclasses
import os
import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from schemata import config, errors
from schemata.report import progress
from schemata.services import health, managed_process, outcome
from schemata.system import processes

HOST = "127.0.0.1"
_PROBE_SECONDS = 3.0
_SETTLE_SECONDS = 0.5  # what serves nothing is ready when it has lived this long as itself
_LOOK_PAUSES = (0.05, 0.25)  # seconds between two looks at a service: at first, at most
_LAST_LINES = 12
_LOOKS_SHOWN = 2
_LAST_BYTES = 65536


@dataclasses.dataclass
class Start:
    """A service that is to become ready.

    :param child: None when it ran already.
    :param began: when its time began (time.monotonic).
    :param log_from: where in its log its own lines begin (bytes).
    """

    item: config.Service
    running: managed_process.Running
    child: processes.Child | None
    began: float
    log_from: int
    state: outcome.State
    exit_code: int = errors.DONE
    itself_since: float | None = None


def url_of(item: config.Service) -> str:
    """Return where a service is reached from this machine; nothing when it serves nothing."""
    return f"http://{HOST}:{item.port}" if item.port else ""


def revision(item: config.Service) -> str | None:
    """Return the revision that a ready service reports; None when it is not ready. What is not asked is ready."""
    if not (item.port and item.ready):
        return ""
    answer = health.ask(url_of(item) + item.ready, _PROBE_SECONDS)
    return answer.revision if answer.ok else None


def wait(watched: Sequence[Start], reporter: progress.Reporter) -> None:
    """Wait for all at once, each in a thread of its own, since one that hangs would hold up the looks at the others."""
    over = threading.Event()
    threads = [threading.Thread(target=_watch, args=(one, over), daemon=True) for one in watched]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            waiting = [one.item.name for one in watched if one.state.state == outcome.STARTING]
            reporter.step(len(watched) - len(waiting), len(watched), f"waiting for {', '.join(waiting)}")
            for thread in threads:
                thread.join(0.1 / len(threads))
    finally:
        over.set()


def complaint(state_dir: Path, one: Start, secrets: Sequence[str]) -> str:
    """Return why a service is not ready, with the last lines that it wrote since its start; without the `secrets`."""
    path = managed_process.log_of(state_dir, one.item.name)
    text = ""
    with contextlib.suppress(OSError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(one.log_from, size - _LAST_BYTES))
        text = file.read().decode(errors="replace")
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    lines = [f"  {line}" for line in _worth_showing(text.splitlines(), one.item.ready)] or ["  (it wrote nothing)"]
    head = f"{one.item.name}: {one.state.detail}. The last lines of its log:"
    return "\n".join([head, *lines, f"More: inv logs {one.item.name}"])


def _worth_showing(lines: Sequence[str], ready: str) -> list[str]:
    """Return the last lines. Of those that mention the path `ready` the last two only: the others tell of our looks.

    >>> _worth_showing(["no table x", *["GET /ready 503"] * 20, "GET /ready 404"], "/ready")
    ['no table x', 'GET /ready 503', 'GET /ready 404']
    """
    if ready:
        asked = re.compile(rf"(?<![\w/.]){re.escape(ready)}(?![\w/])")
        numbers = [number for number, line in enumerate(lines) if asked.search(line)]
        doomed = set(numbers[:-_LOOKS_SHOWN])
        lines = [line for number, line in enumerate(lines) if number not in doomed]
    return list(lines[-_LAST_LINES:])


def _watch(one: Start, over: threading.Event) -> None:
    """Look at a service until it is ready, is over, or has had its time."""
    deadline = one.began + one.item.patience
    pause, most = _LOOK_PAUSES
    while not over.is_set():
        if not one.running.alive:
            one.exit_code = errors.NEEDS_PERSON
            one.state = dataclasses.replace(one.state, state=outcome.FAILED, was_running=False, detail=_end(one.child))
            return
        ready, revision, reason = _look(one)
        # Asked again: what answers on the port of a service that is over is somebody else.
        if ready and one.running.alive:
            took = None if one.child is None else time.monotonic() - one.began
            one.state = dataclasses.replace(one.state, state=outcome.READY, revision=revision, ready_after=took)
            return
        if time.monotonic() > deadline:
            one.exit_code = errors.NOT_AVAILABLE
            detail = f"not ready after {one.item.patience:g} s: {reason or 'it ended while it answered'}"
            one.state = dataclasses.replace(one.state, state=outcome.UNREADY, was_running=False, detail=detail)
            return
        over.wait(pause)
        pause = min(most, pause * 1.3)


def _look(one: Start) -> tuple[bool, str, str]:
    """Return whether a service is ready, the revision that it reports, and why it is not."""
    if one.item.port and one.item.ready:
        answer = health.ask(url_of(one.item) + one.item.ready, _PROBE_SECONDS)
        return answer.ok, answer.revision, answer.reason
    if "schemata.boot" in processes.words_of(one.running.pid):
        return False, "", "the entrypoint is still running"
    if one.itself_since is None:
        one.itself_since = time.monotonic()
    return time.monotonic() - one.itself_since > _SETTLE_SECONDS, "", "it has just started"


def _end(child: processes.Child | None) -> str:
    code = child.code() if child is not None else None
    if code is None:
        return "it ended by itself"
    return f"it ended by itself, killed by signal {-code}" if code < 0 else f"it ended by itself with exit code {code}"
