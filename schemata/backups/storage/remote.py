"""Backups that a command keeps elsewhere, such as object storage: it puts, gets, lists and deletes files by name.

`COMMAND put NAME PATH`, `COMMAND get NAME PATH`, `COMMAND list` (a name a line) and `COMMAND delete NAME`. A backup is
two files, and its manifest comes last: without it there is no backup.
"""

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from schemata import config, errors
from schemata.backups import manifest, verification
from schemata.backups.storage import store
from schemata.system import processes

_ARCHIVE, _MANIFEST = ".dump", ".json"


class StoreFailed(errors.NotAvailable):
    """The command of the store did not do what it was asked."""

    def __init__(self, command: tuple[str, ...], words: tuple[str, ...], ended: processes.Completed) -> None:
        told = (ended.complaint or ended.output).strip()[-2000:]
        super().__init__(
            f"{' '.join((*command, *words))} ended with {ended.code}" + (f":\n{told}" if told else ""),
            "It is [tool.schemata.backups] store: correct what it says, and run again.",
        )


@dataclasses.dataclass(frozen=True)
class Remote:
    """The backups that a command keeps; `staging` is where an archive lies while it is used here."""

    command: tuple[str, ...]
    root: Path
    staging: Path

    def call(self, *words: str) -> str:
        """Run the command and return its output. Raises StoreFailed."""
        ended = processes.run([*self.command, *words], cwd=self.root)
        if ended.code != 0:
            raise StoreFailed(self.command, words, ended)
        return ended.output

    def backups(self) -> list[manifest.Manifest]:
        """Return the backups, the newest first."""
        names = {line.strip() for line in self.call("list").splitlines()}
        result = []
        with tempfile.TemporaryDirectory(prefix="schemata-") as folder:
            for name in sorted(one.removesuffix(_MANIFEST) for one in names if one.endswith(_MANIFEST)):
                if f"{name}{_ARCHIVE}" not in names:
                    continue
                path = Path(folder) / "manifest.json"
                self.call("get", f"{name}{_MANIFEST}", str(path))
                with contextlib.suppress(manifest.BackupInvalid, OSError):
                    result.append(manifest.parse(path.read_text(encoding="utf-8"), f"{name}{_MANIFEST}"))
        return sorted(result, key=lambda one: one.taken_at, reverse=True)

    def bad(self) -> list[manifest.Manifest]:
        """Return those that were found damaged: none is kept elsewhere."""
        return []

    @contextlib.contextmanager
    def fetch(self, backup: manifest.Manifest) -> Iterator[Path]:
        """Give the path of a copy of an archive."""
        self.staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(prefix=".fetched-", dir=self.staging))
        try:
            path = folder / store.ARCHIVE
            self.call("get", f"{backup.name}{_ARCHIVE}", str(path))
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def put(self, backup: manifest.Manifest, archive: Path | None) -> None:
        """Hand over an archive, if it is not there yet, and what is known of it."""
        with tempfile.TemporaryDirectory(prefix="schemata-") as folder:
            path = Path(folder) / "manifest.json"
            path.write_text(backup.to_json(), encoding="utf-8")
            if archive is not None:
                self.call("put", f"{backup.name}{_ARCHIVE}", str(archive))
            self.call("put", f"{backup.name}{_MANIFEST}", str(path))

    def replace(self, made: manifest.Manifest) -> None:
        """Replace what is known of a backup."""
        self.put(made, None)

    def condemn(self, made: manifest.Manifest) -> None:
        """Record that a backup is not what was written."""
        self.replace(made)

    def remove(self, backup: manifest.Manifest) -> None:
        """Delete a backup; what is known of it goes first."""
        self.call("delete", f"{backup.name}{_MANIFEST}")
        self.call("delete", f"{backup.name}{_ARCHIVE}")


Place = store.Directory | Remote


def place(settings: config.Config) -> Place:
    """Return where the backups of the settings are kept."""
    kept = store.directory(settings)
    if not settings.backups.store or settings.backups.hook:
        return kept
    return Remote(settings.backups.store, settings.root, kept.root)


def hand_over(settings: config.Config, kept: store.Directory, made: manifest.Manifest) -> manifest.Manifest:
    """Move a backup to the store, and read it back once, unless it is not to be verified at all."""
    there = Remote(settings.backups.store, settings.root, kept.root)
    with kept.fetch(made) as archive:
        there.call("put", f"{made.name}{_ARCHIVE}", str(archive))
    if made.verification.level != manifest.NONE:
        with there.fetch(made) as copy:
            if wrong := verification.check_sum(made, copy):
                raise errors.NotAvailable(
                    f"the store gives back another file than it was given: {wrong}",
                    f"The backup stays in {kept.root / made.name}; correct the store and run again.",
                )
    there.put(made, None)
    kept.remove(made)
    return made


def find(there: Place, name: str) -> manifest.Manifest:
    """Return a backup by its name; "latest" is the newest. Raises BackupInvalid."""
    known = there.backups()
    for one in known:
        if name in (one.name, "latest"):
            return one
    if name in [one.name for one in there.bad()] or f"{name}.bad" in [one.name for one in there.bad()]:
        raise manifest.BackupInvalid(f"the backup {name} was found damaged, so it is not used", "inv backups")
    listed = ", ".join(one.name for one in known[:5])
    raise manifest.BackupInvalid(
        f"there is no backup {name}", f"The newest are {listed}: inv backups" if known else "Take one: inv backup"
    )
