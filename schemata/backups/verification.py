"""How a backup is proved: read to its end with its sum, and restored with every row compared."""

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path

from schemata import config, errors
from schemata.backups import archives, contents, manifest, programs, scratch
from schemata.backups.storage import store
from schemata.config import backups as backup_settings
from schemata.report import progress

AUTO = "auto"


def level(settings: config.Config, wanted: str, size: int) -> str:
    """Return how far a backup is to be verified; by itself as far as its size allows."""
    chosen = wanted or settings.backups.verify
    if chosen != AUTO:
        return chosen
    limit = backup_settings.in_bytes(settings.backups.restore_below)
    return manifest.RESTORE if size < limit else manifest.READ


def check_sum(backup: manifest.Manifest, archive: Path) -> str:
    """Return in what an archive is not the one that was written, or nothing."""
    if not archive.exists():
        return "its archive is not there"
    try:
        digest, size = store.digest(archive)
    except OSError as error:
        return f"its archive cannot be read: {error.strerror}"
    if size != backup.size:
        return f"its archive has {size} bytes, and {backup.size} were written"
    return "" if digest == backup.sha256 else "its archive is not what was written: the SHA-256 differs"


def verify(
    settings: config.Config,
    backup: manifest.Manifest,
    archive: Path,
    tools: programs.Programs,
    wanted: str,
    *,
    url: str = "",
    reporter: progress.Reporter = progress.SILENT,
    done: int = 0,
) -> manifest.Verification:
    """Return how far a backup was verified and what came of it. `wanted` is "none", "read", "restore" or "auto".

    A restore that cannot be tried is an error where it was asked for, and with "auto" a verification by reading that
    says why. `url` is of the server that was dumped; there is where it is tried if no other place is to be had.

    :param done: how many steps of the progress were taken before.
    """
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    chosen = level(settings, wanted, backup.database_size)
    if chosen == manifest.NONE:
        return manifest.Verification(manifest.NONE, True, moment)
    wrong = check_sum(backup, archive) or archives.read(tools, archive)
    if wrong:
        return manifest.Verification(manifest.READ, False, moment, wrong)
    if chosen == manifest.READ:
        return manifest.Verification(manifest.READ, True, moment)
    count = len(backup.fingerprints)

    def step(tables: int) -> None:
        reporter.step(min(done + tables, done + count), done + count, "restoring, to verify it")

    try:
        wrong = _restored(settings, backup, archive, tools, url, reporter, step)
    except errors.NotAvailable as error:
        if (wanted or settings.backups.verify) != AUTO:
            raise
        return manifest.Verification(manifest.READ, True, moment, f"not restored: {error.message}")
    return manifest.Verification(manifest.RESTORE, not wrong, moment, wrong)


def _restored(
    settings: config.Config,
    backup: manifest.Manifest,
    archive: Path,
    tools: programs.Programs,
    url: str,
    reporter: progress.Reporter,
    step: Callable[[int], None],
) -> str:
    """Restore a backup in a database of its own and compare its rows; return what is wrong, or nothing."""
    with scratch.database(settings, backup, tools, url, reporter) as scratched:
        order = archives.Restore(tools, archive, backup, jobs=2)
        if wrong := archives.restore(order, scratched, step):
            return f"it cannot be restored: {wrong}"
        actual = contents.of_database(scratched, backup.schemas)
    differing = manifest.differing(backup.fingerprints, actual)
    return f"restored, its rows are not those of the snapshot: {'; '.join(differing[:5])}" if differing else ""


def verified(backup: manifest.Manifest, result: manifest.Verification) -> manifest.Manifest:
    """Return a backup with what its verification gave."""
    return dataclasses.replace(backup, verification=result)
