"""`inv drift-audit`: an event trigger that notes who changes the structure, where people want one."""

import contextlib
import dataclasses
from collections.abc import Callable

from schemata import config, errors, targets
from schemata.history.drift import audit
from schemata.postgres import libpq
from schemata.report import results

_INSUFFICIENT_PRIVILEGE = "42501"
_MOST_SHOWN = 50
_COLUMNS = ("when", "role", "application", "client", "command", "object", "deploy")


class NotAllowed(errors.Error):
    """The role may not make event triggers."""

    def __init__(self, role: str, message: str) -> None:
        super().__init__(
            f"the role {role} may not install or remove the audit: {message}",
            "An event trigger belongs to a superuser. Run it once as one: inv drift-audit install --url URL; or leave "
            "it: drift is found without it, only who and when are not known.",
        )


def drift_audit(settings: config.Config, action: str = "show", *, url: str = "") -> results.Table | results.Message:
    """Install, remove or show the audit of DDL in the history's schema of a database.

    It notes role, application, client, command and object of each statement that changes the structure, and whether a
    deploy did it; it never lets a statement fail. What is older than 90 days, and all but 10,000 rows, is forgotten by
    `install` and `show`. A failure changes nothing.
    """
    actions: dict[str, Callable[[config.Config, targets.Choice, libpq.Connection], results.Table | results.Message]]
    actions = {"install": _install, "remove": _remove, "show": _show}
    if action not in actions:
        raise errors.ConfigError(f"{action!r} is nothing to do with the audit", "inv drift-audit install|remove|show")
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        try:
            return actions[action](settings, choice, connection)
        except libpq.QueryFailed as failure:
            if failure.sqlstate != _INSUFFICIENT_PRIVILEGE:
                raise
            user = targets.describe(choice, connection).user
            if action != "show":
                raise NotAllowed(user, failure.message) from failure
            name = settings.history_schema
            raise errors.Error(
                f"the role {user} may not read what the audit noted: {failure.message}",
                f"It needs USAGE on the schema {name} and SELECT on {name}.ddl_audit.",
            ) from failure


def _install(settings: config.Config, choice: targets.Choice, connection: libpq.Connection) -> results.Message:
    target = targets.describe(choice, connection)
    name = settings.history_schema
    if not audit.state(connection.query, name).history:
        raise errors.MigrationError(
            f"{target.describe()} has no history of migrations, which the audit is a part of", "inv migrate"
        )
    _write(connection, target, audit.install(name))
    connection.query(audit.prune(name))
    return results.Message(
        f"Target: {target.describe()}\nFrom now on each change of the structure is noted in {name}.ddl_audit, kept for "
        f"{audit.DAYS} days and {audit.ROWS:,} rows. Show it: inv drift-audit show",
        facts={"installed": True, "target": dataclasses.asdict(target)},
    )


def _remove(settings: config.Config, choice: targets.Choice, connection: libpq.Connection) -> results.Message:
    target = targets.describe(choice, connection)
    was = audit.state(connection.query, settings.history_schema)
    if was.table or was.triggers:
        _write(connection, target, audit.remove(settings.history_schema))
    what = "The audit was removed, with what it had noted." if was.table or was.triggers else "There is no audit."
    return results.Message(
        f"Target: {target.describe()}\n{what}", facts={"installed": False, "target": dataclasses.asdict(target)}
    )


def _write(connection: libpq.Connection, target: results.Target, sql: str) -> None:
    try:
        connection.query(sql)
    except libpq.QueryFailed as failure:
        if failure.sqlstate == _INSUFFICIENT_PRIVILEGE:
            raise NotAllowed(target.user, failure.message) from failure
        raise errors.Error(f"the audit was not changed: {failure.message}", "Nothing was changed.") from failure


def _show(settings: config.Config, choice: targets.Choice, connection: libpq.Connection) -> results.Table:
    target = targets.describe(choice, connection)
    name = settings.history_schema
    state = audit.state(connection.query, name)
    facts = {"installed": state.triggers, "target": dataclasses.asdict(target)}
    title = f"Target: {target.describe()}"
    if not state.table:
        return results.Table(
            title, _COLUMNS, (), ("There is no audit. Install it: inv drift-audit install",), facts=facts
        )
    found = audit.entries(connection.query, name, _MOST_SHOWN)
    notes = [] if found else ["Nothing was noted yet."]
    if not state.triggers:
        notes.append("Its event triggers are gone or disabled, so nothing is noted now: inv drift-audit install")
    # Not by a role that only reads, nor on a standby.
    with contextlib.suppress(libpq.QueryFailed):
        connection.query(audit.prune(name))
    rows = tuple(
        (one.at, one.role, one.application, one.client, one.command, one.identity, "yes" if one.by_deploy else "no")
        for one in found
    )
    return results.Table(title, _COLUMNS, rows, tuple(notes), facts=facts)
