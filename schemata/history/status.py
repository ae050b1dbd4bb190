"""The truth about a database, asked without psycopg and without the SQL parser: status must be quick."""

import dataclasses
import difflib
from collections.abc import Sequence

from schemata import config, errors, targets
from schemata.history import comparison, tables
from schemata.migrations import files, migration
from schemata.postgres import catalog, libpq
from schemata.report import results

_LOCK_NOT_AVAILABLE = "55P03"


def status_of(
    settings: config.Config, *, url: str = "", schema: str = "", check: bool = False, drift: bool = True
) -> results.Status:
    """Return everything that is so about the database and the files. Reads only, takes no lock, never waits.

    `schema` limits what is shown, never what is compared. Without `drift` the structure is not looked at.
    """
    sources = files.read(settings.migrations, settings.schemas)
    check_schema(settings, schema)
    choice = targets.choose(settings, url)
    with targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        compared = compare(settings, sources, connection.query, full=True, drift=drift)
    if schema:
        compared = dataclasses.replace(
            compared,
            rows=tuple(row for row in compared.rows if row.schema == schema),
            findings=tuple(finding for finding in compared.findings if finding.schema in ("", schema)),
        )
    return results.Status(target, compared, (schema,) if schema else settings.schemas, checked=check)


def compare(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    ask: tables.Ask,
    *,
    full: bool,
    drift: bool = False,
    allow_out_of_order: bool = False,
) -> comparison.Comparison:
    """Return files against history; with `full` also what the catalog says, with `drift` the structure too."""
    ledger = tables.History(settings.history_schema)
    found = ledger.read(ask)
    seen = comparison.Observed(applied_sql=ledger.applied_sql(ask, comparison.edited(sources, found)))
    if full:
        holders = catalog.holders(ask)
        settled = drift and found.head.structure is not None and not holders
        if settled and catalog.structure_mark(ask, settings.schemas) == found.head.mark:
            settled = False  # nothing moved since the structure was noted
        seen = dataclasses.replace(
            seen,
            invalid_indexes=catalog.invalid_indexes(ask, settings.schemas),
            unvalidated=catalog.unvalidated_constraints(ask, settings.schemas),
            holders=holders,
            structure=_structure(settings, ask) if settled else None,
        )
    return comparison.compare(
        sources,
        found,
        accepts=settings.accepts,
        out_of_order="allow" if allow_out_of_order else settings.out_of_order,
        seen=seen,
        fingerprint=_fingerprint,
    )


def check_schema(settings: config.Config, schema: str) -> None:
    """Refuse a schema that is not one of the project's; the empty text means all."""
    if schema and schema not in settings.schemas:
        raise errors.ConfigError(f"there is no schema {schema} here", f"Known: {', '.join(settings.schemas)}.")


def find(sources: Sequence[migration.Migration], migration_id: str) -> migration.Migration:
    """Return the migration of that id, or refuse with the nearest one."""
    for item in sources:
        if item.id == migration_id:
            return item
    near = difflib.get_close_matches(migration_id, [item.id for item in sources], n=1, cutoff=0.4)
    raise errors.ConfigError(
        f"there is no migration {migration_id}",
        f"Did you mean {near[0]}?" if near else "`inv migrate-status` lists them.",
    )


def _structure(settings: config.Config, ask: tables.Ask) -> dict[str, str] | None:
    """Return the structure's digest, or None where DDL that runs right now would make us wait for it."""
    try:
        return catalog.structure(ask, settings.schemas, patience=0.5)
    except libpq.QueryFailed as failure:
        if failure.sqlstate != _LOCK_NOT_AVAILABLE:
            raise
        return None


def _fingerprint(sql: str) -> str:
    # The parser takes longer to import than all the rest; only an edited file needs it.
    from schemata.sql import statement

    return statement.fingerprint(sql)
