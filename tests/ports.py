"""Ports for what a test starts: no two tests on this machine get the same one at the same time."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

# Below the system's own range, from which every outgoing connection of another test takes one, and beside the range of
# the embedded server.
_FIRST, _LAST = 11000, 19999
_TURN = Path(tempfile.gettempdir()) / f"schemata-test-ports-{os.geteuid()}"


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that no other test is given before all others were.

    Asking the system for any free port is not enough: it gives the same one to another test between the question and
    the start of the program that listens, and a test then talks to the program of the other.
    """
    with _TURN.open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        port = int(file.read() or _FIRST)
        for _ in range(_FIRST, _LAST + 1):
            port = port + 1 if port < _LAST else _FIRST
            if _is_free(port):
                break
        else:
            raise AssertionError(f"no port from {_FIRST} to {_LAST} is free")
        file.truncate(0)
        file.write(str(port))
    return port


def free_ports(count: int) -> list[int]:
    """Return that many of them."""
    return [free_port() for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
