"""What this machine has, what it lacks, what to type."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from schemata import config, errors
from schemata.history import status
from schemata.migrations import authoring
from schemata.postgres import libpq
from schemata.report import progress, results
from schemata.server import docker, programs
from schemata.server.embedded import server_state
from schemata.services import manage
from schemata.sql import extension_requests

if TYPE_CHECKING:
    from schemata.server.embedded import binaries

_LEAST_FREE = 1 << 30  # bytes; an embedded server takes about 50 MB, its WAL up to 1 GB

Row = tuple[str, str, str, str]

# What each state of an extension is called.
_OFFERED = {
    "here": "here",
    "other source": "taken from another source",
    "in SQL": "provided in SQL, without the C module",
    "download": "downloaded when it is needed",
    "nowhere": "nowhere",
}


def examine(reporter: progress.Reporter = progress.SILENT) -> results.Table:
    """Return one row a thing that Schemata needs or can use. Changes nothing; does not fail where others would."""
    rows: list[Row] = [_python(), _libpq()]
    settings: config.Config | None = None
    try:
        settings = config.load()
        rows.append(("settings", "ok", f"{settings.root / config.FILE}: {', '.join(settings.schemas)}", ""))
    except errors.Error as error:
        rows.append(("settings", "FAILED", error.message, error.hint))
    if settings is not None:
        found = settings
        rows += [_migrations(found), *_binaries(found), _server(found), _disk(found)]
        rows.append(_guarded("database", lambda: _database(found)))
        if found.services:
            rows.append(_guarded("services", lambda: _services(found)))
    rows += [
        _docker(settings),
        _program("uv", "optional: runs `uv run inv dev-up`"),
    ]
    bad = [row for row in rows if row[1] == "FAILED"]
    # A table's cell is cut to the page: what failed is told in full below it.
    notes = [f"{row[0]}: {row[2]}" for row in bad] + [f"{row[0]}: {row[3]}" for row in rows if row[3]]
    return results.Table(
        "",
        ("what", "state", "found"),
        tuple(row[:3] for row in rows),
        notes=("", *notes) if notes else (),
        ok=not bad,
        exit_code=errors.NEEDS_PERSON if bad else errors.DONE,
        facts={"remedies": {row[0]: row[3] for row in rows if row[3]}},
    )


def _guarded(what: str, examine_: Callable[[], Row]) -> Row:
    try:
        return examine_()
    except errors.Error as error:
        return (what, "FAILED", error.message, error.hint)


def _python() -> Row:
    return ("Python", "ok", f"{platform.python_version()} ({sys.executable})", "")


def _libpq() -> Row:
    if libpq.load() is not None:
        return ("libpq", "ok", "loads directly: a start with nothing to do takes about 50 ms", "")
    return (
        "libpq",
        "missing",
        "psycopg is used instead: each start takes about 0.3 s",
        "pip install 'psycopg[binary]'",
    )


def _migrations(settings: config.Config) -> Row:
    problems = authoring.parse_problems(settings)
    if problems:
        return ("migrations", "FAILED", problems[0].partition("\n")[0], problems[0].partition("\n")[2])
    return ("migrations", "ok", str(settings.migrations), "")


def _binaries(settings: config.Config) -> list[Row]:
    from schemata.server.embedded import binaries  # its imports are not cheap, and only the doctor always needs them

    major = int(settings.server.version.partition(".")[0]) if settings.server.version else None
    try:
        found = binaries.find(major, os.environ.get("SCHEMATA_PG_BIN"), settings.state_dir)
    except errors.NotAvailable as error:
        state = "FAILED" if settings.server.kind == "embedded" else "missing"
        return [("PostgreSQL", state, error.message.partition("\n")[0], error.hint)]
    row = ("PostgreSQL", "ok", f"{found.version} from {found.source} ({found.directory})", "")
    return [row, _extensions(settings, found)] if settings.server.kind == "embedded" else [row]


def _extensions(settings: config.Config, installed: "binaries.Binaries") -> Row:
    """Return which extensions the embedded server offers, of those that are asked for and those that are usual."""
    from schemata.server.embedded import extensions  # see _binaries

    asked = {request.name: request for request in programs.requests(settings)}
    standings = extensions.survey(installed, dict.fromkeys([*asked, *extension_requests.EXPECTED]), settings.state_dir)
    # A cell is cut where the terminal ends, so the names stand below the table.
    lines = []
    for state, title in _OFFERED.items():
        if names := [standing.name for standing in standings if standing.state == state]:
            lines.append(f"{title}: {', '.join(names)}")
    listed = "\n  ".join(lines)
    for standing in standings:
        if standing.state == "nowhere" and standing.name in asked:
            by = programs.place(asked[standing.name])
            ways = extensions.ways_out(standing.name, installed.major)
            hint = f"{standing.name} is needed by {by}.\n  {listed}\n{ways}"
            return ("extensions", "FAILED", f"{standing.name} is needed, and no source of programs has it", hint)
    able = sum(standing.state != "nowhere" for standing in standings)
    return ("extensions", "ok", f"{able} of {len(standings)} common or required extensions can be created", listed)


def _server(settings: config.Config) -> Row:
    if settings.server.kind == "external":
        return ("dev server", "-", "external: DATABASE_URL gives its address", "")
    if settings.server.kind == "docker":
        return ("dev server", "-", f"docker: {settings.compose.file} describes it", "")
    running = server_state.find_running(settings.state_dir)
    if running is None:
        return ("dev server", "stopped", str(settings.state_dir), "inv dev-up")
    return ("dev server", "ok", f"PostgreSQL {running.version} on port {running.port}", "")


def _database(settings: config.Config) -> Row:
    state = status.status_of(settings, drift=False)
    waiting = len(state.compared.pending)
    problems = len([finding for finding in state.compared.findings if finding.exit_code == errors.NEEDS_PERSON])
    text = f"{state.target.describe()}: {waiting} pending, {problems} problems"
    if problems:
        return ("database", "FAILED", text, "inv migrate-status")
    return ("database", "ok", text, "inv migrate" if waiting else "")


def _services(settings: config.Config) -> Row:
    if settings.server.kind == "docker":
        return ("services", "-", f"containers: docker compose --file {settings.compose.file} ps", "")
    running = manage.running(settings)
    names = [item.name for item in settings.services]
    if len(running) == len(names):
        return ("services", "ok", f"all {len(names)} are running", "")
    stopped = ", ".join(name for name in names if name not in running)
    return ("services", "stopped", f"{len(running)} of {len(names)} are running; stopped: {stopped}", "inv dev-up")


def _docker(settings: config.Config | None) -> Row:
    needed = settings is not None and settings.server.kind == "docker"
    use = 'needed: the server is "docker"' if needed else "not needed: the server is not docker"
    if not needed and shutil.which("docker") is None:
        return ("Docker", "missing", f"no program docker on PATH ({use})", "")
    try:
        return ("Docker", "ok", f"{docker.engine_version()} ({use})", "")
    except errors.NotAvailable as error:
        found = error.message.partition("\n")[0]
        return ("Docker", "FAILED", found, error.hint) if needed else ("Docker", "missing", f"{found} ({use})", "")


def _disk(settings: config.Config) -> Row:
    free = shutil.disk_usage(settings.root).free
    text = f"{free // 1048576:,} MiB free at {settings.root}"
    return ("disk", "ok", text, "") if free > _LEAST_FREE else ("disk", "FAILED", text, "Make room: 1 GiB is needed.")


def _program(name: str, use: str) -> Row:
    path = shutil.which(name)
    return (name, "ok" if path else "missing", path or use, "")
