"""Run a history in a database that is there to be tried in, and see in which mode each of its files runs."""

import dataclasses
import re
from collections.abc import Collection, Sequence

from schemata import config, errors
from schemata.adoption.execution import classification
from schemata.deploy import migrate, transactional
from schemata.migrations import migration, precheck
from schemata.parity import expected, scratch
from schemata.remedies import naming
from schemata.report import progress

#: What the server says of a statement that wants no transaction around it, or one of its own.
_WANTS_ANOTHER_MODE = {
    "25001": "the server runs it outside a transaction only",
    "2D000": "it commits by itself",
    "55P04": "it uses a value of an enum that it adds",
    "55006": "it changes a table of which the same transaction has changed rows",
}
_PENDING_EVENTS = "55006"
_UNDEFINED = ("42704", "42883")
_NAME = re.compile(r'(?:type|operator class) "?(?:\w+\.)?(\w+)|function (?:\w+\.)?(\w+)\(')


@dataclasses.dataclass(frozen=True)
class Tried:
    """The mode in which a file runs, and why it is not one transaction of ours; `mode` is as a directive has it."""

    id: str
    mode: str
    because: str = ""


@dataclasses.dataclass(frozen=True)
class Trial:
    """What became of a history.

    :param tried: those that ran, in order. :param failed: the one that runs in no mode, if any, and `error` what the
        server or the engine said, with `hint`; those after it were not tried. :param roles: roles that had to be made.
    :param extension: that the failed one expects to be there.
    """

    tried: tuple[Tried, ...]
    failed: str = ""
    error: str = ""
    roles: tuple[str, ...] = ()
    hint: str = ""
    extension: str = ""


def in_scratch(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    *,
    fixed: Collection[str] = (),
    major: int = 0,
    reporter: progress.Reporter = progress.SILENT,
) -> Trial:
    """Return what becomes of migrations in an empty database of a temporary server of that major version.

    Raises NotAvailable where there is no server of it.
    """
    with scratch.database(settings, major, reporter) as url:
        return run(settings, sources, fixed=fixed, url=url, reporter=reporter)


def run(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    *,
    fixed: Collection[str] = (),
    url: str,
    reporter: progress.Reporter = progress.SILENT,
) -> Trial:
    """Return what becomes of migrations in an empty database, which they change; roles that they need are made.

    Each is tried as one transaction first, unless its text says that it cannot be one; where the server's error says
    so, it is tried statement by statement.

    :param fixed: ids of those that are run as they say.
    """
    chosen = [(item, "") if item.id in fixed else _first(item) for item in sources]
    because = {item.id: why for item, why in chosen}
    items = [item for item, _ in chosen]
    roles: list[str] = []
    number = 0
    while number < len(items):
        # All up to the first that fails, in one go.
        try:
            precheck.check(items[number:])
            unkept = settings.without_backups()
            migrate.migrate(unkept, url=url, sources=tuple(items), reporter=reporter, on_existing_objects=True)
            number = len(items)
        except migration.InvalidMigration as problem:
            refused = next(place for place, item in enumerate(items) if item.path == problem.path)
            return _ended(items, because, refused, problem, roles)
        except transactional.ScriptFailed as failure:
            number = next(place for place, item in enumerate(items) if item.id == failure.script.migration_id)
            role = expected.missing_role(failure)
            if role and role not in roles:
                expected.create_role(url, role)
                roles.append(role)
            elif items[number].id in fixed:
                return _ended(items, because, number, failure, roles)
            elif why := _wants_another_mode(items[number], failure):
                items[number] = _in_mode(items[number], "statements")
                because[items[number].id] = why
            else:
                return _ended(items, because, number, failure, roles)
    return Trial(_tried(items, because), roles=tuple(roles))


def _first(item: migration.Migration) -> tuple[migration.Migration, str]:
    """Return a migration in the mode in which it is tried first, and why."""
    if item.not_run:
        return item, item.not_run
    whole = _in_mode(item, "transaction")
    try:
        precheck.check([whole])
    except migration.InvalidMigration:
        classified = classification.classify(item.sql)
        because = "; ".join(f"line {one.line}: {one.text}" for one in classified.reasons)
        return _in_mode(item, classified.mode or item.directives.mode), because
    return whole, ""


def _in_mode(item: migration.Migration, mode: str) -> migration.Migration:
    return dataclasses.replace(item, directives=dataclasses.replace(item.directives, mode=mode))


def _wants_another_mode(item: migration.Migration, failure: transactional.ScriptFailed) -> str:
    """Return why a file is to be tried statement by statement; empty where that would not help."""
    why = _WANTS_ANOTHER_MODE.get(failure.sqlstate, "")
    if not why or not item.transactional:
        return ""
    if failure.sqlstate == _PENDING_EVENTS and "pending trigger events" not in failure.failure.message:
        return ""
    try:
        precheck.check([_in_mode(item, "statements")])
    except migration.InvalidMigration:
        return ""
    line = f"line {failure.line}: " if failure.line else ""
    return f"{line}{why} ({failure.sqlstate})"


def _ended(
    items: Sequence[migration.Migration],
    because: dict[str, str],
    number: int,
    error: errors.Error,
    roles: Sequence[str],
) -> Trial:
    extension = missing_extension(error) if isinstance(error, transactional.ScriptFailed) else ""
    return Trial(_tried(items[:number], because), items[number].id, error.message, tuple(roles), error.hint, extension)


def missing_extension(error: transactional.ScriptFailed) -> str:
    """Return the extension that makes what a statement names and nothing has made; empty where none is known."""
    if error.sqlstate not in _UNDEFINED or "It exists as" in error.hint:
        return ""
    found = _NAME.search(error.failure.message)
    return naming.extension_of(found[1] or found[2]) if found else ""


def _tried(items: Sequence[migration.Migration], because: dict[str, str]) -> tuple[Tried, ...]:
    return tuple(Tried(item.id, item.directives.mode, because[item.id]) for item in items)
