"""Taking a backup: pg_dump and the fingerprints in one snapshot, verified, and only then given its name."""

import dataclasses
import errno
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.backups import contents, hooks, manifest, programs, retention, verification
from schemata.backups.storage import remote, store
from schemata.config import backups as backup_settings
from schemata.postgres import libpq
from schemata.report import document, progress
from schemata.system import signals

_LOCK_WAIT = "60s"
_MOST_JOBS = 4
_PAUSE = 0.05
_DUMPING = "dumping contents of table"


class NotEnoughSpace(errors.Error):
    """The directory of the backups has not the room for one, so none was begun."""

    def __init__(self, root: Path, free: int, needed: int) -> None:
        super().__init__(
            f"{root} has {retention.size(free)} free, and a backup needs about {retention.size(needed)}",
            "Make room, or set [tool.schemata.backups] directory to a larger disk. `inv backups` lists what is there.",
        )


class VerificationFailed(errors.Error):
    """A backup was taken and is not what has to be; it lies there under a name that no restore takes."""

    def __init__(self, backup: manifest.Manifest) -> None:
        super().__init__(
            f"the backup {backup.name} was taken, and its verification failed: {backup.verification.text}",
            "It is kept as NAME.bad, to be looked at. Take another one: inv backup",
        )
        self.backup = backup


