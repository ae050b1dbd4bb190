"""The plan of a dry run: the locks of each statement, the sizes of the tables, how long it took in a rehearsal."""

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

from schemata import config, errors
from schemata.attestations import attestation, stored
from schemata.deploy.preview import table_locks
from schemata.migrations import files, migration, precheck
from schemata.postgres import libpq, queries
from schemata.sql import lexer, statement

_SQL = queries.load("preview", os.path.join(os.path.dirname(__file__), "queries"))


@dataclasses.dataclass(frozen=True)
class Lock:
    """A lock that a statement takes on a table, and the size of that where the target has it.

    `mode` is empty for a statement whose locks its text does not show.
    """

    line: int
    mode: str
    table: str
    blocks: str
    rows: int | None = None
    bytes: int | None = None


def planned(
    settings: config.Config, connection: libpq.Connection, version: str, pending: Sequence[migration.Migration]
) -> dict[str, dict[str, Any]]:
    """Return what is planned of each migration besides its SQL, by id: its locks, and what a rehearsal has told.

    The target is asked by one SELECT on its catalog. Where that is refused, sizes are left out.
    """
    locks = {item.id: locks_of(item) for item in pending}
    sizes = _sizes(connection, [lock.table for some in locks.values() for lock in some])
    known = stored.read(settings.migrations)
    major = int(version.partition(".")[0])
    found: dict[str, dict[str, Any]] = {}
    for item in pending:
        one = known.get((item.id, major))
        weighed = [
            dataclasses.replace(lock, rows=sizes[lock.table][0], bytes=sizes[lock.table][1])
            if lock.table in sizes
            else lock
            for lock in locks[item.id]
        ]
        found[item.id] = {
            "locks": [dataclasses.asdict(lock) for lock in weighed],
            "attested": _attested(one) if one is not None and _fits(one, item) else None,
        }
    return found


def _fits(one: attestation.Attestation, item: migration.Migration) -> bool:
    try:
        return one.fits(files.with_rollbacks([item])[0])
    except errors.Error:
        return False  # what is wrong with the rollback file is a note of the plan


def _attested(one: attestation.Attestation) -> dict[str, Any]:
    return {"seconds": one.seconds, "at": one.at, **one.slots}


def locks_of(item: migration.Migration) -> tuple[Lock, ...]:
    """Return the locks of a migration that keep others from reading or writing, and the statements that hide theirs."""
    if item.not_run or len(item.sql) > lexer.LARGE:
        return ()
    try:
        statements = precheck.check_python(item) if item.is_python else statement.split(item.sql)
    except statement.SyntaxProblem:
        return ()
    found: list[Lock] = []
    for one in statements:
        for lock in table_locks.of(one):
            if lock.blocks:
                found.append(Lock(one.line, lock.mode, f"{lock.schema or item.schema}.{lock.table}", lock.blocks))
        if table_locks.is_opaque(one):
            found.append(Lock(one.line, "", statement.excerpt(one.sql, one, 60), ""))
    return tuple(found)


def _sizes(connection: libpq.Connection, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    wanted = sorted({name for name in names if "." in name})
    if not wanted:
        return {}
    written = {".".join(queries.identifier(part) for part in name.split(".", 1)): name for name in wanted}
    listed = queries.literal(json.dumps(list(written)))
    try:
        told = json.loads(str(connection.query(_SQL["sizes"].format(names=listed), timeout=10)[0][0]))
    except libpq.QueryFailed:
        return {}
    return {written[name]: (rows, size) for name, rows, size in told}
