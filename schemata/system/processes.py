"""Processes of this machine: run one, start one that outlives us, find out who one is.

psutil is imported inside the functions that need it: it costs more than the rest of a start together
(about 40 ms), and only recovery, stopping and a port that is taken ask it anything.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemata import errors
from schemata.system import os_user


@dataclass(frozen=True)
class Completed:
    """How a program ended: exit code (negative: the signal) and what it wrote."""

    code: int
    output: str
    complaint: str


@dataclass(frozen=True)
class Process:
    """A process, for messages and signals."""

    pid: int
    name: str


class Child:
    """A process that we started and that may outlive us."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self._popen = popen
        self.pid: int = popen.pid

    def code(self) -> int | None:
        """Return how it ended: its exit code, or the negative number of the signal; None while it runs."""
        return self._popen.poll()

    def release(self) -> None:
        """Leave it to itself: without this, Popen warns when it is collected."""
        if self._popen.poll() is None:
            self._popen.returncode = 0


def run(
    command: Sequence[str | Path],
    *,
    account: os_user.Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    text: str = "",
    timeout: float | None = None,
) -> Completed:
    """Run a program to its end and return its exit code and output; the exit code is not judged.

    Raises NotAvailable when the program cannot be started or exceeds `timeout` (seconds; it is killed).
    """
    with begun(command, account=account, env=env, cwd=cwd) as program:
        return program.finish(text, timeout)


class Begun:
    """A program that was started and waits for its input."""

    def __init__(self, popen: "subprocess.Popen[bytes]", name: str) -> None:
        self._popen = popen
        self._name = name

    def finish(self, text: str, timeout: float | None = None) -> Completed:
        """Give the program its input, wait for its end and return that. Raises as `run` does."""
        try:
            output, complaint = self._popen.communicate(text.encode(), timeout)
        except subprocess.TimeoutExpired as error:
            raise errors.NotAvailable(f"{self._name} did not end within {timeout:g} s and was stopped.") from error
        code = self._popen.returncode
        return Completed(code, output.decode(errors="replace"), complaint.decode(errors="replace"))


@contextlib.contextmanager
def begun(
    command: Sequence[str | Path],
    *,
    account: os_user.Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
) -> Iterator[Begun]:
    """Start a program that gets its input later, so that it loads meanwhile; it is killed if it runs at the end.

    Raises NotAvailable when the program cannot be started.
    """
    pipe = subprocess.PIPE
    try:
        popen = subprocess.Popen(
            [str(part) for part in command], stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=cwd, **_lent(account)
        )
    except OSError as error:
        raise _not_started(command, account, error) from error
    try:
        yield Begun(popen, Path(str(command[0])).name)
    finally:
        if popen.poll() is None:
            popen.kill()
            popen.wait()
        for stream in (popen.stdin, popen.stdout, popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):  # input that it did not read
                    stream.close()


def detach(
    command: Sequence[str | Path],
    *,
    log: Path | None,
    account: os_user.Account | None = None,
    env: Mapping[str, str] | None = None,
) -> int:
    """Start a program in a session of its own and return its pid; it outlives us and our Ctrl-C.

    Its output is appended to `log`, which we open: the program's user needs no right to it.
    """
    # Its working folder: ours may be out of reach for the account, and must not be kept busy for ever.
    child = start(command, log=log, account=account, env=env, cwd=Path("/"))
    child.release()  # exited() reaps it
    return child.pid


def start(
    command: Sequence[str | Path],
    *,
    log: Path | None,
    cwd: Path,
    account: os_user.Account | None = None,
    env: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
) -> Child:
    """Start a program as `detach` does, in the folder `cwd`, and return it, so that its end can be told.

    It gets the `inherited` descriptors: what they lock is locked as long as it runs, also when we are killed.
    """
    output = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(inherited),
            **_lent(account),
        )
    except OSError as error:
        raise _not_started(command, account, error) from error
    finally:
        os.close(output)
    return Child(child)


def start_time(pid: int) -> str:
    """Return what tells a process from all others that ever have its number; empty when it is over.

    Of Linux it is the boot and the tick in which it began, of other systems the time. A zombie is over.
    """
    if sys.platform != "linux":
        return _read_start_time(pid)
    # By hand: every `dev-up` asks this of every service, and psutil costs more than the question.
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else f"{boot}.{int(fields[19])}"