def backup(
    settings: config.Config,
    choice: targets.Choice,
    schemas: Sequence[str],
    *,
    reason: str,
    verify: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> tuple[manifest.Manifest, list[manifest.Manifest]]:
    """Take a backup of these schemas, of those that they need, and of the history; verify it, and keep it.

    Returns it and the older ones that were deleted. A failure, and a kill at any moment, leaves nothing that is listed
    as a backup. With `hook` in the settings that program takes it, and its answer is recorded.
    """
    with signals.raised():
        try:
            kept = store.directory(settings)
            kept.prepare()
            if settings.backups.hook:
                made = hooks.backup(settings, choice, schemas, kept, reason, reporter)
            else:
                made = _Making(settings, choice, kept, verify, reporter).run(schemas, reason)
            return made, _retire(settings, made, reporter)
        except OSError as error:
            full = error.errno == errno.ENOSPC
            raise contents.BackupFailed(
                f"no backup was taken: {error.strerror or error}",
                "Make room where the backups are kept, and run again." if full else "Run again.",
            ) from error
        except KeyboardInterrupt as error:
            hint = "Nothing was changed in the database. Run again."
            raise signals.interrupted(error, "; no backup was kept", hint) from error


def _retire(settings: config.Config, made: manifest.Manifest, reporter: progress.Reporter) -> list[manifest.Manifest]:
    """Delete what is no longer kept; that it cannot be deleted makes the new one no worse."""
    keep = settings.backups
    now = retention.taken_at(made)
    gone: list[manifest.Manifest] = []
    try:
        place = remote.place(settings)
        known = place.backups()
        for one in retention.superseded(known, made.source, now, keep_last=keep.keep_last, keep_days=keep.keep_days):
            place.remove(one)
            gone.append(one)
    except errors.Error as problem:
        reporter.info(f"older backups were not all deleted: {problem.message}")
    return gone


class _Making:
    """One backup with pg_dump."""

    def __init__(
        self,
        settings: config.Config,
        choice: targets.Choice,
        kept: store.Directory,
        verify: str,
        reporter: progress.Reporter,
    ) -> None:
        self._settings, self._choice, self._kept = settings, choice, kept
        self._verify, self._reporter = verify, reporter
        self._began = time.monotonic()
        self._source = ""

    def run(self, schemas: Sequence[str], reason: str) -> manifest.Manifest:
        """Return the backup, once it is kept."""
        with contents.connected(self._choice.url) as connection:
            version = contents.version(connection.query)
            tools = programs.find(self._settings, version)
            found = contents.read(connection, self._settings, schemas)
            self._source = contents.source(connection, str(found.facts["database"]))
            self._check_space(found.size)
            moment = str(found.facts["moment"])
            with self._kept.work(str(found.facts["database"]), moment) as work:
                prints = self._dump(connection, found, tools, work)
                connection.close()
                made = self._manifest(found, tools, work, prints, reason, schemas)
                result = verification.verify(
                    self._settings,
                    made,
                    work.archive,
                    tools,
                    self._verify,
                    url=self._choice.url,
                    reporter=self._reporter,
                    done=len(found.tables),
                )
                made = dataclasses.replace(made, verification=result, seconds=round(time.monotonic() - self._began, 3))
                self._kept.keep(work, made)
        if not made.verification.ok:
            self._kept.condemn(made)
            raise VerificationFailed(made)
        if self._settings.backups.store:
            made = remote.hand_over(self._settings, self._kept, made)
        return made

    def _check_space(self, size: int) -> None:
        # Of a store the last one is not here: then the size of the database alone tells.
        last = next((one.size for one in self._kept.backups() if one.source == self._source), 0)
        needed = retention.space_needed(last, size)
        free = shutil.disk_usage(self._kept.root).free
        if free < needed:
            raise NotEnoughSpace(self._kept.root, free, needed)

    def _dump(
        self, connection: libpq.Connection, found: contents.Contents, tools: programs.Programs, work: store.Work
    ) -> dict[str, manifest.Fingerprint]:
        """Run pg_dump in the snapshot, and take the fingerprints meanwhile."""
        shown, environment = programs.login(self._choice.url)
        log = work.path / "log"
        command = [str(tools.dump), *self._format(found.size), "-Z1", f"--snapshot={found.snapshot}", "--verbose"]
        command += [f"--lock-wait-timeout={_LOCK_WAIT}", "--no-password", f"--file={work.archive}"]
        command += ["--blobs"] if found.facts["large_objects"] else []
        # A pattern in double quotes is the name itself.
        command += ['--schema="' + name.replace('"', '""') + '"' for name in found.schemas]
        total = len(found.tables)
        with programs.running(
            [*command, f"--dbname={shown}"], log=log, env=environment, inherited=[work.descriptor]
        ) as child:
            told = programs.Log(log, _DUMPING)

            def step() -> None:
                self._reporter.step(min(told.read(), total), 2 * total, f"dumping {found.facts['database']}")

            try:
                prints = contents.fingerprints(connection, found.tables, step)
            except libpq.QueryFailed as failure:
                raise contents.BackupFailed(
                    f"no backup was taken: the rows could not all be read: {failure.message}",
                    "The role needs SELECT on every table, and to see all rows of those with row level security: "
                    "be their owner's member, or BYPASSRLS.",
                ) from failure
            while child.code() is None:
                step()
                time.sleep(_PAUSE)
        if child.code() != 0:
            text = programs.complaint(log) or f"it was ended by signal {-(child.code() or 0)}"
            raise contents.BackupFailed(f"no backup was taken: pg_dump failed:\n{text}", _advice(text))
        log.unlink()
        store.sync(work.archive)
        return prints

    def _format(self, size: int) -> list[str]:
        limit = backup_settings.in_bytes(self._settings.backups.parallel_above)
        if size <= limit or self._settings.backups.store:
            return ["--format=custom"]
        return ["--format=directory", f"--jobs={min(_MOST_JOBS, os.cpu_count() or 1)}"]

    def _manifest(
        self,
        found: contents.Contents,
        tools: programs.Programs,
        work: store.Work,
        prints: dict[str, manifest.Fingerprint],
        reason: str,
        wanted: Sequence[str],
    ) -> manifest.Manifest:
        digest, size = store.digest(work.archive)
        facts = found.facts
        for warning in found.warnings:
            self._reporter.info(warning)
        return manifest.Manifest(
            name=work.name,
            source=self._source,
            database=str(facts["database"]),
            taken_at=str(facts["taken_at"]),
            reason=reason,
            format="custom" if work.archive.is_file() else "directory",
            size=size,
            sha256=digest,
            server_version=str(facts["version"]).partition(" ")[0],
            client_version=tools.version,
            schemas=found.schemas,
            all_schemas=set(self._settings.schemas) <= set(found.schemas) or set(self._settings.schemas) <= set(wanted),
            history_schema=self._settings.history_schema,
            head=found.head,
            digest=found.digest,
            encoding=str(facts["encoding"]),
            collate=str(facts["collate"]),
            ctype=str(facts["ctype"]),
            database_size=found.size,
            fingerprints=prints,
            roles=found.roles,
            extensions=found.extensions,
            beneath=found.beneath,
            outside=found.outside,
        )


def _advice(text: str) -> str:
    lowered = text.lower()
    if "no space left" in lowered:
        return "Make room where the backups are kept, and run again."
    if "row-level security" in lowered or "row security" in lowered:
        return "Let a role take it that sees all rows: the tables' owner, or one with BYPASSRLS."
    if "permission denied" in lowered:
        return "The role needs USAGE on the schemas and SELECT on all of their tables and sequences."
    if "lock" in lowered:
        return "Another session holds a table; run again when it is done."
    return "Nothing of it is left. Correct that and run again."


def describe(made: manifest.Manifest) -> str:
    """Return a backup in a sentence."""
    count = document.number(len(made.fingerprints), "table")
    how = {"no": "not verified", "read": "read whole", "restored": "restored and compared"}.get(
        made.verification.words, made.verification.words
    )
    return f"Backup {made.name}: {retention.size(made.size)}, {count}, {how} ({made.seconds:.1f} s)."
