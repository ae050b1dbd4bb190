"""The commands that people type. A task reads its flags and calls one function of `schemata.commands`.

Another repository has them by `from schemata.tasks import namespace as ns` in its tasks.py.
"""

from invoke import collection

from schemata import command_line
from schemata.tasks import backups, migrations, project, rehearsal, server, structure

#: For a repository's own tasks: the same way to print a result, to end, and to say what went wrong.
task = command_line.task

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
