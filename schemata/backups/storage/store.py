"""Where backups are kept: a directory for each, which gets its name when it is whole.

A backup is made in `NAME.partial`, which its process and pg_dump hold locked, and becomes `NAME` in one step. So what
has a name is complete, and a `.partial` that nobody holds was left by one who was killed.
"""

import contextlib
import dataclasses
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from schemata import config, errors
from schemata.backups import manifest
from schemata.system import file_lock

ARCHIVE, MANIFEST = "archive", "manifest.json"
_PARTIAL, _BAD = ".partial", ".bad"
_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Work:
    """A backup that is being made: its directory, and the descriptor that holds it."""

    name: str
    path: Path
    descriptor: int

    @property
    def archive(self) -> Path:
        """Return where pg_dump writes."""
        return self.path / ARCHIVE


@dataclasses.dataclass(frozen=True)
class Directory:
    """The backups in one directory of this machine."""

    root: Path

    def prepare(self) -> None:
        """Make the directory, which only its owner may enter, and delete what killed processes left in it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.root / ".gitignore").write_text("*\n", encoding="utf-8")
        except OSError as error:
            raise errors.NotAvailable(
                f"{self.root}, where backups are kept, cannot be written: {error.strerror}",
                "Correct its permissions, or [tool.schemata.backups] directory.",
            ) from error
        for path in self.root.glob(f"*{_PARTIAL}"):
            descriptor = file_lock.hold(path)
            if descriptor is not None:
                try:
                    shutil.rmtree(path, ignore_errors=True)
                finally:
                    os.close(descriptor)

    @contextlib.contextmanager
    def work(self, database: str, moment: str) -> Iterator[Work]:
        """Give a directory to make a backup in; what is left of it at the end of the block is deleted."""
        name = manifest.name_of(database, moment)
        for number in range(1, 1000):
            chosen = name if number == 1 else f"{name}-{number}"
            path = self.root / f"{chosen}{_PARTIAL}"
            if (self.root / chosen).exists() or (self.root / f"{chosen}{_BAD}").exists():
                continue
            with contextlib.suppress(FileExistsError):
                path.mkdir(mode=0o700)
                # One who cleans up may have taken it for a leftover in between.
                descriptor = file_lock.hold(path)
                if descriptor is not None:
                    break
        else:
            raise errors.NotAvailable(f"no name is free for a backup in {self.root}", "Look at what is there.")
        try:
            yield Work(chosen, path, descriptor)
        finally:
            if path.exists():
                shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)

    def keep(self, work: Work, made: manifest.Manifest) -> None:
        """Give a backup its name, once all of it is on the disk."""
        _write(work.path / MANIFEST, made.to_json())
        _sync(work.path)
        os.rename(work.path, self.root / work.name)
        _sync(self.root)

    def replace(self, made: manifest.Manifest) -> None:
        """Replace what is known of a backup; anyone who reads it meanwhile gets the old text or the new one."""
        path = self.root / made.name / MANIFEST
        fresh = path.with_suffix(".tmp")
        _write(fresh, made.to_json())
        os.replace(fresh, path)
        _sync(path.parent)

    def condemn(self, made: manifest.Manifest) -> None:
        """Take the name from a backup that is not what was written, so that nothing takes it for a good one."""
        self.replace(made)
        os.rename(self.root / made.name, self.root / f"{made.name}{_BAD}")
        _sync(self.root)

    def backups(self) -> list[manifest.Manifest]:
        """Return the backups that have a name, the newest first."""
        return self._read("")

    def bad(self) -> list[manifest.Manifest]:
        """Return those that were found damaged."""
        return [dataclasses.replace(one, name=f"{one.name}{_BAD}") for one in self._read(_BAD)]

    def _read(self, suffix: str) -> list[manifest.Manifest]:
        result = []
        paths = sorted(self.root.iterdir()) if self.root.is_dir() else []
        for path in paths:
            ending = path.suffix if path.suffix in (_PARTIAL, _BAD) else ""
            if ending != suffix or not (path / MANIFEST).is_file():
                continue
            with contextlib.suppress(manifest.BackupInvalid, OSError):
                found = manifest.parse((path / MANIFEST).read_text(encoding="utf-8"), str(path / MANIFEST))
                if found.name == path.name.removesuffix(_BAD):
                    result.append(found)
        return sorted(result, key=lambda one: one.taken_at, reverse=True)

    @contextlib.contextmanager
    def fetch(self, backup: manifest.Manifest) -> Iterator[Path]:
        """Give the path of an archive."""
        yield self.root / backup.name / ARCHIVE

    def remove(self, backup: manifest.Manifest) -> None:
        """Delete a backup; it loses its name first."""
        gone = self.root / f"{backup.name}{_PARTIAL}"
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            os.rename(self.root / backup.name, gone)
            shutil.rmtree(gone, ignore_errors=True)


def directory(settings: config.Config) -> Directory:
    """Return the directory of the settings; a relative one is below the project's root."""
    return Directory(settings.root / Path(settings.backups.directory).expanduser())


def digest(archive: Path) -> tuple[str, int]:
    """Return the SHA-256 and the size of an archive: of a file, or of all files of a directory with their names."""
    whole = hashlib.sha256()
    size = 0
    for path in [archive] if archive.is_file() else sorted(archive.iterdir()):
        if not archive.is_file():
            whole.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while part := file.read(_CHUNK):
                whole.update(part)
                size += len(part)
    return whole.hexdigest(), size


def sync(archive: Path) -> None:
    """Have all of an archive on the disk."""
    for path in [archive] if archive.is_file() else [*archive.iterdir(), archive]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