def words_of(pid: int) -> tuple[str, ...]:
    """Return the command line of a process; nothing when it is over or may not be asked."""
    import psutil  # see the module

    try:
        return tuple(psutil.Process(pid).cmdline())
    except (psutil.Error, OSError):
        return ()


def marked(variable: str) -> list[tuple[Process, str]]:
    """Return the processes that were started with an environment variable, and its value in each.

    Those of other users cannot be asked. We and those that started us are left out.
    """
    import psutil  # see the module

    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in own and process.status() != psutil.STATUS_ZOMBIE:
                value = process.environ().get(variable)
                if value is not None:
                    found.append((Process(process.pid, process.name()), value))
    return found


def exited(pid: int) -> bool:
    """Say whether a process is over, and reap it when it was our child."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def wait_gone(pid: int, timeout: float) -> bool:
    """Wait until a process is over; False when it is still there after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = 0.002
    while not exited(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)
    return True


def kill(pid: int, number: signal.Signals) -> bool:
    """Send a signal; False when the process is already gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def working_in(directory: Path) -> list[Process]:
    """Return the PostgreSQL processes whose working directory is `directory`: a server and its backends."""
    import psutil  # see the module

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if _is_postgres_in(process, directory):
                found.append(Process(process.pid, process.name()))
    return found


def runs_from(directory: Path) -> bool:
    """Tell whether a program below `directory` runs; of processes that may not be looked at nothing is known."""
    import psutil  # see the module

    place = os.path.realpath(directory) + os.sep
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.exe().startswith(place):
                return True
    return False


def outliving(directory: Path) -> list[Process]:
    """Return the PostgreSQL servers whose data directory was deleted while they ran. `directory` must not exist now.

    A server itself notices within a minute or so, and ends.
    """
    import psutil  # see the module

    place = os.path.realpath(directory)
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            # Linux says "… (deleted)" of it, which psutil takes off.
            if process.name().startswith(("postgres", "postmaster")) and process.cwd() == place:
                found[process.pid] = (process.ppid(), process.name())
    # A server's children have its name and work beside it.
    return [Process(pid, name) for pid, (parent, name) in found.items() if parent not in found]


def is_server(pid: int, directory: Path) -> bool:
    """Say whether a pid is alive, is PostgreSQL and works in `directory`; a recycled pid is not."""
    import psutil  # see the module

    try:
        return _is_postgres_in(psutil.Process(pid), directory)
    except (psutil.Error, OSError):
        return False


def user_of_port(port: int) -> str:
    """Return who listens on a TCP port of this machine, in words for a message."""
    import psutil  # see the module

    listening = listeners(port)
    for pid in listening:
        if pid is not None:
            with contextlib.suppress(psutil.Error, OSError):
                process = psutil.Process(pid)
                return f"{process.name()} (pid {pid}, user {process.username()})"
            return f"pid {pid}"
    return "a process of another user" if listening else "another process"


def listeners(port: int) -> list[int | None]:
    """Return the pids of those who listen on a TCP port of this machine; None for one that is hidden from us."""
    import psutil  # see the module

    try:
        found = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):  # macOS tells root only
        return []
    return [
        connection.pid
        for connection in found
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
    ]


def may_enter(path: Path, account: os_user.Account | None) -> bool:
    """Say whether the account may enter a directory (or run a program): asked of the system, as that user.

    Asking is right where computing from the mode bits is not: access lists, mounts, user namespaces.
    """
    if account is None:
        return os.access(path, os.X_OK)
    return run(["test", "-x", path], account=account, cwd="/").code == 0


def _is_postgres_in(process: object, directory: Path) -> bool:
    import psutil  # see the module

    assert isinstance(process, psutil.Process)
    if not process.name().startswith(("postgres", "postmaster")) or process.status() == psutil.STATUS_ZOMBIE:
        return False
    return os.path.samefile(process.cwd(), directory)


def _read_start_time(pid: int) -> str:
    import psutil  # see the module

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except (psutil.Error, OSError):
        return ""


def _is_zombie(pid: int) -> bool:
    # Where process 1 reaps nothing (many containers), a server that ended stays a zombie for ever.
    import psutil  # see the module

    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


def _lent(account: os_user.Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _not_started(command: Sequence[str | Path], account: os_user.Account | None, error: OSError) -> errors.NotAvailable:
    as_whom = "" if account is None else f" as user {account.name}"
    return errors.NotAvailable(
        f"{command[0]} could not be started{as_whom}: {error.strerror or error}.",
        "" if account is None else "Run the command as an ordinary user if this container may not change users.",
    )
