"""The server process on a data directory: find it, clean up after a dead one, start, await, stop it.

postgres is started directly and asked for a login until it answers: pg_ctl looks once in 100 ms.
"""

import errno
import hashlib
import os
import random
import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemata import errors
from schemata.postgres import libpq
from schemata.server.embedded import data_directory, server_state
from schemata.system import os_user, processes

# sizeof(sockaddr_un.sun_path) - 1 on Linux; macOS has 103.
_SOCKET_PATH_BYTES = 103 if os.uname().sysname == "Darwin" else 107
# Below the ports that systems hand out to outgoing connections (Linux: from 32768), where a remembered
# port would sooner or later be in use by a browser.
_PORTS = range(21000, 32000)
# How long orphans of a killed postmaster get to notice its death, in seconds.
_ORPHAN_SECONDS = 5.0
# How long SIGQUIT gets: a server kills its own children after 5 s.
_QUIT_SECONDS = 6.0


class Died(Exception):
    """The server process ended before it answered."""


class StillStarting(errors.NotAvailable):
    """The server runs but does not accept logins yet; it is left alone."""


@dataclass(frozen=True)
class Postmaster:
    """A server process, as its postmaster.pid describes it."""

    pid: int
    port: int
    socket_directory: Path


def find(data: Path) -> Postmaster | None:
    """Return the live server on a data directory. Reads only; a stale or recycled pid is no server."""
    lines = _pid_file(data)
    if lines is None or not processes.is_server(int(lines[0]), data):
        return None
    port, directory = lines[3:5] if len(lines) >= 5 else ("0", "")
    return Postmaster(int(lines[0]), int(port), Path(directory))


def recover(data: Path, info: Callable[[str], None]) -> Postmaster | None:
    """Return the live server on a data directory, or make way for a new one and return None.

    What a killed server left is removed: its postmaster.pid, and backends that outlived it, which would
    write to the data beside the next server.
    """
    lines = _pid_file(data)
    if lines is None:
        return None
    server = find(data)
    if server is not None and server.port:
        return server
    if server is not None:  # so young that its file is not complete: let it go on
        deadline = time.monotonic() + 5.0
        while server is not None and not server.port and time.monotonic() < deadline:
            time.sleep(0.02)
            server = find(data)
        if server is not None:
            return server
    orphans = [process.pid for process in processes.working_in(data)]
    if orphans:
        info(f"The server was killed and left {len(orphans)} of its processes behind; they are being stopped.")
        _end(orphans, _ORPHAN_SECONDS)
    pid = lines[0]
    (data / "postmaster.pid").unlink(missing_ok=True)
    recycled = pid.isdecimal() and not processes.exited(int(pid))
    info(
        f"Removed a stale {data / 'postmaster.pid'}: "
        + (f"process {pid} is another program now." if recycled else f"process {pid} is gone; the server crashed.")
    )
    return None


def socket_directory(state_dir: Path, account: os_user.Account | None) -> Path:
    """Make and return a private directory for the server's socket, within the system's length limit."""
    wanted = state_dir / "run"
    # Commas and quotes have a meaning in unix_socket_directories.
    if len(os.fsencode(wanted / ".s.PGSQL.65535")) <= _SOCKET_PATH_BYTES and not set('",') & set(str(wanted)):
        wanted.mkdir(mode=0o700, exist_ok=True)
        os_user.give(wanted, account)
        return wanted
    uid = os.geteuid() if account is None else account.uid
    name = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:10]
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):
        location = parent / f"schemata-{uid}-{name}"
        if len(os.fsencode(location / ".s.PGSQL.65535")) > _SOCKET_PATH_BYTES:
            continue
        try:
            location.mkdir(mode=0o700)
            os_user.give(location, account)
        except FileExistsError:
            # Everybody may write to this parent: only a directory of our own will do.
            found = location.lstat()
            if location.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
                location = Path(tempfile.mkdtemp(prefix="schemata-", dir=parent))
                os_user.give(location, account)
        return location
    raise errors.NotAvailable(
        f"{state_dir} and {tempfile.gettempdir()} are too long for a socket's path ({_SOCKET_PATH_BYTES} bytes).",
        "Set TMPDIR to a shorter directory.",
    )


def choose_port(state_dir: Path, remembered: int | None, fixed: int | None, info: Callable[[str], None]) -> int:
    """Return a free TCP port: the fixed one, else the remembered one, else one that the path suggests.

    Raises NotAvailable, naming the user of the port, when the fixed one is taken.
    """
    if fixed is not None:
        if is_free(fixed):
            return fixed
        raise port_taken(fixed)
    if remembered is not None:
        if is_free(remembered):
            return remembered
        info(f"Port {remembered} is now used by {processes.user_of_port(remembered)}; choosing another.")
    order = random.Random(os.fsencode(state_dir))  # the same project gets the same port again after a clean
    for _ in range(50):
        port = order.choice(_PORTS)
        if port != remembered and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_taken(port: int) -> errors.NotAvailable:
    """Return the error that names who has the port."""
    return errors.NotAvailable(
        f"Port {port} is set for the server and used by {processes.user_of_port(port)}.",
        "Stop that program, or set another port, or none (a free one is then chosen and remembered).",
    )


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does: TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def launch(data: Path, port: int, sockets: Path, log: Path, job: data_directory.Job) -> int:
    """Start postgres on a data directory that no server runs on, and return its pid at once."""
    for left in sockets.glob(".s.PGSQL.*"):  # a dead server's; postgres itself trusts a recycled pid
        left.unlink(missing_ok=True)
    where = ["-c", "listen_addresses=127.0.0.1", "-p", str(port), "-k", str(sockets)]
    return processes.detach(
        [job.programs.program("postgres"), "-D", data, *where],
        log=log,
        account=job.account,
        env=data_directory.environment(job.programs),
    )


