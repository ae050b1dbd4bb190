"""The database that migrations are rehearsed for: how large its tables are, what is pending there. SELECTs only."""

import dataclasses
import json
from collections.abc import Sequence

from schemata import config, targets
from schemata.deploy import plans
from schemata.migrations import migration
from schemata.postgres import catalog, libpq
from schemata.rehearsal import scratch
from schemata.rehearsal.trace import sizes, tracing
from schemata.report import results
from schemata.scale import scale_file

_PAGE = 8192
# A lock of somebody's DDL is no reason to wait: sizes are a help.
_CAREFUL = (
    "SET default_transaction_read_only = on", "SET statement_timeout = '10s'", "SET lock_timeout = '2s'",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Aim:
    """What a target was asked.

    :param identity: which database it is. :param pending: migrations that it lacks, in order; `applied` those it has.
    """

    target: results.Target
    identity: tuple[str, ...]
    major: int
    tables: dict[str, sizes.Size]
    pending: tuple[migration.Migration, ...]
    applied: tuple[migration.Migration, ...]


def choice_of(settings: config.Config, target: str) -> targets.Choice:
    """Return a target by its URL or its name in the settings."""
    is_url = "://" in target or "=" in target
    return targets.choose(settings, target) if is_url else targets.by_name(settings, target)


def ask(settings: config.Config, target: str, sources: Sequence[migration.Migration]) -> Aim:
    """Ask a target what it has. Changes nothing and locks nothing that an application could notice."""
    choice = choice_of(settings, target)
    with targets.named(choice), targets.connect(choice) as connection, targets.answered(choice):
        for setting in _CAREFUL:
            connection.query(setting)
        version = catalog.target(connection.query)[2]
        plan = plans.Plan(settings, tuple(sources), "", "", True, True, False)
        compared = plan.compare(connection.query)
        ids = {item.id for item in compared.pending}
        return Aim(
            targets.describe(choice, connection),
            scratch.identity(connection),
            int(version.partition(".")[0]),
            tables(connection),
            tuple(compared.pending),
            tuple(item for item in sources if item.id not in ids),
        )


def of_scale(settings: config.Config) -> dict[str, sizes.Size] | None:
    """Return how large each table is by the scale file of the project; None where there is none."""
    if not scale_file.exists(settings):
        return None
    read = scale_file.read(settings)
    return {name: sizes.Size(one.rows, one.pages * _PAGE, one.pages * _PAGE) for name, one in read.tables.items()}


def tables(connection: libpq.Connection) -> dict[str, sizes.Size]:
    """Return how large each table is, by schema and name."""
    told = json.loads(str(connection.query(tracing.SQL["sizes"])[0][0]))
    return {name: sizes.Size(rows, total, heap) for name, rows, total, heap in told}
