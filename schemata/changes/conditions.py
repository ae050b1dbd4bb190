"""What must hold before a contract: everything is filled in now, and nobody is left who needs what goes away."""

from collections.abc import Sequence

from schemata import errors
from schemata.changes import named
from schemata.changes.backfill import update
from schemata.history.held import old_sessions
from schemata.postgres import queries

_SHOWN = 5


class NotVerified(errors.MigrationError):
    """The query that counts what is not done found something."""

    def __init__(self, change: str, count: str, path: str, verify: str) -> None:
        super().__init__(
            f"the change {change} is not done: `-- verify:` of {path} finds {count}, not 0\n  {verify}",
            "Nothing was changed. Look at these rows; what fills them is the backfill: inv change-backfill "
            f"{change}. If it is recorded as complete, the trigger of the expand does not keep the two in step.",
        )
        self.count = count


class OldVersionConnected(errors.Busy):
    """Sessions of the version before the change are there, which the contract would break."""

    def __init__(self, change: str, breaking: Sequence[str], sessions: Sequence[old_sessions.Session]) -> None:
        lines = [f"  {one.describe()}" for one in sessions[:_SHOWN]]
        if len(sessions) > _SHOWN:
            lines.append(f"  and {len(sessions) - _SHOWN} more")
        count = "1 session" if len(sessions) == 1 else f"{len(sessions)} sessions"
        super().__init__(
            f"{count} of a version from before the change {change} {'is' if len(sessions) == 1 else 'are'} connected, "
            "and its contract breaks them: " + "; ".join(breaking) + "\n" + "\n".join(lines),
            "Nothing was changed. Stop that version, then run again; with --drain 60s its replicas are told that they "
            "are not ready, and the sessions are waited for.",
        )
        self.sessions = tuple(sessions)


def verify(ask: queries.Ask, standing: named.Standing) -> None:
    """Run each `-- verify:` of a change whose contract is to come. Raises NotVerified where one does not answer 0."""
    if not standing.left("contract"):
        return  # its names are gone
    for item in standing.change.files:
        text = item.directives.verify
        if not text and item.directives.phase == "backfill":
            text = update.parse(item).selected("count(*)")
        if not text:
            continue
        try:
            found = ask(text)
        except Exception as failure:
            # Both drivers' refusals carry an SQLSTATE.
            if not getattr(failure, "sqlstate", ""):
                raise
            raise errors.MigrationError(
                f"`-- verify:` of {item.path} cannot be run: {getattr(failure, 'message', failure)}",
                "Nothing was changed. Correct the query; a file that is applied already is edited in its leading "
                f"comment only, then: inv migrate-baseline --through {item.id}",
            ) from failure
        value = str(found[0][0]) if len(found) == 1 and len(found[0]) == 1 else f"{len(found)} rows"
        if value != "0":
            raise NotVerified(standing.change.id, value, item.path, text)


def expect_no_old(
    ask: queries.Ask, standing: named.Standing, applications: Sequence[str], roles: Sequence[str]
) -> None:
    """Refuse while a session of the old version is connected that the contract would break."""
    if not standing.is_breaking:
        return
    found = old_sessions.old(ask, standing.change.since, applications, roles)
    if found:
        breaking = [item.directives.breaking for item in standing.left("contract") if item.directives.breaking]
        raise OldVersionConnected(standing.change.id, breaking, found)
