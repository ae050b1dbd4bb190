"""Which statements about rows can run on the structure that is left in the end: tried in a temporary server."""

from collections.abc import Sequence

from schemata import config, errors
from schemata.parity import expected, scratch
from schemata.postgres import queries, sessions, waiting
from schemata.report import progress
from schemata.sql import statement
from schemata.squash import baseline, effects, structure


class NotRunnable(errors.MigrationError):
    """A statement of the dump, or about roles, does not run where only the baselines before it did."""

    def __init__(self, one: baseline.Baseline, text: str, failure: sessions.StatementFailed) -> None:
        super().__init__(
            f"the baseline of {one.schema} does not run: {failure.message}\n  {' '.join(text.split())[:200]}",
            "Try one baseline for all schemas (--single), or squash through another migration. No file was changed.",
        )


def unfit(
    settings: config.Config,
    made: Sequence[baseline.Baseline],
    roles: frozenset[str],
    search_path: str,
    major: int,
    deployer: str,
    reporter: progress.Reporter,
) -> set[tuple[str, int]]:
    """Return the statements about rows that the server refuses there, by id and offset. Raises NotRunnable.

    :param deployer: the name of the role that runs them, which must be none of `roles`.
    """
    found: set[tuple[str, int]] = set()
    with scratch.database(settings, major, reporter, role=deployer) as url:
        for role in roles:
            expected.create_role(url, role)
        with (
            waiting.connect(url, application_name="schemata squash") as connection,
            sessions.session(connection, sessions.this_client()) as session,
        ):
            session.script("; ".join(f"CREATE SCHEMA IF NOT EXISTS {queries.identifier(s)}" for s in settings.schemas))
            for one in made:
                found |= _try(session, one, search_path)
    return found


def _try(session: sessions.Session, one: baseline.Baseline, search_path: str) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    session.script("BEGIN")
    for kept in one.server:
        for part in kept.parts:
            _must(session, one, part.statement.text)
    for text in (structure.HEAD, *one.statements):
        _must(session, one, text)
    for kept in one.rows:
        session.script(f"SET LOCAL search_path = {search_path.format(schema=kept.schema)}")
        for part in kept.parts:
            if not _can(session, part):
                found.add((kept.id, part.statement.offset))
        for text in kept.undo:
            session.script(text)
    session.script("COMMIT")
    session.reset()
    return found


def _must(session: sessions.Session, one: baseline.Baseline, text: str) -> None:
    try:
        session.script(text)
    except sessions.StatementFailed as failure:
        raise NotRunnable(one, text, failure) from failure


def _can(session: sessions.Session, part: effects.Part) -> bool:
    item: statement.Statement = part.statement
    session.script("SAVEPOINT before_it")
    try:
        session.script(item.text, rows=[item.rows] if item.data is not None else None)
    except sessions.StatementFailed:
        session.script("ROLLBACK TO before_it")
        return False
    session.script("RELEASE before_it")
    return True
