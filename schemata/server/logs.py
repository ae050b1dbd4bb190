"""The logs of the server and of the services: printed, followed."""

import collections
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from schemata import config, errors, lazy
from schemata.server import down
from schemata.server.embedded import server_state

# Loaded when they are used: an embedded server needs no Docker, a project without services no processes.
if TYPE_CHECKING:
    from schemata.server import docker
    from schemata.services import manage
else:
    docker = lazy.Module("schemata.server.docker")
    manage = lazy.Module("schemata.services.manage")

_FOLLOW_PAUSE = 0.2  # seconds between two looks at a log


def logs(settings: config.Config, service: str = "", *, follow: bool = False, lines: int = 50) -> None:
    """Print the end of the log of a service, or of the server; with `follow` go on until Ctrl-C."""
    if lines < 0:
        raise errors.ConfigError(f"--lines {lines} is negative", "Give the number of lines to begin with.")
    if settings.server.kind == "docker":
        for text in docker.logs(settings, service, follow=follow, lines=lines):
            print(text.rstrip("\n"), flush=True)
        return
    if service:
        path = manage.log_of(settings, service)
    else:
        down.require_embedded(settings)
        path = server_state.log_of(settings.state_dir)
        if not path.exists():
            raise errors.NotAvailable(
                f"there is no log at {path}: the server was never started", "Start it: inv dev-up"
            )
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in collections.deque(file, maxlen=lines):
            print(text, end="")
        sys.stdout.flush()
        if follow:
            _follow(path, file)


def _follow(path: Path, file: TextIO) -> None:
    """Print what is written to a log from here on, also after it was cut or put aside."""
    while True:
        if text := file.read():
            print(text, end="", flush=True)
            continue
        time.sleep(_FOLLOW_PAUSE)
        with contextlib.suppress(FileNotFoundError):
            there = path.stat()
            if there.st_ino != os.fstat(file.fileno()).st_ino:
                with path.open(encoding="utf-8", errors="replace") as again:
                    return _follow(path, again)
            if there.st_size < file.tell():
                file.seek(0)
