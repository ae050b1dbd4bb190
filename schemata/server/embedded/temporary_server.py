"""Servers for the time of a test: data in memory where there is room, nothing left afterwards."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from schemata.server.embedded import binaries, lifecycle, postmaster, server_state, state_directory
from schemata.system import processes

# A new data directory takes 40 MB, and Docker's /dev/shm has 64.
_ROOM_BYTES = 512 * 1024 * 1024


@contextlib.contextmanager
def temporary(
    programs: binaries.Binaries,
    unsafe: bool,
    database: str,
    settings: dict[str, str],
    store: Path | None,
    room: int = 0,
) -> Iterator[server_state.Server]:
    """Give a server that is deleted afterwards. See embedded.temporary."""
    base = Path("/dev/shm")
    if not os.access(base, os.W_OK) or shutil.disk_usage(base).free < max(_ROOM_BYTES, room):
        base = Path(tempfile.gettempdir())
    sweep(base)
    state_dir = Path(tempfile.mkdtemp(prefix=f"schemata-test-{os.getpid()}-", dir=base))
    state_dir.chmod(0o755)  # a root caller's server runs as another user, who must be able to enter
    try:
        order = lifecycle.Order(state_dir, database, programs, settings, None, unsafe, None, store, 60.0, passing=True)
        yield lifecycle.start(order)
    finally:
        _discard(state_dir)


def _discard(state_dir: Path) -> None:
    """Stop a temporary server at once and delete it."""
    data = state_directory.data_of(state_dir)
    server = None if data is None else postmaster.find(data)
    if server is not None:
        processes.kill(server.pid, signal.SIGQUIT)
        processes.wait_gone(server.pid, 10.0)
    if data is not None and data.parent != state_dir:
        shutil.rmtree(data.parent, ignore_errors=True)
    known = server_state.remembered(state_dir)
    if known is not None:
        shutil.rmtree(known.socket_directory, ignore_errors=True)
    shutil.rmtree(state_dir, ignore_errors=True)


def sweep(base: Path) -> None:
    """Delete the temporary servers of test processes that were killed."""
    for state_dir in base.glob("schemata-test-*-*"):
        with contextlib.suppress(OSError, ValueError):
            owner = int(state_dir.name.split("-")[2])
            if state_dir.stat().st_uid == os.geteuid() and processes.exited(owner):
                _discard(state_dir)
