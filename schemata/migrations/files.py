"""Migrations on disk: read them, write them, and remember their checksums between runs.

Two shortcuts save a boot from reading every file. The *seal* is written at image build by
`inv seal` and trusted as it stands. The *stat cache* belongs to a working tree: it trusts a
file only while its size, times and inode are what they were when it was read.
"""

import dataclasses
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from schemata import errors
from schemata.migrations import builds, checksums, leading_comment, lock_file, migration, python_files
from schemata.migrations.groups import changes, forms, replaced

MANIFEST = "manifest"
ROLLBACK = ".rollback.sql"


def read(folder: Path, schemas: Iterable[str]) -> tuple[migration.Migration, ...]:
    """Return every migration below `folder` in the one order.

    Refuses whatever would be skipped silently elsewhere: a folder of an unknown schema, a file
    with a wrong name, an orphaned rollback, content that is not UTF-8, a file beside the baseline that
    replaces it, a change whose phases do not fit together.
    """
    schemas = tuple(schemas)
    if not folder.is_dir():
        before = folder.with_name(f".{folder.name}.before")
        if before.is_dir():
            raise errors.ConfigError(
                f"there is no folder {folder}: a squash was stopped in the middle of the last step",
                f"Put the old files back: mv {before} {folder}",
            )
        raise errors.ConfigError(
            f"there is no folder {folder}",
            "Make it, or set `migrations` in [tool.schemata]; `inv migrate-new` makes it.",
        )
    try:
        found = migration.order(replaced.checked(_read_all(folder, schemas)))
    except PermissionError as error:
        raise errors.ConfigError(
            f"{error.filename} cannot be read: {error.strerror}", "Check its permissions."
        ) from error
    changes.of(found)
    return found


def holds_any(folder: Path) -> bool:
    """Tell whether a folder of migrations, which need not be there, holds a file in the folder of a schema."""
    return any(any(folder.glob(f"*/*{ending}")) for ending in (".sql", python_files.SUFFIX))


def _read_all(folder: Path, schemas: tuple[str, ...]) -> list[migration.Migration]:
    found: list[migration.Migration] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not entry.is_dir() or entry.name.startswith((".", "__")):
            if _is_migration(entry.name):
                raise migration.InvalidMigration(
                    entry.path, 0, "it lies outside the schemas' folders", f"Move it to {folder}/<schema>/."
                )
            continue
        if entry.name not in schemas:
            if any(_is_migration(name) for name in os.listdir(entry.path)):
                raise errors.ConfigError(
                    f"{entry.path} holds migrations, but [tool.schemata] does not list the schema {entry.name}",
                    f"Add it to `schemas` (now: {', '.join(schemas)}), or remove the folder.",
                )
            continue
        found.extend(_read_schema(entry.path, entry.name))
    return found


def _read_schema(folder: str, schema: str) -> list[migration.Migration]:
    names = sorted(os.listdir(folder))
    rollbacks = {name for name in names if name.endswith(ROLLBACK)}
    found = []
    for name in names:
        path = f"{folder}{os.sep}{name}"
        stem, _, kind = name.rpartition(".")
        is_python = kind == "py" and name != "__init__.py"
        if not (is_python or kind == "sql") or name.startswith(".") or name in rollbacks:
            continue
        if is_python:
            if f"{stem}.sql" in names:
                raise migration.InvalidMigration(
                    path, 0, f"{stem}.sql lies beside it, and both have the id {stem}", "Rename or remove one of them."
                )
            found.append(_read_one(path, stem, schema, ""))
            continue
        rollback = f"{stem}{ROLLBACK}"
        found.append(_read_one(path, stem, schema, f"{folder}{os.sep}{rollback}" if rollback in rollbacks else ""))
        rollbacks.discard(rollback)
    if rollbacks:
        orphan = min(rollbacks)
        raise migration.InvalidMigration(
            f"{folder}{os.sep}{orphan}",
            0,
            "this rollback file has no migration file of the same name",
            f"Bring {orphan.removesuffix(ROLLBACK)}.sql back from version control, or rename this one.",
        )
    return found


def _is_migration(name: str) -> bool:
    if name.endswith(".sql"):
        return True
    parts = name.split(".")  # another file of Python may lie anywhere
    return len(parts) == 4 and name.endswith(python_files.SUFFIX) and migration.is_timestamp(parts[1])


def _read_one(path: str, stem: str, schema: str, rollback_path: str) -> migration.Migration:
    named, timestamp, slug = migration.parse_id(stem, path)
    if named != schema:
        raise migration.InvalidMigration(
            path, 0, f"its name says schema {named}, its folder {schema}", "Rename it or move it."
        )
    made = made_of(path, stem, schema, timestamp, slug, rollback_path)
    if made.rollback_path and made.directives.irreversible:
        in_steps = made.rollback_path == path
        comment, other = ("#", "a rollback of each step") if in_steps else ("--", "a rollback file")
        raise migration.InvalidMigration(
            path, 0, f"it has the line `{comment} irreversible:` and also {other}", "Remove one of the two."
        )
    return made


