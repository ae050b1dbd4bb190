"""An empty database of its own to try things in: on a temporary server that is gone afterwards."""

import contextlib
import urllib.parse
from collections.abc import Iterator

from schemata import config, errors
from schemata.postgres import queries, waiting
from schemata.report import progress
from schemata.server import programs
from schemata.server.embedded import instance, server_state


@contextlib.contextmanager
def database(
    settings: config.Config,
    major: int = 0,
    reporter: progress.Reporter = progress.SILENT,
    *,
    role: str = "",
    download: bool = True,
) -> Iterator[str]:
    """Give the URL of an empty database on a temporary server of that major version, with the project's extensions.

    Without `major` it is the version of the settings. `role` is the name of the server's superuser, whom the URL logs
    in. Without `download` only programs that are on this machine will do.

    Nothing remains of the server, also after a failure. Roles and whatever else belongs to a server are its own, so
    that what is tried in it meets nothing and leaves nothing. Raises NotAvailable where the programs of that version
    are not to be had.
    """
    if major:
        settings = programs.of_version(settings, major)
    try:
        found = programs.chosen(settings, reporter, download=download)
    except errors.NotAvailable as error:
        version = major or settings.server.version
        raise errors.NotAvailable(
            f"a temporary server of PostgreSQL{f' {version}' if version else ''} is needed to try "
            f"the migrations in, and there is none: {error.message}",
            error.hint,
        ) from error
    with instance.temporary(found, database=settings.server.database or settings.name) as server:
        yield _renamed(server, role) if role not in ("", server.user) else server.url


def _renamed(server: server_state.Server, role: str) -> str:
    """Give the server's superuser, and with it all that there is, another name; return the URL with it."""
    other = "renaming" if role != "renaming" else "renaming_it"
    before, after = queries.identifier(server.user), queries.identifier(role)
    with waiting.connect(server.url, application_name="schemata parity") as connection:
        # Nobody can rename whom a session is of.
        connection.query(f"CREATE ROLE {other} SUPERUSER")
        connection.query(f"SET SESSION AUTHORIZATION {other}")
        connection.query(f"ALTER ROLE {before} RENAME TO {after}")
        connection.query("RESET SESSION AUTHORIZATION")
        connection.query(f"DROP ROLE {other}")
    login = urllib.parse.quote(role, safe="")
    return server.url.replace(f"://{server.user}:", f"://{login}:", 1)
