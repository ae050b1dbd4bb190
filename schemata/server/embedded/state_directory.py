"""A project's `.schemata/` directory: its lock, its server.json, where its data lie, its log."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from schemata import errors
from schemata.server.embedded import data_directory, server_state
from schemata.system import file_lock, os_user, processes

# For a root caller whose project directory the server's user cannot enter.
_RELOCATED = Path("/var/lib/schemata")


def data_of(state_dir: Path) -> Path | None:
    """Return the data directory of this home, if it has one."""
    for location in (state_dir / "data", relocated(state_dir) / "data"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if location.lstat() and (not os.access(location, os.R_OK) or any(True for _ in os.scandir(location))):
                return location
    return None


def old_log_of(state_dir: Path) -> Path:
    """Return where the log goes when it has grown too long."""
    return server_state.log_of(state_dir).with_suffix(".log.1")


def relocated(state_dir: Path) -> Path:
    """Return the folder that stands in for a home which the server's account cannot use."""
    return _RELOCATED / hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:16]


def data_location(state_dir: Path, account: os_user.Account | None) -> Path:
    """Return where a new data directory goes: home, or below /var/lib where the account cannot use home."""
    if account is None:
        return state_dir
    trial = state_dir / "trial"
    try:
        trial.mkdir(exist_ok=True)
        os_user.give(trial, account)  # file systems shared with another machine may refuse, or only pretend
        if trial.stat().st_uid == account.uid and processes.may_enter(trial, account):
            return state_dir
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
            raise
    finally:
        with contextlib.suppress(OSError):
            trial.rmdir()
    location = relocated(state_dir)
    location.mkdir(mode=0o755, parents=True, exist_ok=True)
    (location / "project").write_text(f"{state_dir}\n", "utf-8")
    return location


def save(state_dir: Path, facts: server_state.Remembered) -> None:
    """Write server.json, readable by its owner only, whole or not at all."""
    known = {
        "home": os.path.realpath(state_dir),
        "port": facts.port,
        "password": facts.password,
        "database": facts.database,
        "data": str(facts.data),
        "socket_directory": str(facts.socket_directory),
        "version": facts.version,
        "settings": facts.settings,
        "unsafe": facts.unsafe,
        "programs": None if facts.programs is None else str(facts.programs),
        "extensions": list(facts.extensions),
    }
    path = server_state.state_of(state_dir)
    data_directory.write_private(path, json.dumps(known, indent=1), _person(state_dir))


def _person(state_dir: Path) -> os_user.Account | None:
    """Return whom a root caller's files in home are for: anyone else who works in this project, if somebody does."""
    account = os_user.choose(state_dir.parent)
    return account if account is not None and account.person else None


@contextlib.contextmanager
def sole(state_dir: Path, timeout: float, *, make: bool) -> Iterator[None]:
    """Hold the home's lock for the block. It goes with the process that holds it, however that ends."""
    if make:
        state_dir.mkdir(parents=True, exist_ok=True)
        if not (state_dir / ".gitignore").exists():
            (state_dir / ".gitignore").write_text("*\n", "utf-8")
    patience = timeout + 30.0
    with (state_dir / "server.lock").open("a") as lock:
        if not file_lock.acquire(lock, patience):
            raise errors.Busy(
                f"Another process has been starting or stopping the server of {state_dir} for {patience:g} s.",
                "Run the command again, or end that process.",
            )
        if make and os.geteuid() == 0:
            person = _person(state_dir)
            server_state.log_of(state_dir).touch(mode=0o640)
            for path in (
                state_dir,
                state_dir / ".gitignore",
                state_dir / "server.lock",
                server_state.log_of(state_dir),
            ):
                os_user.give(path, person)
        yield


@contextlib.contextmanager
def plainly(state_dir: Path) -> Iterator[None]:
    """Say what is the matter with a disk or a permission, in words."""
    try:
        yield
    except OSError as error:
        name = error.filename2 or error.filename  # of a copy the second is the one that could not be written
        path = state_dir if name is None else Path(os.fsdecode(name))
        there = next((p for p in (path, *path.parents) if os.path.lexists(p)), state_dir)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(there).free
            raise errors.NotAvailable(
                f"The disk is too full for the server's files: {free} bytes are free at {there}.",
                "Make room there (a new server takes about 100 MB), then run the command again.",
            ) from error
        if error.errno == errno.EROFS:
            raise errors.NotAvailable(
                f"{path} is on a read-only file system, so no server can be started there.",
                "Make it writable, or use another server: set DATABASE_URL.",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise errors.NotAvailable(
                f"You ({os_user.name_of(os.geteuid())}) have no permission for {path}, which the server needs.",
                f"Run the command as its owner, or give it to you: `sudo chown -R $(id -u) {state_dir}`.",
            ) from error
        raise


def teller(state_dir: Path, info: server_state.Info | None) -> server_state.Info:
    """Return what tells a text to the server's log, and to `say` if there is one."""

    def tell(text: str) -> None:
        note(server_state.log_of(state_dir), text)
        if info is not None:
            info(text)

    return tell


def note(log: Path, text: str) -> None:
    """Add a line with the time to a log; one that cannot be written is left as it is."""
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())} schemata: {text}\n")
