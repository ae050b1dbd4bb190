"""Run each down file where it belongs: its migration up, down and up again, on the way through the whole history."""

import contextlib
from collections.abc import Callable, Sequence

from schemata import config, errors, targets
from schemata.deploy import apply, deployment, migrate, nontransactional, transactional
from schemata.migrations import migration
from schemata.report import progress

Database = Callable[[], contextlib.AbstractContextManager[str]]


def failing(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    *,
    database: Database,
    chosen: Sequence[str],
    reporter: progress.Reporter = progress.SILENT,
) -> dict[str, str]:
    """Return why down files fail, by the ids of their migrations, which run themselves.

    One that fails halfway, or after which its migration does not run again, leaves who knows what: what comes after it
    is tried in another database.

    :param sources: with their rollbacks. :param database: makes an empty one in which all of them run.
    :param chosen: ids of those whose down files are to be run.
    """
    failed: dict[str, str] = {}
    start = 0
    while any(item.id in chosen and item.rollback_sql for item in sources[start:]):
        with database() as url:
            start = _from(settings, sources, url, start, set(chosen), failed, reporter)
    return failed


def _from(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    url: str,
    start: int,
    chosen: set[str],
    failed: dict[str, str],
    reporter: progress.Reporter,
) -> int:
    """Run all, and the down files from one on; note those that fail. Return the place from which to go on elsewhere."""
    if start:
        migrate.migrate(settings, url=url, sources=tuple(sources[:start]), on_existing_objects=True)
    choice = targets.choose(settings, url)
    connection = targets.login(
        choice, tries=targets.AGAIN, through_psycopg=any(item.is_python for item in sources[start:])
    )
    with connection, deployment.opened(settings, choice, progress.SILENT, connection) as deploy:
        deploy.lock(settings.locks.wait)
        head = deploy.prepare(settings.locks.wait).head
        deploy.session.reset()
        again = nontransactional.Resume()
        for number in range(start, len(sources)):
            item = sources[number]
            reporter.step(number, len(sources), f"{item.id}, down and up")
            _, head = apply.apply(deploy, item, head, again, durable=False)
            if item.id not in chosen or not item.rollback_sql:
                continue
            try:
                _, lower = apply.undo(deploy, item, deploy.read(), head, [item.id], again, sources)
            except errors.Error as error:
                failed[item.id] = _why(error)
                if item.rollback_transactional:
                    continue
                return number + 1
            try:
                _, head = apply.apply(deploy, item, lower, again, durable=False)
            except errors.Error as error:
                failed[item.id] = f"the migration does not run again after it: {_why(error)}"
                return number + 1
    return len(sources)


def _why(error: errors.Error) -> str:
    """Return what the server said, or the error, in one line."""
    if isinstance(error, transactional.ScriptFailed):
        line = f"line {error.line}: " if error.line else ""
        return f"{line}{error.failure.message} ({error.sqlstate})"
    return error.message.split("\n")[0]
