"""The expected structure: what the migrations make of an empty database, found by running them in one."""

import contextlib
import dataclasses
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from schemata import config, errors
from schemata.deploy import migrate, transactional
from schemata.deploy.python import failures
from schemata.history.drift import deployers, expectation
from schemata.migrations import checksums, files, migration
from schemata.parity import scratch
from schemata.postgres import libpq, queries, waiting
from schemata.report import document, progress
from schemata.snapshot import model, reading

_KEPT = 20
_NO_ROLE = re.compile(r'role "(.+)" does not exist')
_UNDEFINED_OBJECT = "42704"
# The one that deploys is the bootstrap superuser, whatever its name.
_ROLES = "SELECT rolname, rolcanlogin::text FROM pg_roles WHERE oid <> 10"


class ReplayFailed(errors.MigrationError):
    """The migrations do not run on an empty database, so nobody can say what they would make."""


@dataclasses.dataclass(frozen=True)
class Replay:
    """What migrations left of an empty database.

    :param structure: of every schema that there was.
    :param roles: who else may deploy somewhere: roles that the migrations need and do not make, those that they make
        and that may log in, and those that they look for by name.
    """

    structure: model.Snapshot
    roles: tuple[str, ...]


def expected(
    settings: config.Config,
    major: int,
    *,
    ids: Collection[str] | None = None,
    deployer: str = "",
    download: bool = True,
    reporter: progress.Reporter = progress.SILENT,
) -> model.Snapshot:
    """Return what the migrations make of an empty database of that major version, with what needs what.

    It is of the schemas in `expectation.scope`. For the other parameters and what is raised see `whole`.
    """
    found = whole(settings, major, ids=ids, deployer=deployer, download=download, reporter=reporter)
    return compared(settings, found.structure)


def compared(settings: config.Config, structure: model.Snapshot) -> model.Snapshot:
    """Return the structure that a replay left, in the schemas of which one is expected."""
    return structure.only(expectation.scope(settings, _made(structure)))


def _made(structure: model.Snapshot) -> tuple[str, ...]:
    # What an extension makes has no item.
    return tuple(item.name for item in structure.items if item.kind == "schema")


def whole(
    settings: config.Config,
    major: int,
    *,
    ids: Collection[str] | None = None,
    deployer: str = "",
    download: bool = True,
    reporter: progress.Reporter = progress.SILENT,
) -> Replay:
    """Run the migrations in an empty database of that major version, or return what they were seen to leave before.

    :param ids: those to run, in the files' one order; None stands for all.
    :param deployer: the role that deploys where the answer is compared: it makes a difference where they name it.
    :param download: whether programs of that version may be downloaded.

    The answer is kept in the state directory by the content of the migrations. Raises NotAvailable without a server
    of that version, ReplayFailed where a file does not run.
    """
    sources = files.read(settings.migrations, settings.schemas)
    chosen = tuple(item for item in sources if ids is None or item.id in ids)
    role = expectation.role_of(deployer, chosen)
    digest = checksums.of([(item.id, item.checksum) for item in chosen])
    path = expectation.kept_file(settings.state_dir, digest, major, role)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Replay(model.from_dict(kept), tuple(map(str, kept[expectation.ROLES])))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or of an older engine
    who = f", as the role {role}, which they name," if role else ""
    told = document.number(len(chosen), "migration")
    reporter.info(f"Running {told} in a temporary PostgreSQL {major}{who} to see what comes of it.")
    found = replay(settings, chosen, major, role=role, download=download, reporter=reporter)
    before = {expectation.MADE: _made(found.structure), expectation.ROLES: found.roles}
    _keep(path, model.to_json(found.structure, **before))
    return found


def replay(
    settings: config.Config,
    chosen: tuple[migration.Migration, ...],
    major: int,
    *,
    role: str = "",
    download: bool = True,
    reporter: progress.Reporter = progress.SILENT,
) -> Replay:
    """Run migrations in an empty database of a temporary server, and return what they leave. See `whole`."""
    with (
        replayed(settings, chosen, major, reporter, role=role, download=download) as (url, needed),
        waiting.connect(url, application_name="schemata parity") as connection,
    ):
        found = reading.read(connection.query, history=settings.history_schema, dependencies=True)
        made = {str(name): can_login == "true" for name, can_login in connection.query(_ROLES)}
    roles = {*needed, *(name for name, can_login in made.items() if can_login)}
    roles |= deployers.looked_up(item.sql for item in chosen) - made.keys()
    absent = tuple(name for name in settings.schemas if name not in found.schemas)
    return Replay(dataclasses.replace(found, schemas=(*found.schemas, *absent)), tuple(sorted(roles)))


@contextlib.contextmanager
def replayed(
    settings: config.Config,
    chosen: tuple[migration.Migration, ...],
    major: int,
    reporter: progress.Reporter = progress.SILENT,
    *,
    role: str = "",
    download: bool = True,
) -> Iterator[tuple[str, frozenset[str]]]:
    """Give the URL of a database in which migrations ran, on a temporary server, and the roles that had to be made.

    Those are roles that the migrations need and do not make. Without `role` one deploys that they do not name.
    Raises ReplayFailed, and NotAvailable as `whole` does.
    """
    who = role or deployers.unnamed(item.sql for item in chosen)
    with scratch.database(settings, major, reporter, role=who, download=download) as url:
        made: set[str] = set()
        while True:
            try:
                migrate.migrate(settings.without_backups(), url=url, sources=chosen)
                break
            except transactional.ScriptFailed as error:
                role = missing_role(error)
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


def missing_role(error: transactional.ScriptFailed) -> str:
    """Return the role that a statement names and that is not there; empty where it failed for something else."""
    return role_in(error.failure.sqlstate, error.failure.message)


def role_in(sqlstate: str, message: str) -> str:
    """Return the role that a refusal says is not there; empty where it says something else."""
    match = _NO_ROLE.search(message) if sqlstate == _UNDEFINED_OBJECT else None
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
