"""A child process that a boot keeps for a while: it gets the signals that we get, and it is always reaped.

Without subprocess, whose import and pipes nobody needs here: the child speaks on our own stderr.
"""

import os
import signal
import time
from collections.abc import Mapping, Sequence

_PATIENCE = 0.5  # seconds for a child to end by itself after a signal
_OURS = (signal.SIGTERM, signal.SIGINT)


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end and return its exit code (negative: the signal that ended it).

    An exception that a signal handler raises meanwhile (SystemExit for SIGTERM, KeyboardInterrupt) goes on
    once the child is gone: it gets SIGTERM, and after half a second SIGKILL. Raises OSError when the
    program cannot be started.
    """
    # Held back while the child's number is not known yet: else nobody would end it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    try:
        pid = os.posix_spawn(command[0], list(command), dict(environment), setsigmask=[], setsigdef=list(_OURS))
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            while True:
                # Any child: as process 1 we inherit those whose parent died, and nobody else buries them.
                ended, status = os.waitpid(-1, 0)
                if ended == pid:
                    return os.waitstatus_to_exitcode(status)
        except BaseException:
            _end(pid)
            raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(pid: int) -> None:
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    try:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return
            time.sleep(0.005)
    except (ChildProcessError, ProcessLookupError):  # it had ended in that very moment
        return
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
