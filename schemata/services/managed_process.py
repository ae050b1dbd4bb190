"""Programs of the project that run beside us: their state files, their logs, their start and their end.

A program is recognised by its number *and* its start time, so that a number that the system has given to somebody else
is never taken for it; and by a variable in its environment, where its file was lost.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemata import errors
from schemata.system import processes

# In the environment of a program and of all that it starts: <home>#<name>.
MARK = "SCHEMATA_SUPERVISED"
# A log is put aside when it has grown beyond this many bytes.
_LOG_BYTES = 10 * 1024 * 1024
_LOCK_PAUSE = 0.02
_KILL_SECONDS = 5.0  # until what was killed is gone


@dataclasses.dataclass(frozen=True)
class Order:
    """A program to start.

    :param fingerprint: of all that would make it another program; it is remembered, and compared by the caller.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    port: int
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class Running:
    """A program that runs.

    :param confirmed: it was seen ready once.
    """

    name: str
    pid: int
    start_time: str
    port: int
    fingerprint: str
    confirmed: bool = False

    @property
    def alive(self) -> bool:
        """Tell whether it still runs."""
        return processes.start_time(self.pid) == self.start_time


def folder_of(state_dir: Path) -> Path:
    """Return where the files of the programs are."""
    return state_dir / "services"


def log_of(state_dir: Path, name: str) -> Path:
    """Return where the log of a program is; the part before it ends in `.1`."""
    return folder_of(state_dir) / f"{name}.log"


def find(state_dir: Path, name: str) -> Running | None:
    """Return the program of this name if it runs. A damaged file, a recycled number or a zombie is none."""
    found = _read(state_dir, name)
    return found if found is not None and found.alive else None


def names(state_dir: Path) -> list[str]:
    """Return the names of the programs that have a file, running or not."""
    try:
        return sorted(name.removesuffix(".json") for name in os.listdir(folder_of(state_dir)) if _is_state(name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def strays(state_dir: Path) -> dict[int, str]:
    """Return the processes that bear our mark, by number, and the program that each belongs to. Slow: it asks all."""
    prefix = f"{os.path.realpath(state_dir)}#"
    return {
        process.pid: value.removeprefix(prefix) for process, value in processes.marked(MARK) if value.startswith(prefix)
    }


def start(state_dir: Path, order: Order) -> tuple[Running, processes.Child]:
    """Start a program in a session of its own and remember it; it outlives us. Needs the lock.

    Raises NotAvailable when it cannot be started; then nothing is left but a line in its log.
    """
    log = log_of(state_dir, order.name)
    note(
        state_dir, order.name, f"starting {' '.join(order.command)}" + (f" on port {order.port}" if order.port else "")
    )
    environment = {**order.environment, MARK: f"{os.path.realpath(state_dir)}#{order.name}"}
    child = processes.start(order.command, log=log, cwd=order.folder, env=environment)
    # One that is over already has no start time any more, and is remembered as nobody.
    running = Running(order.name, child.pid, processes.start_time(child.pid), order.port, order.fingerprint)
    _write(state_dir, running)
    return running, child


def confirm(state_dir: Path, running: Running) -> None:
    """Remember that a program was ready."""
    _write(state_dir, dataclasses.replace(running, confirmed=True))


def stop(
    state_dir: Path, wanted: Collection[str] | None, patience: float, info: Callable[[str], None]
) -> tuple[str, ...]:
    """Stop these programs, or all with None, and all that they started; return the names of those that ran.

    SIGTERM to each program; after `patience` (seconds) SIGKILL, which `info` is told. Processes without their file are
    found by their mark; nobody else's is touched. Needs the lock.
    """
    known = [name for name in names(state_dir) if wanted is None or name in wanted]
    leaders = {running.pid: running for name in known if (running := find(state_dir, name)) is not None}
    marked = {pid: name for pid, name in strays(state_dir).items() if wanted is None or name in wanted}
    start_times = {pid: processes.start_time(pid) for pid in marked} | {
        pid: item.start_time for pid, item in leaders.items()
    }
    owners = marked | {pid: item.name for pid, item in leaders.items()}
    # A program ends what it started itself, as it does under any other supervisor; orphans have nobody.
    led = {item.name for item in leaders.values()}
    first = [pid for pid in owners if pid in leaders or owners[pid] not in led]
    _signal(first, start_times, owners, signal.SIGTERM)
    deadline = time.monotonic() + patience
    left = [pid for pid in first if not _gone(pid, start_times[pid], deadline)]
    for name in sorted({owners[pid] for pid in left}):
        info(f"{name} did not stop within {patience:g} s of SIGTERM; it is killed.")
    remaining = {pid: name for pid, name in strays(state_dir).items() if wanted is None or name in wanted}
    start_times |= {pid: processes.start_time(pid) for pid in remaining if pid not in start_times}
    doomed = sorted({*left, *remaining})
    _signal(doomed, start_times, owners | remaining, signal.SIGKILL)
    deadline = time.monotonic() + _KILL_SECONDS
    stuck = [pid for pid in doomed if not _gone(pid, start_times[pid], deadline)]
    if stuck:
        raise errors.NotAvailable(
            f"processes of {', '.join(sorted({(owners | remaining)[pid] for pid in stuck}))} cannot be killed "
            f"(pid {', '.join(map(str, stuck))}): they hang in the kernel",
            "See what they wait for (a disk, a mount), then run the command again.",
        )
    for name in known:
        _state_of(state_dir, name).unlink(missing_ok=True)
    return tuple(sorted(set(owners.values())))


def remove(state_dir: Path) -> None:
    """Delete the files of all programs, which must not run."""
    shutil.rmtree(folder_of(state_dir), ignore_errors=True)


def note(state_dir: Path, name: str, text: str) -> None:
    """Add a line of ours to a program's log; make the log where there is none."""
    folder_of(state_dir).mkdir(parents=True, exist_ok=True)
    if not (state_dir / ".gitignore").exists():
        (state_dir / ".gitignore").write_text("*\n", "utf-8")
    with log_of(state_dir, name).open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())} schemata: {text}\n")


