"""Databases to try migrations in: made on a temporary server, or on one that is named, and dropped afterwards."""

import contextlib
import dataclasses
import json
import os
import secrets
from collections.abc import Iterable, Iterator

from schemata import config, errors, targets
from schemata.parity import scratch
from schemata.postgres import catalog, libpq, queries, urls, waiting
from schemata.rehearsal.trace import tracing
from schemata.report import progress

#: Of the name of each database that is made on a server which is named.
PREFIX = "schemata_rehearsal_"
_ROLES = "SELECT rolname FROM pg_roles WHERE oid >= 16384"


class SameDatabase(errors.ConfigError):
    """The database that was named for the rehearsal is the target itself."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{urls.redact(url)} is the target itself: a rehearsal locks, rewrites and drops what it works on",
            "Name another server with --url, or none: then the embedded one is used.",
        )


@dataclasses.dataclass(frozen=True)
class Server:
    """A server on which databases may be made. `url`, of `connection`, is a database that exists before and after."""

    url: str
    connection: libpq.Connection = dataclasses.field(repr=False)
    version: str
    prefix: str
    made: set[str] = dataclasses.field(default_factory=set)
    aside: set[str] = dataclasses.field(default_factory=set)

    @property
    def major(self) -> int:
        """Return the major version."""
        return int(self.version.partition(".")[0])

    def create(self, name: str, template: str = "") -> str:
        """Make a database, a copy of another of this server's, and return its URL. Nobody may be in the template."""
        full = self.prefix + name
        copied = f" TEMPLATE {queries.identifier(self.prefix + template)}" if template else ""
        self._run(f"DROP DATABASE IF EXISTS {queries.identifier(full)} WITH (FORCE)")
        self.made.add(full)
        self._run(f"CREATE DATABASE {queries.identifier(full)}{copied}")
        return urls.with_database(self.url, full)

    def drop(self, name: str) -> None:
        """Drop a database that was made, if it is there."""
        full = self.prefix + name
        self._run(f"DROP DATABASE IF EXISTS {queries.identifier(full)} WITH (FORCE)")
        self.made.discard(full)

    def drop_all(self) -> None:
        """Drop all that was made."""
        for full in sorted(self.made):
            self.drop(full.removeprefix(self.prefix))

    def roles(self) -> frozenset[str]:
        """Return the roles of the server that are not its own. They belong to all databases."""
        return frozenset(str(name) for (name,) in self.connection.query(_ROLES))

    def set_aside(self, roles: Iterable[str]) -> None:
        """Rename roles that a migration has made in one database, so that it can make them in another one."""
        for role in sorted(roles):
            other = f"{self.prefix}{secrets.token_hex(4)}"
            self._run(f"ALTER ROLE {queries.identifier(role)} RENAME TO {queries.identifier(other)}")
            self.aside.add(other)

    def drop_roles(self, roles: Iterable[str]) -> None:
        """Drop roles whose databases are gone."""
        for role in sorted(roles):
            with contextlib.suppress(errors.NotAvailable):
                self._run(f"DROP ROLE {queries.identifier(role)}")

    def _run(self, statement: str) -> None:
        try:
            self.connection.query(statement)
        except libpq.QueryFailed as failure:
            raise errors.NotAvailable(
                f"no database could be made to rehearse in: {failure.message}",
                "The role needs CREATEDB there; without --url a server of the project's own is used.",
            ) from failure


@contextlib.contextmanager
def server(
    settings: config.Config, url: str, major: int, reporter: progress.Reporter = progress.SILENT
) -> Iterator[Server]:
    """Give a server: the one at `url`, else a temporary one of that major version, of which nothing remains."""
    if url:
        choice = targets.choose(settings, url)
        with targets.named(choice), targets.connect(choice) as connection:
            version = catalog.target(connection.query)[2]
            # Another run on the same server has databases of its own.
            given = Server(choice.url, connection, version, f"{PREFIX}{os.getpid()}_{secrets.token_hex(3)}_")
            before = given.roles()
            try:
                yield given
            finally:
                given.drop_all()
                given.drop_roles(given.roles() - before if given.aside else ())
        return
    with (
        scratch.database(settings, major, reporter) as made,
        waiting.connect(made, application_name="schemata rehearsal") as connection,
    ):
        # Its workers would lock tables at their own times, and nothing here lives long enough for them.
        connection.query("ALTER SYSTEM SET autovacuum = off")
        connection.query("SELECT pg_reload_conf()")
        yield Server(made, connection, catalog.target(connection.query)[2], PREFIX)


def identity(connection: libpq.Connection) -> tuple[str, ...]:
    """Return which database a connection is to: two are the same only where all parts are.

    Copies of a data directory share the server's identifier, so the time of its start counts too.
    """
    return tuple(map(str, json.loads(str(connection.query(tracing.SQL["identity"])[0][0]))))


def refuse_same(settings: config.Config, url: str, target: tuple[str, ...]) -> None:
    """Refuse a server for the rehearsal whose database is the target."""
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        if identity(connection) == target:
            raise SameDatabase(url)
