"""Data directories of PostgreSQL: make one, tell its version, find its password, bring it to the disk."""

import contextlib
import ctypes
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemata import errors
from schemata.server.embedded import binaries, server_state
from schemata.system import os_user, processes

# The password lives with the data: it survives the loss of everything else. A prebuilt data directory has its own.
SECRET = "schemata.json"
# Included by postgresql.conf, so that ALTER SYSTEM and a user's own lines keep their usual meaning.
SETTINGS = "schemata.conf"

# In a prebuilt data directory: a new database without the making of one.
PREBUILT_DATABASE = "schemata_prebuilt"

DEFAULTS = {
    "max_connections": "100",
    "deadlock_timeout": "1s",
    "log_lock_waits": "on",
    "log_min_duration_statement": "1s",
    "log_line_prefix": "%m [%p] %q%a ",
}
# What a temporary server may lose: everything since the last checkpoint, and itself, when the machine stops.
UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True)
class Job:
    """What making a data directory needs to know: the programs and the user they run as."""

    programs: binaries.Binaries
    account: os_user.Account | None

    @property
    def uid(self) -> int:
        """Return the number of the user that the programs run as."""
        return os.geteuid() if self.account is None else self.account.uid


def environment(programs: binaries.Binaries) -> dict[str, str]:
    """Return our environment without PG* variables (PGDATA, PGPORT, PGOPTIONS …) and with English messages.

    With it the modules that the programs load, such as postgres_fdw, find the libpq of the same build.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return binaries.with_libraries(kept, programs.program("postgres")) | {"LC_ALL": "C", "TZ": "UTC"}


def initialise(directory: Path, job: Job, *, prebuilt: bool, lasting: bool = True) -> None:
    """Make a new data directory by initdb, with a password of its own.

    It is made under `directory`.making and renamed when it is complete, so a killed initdb leaves nothing
    that could be taken for a data directory; unless it need not be `lasting` it is on the disk before that. A
    With `prebuilt` it gets a database to be renamed.
    """
    if job.account is None:
        _require_a_name()
    making = directory.with_name(f"{directory.name}.making")
    secret = directory.with_name(f"{directory.name}.password")
    shutil.rmtree(making, ignore_errors=True)
    password = os.urandom(16).hex()
    try:
        making.mkdir(mode=0o700)
        os_user.give(making, job.account)
        write_private(secret, password, job.account)
        options = [
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *_locale(job.programs.major),
            "--no-sync",
        ]  # sync() is quicker
        answer = processes.run(
            [job.programs.program("initdb"), "-D", making, "-U", server_state.ROLE, f"--pwfile={secret}", *options],
            account=job.account,
            env=environment(job.programs),
            cwd="/",
        )
        if answer.code != 0:
            _refuse(answer, directory)
        write_private(making / SECRET, json.dumps({"password": password}), job.account)
        with (making / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"\n# Written at every start:\ninclude_if_exists = '{SETTINGS}'\n")
        if prebuilt:
            _run_alone(making, job, f"CREATE DATABASE {PREBUILT_DATABASE}")
        if lasting:
            sync(making)
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


def require_version(data: Path, programs: binaries.Binaries) -> None:
    """Raise NotAvailable when the data directory belongs to another major version than the programs."""
    major = major_of(data)
    if major != programs.major:
        raise errors.NotAvailable(
            f"The data in {data} was made by PostgreSQL {major}, and the server programs are {programs.version} "
            f"({programs.source}): a server reads only the data of its own major version.",
            f"Ask for PostgreSQL {major}, or delete the data and start again: `inv dev-down-clean`.",
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
    problem = _run_alone(data, job, f"ALTER ROLE {server_state.ROLE} LOGIN SUPERUSER PASSWORD '{password}'")
    if problem is not None:
        raise errors.NotAvailable(
            f"The password of role {server_state.ROLE} in {data} is not known and could not be set: {problem}",
            "Delete the data and start again: `inv dev-down-clean`.",
        )
    write_private(data / SECRET, json.dumps({"password": password}), job.account)
    return password


def _run_alone(data: Path, job: Job, statement: str) -> str | None:
    """Run one statement by a single-user server; return what went wrong, or None."""
    answer = processes.run(
        [job.programs.program("postgres"), "--single", "-D", data, "postgres"],
        account=job.account,
        env=environment(job.programs),
        cwd="/",
        text=f"{statement}\n",
    )
    # It ends with 0 even when the statement failed.
    problem = re.search(r"(?:ERROR|FATAL|PANIC):\s+(.*)", answer.complaint)
    if problem is not None:
        return problem[1]
    return None if answer.code == 0 else answer.complaint.strip()


def configure(data: Path, settings: Mapping[str, str], account: os_user.Account | None) -> None:
    """Write the settings for the next start of the server."""
    lines = ["# Written by schemata at every start; change [tool.schemata] or use ALTER SYSTEM instead."]
    for name, value in settings.items():
        if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or "\n" in value:
            raise errors.ConfigError(f"{name} = {value!r} is not a PostgreSQL setting.")
        quoted = value.replace("\\", "\\\\").replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    write_private(data / SETTINGS, "\n".join(lines) + "\n", account)


def sync(directory: Path) -> None:
    """Bring every file of a directory to the disk: it survives a power failure after that.

    By one call for the whole file system where there is such a call (Linux): a tenth of the time of a call
    for each of a thousand files, unless others have much unwritten on it.
    """
    if not _sync_file_system(directory):
        paths = [Path(parent, name) for parent, _, names in os.walk(directory) for name in [*names, ""]]
        for path in [*paths, directory.parent]:
            _with_open(path, os.fsync)


def _sync_file_system(directory: Path) -> bool:
    call = getattr(ctypes.CDLL(None), "syncfs", None)
    if call is None:
        return False
    results: list[int] = []
    _with_open(directory, lambda file: results.append(call(file)))
    return results == [0]


def sync_entries(*directories: Path) -> None:
    """Bring to the disk which files the directories hold: a rename is lasting after that."""
    for directory in directories:
        _with_open(directory, os.fsync)


def _with_open(path: Path, act: Callable[[int], None]) -> None:
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
    if os_user.of(os.geteuid(), person=True) is None:
        raise errors.NotAvailable(
            f"Your user number {os.geteuid()} has no name on this machine, and initdb refuses to work without one.",
            "Run as a user that /etc/passwd lists, or as root (the server then runs as another user).",
        )


def _refuse(answer: processes.Completed, directory: Path) -> None:
    if "No space left on device" in answer.complaint:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory.parent))
    output = [line for line in answer.complaint.splitlines() if "removing" not in line]
    raise errors.NotAvailable(
        f"initdb could not make the data directory {directory} (exit {answer.code}):\n"
        + "\n".join(f"  {line}" for line in output[-15:])
    )


def write_private(path: Path, text: str, account: os_user.Account | None) -> None:
    """Write a private file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os_user.give(new, account)
    new.replace(path)
