"""Sessions of an old version of the application: by the revision in their name, or by what the project says of them."""

import dataclasses
import fnmatch
from collections.abc import Sequence

from schemata.history.held import rows
from schemata.migrations import revision as revisions
from schemata.postgres import queries


@dataclasses.dataclass(frozen=True)
class Session:
    """A connection to the database, as the server shows it."""

    pid: int
    role: str
    application: str
    host: str
    state: str
    since: str

    def describe(self) -> str:
        """Return who it is, for a person."""
        where = f" from {self.host}" if self.host else ""
        name = self.application or "a session without a name"
        return f"{name} (pid {self.pid}, role {self.role}{where}, {self.state or 'unknown state'}, since {self.since})"


def old(
    ask: queries.Ask, since: str, applications: Sequence[str] = (), roles: Sequence[str] = ()
) -> tuple[Session, ...]:
    """Return the sessions that are of a build before a moment, written YYYYMMDDHHMMSS.

    A build tells its own moment at the end of the application_name (`financial-svc@20250902090000`). Where it tells
    none, `applications` (patterns such as `billing*`) and `roles` name the old ones.
    """
    found = (
        Session(int(str(row[0])), *(str(value or "") for value in row[1:])) for row in ask(rows.fill("sessions", ""))
    )
    return tuple(one for one in found if is_old(one, since, applications, roles))


def is_old(session: Session, since: str, applications: Sequence[str] = (), roles: Sequence[str] = ()) -> bool:
    """Tell whether a session is of a build before a moment."""
    _, moment = revisions.of_application(session.application)
    if moment:
        return moment < since
    return session.role in roles or any(fnmatch.fnmatchcase(session.application, name) for name in applications)
