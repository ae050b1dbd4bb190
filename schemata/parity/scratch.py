"""An empty database of its own to try things in: on a temporary server that is gone afterwards."""

import contextlib
from collections.abc import Iterator

from schemata import config, errors
from schemata.report import progress
from schemata.server import programs
from schemata.server.embedded import instance


@contextlib.contextmanager
def database(settings: config.Config, major: int = 0, reporter: progress.Reporter = progress.SILENT) -> Iterator[str]:
    """Give the URL of an empty database on a temporary server of that major version, with the project's extensions.

    Without `major` it is the version of the settings. Nothing remains of the server, also after a failure. Roles and
    whatever else belongs to a server are its own, so that what is tried in it meets nothing and leaves nothing.
    Raises NotAvailable where the programs of that version are not to be had.
    """
    if major:
        settings = programs.of_version(settings, major)
    try:
        found = programs.chosen(settings, reporter)
    except errors.NotAvailable as error:
        raise errors.NotAvailable(
            f"a temporary server of PostgreSQL {major or settings.server.version or 'any version'} is needed to try "
            f"the migrations in, and there is none: {error.message}",
            error.hint,
        ) from error
    with instance.temporary(found, database=settings.server.database or settings.name) as server:
        yield server.url
