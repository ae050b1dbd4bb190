"""The PostgreSQL server of a project: start it, stop it, remove it, or have one for the time of a test.

With the server running, which is the usual case, nothing but `server_state` is loaded: all that starts, stops or
repairs is in `lifecycle`.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemata.server.embedded import server_state

if TYPE_CHECKING:
    from schemata.server.embedded import binaries


def start(
    state_dir: Path,
    *,
    database: str,
    binaries_of: "binaries.Binaries | Callable[[], binaries.Binaries]",
    settings: Mapping[str, str] | None = None,
    port: int | None = None,
    unsafe: bool = False,
    info: server_state.Info | None = None,
    prebuilt_root: Path | None = None,
    timeout: float = 60.0,
    extensions: Sequence[str] = (),
) -> server_state.Server:
    """Return a server that answers logins to `database`, starting or making it where needed.

    The programs are looked up only if it must be started. Of several callers at once one starts it and
    all return the same server. What was repaired or is noteworthy goes to `info` and the server's log.
    A failure leaves no server process of ours, and data that existed as it was.

    :param state_dir: the project's `.schemata/` directory; made if absent.
    :param settings: of PostgreSQL; they win over ours. They apply when the server is started.
    :param port: must be this one; None: the remembered one, or any.
    :param unsafe: may lose data when the machine stops; faster.
    :param prebuilt_root: where prebuilt data directories are kept; None: the user's (or root's) cache.
    :param timeout: seconds to wait for the first login.
    :param extensions: what the server must offer; a running one that does not is restarted with other programs.
    """
    own = dict(settings or {})
    running = server_state.find_running(state_dir)
    asked = (port, own, unsafe, extensions)
    if running is not None and running.database == database and _as_asked(state_dir, running, *asked):
        return running
    # Imported here: with the server running, which is the usual case, nothing of it is needed.
    from schemata.server.embedded import lifecycle

    order = lifecycle.Order(
        state_dir, database, binaries_of, own, port, unsafe, info, prebuilt_root, timeout, tuple(extensions)
    )
    return lifecycle.start(order)


def stop(state_dir: Path, *, info: server_state.Info | None = None, patience: float = 30.0) -> bool:
    """Stop the server and wait for its end; False when none ran. The data stay.

    After `patience` (seconds) it is stopped the hard way, which `info` is told.
    """
    from schemata.server.embedded import lifecycle  # see start

    return lifecycle.stop(state_dir, info, patience)


def remove(state_dir: Path, *, info: server_state.Info | None = None) -> bool:
    """Stop the server and delete its data, wherever they are; False when there was nothing to delete."""
    from schemata.server.embedded import lifecycle  # see start

    return lifecycle.remove(state_dir, info)


def status(state_dir: Path) -> server_state.Status:
    """Return the server's state. Changes nothing."""
    from schemata.server.embedded import lifecycle  # see start

    return lifecycle.status(state_dir)


@contextlib.contextmanager
def temporary(
    programs: "binaries.Binaries",
    *,
    unsafe: bool = True,
    database: str = "scratch",
    settings: Mapping[str, str] | None = None,
    prebuilt_root: Path | None = None,
    room: int = 0,
) -> Iterator[server_state.Server]:
    """Give a server of its own for the time of the block, for tests; nothing of it remains.

    Its data are in memory where there is room, for `room` bytes if more are to come. With `unsafe` a prebuilt data
    directory is copied, not used up, so such servers may share a system identifier.
    """
    from schemata.server.embedded import temporary_server  # see start

    with temporary_server.temporary(programs, unsafe, database, dict(settings or {}), prebuilt_root, room) as server:
        yield server


def _as_asked(
    state_dir: Path,
    running: server_state.Server,
    port: int | None,
    settings: dict[str, str],
    unsafe: bool,
    extensions: Sequence[str],
) -> bool:
    known = server_state.remembered(state_dir)
    if known is None or port not in (None, running.port) or not set(extensions) <= set(known.extensions):
        return False
    return (known.settings, known.unsafe) == (settings, unsafe)