def login(pid: int, port: int, password: str, database: str, timeout: float) -> libpq.Connection:
    """Return a connection to a server that is starting, as soon as it accepts one.

    Raises Died when the process ends, libpq.ConnectFailed when the server answers with a refusal, and
    StillStarting after `timeout` (seconds).
    """
    deadline = time.monotonic() + timeout
    pause = 0.002
    while True:
        try:
            return server_state.connect(port, password, database, timeout=5.0)
        except libpq.ConnectFailed as failure:
            # None: nobody listens yet. 57P01-57P03: starting, recovering, or on its way down.
            if failure.sqlstate not in (None, "57P01", "57P02", "57P03"):
                raise
            if processes.exited(pid):
                raise Died from failure
            if time.monotonic() > deadline:
                raise StillStarting(
                    f"The server (pid {pid}, port {port}) does not accept logins after {timeout:g} s: "
                    f"{failure.message.strip()}",
                    "It goes on starting (after a crash it first recovers); run the command again to wait on.",
                ) from failure
        time.sleep(pause)
        pause = min(pause * 1.2, 0.05)


def explain_death(log: Path, offset: int, data: Path, version: str) -> errors.NotAvailable | OSError:
    """Return the error to raise for a server that died while starting, with its last words."""
    lines = read_log(log, offset)
    text = "\n".join(lines)
    if "No space left on device" in text or "Check free disk space" in text:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(data))
    setting = re.search(r'unrecognized configuration parameter "(.*?)"|invalid value for parameter "(.*?)"', text)
    return errors.NotAvailable(
        f"PostgreSQL {version} stopped while starting on {data}:\n"
        + "\n".join(f"  {line}" for line in lines[-12:] or ["(it wrote nothing)"]),
        f"Correct the setting {setting[1] or setting[2]} in [tool.schemata]." if setting else f"More is in {log}.",
    )


def read_log(log: Path, offset: int) -> list[str]:
    """Return what was written to a log since `offset` (bytes)."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def stop(data: Path, info: Callable[[str], None], *, patience: float = 30.0) -> bool:
    """Stop the server on a data directory and wait for its end; False when none runs.

    Clients are disconnected, their transactions rolled back, and everything is written. After `patience`
    (seconds) it is stopped at once, which loses nothing either but makes the next start recover.
    """
    server = find(data)
    if server is None:
        return False
    try:
        processes.kill(server.pid, signal.SIGINT)
    except PermissionError:
        raise errors.NotAvailable(
            f"The server (pid {server.pid}) runs as another user, so you cannot stop it.",
            "Stop it as the user who started it, or with sudo: `sudo inv dev-down`.",
        ) from None
    if processes.wait_gone(server.pid, patience):
        return True
    info(f"The server (pid {server.pid}) did not stop within {patience:g} s; stopping it at once (SIGQUIT).")
    processes.kill(server.pid, signal.SIGQUIT)
    if not processes.wait_gone(server.pid, _QUIT_SECONDS):
        info(f"The server (pid {server.pid}) does not react; it is killed (SIGKILL).")
        _end([process.pid for process in processes.working_in(data)], 0.0)
    recover(data, lambda _: None)
    return True


def settings(unsafe: bool, own: Mapping[str, str]) -> dict[str, str]:
    """Return what the server is started with: our defaults, under the caller's."""
    return data_directory.DEFAULTS | (data_directory.UNSAFE if unsafe else {}) | dict(own)


def _pid_file(data: Path) -> list[str] | None:
    try:
        lines = (data / "postmaster.pid").read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    # A full disk leaves the file empty. A negative pid is a single-user server's.
    return [lines[0].lstrip("-"), *lines[1:]] if lines and lines[0].lstrip("-").isdecimal() else ["0"]


def _end(pids: list[int], patience: float) -> None:
    """End processes: wait for their own end, then SIGQUIT, then SIGKILL."""
    for number, seconds in ((None, patience), (signal.SIGQUIT, patience), (signal.SIGKILL, _ORPHAN_SECONDS)):
        deadline = time.monotonic() + seconds
        for pid in pids:
            if number is not None:
                processes.kill(pid, number)
        pids = [pid for pid in pids if not processes.wait_gone(pid, max(0.0, deadline - time.monotonic()))]
    if pids:
        raise errors.NotAvailable(
            f"Processes of a killed server cannot be ended: {', '.join(map(str, pids))}; a new one beside them "
            "would damage the data.",
            "End them (they may hang on a disk that does not answer), then run the command again.",
        )
