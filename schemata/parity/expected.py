"""The expected structure: what the migrations make of an empty database, found by running them in one."""

import contextlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from schemata import config, errors
from schemata.deploy import migrate, transactional
from schemata.deploy.python import failures
from schemata.history.drift import expectation
from schemata.migrations import checksums, files, migration
from schemata.parity import scratch
from schemata.postgres import libpq, queries, waiting
from schemata.report import progress
from schemata.snapshot import model, reading

_KEPT = 20
_NO_ROLE = re.compile(r'role "(.+)" does not exist')
_UNDEFINED_OBJECT = "42704"


class ReplayFailed(errors.MigrationError):
    """The migrations do not run on an empty database, so nobody can say what they would make."""


def expected(
    settings: config.Config,
    major: int,
    *,
    ids: Collection[str] | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> model.Snapshot:
    """Return what the migrations make of an empty database of that major version, with what needs what.

    `ids` are those to run, in the files' one order; None stands for all. The answer is kept in the state directory by
    the content of the migrations. Raises NotAvailable without a server of that version, ReplayFailed where a file
    does not run.
    """
    sources = files.read(settings.migrations, settings.schemas)
    chosen = tuple(item for item in sources if ids is None or item.id in ids)
    path = expectation.kept_file(settings.state_dir, checksums.of([(item.id, item.checksum) for item in chosen]), major)
    try:
        return model.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        pass  # not there, or of an older engine
    reporter.info(f"Running {len(chosen)} migrations in a temporary PostgreSQL {major} to see what they make.")
    found = replay(settings, chosen, major, reporter)
    _keep(path, model.to_json(found))
    return found


def replay(
    settings: config.Config,
    chosen: tuple[migration.Migration, ...],
    major: int,
    reporter: progress.Reporter = progress.SILENT,
) -> model.Snapshot:
    """Run migrations in an empty database of a temporary server, and return the structure that they leave."""
    with (
        replayed(settings, chosen, major, reporter) as (url, _),
        waiting.connect(url, application_name="schemata parity") as connection,
    ):
        return reading.read(connection.query, settings.schemas, history=settings.history_schema, dependencies=True)


@contextlib.contextmanager
def replayed(
    settings: config.Config,
    chosen: tuple[migration.Migration, ...],
    major: int,
    reporter: progress.Reporter = progress.SILENT,
) -> Iterator[tuple[str, frozenset[str]]]:
    """Give the URL of a database in which migrations ran, on a temporary server, and the roles that had to be made.

    Those are roles that the migrations need and do not make. Raises ReplayFailed, and NotAvailable as `expected` does.
    """
    with scratch.database(settings, major, reporter) as url:
        made: set[str] = set()
        while True:
            try:
                migrate.migrate(settings, url=url, sources=chosen)
                break
            except transactional.ScriptFailed as error:
                role = _missing_role(error)
                if role and role not in made:
                    # Roles belong to a server. Which ones there are is no part of the structure.
                    create_role(url, role)
                    made.add(role)
                    continue
                raise _replay_failed(error) from error
            except (failures.CallFailed, failures.NotLoaded) as error:
                raise _replay_failed(error) from error
        yield url, frozenset(made)


def _replay_failed(error: errors.Error) -> ReplayFailed:
    return ReplayFailed(
        f"the migrations do not run on an empty database: {error.message}",
        f"{error.hint}\nWhat is expected cannot be known until they do.",
    )


def _missing_role(error: transactional.ScriptFailed) -> str:
    failure = error.failure
    match = _NO_ROLE.search(failure.message) if failure.sqlstate == _UNDEFINED_OBJECT else None
    return match[1] if match else ""


def create_role(url: str, role: str) -> None:
    """Make a role that migrations need on a temporary server. Raises NotAvailable where that is refused."""
    with waiting.connect(url, application_name="schemata parity") as connection:
        try:
            connection.query(f"CREATE ROLE {queries.identifier(role)}")
        except libpq.QueryFailed as failure:
            raise errors.NotAvailable(
                f"the role {role}, which the migrations need, cannot be created on a temporary server: "
                f"{failure.message}",
                "Let a migration create it, or name another role.",
            ) from failure


def _keep(path: Path, text: str) -> None:
    """Write a kept structure, and delete the oldest ones; that it cannot be written is no error."""
    try:
        files.replace(path, text)
        kept = sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime, reverse=True)
        for one in kept[_KEPT:]:
            one.unlink(missing_ok=True)
    except OSError:
        return
