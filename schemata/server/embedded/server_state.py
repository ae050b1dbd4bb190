"""What `.schemata/` remembers of the server, and whether that server answers.

Every `inv dev-up` passes through here, mostly with nothing to do: it asks the remembered server for a login and
imports nothing else.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemata.postgres import libpq, query_client

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
    # Where its programs are, and which extensions were asked for when they were chosen.
    programs: Path | None = None
    extensions: tuple[str, ...] = ()


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
            # Absent where an older version of ours wrote the file.
            programs=Path(facts["programs"]) if facts.get("programs") else None,
            extensions=tuple(facts.get("extensions", ())),
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


def _quoted(name: str) -> str:
    """Return a database's name for a URL; urllib.parse would cost more than the rest of this module."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c in "-_.~") else "".join(f"%{byte:02X}" for byte in c.encode())
        for c in name
    )