def made_of(
    path: str, id_: str, schema: str, timestamp: str, slug: str, rollback_path: str = ""
) -> migration.Migration:
    """Return the migration that a file is, whatever its name; of one in Python its rollback is in its steps.

    :param rollback_path: of a file of its own; empty for none. Raises what `read` raises.
    """
    text = text_of(path)
    if python_files.is_python(path):
        directives = python_files.parse_directives(text, path)
        # What undoes it stands in the steps themselves: in all of them, or it is none.
        if python_files.without_rollback(text, path) is None:
            rollback_path = path
    else:
        directives = leading_comment.parse_directives(text, path)
    return migration.Migration(
        id=id_,
        schema=schema,
        timestamp=timestamp,
        slug=slug,
        path=path,
        sql=text,
        checksum=checksums.checksum(text),
        directives=directives,
        rollback_path=rollback_path,
    )


def with_rollbacks(items: Iterable[migration.Migration]) -> tuple[migration.Migration, ...]:
    """Return the migrations with the text of their rollbacks, which most commands do not need."""
    result = []
    for item in items:
        if item.is_python:
            # As it was read: its rollback is in the same file.
            undo = item.sql if item.rollback_path else ""
            result.append(dataclasses.replace(item, rollback_sql=undo, rollback_mode=item.directives.mode))
            continue
        text = text_of(item.rollback_path) if item.rollback_path else ""
        mode = leading_comment.parse_directives(text, item.rollback_path).mode
        result.append(dataclasses.replace(item, rollback_sql=text, rollback_mode=mode))
    return tuple(result)


def text_of(path: str) -> str:
    """Return what a file says, as it is hashed and sent. Raises what `read` raises."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise errors.ConfigError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
    try:
        text = checksums.normalise(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise migration.InvalidMigration(path, line, f"byte {error.start} is not UTF-8", "Save it as UTF-8.") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise migration.InvalidMigration(
            path,
            line,
            "it has a NUL character, which PostgreSQL cannot take",
            "Save the file as UTF-8 (UTF-16 has NUL in nearly every character), or remove that character.",
        )
    return text


def shown(path: Path | str, root: Path) -> str:
    """Return a path as findings show it: from the root of the project, with slashes."""
    return Path(os.path.relpath(path, root) if os.path.isabs(path) else path).as_posix()


def write_new(path: Path, text: str) -> None:
    """Write a file that did not exist. Raises FileExistsError and changes nothing when it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_output(path: str, text: str, flag: str) -> None:
    """Write the file that a flag names, whole or not at all. Raises ConfigError where it cannot be written."""
    try:
        replace(Path(path).absolute(), text)
    except OSError as error:
        raise errors.ConfigError(
            f"{path} cannot be written: {error.strerror}", f"Choose another {flag} file."
        ) from error


def locked(folder: Path) -> lock_file.LockFile | None:
    """Return the lock file of a folder of migrations, or None. Raises ConfigError for a damaged one."""
    path = folder / MANIFEST
    try:
        return lock_file.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise errors.ConfigError(f"{path} cannot be read: {error}", "Write it again: inv lock") from error


class Lock(NamedTuple):
    """The lock file as it was read: None where there is none, or where it cannot be read, and `error` says why."""

    path: Path
    file: lock_file.LockFile | None
    error: str = ""

    def problem(self, sources: Iterable[migration.Migration]) -> str:
        """Return why it tells nothing of these migrations; empty where it does, or where there is none."""
        if self.error or self.file is None or self.file.fits(sources):
            return self.error
        return f"{self.path} is not of these migrations"


def lock(folder: Path) -> Lock:
    """Return the lock file of a folder of migrations; for who asks it several things, so that it is read once."""
    try:
        return Lock(folder / MANIFEST, locked(folder))
    except errors.ConfigError as error:
        return Lock(folder / MANIFEST, None, error.message)


def lock_problem(folder: Path, sources: Iterable[migration.Migration]) -> str:
    """Return why the lock file tells nothing of these migrations; empty where it does, or where there is none."""
    return lock(folder).problem(sources)


def seal_text(digest: str, last: str, settings: Mapping[str, str], expected: lock_file.Expected) -> str:
    """Return the text of a seal: what a boot of this build has to know, so that it reads no migration."""
    lines = [builds.SEAL_FORMAT, f"digest {digest}", f"last {last or '-'}"]
    lines += [f"{key} {value}" for key, value in settings.items()]
    lines += lock_file.expected_lines(expected)
    return "\n".join(lines) + "\n"


def remember(
    path: Path, stats_before: float, settings: Mapping[str, str], items: Iterable[migration.Migration]
) -> None:
    """Write the stat cache of migrations that were read after the time `stats_before` (seconds).

    A cache that cannot be written (a read-only file system) is no error: the next run reads the files.
    """
    items = tuple(items)
    members = [(item.id, item.checksum) for item in items]
    lines = [builds.STAT_CACHE, f"digest {checksums.of(members)}", f"last {members[-1][0] if members else '-'}"]
    lines += [f"{key} {value}" for key, value in settings.items()]
    lines += [*(f"{key} {value}" for key, value in forms.of(items).items()), ""]
    try:
        for item in items:
            facts = os.stat(item.path)
            # A file touched at or after the read may have changed since: it must be read again.
            safe = facts.st_ctime_ns < (stats_before - 0.05) * 1e9
            stamp = f"{facts.st_mtime_ns}.{facts.st_ctime_ns}.{facts.st_size}.{facts.st_ino}" if safe else "0"
            name = f"{item.id}{python_files.SUFFIX}" if item.is_python else item.id
            lines.append(f"{stamp} {item.checksum} {item.schema} {name}")
        replace(path, "\n".join(lines) + "\n")
    except OSError:
        return


def clock() -> float:
    """Return the wall clock in seconds, as `remember` wants it."""
    return time.time()
