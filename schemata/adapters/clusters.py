"""Data directories of PostgreSQL: make one, tell its version, find its password, bring it to the disk."""

import contextlib
import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemata import errors
from schemata.adapters import accounts, binaries, embedded, processes

# The password lives with the data: it survives the loss of everything else, and a spare carries its own.
SECRET = "schemata.json"
# Included by postgresql.conf, so that ALTER SYSTEM and a user's own lines keep their usual meaning.
SETTINGS = "schemata.conf"

DEFAULTS = {
    "max_connections": "100",
    "deadlock_timeout": "1s",
    "log_lock_waits": "on",
    "log_min_duration_statement": "1s",
    "log_line_prefix": "%m [%p] %q%a ",
}
# What a throw-away server may lose: everything since the last checkpoint, and itself, when the machine stops.
UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True)
class Job:
    """What making a data directory needs to know: the programs and the user they run as."""

    found: binaries.Binaries
    account: accounts.Account | None

    @property
    def uid(self) -> int:
        return os.geteuid() if self.account is None else self.account.uid


def environment() -> dict[str, str]:
    """Return our environment without PG* variables (PGDATA, PGPORT, PGOPTIONS …) and with English messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def initialise(directory: Path, job: Job, *, sync: bool) -> None:
    """Make a new data directory by initdb, with a password of its own.

    It is made under `directory`.making and renamed when it is complete, so a killed initdb leaves nothing
    that could be taken for a data directory. Without `sync` the caller brings it to the disk (see Syncing).
    """
    if job.account is None:
        _require_a_name()
    making = directory.with_name(f"{directory.name}.making")
    secret = directory.with_name(f"{directory.name}.password")
    shutil.rmtree(making, ignore_errors=True)
    password = os.urandom(16).hex()
    try:
        making.mkdir(mode=0o700, parents=True)
        accounts.give(making, job.account)
        write_private(secret, password, job.account)
        options = [
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *_locale(job.found.major),
            *([] if sync else ["--no-sync"]),
        ]
        answer = processes.run(
            [job.found.program("initdb"), "-D", making, "-U", embedded.ROLE, f"--pwfile={secret}", *options],
            account=job.account,
            env=environment(),
            cwd="/",
        )
        if answer.code != 0:
            _refuse(answer, directory)
        write_private(making / SECRET, json.dumps({"password": password}), job.account)
        with (making / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\n# Written at every start:\ninclude_if_exists = '{SETTINGS}'\n")
        making.rename(directory)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    finally:
        secret.unlink(missing_ok=True)


def major_of(data: Path) -> int:
    """Return the major version of a data directory; raises NotAvailable when it is none."""
    try:
        return int((data / "PG_VERSION").read_text("ascii"))
    except (FileNotFoundError, ValueError):
        raise errors.NotAvailable(
            f"{data} is not a PostgreSQL data directory (it has no valid PG_VERSION), so no server can run on it.",
            "Move it away, or delete it: `inv dev-down-clean`.",
        ) from None


def require_version(data: Path, found: binaries.Binaries) -> None:
    """Raise NotAvailable when the data directory belongs to another major version than the programs."""
    major = major_of(data)
    if major != found.major:
        raise errors.NotAvailable(
            f"The data in {data} was made by PostgreSQL {major}, and the server programs are {found.version} "
            f"({found.source}): a server reads only the data of its own major version.",
            f"Ask for PostgreSQL {major}, or delete the data and start anew: `inv dev-down-clean`.",
        )


def password_of(data: Path) -> str | None:
    """Return the password that the data directory was made with, if it is still noted there."""
    try:
        return str(json.loads((data / SECRET).read_text("utf-8"))["password"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def reset_password(data: Path, job: Job) -> str:
    """Give the superuser a new password, without a running server, and note it. Returns it."""
    password = os.urandom(16).hex()
    answer = processes.run(
        [job.found.program("postgres"), "--single", "-D", data, "postgres"],
        account=job.account,
        env=environment(),
        cwd="/",
        text=f"ALTER ROLE {embedded.ROLE} LOGIN SUPERUSER PASSWORD '{password}'\n",
    )
    # Single-user mode ends with 0 even when the statement failed.
    problem = re.search(r"(ERROR|FATAL|PANIC):\s+(.*)", answer.complaint)
    if answer.code != 0 or problem is not None:
        raise errors.NotAvailable(
            f"The password of role {embedded.ROLE} in {data} is not known and could not be set: "
            f"{problem[2] if problem else answer.complaint.strip()}",
            "Delete the data and start anew: `inv dev-down-clean`.",
        )
    write_private(data / SECRET, json.dumps({"password": password}), job.account)
    return password


def configure(data: Path, settings: Mapping[str, str], account: accounts.Account | None) -> None:
    """Write the settings for the next start of the server."""
    lines = ["# Written by schemata at every start; change [tool.schemata] or use ALTER SYSTEM instead."]
    for name, value in settings.items():
        if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or "\n" in value:
            raise errors.ConfigError(f"{name} = {value!r} is not a PostgreSQL setting.")
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    write_private(data / SETTINGS, "\n".join(lines) + "\n", account)


class Syncing:
    """Bring a data directory to the disk while the server on it already starts.

    initdb's own sync, or the copy of a spare, would make the caller wait for the same work. finish() waits
    for the rest: when it returns, the data survives a power failure.
    """

    def __init__(self, data: Path) -> None:
        self._error: OSError | None = None
        self._data = data
        self._thread = threading.Thread(target=self._sync, name="sync", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _sync(self) -> None:
        try:
            sync(self._data)
        except OSError as error:
            self._error = error


def sync(directory: Path) -> None:
    """Bring every file of a directory to the disk; files that vanish meanwhile are somebody else's."""
    paths = [Path(parent, name) for parent, _, names in os.walk(directory) for name in [*names, ""]]
    if hasattr(os, "posix_fadvise"):  # starts the writing of all before the first wait, as initdb does
        for path in paths:
            _with_open(path, lambda file: os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED))
    for path in [*paths, directory.parent]:
        _with_open(path, os.fsync)


def _with_open(path: Path, act: "object") -> None:
    assert callable(act)
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            return
        raise
    try:
        act(file)
    finally:
        os.close(file)


def _locale(major: int) -> list[str]:
    """Return the locale options: the same order of strings on every machine, with Unicode letters."""
    if major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    if os.uname().sysname == "Darwin":  # has no C.UTF-8
        return ["--locale=C", "--lc-ctype=UTF-8"]
    return ["--locale=C.UTF-8", "--lc-messages=C"]


def _require_a_name() -> None:
    if accounts.of(os.geteuid(), person=True) is None:
        raise errors.NotAvailable(
            f"Your user number {os.geteuid()} has no name on this machine, and initdb refuses to work without one.",
            "Run as a user that /etc/passwd lists, or as root (the server then runs as another user).",
        )


def _refuse(answer: processes.Completed, directory: Path) -> None:
    if "No space left on device" in answer.complaint:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory.parent))
    said = [line for line in answer.complaint.splitlines() if "removing" not in line]
    raise errors.NotAvailable(
        f"initdb could not make the data directory {directory} (exit {answer.code}):\n"
        + "\n".join(f"  {line}" for line in said[-15:])
    )


def write_private(path: Path, text: str, account: accounts.Account | None) -> None:
    """Write a private file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    accounts.give(new, account)
    new.replace(path)
