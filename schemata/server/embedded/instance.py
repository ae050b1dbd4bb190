"""A PostgreSQL server of the project's own, below its `.schemata/` directory.

This module is what every `inv dev-up` passes through, mostly with nothing to do: it asks the remembered
server for a login and imports nothing else. All that starts, stops or repairs is in `launching`.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from schemata.postgres import libpq, query_client

if TYPE_CHECKING:
    from schemata.server.embedded import binaries

Was = Literal["running", "stopped", "new"]
Info = Callable[[str], None]

# The superuser that every server of ours has.
ROLE = "schemata"

_STATE = "server.json"
# A local server answers in milliseconds, or, when the machine is overloaded, late: in seconds.
_PROBE_SECONDS = 3.0


@dataclass(frozen=True)
class Server:
    """A running server.

    :param was: what it was when we came.
    :param started_in: seconds from the call to the first login.
    """

    url: str
    host: str
    port: int
    user: str
    password: str
    database: str
    data: Path
    log: Path
    socket_directory: Path
    version: str
    started_in: float
    was: Was


@dataclass(frozen=True)
class Remembered:
    """What server.json says of the server: enough to log in, or to start it again as it was."""

    port: int
    password: str
    database: str
    data: Path
    socket_directory: Path
    version: str
    settings: dict[str, str]
    unsafe: bool


@dataclass(frozen=True)
class Status:
    """The server as it is now; `server` is None when none answers.

    :param size: bytes of the data directory; None when there is none, or it cannot be read.
    """

    server: Server | None
    data: Path | None
    version: str | None
    size: int | None

    @property
    def ok(self) -> bool:
        """Tell whether the server answers."""
        return self.server is not None


def find_running(state_dir: Path) -> Server | None:
    """Return the remembered server if it answers a login to the remembered database. Changes nothing."""
    known = remembered(state_dir)
    if known is None:
        return None
    began = time.monotonic()
    try:
        connection = connect(known.port, known.password, known.database, timeout=_PROBE_SECONDS)
    except libpq.ConnectFailed:
        return None
    connection.close()
    return describe(state_dir, known, began, "running")


def start(
    state_dir: Path,
    *,
    database: str,
    binaries_of: "binaries.Binaries | Callable[[], binaries.Binaries]",
    settings: Mapping[str, str] | None = None,
    port: int | None = None,
    unsafe: bool = False,
    info: Info | None = None,
    prebuilt_root: Path | None = None,
    timeout: float = 60.0,
) -> Server:
    """Return a server that answers logins to `database`, starting or making it where needed.

    The programs are looked up only if it must be started. Of several callers at once one starts it and
    all return the same server. What was repaired or is noteworthy goes to `say` and the server's log.
    A failure leaves no server process of ours, and data that existed as it was.

    :param home: the project's `.schemata/` directory; made if absent.
    :param settings: of PostgreSQL; they win over ours. They apply when the server is started.
    :param port: must be this one; None: the remembered one, or any.
    :param unsafe: may lose data when the machine stops; faster.
    :param spares: where spare data directories are kept; None: the user's (or root's) cache.
    :param timeout: seconds to wait for the first login.
    """
    own = dict(settings or {})
    running = find_running(state_dir)
    if running is not None and running.database == database and _as_asked(state_dir, running, port, own, unsafe):
        return running
    # Imported here: with the server running, which is the usual case, nothing of it is needed.
    from schemata.server.embedded import lifecycle

    order = lifecycle.Order(state_dir, database, binaries_of, own, port, unsafe, info, prebuilt_root, timeout)
    return lifecycle.start(order)


def stop(state_dir: Path, *, info: Info | None = None, patience: float = 30.0) -> bool:
    """Stop the server and wait for its end; False when none ran. The data stay.

    After `patience` (seconds) it is stopped the hard way, which `say` is told.
    """
    from schemata.server.embedded import lifecycle  # see start

    return lifecycle.stop(state_dir, info, patience)


def remove(state_dir: Path, *, info: Info | None = None) -> bool:
    """Stop the server and delete its data, wherever they are; False when there was nothing to delete."""
    from schemata.server.embedded import lifecycle  # see start

    return lifecycle.remove(state_dir, info)


def status(state_dir: Path) -> Status:
    """Return the server's state. Changes nothing."""
    from schemata.server.embedded import lifecycle  # see start

    return lifecycle.status(state_dir)


@contextlib.contextmanager
def temporary(
    found: "binaries.Binaries",
    *,
    unsafe: bool = True,
    database: str = "scratch",
    settings: Mapping[str, str] | None = None,
    prebuilt_root: Path | None = None,
) -> Iterator[Server]:
    """Give a server of its own for the time of the block, for tests; nothing of it remains.

    Its data are in memory where there is room. With `unsafe` a spare is copied rather than used up, so such
    servers may share a system identifier.
    """
    from schemata.server.embedded import temporary_server  # see start

    with temporary_server.temporary(found, unsafe, database, dict(settings or {}), prebuilt_root) as server:
        yield server


def connect(port: int, password: str, database: str, *, timeout: float) -> libpq.Connection:
    """Log in over TCP as the superuser, whatever the caller's PG* variables say."""
    name = database.replace("\\", "\\\\").replace("'", "\\'")
    return query_client.connect(
        f"host=127.0.0.1 hostaddr=127.0.0.1 port={port} user={ROLE} password={password} dbname='{name}' "
        "options='' sslmode=disable gssencmode=disable channel_binding=prefer target_session_attrs=any",
        timeout=timeout,
        application_name="schemata",
    )


def remembered(state_dir: Path) -> Remembered | None:
    """Return what server.json says, or None when it is absent, unreadable or damaged."""
    try:
        facts = json.loads((state_dir / _STATE).read_text("utf-8"))
        if facts["home"] != os.path.realpath(state_dir):
            return None  # the project was copied or moved: this is, or was, another one's server
        return Remembered(
            port=int(facts["port"]),
            password=str(facts["password"]),
            database=str(facts["database"]),
            data=Path(facts["data"]),
            socket_directory=Path(facts["socket_directory"]),
            version=str(facts["version"]),
            settings=dict(facts["settings"]),
            unsafe=bool(facts["unsafe"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def describe(state_dir: Path, known: Remembered, began: float, was: Was) -> Server:
    """Return the server of these facts; `began` is a time.monotonic()."""
    host = "127.0.0.1"
    return Server(
        url=f"postgresql://{ROLE}:{known.password}@{host}:{known.port}/{_quoted(known.database)}",
        host=host,
        port=known.port,
        user=ROLE,
        password=known.password,
        database=known.database,
        data=known.data,
        log=log_of(state_dir),
        socket_directory=known.socket_directory,
        version=known.version,
        started_in=time.monotonic() - began,
        was=was,
    )


def log_of(state_dir: Path) -> Path:
    """Return where the server's log is."""
    return state_dir / "server.log"


def state_of(state_dir: Path) -> Path:
    """Return the file in which the server is remembered."""
    return state_dir / _STATE


def _as_asked(state_dir: Path, running: Server, port: int | None, settings: dict[str, str], unsafe: bool) -> bool:
    known = remembered(state_dir)
    return known is not None and port in (None, running.port) and (known.settings, known.unsafe) == (settings, unsafe)


def _quoted(name: str) -> str:
    """Return a database's name for a URL; urllib.parse would cost more than the rest of this module."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c in "-_.~") else "".join(f"%{byte:02X}" for byte in c.encode())
        for c in name
    )
