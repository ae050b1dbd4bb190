"""A temporary server with the project's structure, and databases on it that plan as full ones do."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from schemata import config
from schemata.ghost import inflation
from schemata.migrations import migration
from schemata.parity import expected
from schemata.postgres import libpq, queries, urls, waiting
from schemata.report import progress
from schemata.scale import scale

#: The first version in which statistics can be restored.
LEAST = 18


@dataclasses.dataclass(frozen=True)
class Server:
    """A server that is gone after the block. `url` is an empty database with the structure: do not log in to it.

    A database cannot be copied while somebody is in it.
    """

    url: str
    _numbers: "itertools.count[int]" = dataclasses.field(default_factory=itertools.count, repr=False)

    def database(self, wanted: scale.Scale, statements: Sequence[str] = ()) -> str:
        """Return the URL of a new database with the structure, changed by the statements, at the scale.

        The statements run before the tables get their size: an index that is created afterwards would read them.
        Raises InvalidScale, and libpq.QueryFailed for a statement that the server refuses.
        """
        name = f"ghost_{next(self._numbers)}"
        template = queries.identifier(urls.database_of(self.url))
        with _connect(urls.with_database(self.url, "postgres")) as connection:
            connection.query(f"CREATE DATABASE {queries.identifier(name)} TEMPLATE {template}")
        url = urls.with_database(self.url, name)
        if statements:
            with _connect(url) as connection:
                for statement in statements:
                    connection.query(statement)
        inflation.inflate(url, wanted)
        return url


@contextlib.contextmanager
def server(
    settings: config.Config,
    sources: tuple[migration.Migration, ...],
    reporter: progress.Reporter = progress.SILENT,
) -> Iterator[Server]:
    """Give a temporary server, PostgreSQL 18 or later whatever the project uses, in which the migrations ran.

    Nothing of it remains. Raises ReplayFailed where they do not run, NotAvailable where such a server is not to be had.
    """
    major = max(LEAST, int(settings.server.version.partition(".")[0] or 0))
    with expected.replayed(settings, sources, major, reporter) as (url, _):
        with _connect(url) as connection:
            # It would find the tables empty and put that into the statistics.
            connection.query("ALTER SYSTEM SET autovacuum = off")
            connection.query("SELECT pg_reload_conf()")
        yield Server(url)


@contextlib.contextmanager
def database(
    settings: config.Config,
    sources: tuple[migration.Migration, ...],
    wanted: scale.Scale,
    statements: Sequence[str] = (),
    reporter: progress.Reporter = progress.SILENT,
) -> Iterator[str]:
    """Give the URL of one database as `Server.database` makes it, on a server of its own."""
    with server(settings, sources, reporter) as running:
        yield running.database(wanted, statements)


def _connect(url: str) -> libpq.Connection:
    return waiting.connect(url, application_name="schemata ghost")
