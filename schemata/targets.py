"""Which database a command works on, and whether it may be destructive there."""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from schemata import config, errors, lazy
from schemata.config import declared, values
from schemata.postgres import catalog, libpq, urls, waiting
from schemata.report import progress, results
from schemata.server.embedded import server_state

# Loaded when it is used: only a Compose project needs it.
if TYPE_CHECKING:
    from schemata.server.compose import project
else:
    project = lazy.Module("schemata.server.compose.project")

#: Tries of a command that has just closed a connection of its own.
AGAIN = waiting.AGAIN

_LOCAL = ("", "localhost", "127.0.0.1", "::1")


@dataclasses.dataclass(frozen=True)
class Choice:
    """A database by its URL, what chose it, and the variable of the environment that would hold the URL."""

    url: str
    chosen_by: str
    notes: tuple[str, ...] = ()
    is_dev: bool = False
    variable: str = "DATABASE_URL"


def on(
    settings: config.Config,
    kind: str,
    reporter: progress.Reporter,
    environ: Mapping[str, str] = os.environ,
) -> config.Config:
    """Return the settings with the server that the flag names, if it names one; say which server it is and why."""
    by = "SCHEMATA_SERVER_KIND" if environ.get("SCHEMATA_SERVER_KIND") else "settings"
    if kind:
        chosen = config.values.one_of("embedded", "docker", "external")(kind, "--server")
        # The flag is this command's alone: the next one would look elsewhere.
        by = "--server"
        if chosen != settings.server.kind:
            by += f"; to choose it for every command: export SCHEMATA_SERVER_KIND={chosen}"
        settings = dataclasses.replace(settings, server=dataclasses.replace(settings.server, kind=chosen))
    reporter.info(f"Server: {settings.server.kind} ({by})")
    return settings


def choose(settings: config.Config, url: str = "", environ: Mapping[str, str] = os.environ) -> Choice:
    """Return the database: --url, else the project's running dev server, else DATABASE_URL.

    With [tool.schemata.server] kind = "external" the dev server is left out; with "docker" the database of the
    Compose project is the one, whatever DATABASE_URL says.
    """
    if url:
        return _choice(url, "--url")
    if settings.server.kind == "docker":
        return Choice(project.url(settings), "docker", is_dev=True)
    if settings.server.kind == "embedded":
        running = server_state.find_running(settings.state_dir)
        if running is not None:
            return Choice(running.url, "dev server", is_dev=True)
    if environ.get("DATABASE_URL"):
        return _choice(environ["DATABASE_URL"], "DATABASE_URL")
    if settings.server.kind == "embedded":
        raise errors.NotAvailable(
            "the dev server is not running, and neither --url nor DATABASE_URL names another database",
            "Start it: inv dev-up",
        )
    raise errors.ConfigError(
        'the server is "external", but neither --url nor DATABASE_URL gives its address',
        "export DATABASE_URL=postgresql://user:password@host:5432/database",
    )


def check_name(settings: config.Config, name: str) -> None:
    """Refuse the name of a target that the settings do not have; `dev` is the development server."""
    known = [target.name for target in settings.targets]
    if name not in known and (name != declared.DEV or settings.server.kind == "external"):
        words = [*known, declared.DEV]
        raise errors.ConfigError(
            f"there is no target {name}",
            f'{values.suggest(name, words)} A target is [tool.schemata.targets.NAME] with url_env = "…".',
        )


def by_name(settings: config.Config, name: str, environ: Mapping[str, str] = os.environ) -> Choice:
    """Return a target by its name in the settings; its URL is in the environment variable that they name."""
    check_name(settings, name)
    for target in settings.targets:
        if target.name == name:
            if not environ.get(target.url_env):
                raise errors.NotAvailable(
                    f"the target {name} cannot be asked: {target.url_env}, which is to hold its URL, is not set",
                    f"export {target.url_env}=postgresql://user:password@host:5432/database",
                )
            chosen = _choice(environ[target.url_env], f"target {name}{target.title and ', '}{target.title}")
            return dataclasses.replace(chosen, variable=target.url_env)
    return choose(settings, environ={})


def _choice(url: str, chosen_by: str) -> Choice:
    scheme, mark, _ = url.partition("://")
    known = scheme.partition("+")[0] in ("postgresql", "postgres") if mark else "=" in url
    if not known:
        raise errors.ConfigError(
            f"{urls.redact(url)!r} ({chosen_by}) is not a PostgreSQL URL",
            "Write postgresql://user:password@host:5432/database (or host=... dbname=...).",
        )
    clean, notes = urls.normalise(url)
    return Choice(clean, chosen_by, tuple(notes))