def bound(state_dir: Path, name: str) -> None:
    """Put a log aside that has grown too long. Its program writes on: it appends, so the file may be cut."""
    log = log_of(state_dir, name)
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


@contextlib.contextmanager
def sole(state_dir: Path, patience: float) -> Iterator[None]:
    """Hold the lock on this home's programs for the block; it goes with its holder, however that ends.

    Raises Busy after `patience` (seconds).
    """
    deadline = time.monotonic() + patience
    while (lock := _lock(state_dir)) is None:
        if time.monotonic() > deadline:
            raise errors.Busy(
                f"another process has been starting or stopping the services of {state_dir.parent} for {patience:g} s",
                "Run the command again, or end that process.",
            )
        time.sleep(_LOCK_PAUSE)
    try:
        yield
    finally:
        os.close(lock)


def _lock(state_dir: Path) -> int | None:
    """Return a descriptor that holds the lock; None when somebody else does."""
    path = folder_of(state_dir) / "lock"
    folder_of(state_dir).mkdir(parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with contextlib.suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The one that cleans up deletes the file that others wait for: then it locks nothing any more.
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    os.close(lock)
    return None


def _signal(
    pids: Collection[int], start_times: Mapping[int, str], owners: Mapping[int, str], number: signal.Signals
) -> None:
    for pid in pids:
        if start_times[pid] and processes.start_time(pid) == start_times[pid]:
            try:
                processes.kill(pid, number)
            except PermissionError:
                raise errors.NotAvailable(
                    f"{owners[pid]} (pid {pid}) runs as another user, so you cannot stop it",
                    "Stop it as the user who started it, or with sudo: `sudo inv dev-down`.",
                ) from None


def _gone(pid: int, start_time: str, deadline: float) -> bool:
    """Wait until a process is over, at most until `deadline` (time.monotonic); reap it if it is our child."""
    if processes.start_time(pid) != start_time:
        processes.exited(pid)
        return True
    return processes.wait_gone(pid, max(0.0, deadline - time.monotonic()))


def _is_state(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


def _state_of(state_dir: Path, name: str) -> Path:
    return folder_of(state_dir) / f"{name}.json"


def _read(state_dir: Path, name: str) -> Running | None:
    try:
        facts: dict[str, Any] = json.loads(_state_of(state_dir, name).read_text("utf-8"))
        if facts["home"] != os.path.realpath(state_dir):
            return None  # the project was copied or moved: this is, or was, another one's program
        found = Running(
            name,
            int(facts["pid"]),
            str(facts["start_time"]),
            int(facts["port"]),
            str(facts["fingerprint"]),
            bool(facts["confirmed"]),
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    except PermissionError as error:
        raise errors.NotAvailable(
            f"{error.filename} cannot be read, so it is not known whether {name} runs",
            "Run the command as the user who started it, or give the file to yourself.",
        ) from error
    return found if found.start_time and found.pid > 0 else None


def _write(state_dir: Path, running: Running) -> None:
    """Write a state file, readable by its owner only, whole or not at all."""
    path = _state_of(state_dir, running.name)
    making = path.with_name(f".{path.name}.{os.getpid()}")
    facts = {"home": os.path.realpath(state_dir), **dataclasses.asdict(running)}
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=1)
    making.replace(path)
