"""Archives of pg_dump: read to their end, and restored into a database that is there."""

import dataclasses
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from schemata.backups import contents, manifest, programs
from schemata.postgres import libpq, queries
from schemata.system import processes

_TABLE_DONE = "processing data for table"
_PAUSE = 0.05
_THERE = "42710"
# Since 17 pg_restore sets this, which an older server does not know, and ends with the first error.
_SETS_TIMEOUT, _TIMEOUT, _HEAD = 17, b"SET transaction_timeout = 0;", 4096


def read(tools: programs.Programs, archive: Path) -> str:
    """Read an archive to its end, as a restore would; return what is wrong with it, or nothing."""
    with tempfile.TemporaryDirectory(prefix="schemata-") as folder:
        log = Path(folder) / "log"
        command = [str(tools.restore), "-f", "/dev/null", str(archive)]
        return "" if _run(command, log, programs.login("")[1]) == 0 else programs.complaint(log) or "it cannot be read"


@dataclasses.dataclass(frozen=True)
class Restore:
    """How an archive is restored.

    :param whole: in one transaction, so that a failure leaves nothing; else `jobs` connections share the work.
    :param owners: keep owners and privileges.
    """

    tools: programs.Programs
    archive: Path
    backup: manifest.Manifest
    whole: bool = False
    owners: bool = False
    jobs: int = 1


def restore(order: Restore, url: str, meanwhile: Callable[[int], None] = lambda count: None) -> str:
    """Restore into a database without tables; return what went wrong, or nothing.

    A server that is older than the programs gets the archive as SQL through psql, by one connection. What the archive
    needs of extensions, foreign servers and the like is made first; of what cannot be made there, foreign keys to
    tables that are not in the archive are left out. `meanwhile` is told how many tables are done.
    """
    with contents.connected(url) as connection:
        refused = [
            *_make_extensions(connection, order.backup.extensions),
            *_make_beneath(connection, order.backup.beneath),
        ]
        server = connection.server_version // 10000
        there = {str(name) for (name,) in connection.query("SELECT nspname FROM pg_namespace")}
    shown, environment = programs.login(url)
    with tempfile.TemporaryDirectory(prefix="schemata-") as folder:
        listing = processes.run([order.tools.restore, "--list", order.archive])
        if listing.code:
            return listing.complaint.strip()
        chosen = Path(folder) / "list"
        chosen.write_text("".join(_entries(listing.output, order.backup, there)), encoding="utf-8")
        command = [str(order.tools.restore), "--verbose", f"--use-list={chosen}", str(order.archive)]
        command += [] if order.owners else ["--no-owner", "--no-acl"]
        log = Path(folder) / "log"
        if order.tools.major >= _SETS_TIMEOUT > server:
            script = Path(folder) / "script.sql"
            code = _run([*command, f"--file={script}"], log, environment, _TABLE_DONE, meanwhile)
            if code == 0:
                _leave_out(script, _TIMEOUT)
                command = [str(order.tools.directory / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
                command += ["--single-transaction", "--no-password", f"--file={script}", f"--dbname={shown}"]
                code = _run(command, log, environment)
        else:
            command += ["--single-transaction"] if order.whole else ["--exit-on-error", f"--jobs={order.jobs}"]
            command += ["--no-password", f"--dbname={shown}"]
            code = _run(command, log, environment, _TABLE_DONE, meanwhile)
        return "" if code == 0 else "\n".join([programs.complaint(log), *refused])


def _leave_out(script: Path, line: bytes) -> None:
    """Overwrite a line of the head of a script with blanks."""
    with script.open("r+b") as file:
        at = file.read(_HEAD).find(line)
        if at >= 0:
            file.seek(at)
            file.write(b" " * len(line))


def _run(
    command: Sequence[str],
    log: Path,
    environment: dict[str, str],
    mark: str = _TABLE_DONE,
    meanwhile: Callable[[int], None] = lambda count: None,
) -> int:
    with programs.running(command, log=log, env=environment) as child:
        progress = programs.Log(log, mark)
        while (code := child.code()) is None:
            meanwhile(progress.read())
            time.sleep(_PAUSE)
        return code


def _make_extensions(connection: libpq.Connection, wanted: Collection[manifest.Extension]) -> Iterator[str]:
    """Make the extensions that are not there; give what was refused, which matters only if something needs it."""
    for one in wanted:
        name, schema = queries.identifier(one.name), queries.identifier(one.schema)
        try:
            if one.schema != "pg_catalog":
                connection.query(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            connection.query(f"CREATE EXTENSION IF NOT EXISTS {name} SCHEMA {schema}")
        except libpq.QueryFailed as failure:
            yield f"The extension {one.name} could not be made: {failure.message}"


def _make_beneath(connection: libpq.Connection, wanted: Collection[manifest.Beneath]) -> Iterator[str]:
    """Make what belongs to no schema; give what was refused, as `_make_extensions` does."""
    for one in wanted:
        try:
            connection.query(one.sql)
        except libpq.QueryFailed as failure:
            if failure.sqlstate != _THERE:
                yield f"{one.name} could not be made ({one.sql}): {failure.message}"


def _entries(listing: str, backup: manifest.Manifest, there: Collection[str]) -> Iterator[str]:
    outside = [f" FK CONSTRAINT {one.schema} {one.table} {one.name} " for one in backup.outside]
    for line in listing.splitlines(keepends=True):
        schema = re.match(r"\d+; \d+ \d+ (?:COMMENT - )?SCHEMA (?:- )?(.+) \S+$", line)
        known = schema is not None and schema[1] in there
        if not known and not any(part in line for part in outside):
            yield line