def describe(choice: Choice, connection: libpq.Connection) -> results.Target:
    """Return the target as it is printed, asked from the server itself."""
    database, user, version = catalog.target(connection.query)
    return results.Target(urls.redact(choice.url), choice.chosen_by, database, user, version)


class NoAnswer(errors.NotAvailable):
    """The server let us in, but did not answer a question."""

    def __init__(self, choice: Choice, failure: Exception) -> None:
        super().__init__(
            f"{urls.redact(choice.url)} did not answer: {str(failure).strip()}",
            "Run again; if it lasts, read the server's log.",
        )


@contextlib.contextmanager
def named(choice: Choice) -> Iterator[None]:
    """Let an error of the block name the database, and the flag without which what to type is about another one."""
    try:
        yield
    except errors.Error as error:
        error.hint = error.hint.replace("DATABASE_URL", choice.variable)
        if not error.target:
            error.target = f"{urls.redact(choice.url)} ({choice.chosen_by})"
            if choice.chosen_by == "--url" and "inv " in f"{error.message} {error.hint}":
                error.target += "; give the commands above the same --url"
        raise


@contextlib.contextmanager
def connect(choice: Choice, *, tries: int = 1) -> Iterator[libpq.Connection]:
    """Log in for questions; read-only commands try once, a standby is good enough for them. For `tries` see login."""
    with answered(choice), login(choice, tries=tries) as connection:
        yield connection


def login(choice: Choice, *, tries: int = 1, through_psycopg: bool = False) -> libpq.Connection:
    """Log in; the caller closes the connection. Raises waiting.ServerNotReady.

    With `tries` a server without a free connection is asked again, in a moment: one that was just closed here may
    still count there.
    """
    return waiting.until_free(
        lambda: waiting.connect(
            choice.url, application_name="schemata", accept_standby=True, through_psycopg=through_psycopg
        ),
        lambda error: isinstance(error, waiting.ServerNotReady) and error.reason.crowded,
        tries,
    )


@contextlib.contextmanager
def answered(choice: Choice) -> Iterator[None]:
    """Raise NoAnswer for a question in the block that the server did not answer."""
    try:
        yield
    except (libpq.ConnectionLost, libpq.QueryFailed) as failure:
        raise NoAnswer(choice, failure) from failure


class ProtectedTarget(errors.Error):
    """A command that destroys was not told, by the name of its database, that this one is meant."""


def guard(
    choice: Choice,
    target: results.Target,
    connection: libpq.Connection,
    *,
    yes: bool,
    confirm: str,
    does: str = "destroys data",
) -> bool:
    """Refuse a destructive command on a database whose name was not typed, where no person is there to be asked.

    The dev server is free, and only a name that is given has to be its database's. Any other database is meant only
    by its name, as `confirm`, or by a person at a terminal; where it looks like production by the name in any case.
    Returns whether the person is still to be asked, which `yes` answers. `does` says what the command is about to
    do. Scripts and coding agents come through here.
    """
    name = target.database
    if confirm == name:
        return False
    if confirm:
        raise ProtectedTarget(
            f"--confirm {confirm} is not the database of {target.describe()}", "Nothing was done. Give the right --url."
        )
    if choice.is_dev:
        return not yes
    if looks_like_production(connection, name):
        host = "" if connection.is_socket else str(connection.host)
        raise ProtectedTarget(
            f"{target.describe()} looks like production (host {host or 'local socket'}, database {name}), "
            f"and this command {does}",
            f"If you mean it, give its name: --confirm {name}",
        )
    if not sys.stdin.isatty():
        raise ProtectedTarget(
            f"{target.describe()} is not this project's dev server, this command {does}, and there is no terminal to "
            "ask a person on",
            f"If you mean it, give its name: --confirm {name}",
        )
    return not yes


def looks_like_production(connection: libpq.Connection, database: str) -> bool:
    """Tell whether a database looks like one that people depend on: on another machine, or by its name."""
    host = "" if connection.is_socket else str(connection.host)
    return host not in _LOCAL or any(part in f"{host} {database}".lower() for part in ("prod", "live", "primary"))


def ask(text: str, question: str, otherwise: str) -> None:
    """Show what would be destroyed and ask; end with Interrupted unless the answer is yes.

    Where nobody can be asked, `otherwise` says what to type.
    """
    if not sys.stdin.isatty():
        raise errors.ConfigError(f"this needs a confirmation, and there is no terminal to ask on:\n{text}", otherwise)
    print(text, file=sys.stderr)
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise errors.Interrupted("Nothing was changed.", exit_code=errors.NEEDS_PERSON)
