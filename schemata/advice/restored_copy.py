"""A copy of the target with its rows: a backup, restored on a temporary server, in which every candidate is built."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from schemata import config, errors
from schemata.advice import candidates, evaluators, reading
from schemata.backups import manifest, programs, restoring, scratch
from schemata.backups.storage import remote
from schemata.ghost import inflation
from schemata.postgres import libpq, queries
from schemata.report import progress
from schemata.system import signals

#: Of the session that builds the indexes: they are many, and the server is ours alone.
_MEMORY = "256MB"


def backup_of(settings: config.Config, name: str, source: str) -> manifest.Manifest:
    """Return the backup of this name or, without one, the newest of all schemas of this source.

    Raises BackupInvalid for one that cannot be restored, NotAvailable where there is none.
    """
    if name:
        return restoring.named(settings, name)
    for one in remote.place(settings).backups():
        if one.source == source and one.all_schemas and one.format != manifest.HOOK and one.verification.ok:
            return one
    raise errors.NotAvailable(
        f"there is no backup of {source} that has all schemas, so there is no copy to judge on",
        "Take one: inv backup. Or name one of another database: --backup NAME (inv backups lists them).",
    )


@contextlib.contextmanager
def copy_of(
    settings: config.Config,
    backup: manifest.Manifest,
    catalog: reading.Catalog,
    possible: Iterable[candidates.Candidate],
    path: Sequence[str],
    reporter: progress.Reporter = progress.SILENT,
) -> Iterator[evaluators.Built]:
    """Give a restored backup with the indexes that the target has now, and the candidates. Nothing of it remains.

    It is on a temporary server of this machine; nothing is asked of the target. What was made there after the backup is
    not in it, but for indexes. Raises NotAvailable where this machine has no programs for such a server, and as
    restoring.fill does.
    """
    with (
        signals.ending("; the copy is deleted", "Nothing was changed on the target. Run again."),
        contextlib.ExitStack() as stack,
    ):
        url = stack.enter_context(_server(settings, backup, reporter))
        reporter.info(f"Restoring {backup.name} on a temporary server.")
        origin = restoring.fill(settings, backup, url)
        connection = stack.enter_context(evaluators.session(url))
        # It would look at the tables at its own times, and change what the planner knows between two plans.
        connection.query("ALTER SYSTEM SET autovacuum = off")
        connection.query("SELECT pg_reload_conf()")
        connection.query(f"SET maintenance_work_mem = {queries.literal(_MEMORY)}")
        relations = {one.full_name: one for one in inflation.read(connection)}
        for text in list(evaluators.differences(relations, catalog)):
            evaluators.works(connection, text)
        built = dict(_built(connection, sorted(possible), reporter))
        # After them: what an index computes of a column has statistics of its own.
        connection.query("VACUUM (ANALYZE)")
        connection.query(f"SET search_path = {', '.join(map(queries.identifier, path))}")
        yield evaluators.Built("copy", connection, built, origin)


@contextlib.contextmanager
def _server(settings: config.Config, backup: manifest.Manifest, reporter: progress.Reporter) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            tools = programs.find(settings, backup.server_version)
            # Without a URL: a database beside the target would be one on its server.
            url = stack.enter_context(scratch.database(settings, backup, tools, "", reporter))
        except errors.NotAvailable as error:
            raise errors.NotAvailable(
                f"the backup {backup.name} cannot be restored on this machine: {error.message}",
                "Run it where those programs are, or let a database without rows judge: inv advise --evaluator ghost",
            ) from error
        yield url


def _built(
    connection: libpq.Connection, wanted: Sequence[candidates.Candidate], reporter: progress.Reporter
) -> Iterator[tuple[int, candidates.Candidate]]:
    """Build each; give those that the server took, with their numbers."""
    for number, one in enumerate(wanted):
        reporter.step(number, len(wanted), f"building an index of {'.'.join(one.table)}")
        if evaluators.works(connection, one.definition(f"{evaluators.PREFIX}{number}")):
            yield number, one
    reporter.step(len(wanted), len(wanted), "")
