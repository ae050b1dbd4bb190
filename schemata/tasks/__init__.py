"""The commands that people type. A task reads its flags and calls one function of `schemata.commands`.

Another repository has them by `from schemata.tasks import namespace as ns`, and `task` for tasks of its own.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invoke import collection
from schemata import command_line
from schemata.tasks import backups, migrations, performance, project, rehearsal, server, structure

    namespace: collection.Collection
    task: Any


def __getattr__(name: str) -> Any:
    """Load Invoke's form of the commands when it is asked for."""
    if name in ("namespace", "task"):
        # Imported here: it takes longer than most commands do, and the console script does without.
        from schemata.tasks import invoke_namespace

        return getattr(invoke_namespace, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
#: In the order of `inv --list`.
namespace = collection.Collection(
    project.init,
    project.adopt,
    server.dev_up,
    server.dev_down,
    server.dev_down_clean,
    migrations.migrate,
    migrations.migrate_status,
    migrations.migrate_new,
    migrations.migrate_baseline,
    migrations.migrate_resolve,
    migrations.migrate_restamp,
    migrations.lint,
    migrations.rollback,
    structure.check,
    rehearsal.rehearse,
    backups.backup,
    backups.backups,
    backups.backup_verify,
    backups.restore,
    structure.smoke,
    performance.pages,
    performance.scale_capture,
    structure.snapshot,
    structure.parity,
    server.psql,
    server.logs,
    migrations.lock,
    migrations.squash,
    migrations.drift_accept,
    migrations.drift_audit,
    migrations.seal,
    structure.generate,
    server.doctor,
)
