"""Programs of ours without the second that each start of a Python takes to import what they need.

A process imports it once and forks for each program; the fork gets the arguments, the folder, the environment and the
three streams of a start of its own, and runs the module as `python -m` does. What a start itself does is tested with
starts of its own.
"""

import array
import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

#: What `inv` and the services import.
COMMANDS = (
    "invoke.main", "schemata.cli", "schemata.deploy.migrate", "schemata.deploy.repair", "schemata.deploy.rollback",
    "schemata.smoke.smoke", "schemata.parity.parity", "schemata.parity.locking", "schemata.server.up",
    "schemata.history.status", "schemata.doctor", "tabulate", "psycopg", "postgast",
)  # fmt: skip
SERVICES = (
    "services.launch", "services.financial_svc.service", "services.trading_svc.service",
    "services.worker_financial.service", "services.worker_trading.service",
)  # fmt: skip


class Process:
    """A program that was forked, with the part of Popen's interface that tests use."""

    def __init__(self, pid: int, args: Sequence[str], ended: "Preloaded") -> None:
        self.pid, self.args, self._of = pid, list(args), ended
        self.returncode: int | None = None
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code if it has ended."""
        if self.returncode is None and select.select([self._descriptor], [], [], 0)[0]:
            self.returncode = self._of.exit_code(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._descriptor], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._of.exit_code(self.pid)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


class Preloaded:
    """The process that forks. It starts with the first program and ends with the tests."""

    def __init__(self, modules: Sequence[str], path: str) -> None:
        self._modules, self._path = modules, path
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
    ) -> Process:
        """Run a module with these streams, open descriptors of ours, which stay ours to close."""
        request = {"run": module, "arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}
        with self._lock:
            sent = json.dumps(request).encode()
            streams = array.array("i", [stdin, stdout, stderr])
            connection = self._connection()
            connection.sendmsg(
                [len(sent).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams.tobytes())]
            )
            connection.sendall(sent)
            pid = int.from_bytes(_exactly(connection, 4), "big")
        return Process(pid, [module, *arguments], self)

    def exit_code(self, pid: int) -> int:
        """Return how a program ended, as Popen does: the negative number of the signal that killed it."""
        with self._lock:
            sent = json.dumps({"wait": pid}).encode()
            connection = self._connection()
            connection.sendall(len(sent).to_bytes(4, "big") + sent)
            return os.waitstatus_to_exitcode(int.from_bytes(_exactly(connection, 4), "big"))

    def _connection(self) -> socket.socket:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            code = "import sys; from tests import preloaded; preloaded.serve(int(sys.argv[1]), sys.argv[2:])"
            environment = {**os.environ, "PYTHONPATH": self._path}
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-c", code, str(theirs.fileno()), *self._modules],
                    pass_fds=[theirs.fileno()],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            self._socket = ours
            atexit.register(self._end, process)
        return self._socket

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        assert self._socket is not None
        self._socket.close()
        process.wait(30)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise ConnectionError("the process that forks has ended")
        found += part
    return found


def serve(descriptor: int, modules: Sequence[str]) -> None:
    """Import the modules, then fork for each request until the tests close the connection."""
    import importlib

    for name in modules:
        importlib.import_module(name)
    connection = socket.socket(fileno=descriptor)
    while True:
        head, streams, _, _ = socket.recv_fds(connection, 4, 3)
        if not head:
            return
        head += _exactly(connection, 4 - len(head)) if len(head) < 4 else b""
        request = json.loads(_exactly(connection, int.from_bytes(head, "big")))
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            connection.sendall(status.to_bytes(4, "big"))
            continue
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become(request, streams)
        for stream in streams:
            os.close(stream)
        connection.sendall(pid.to_bytes(4, "big"))


def _become(request: "dict[str, object]", streams: Sequence[int]) -> None:
    """Run a module as `python -m` would; does not return."""
    import random
    import runpy
    import time

    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = (_text(number, mode) for number, mode in ((0, "r"), (1, "w"), (2, "w")))
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
        os.environ.clear()
        os.environ.update(request["env"])  # type: ignore[call-overload]
        time.tzset()
        random.seed()
        cwd = str(request["cwd"])
        os.chdir(cwd)
        paths = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        kept = [part for part in sys.path if part and part not in paths]
        sys.path[:] = [cwd, *paths, *kept]
        sys.argv = [str(request["run"]), *request["arguments"]]  # type: ignore[misc]
        for name in ("tests.preloaded", "tests"):
            sys.modules.pop(name, None)
        runpy.run_module(str(request["run"]), run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else (0 if end.code is None else 1)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _flush()
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - shown as Python shows it
        import traceback

        traceback.print_exc()
    finally:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        with contextlib.suppress(Exception):
            atexit._run_exitfuncs()
        if not _flush():
            code = 120
        os._exit(code)


def _text(number: int, mode: str) -> IO[str]:
    buffered = number != 2 and not os.isatty(number)
    return open(
        number, mode, buffering=-1 if buffered else 1, encoding="utf-8",
        errors="backslashreplace" if number == 2 else None, closefd=False,
    )  # fmt: skip


def _flush() -> bool:
    done = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            done = False
    return done


def _path(*folders: str) -> str:
    return os.pathsep.join([str(Path(__file__).resolve().parent.parent), *folders, os.environ.get("PYTHONPATH", "")])


INV = Preloaded(COMMANDS, _path())
SERVICE = Preloaded(SERVICES, _path(str(Path(__file__).resolve().parent.parent / "services" / "client")))


def run(
    preloaded: Preloaded,
    module: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
) -> "subprocess.CompletedProcess[str]":
    """Run a module to its end and return its output, as subprocess.run does. Raises TimeoutExpired."""
    output, errors = os.memfd_create("stdout"), os.memfd_create("stderr")
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        process = preloaded.start(module, arguments, cwd=cwd, env=env, stdin=nothing, stdout=output, stderr=errors)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(
            [module, *arguments], code, *(os.pread(one, os.fstat(one).st_size, 0).decode() for one in (output, errors))
        )
    finally:
        for one in (output, errors, nothing):
            os.close(one)
