"""A backup that another program takes, where something else backs the server up: its answer is what is recorded."""

import datetime
import os
import time
from collections.abc import Sequence

from schemata import config, targets
from schemata.backups import contents, manifest
from schemata.backups.storage import store
from schemata.history import tables
from schemata.postgres import libpq, waiting
from schemata.report import progress
from schemata.system import processes

_KEPT = 4000  # characters of its answer


def backup(
    settings: config.Config,
    choice: targets.Choice,
    schemas: Sequence[str],
    kept: store.Directory,
    reason: str,
    reporter: progress.Reporter,
) -> manifest.Manifest:
    """Run the hook and record what it answers; raise BackupFailed unless it ends with 0.

    It is told what it is about by DATABASE_URL, SCHEMATA_BACKUP_SCHEMAS and SCHEMATA_BACKUP_REASON.
    """
    began = time.monotonic()
    with waiting.connect(choice.url, application_name="schemata backup", accept_standby=True) as connection:
        version = contents.version(connection.query)
        name = str(connection.query("SELECT current_database()")[0][0])
        source = contents.source(connection, name)
        head, digest = _head(connection, settings.history_schema)
    command = settings.backups.hook
    reporter.info(f"Backup by {command[0]}.")
    ended = processes.run(
        command,
        cwd=settings.root,
        env={
            **os.environ,
            "DATABASE_URL": choice.url,
            "SCHEMATA_BACKUP_SCHEMAS": ",".join(schemas),
            "SCHEMATA_BACKUP_REASON": reason,
        },
    )
    if ended.code != 0:
        told = (ended.complaint or ended.output).strip()[-_KEPT:]
        raise contents.BackupFailed(
            f"no backup was taken: {command[0]} ended with {ended.code}" + (f":\n{told}" if told else ""),
            "It is [tool.schemata.backups] hook: correct what it says.",
        )
    now = datetime.datetime.now(datetime.UTC)
    answer = ended.output.strip()[-_KEPT:]
    with kept.work(name, now.strftime("%Y%m%dT%H%M%SZ")) as work:
        made = manifest.Manifest(
            name=work.name,
            source=source,
            database=name,
            taken_at=now.isoformat(timespec="microseconds"),
            reason=reason,
            format=manifest.HOOK,
            size=0,
            sha256="",
            server_version=version,
            client_version="",
            schemas=tuple(schemas),
            all_schemas=set(settings.schemas) <= set(schemas),
            history_schema=settings.history_schema,
            head=head,
            digest=digest,
            seconds=round(time.monotonic() - began, 3),
            verification=manifest.Verification(manifest.HOOK, True, now.isoformat(timespec="seconds"), answer[:200]),
            answer=answer,
        )
        kept.keep(work, made)
    return made


def _head(connection: libpq.Connection, history: str) -> tuple[str, str]:
    found = tables.History(history).read(connection.query)
    return found.head.last_id or "", found.head.digest
