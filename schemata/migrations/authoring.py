"""Migration files: new ones, ones that came too late, the seal of a build."""

import datetime
import re
from collections.abc import Sequence
from pathlib import Path

from schemata import config, errors
from schemata.migrations import (
    builds,
    checkout,
    checksums,
    files,
    lock_file,
    lookup,
    migration,
    precheck,
    python_files,
    rollback_files,
)
from schemata.migrations.groups import forms
from schemata.report import document, results

_WORD = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")

_TEMPLATE = """\
-- {title}
--
-- Why: say in a line or two what this is for, and whether it may run before the new code does.
-- Directives go here, each on a line of its own, if they are needed (docs/database-migrations.md):
-- * "depends", ids of migrations that this one needs, separated by spaces
-- * "mode", statements for CREATE INDEX CONCURRENTLY and the like, own-transaction for a BEGIN and COMMIT of its own
-- * "irreversible", the reason, instead of a rollback file
-- * "breaking", what breaks for an application that is running

"""
_PYTHON_TEMPLATE = '''\
# {title}
#
# Why: say in a line or two what this is for, and whether it may run before the new code does.
# "irreversible", "breaking" and "phase" go here as in SQL. Below the imports, where they are needed:
# * __depends__ = {{"an id"}}, ids of migrations that this one needs
# * __transactional__ = False, each step commits by itself
# * __idempotent__ = True, such a step may be run again after it was stopped
from typing import Any

from yoyo import step


def apply(connection: Any) -> None:
    """Say what it does. The connection is psycopg's; the engine commits it together with the record."""
    raise NotImplementedError("write what the migration does, or remove the file")


def undo(connection: Any) -> None:
    """Say what it takes back."""
    raise NotImplementedError("write what takes it back; a step of which nothing is left to undo has the rollback ''")


step(apply, undo)
'''
_ROLLBACK_TEMPLATE = """\
-- Undo: {title}
--
-- Exactly the reverse of {id}.sql, in reverse order. If there is none, remove this
-- file and put "-- irreversible", a colon and the reason into the other.

"""


def new(settings: config.Config, *, schema: str, name: str, python: bool = False) -> results.Message:
    """Write an empty migration and its rollback, named for now (UTC) and after every other.

    With `python` it is one file in yoyo's format, whose steps hold both.

    Changes nothing when a name is not possible or a file exists.
    """
    if not schema and len(settings.schemas) == 1:
        schema = settings.schemas[0]
    if not schema or not name:
        raise errors.ConfigError(
            "a migration needs a schema and a name",
            f"inv migrate-new --schema {settings.schemas[0]} --name create_something",
        )
    lookup.check_schema(settings, schema)
    words = slug(name)
    folder = settings.migrations / schema
    # A new project has no folder yet.
    existing = files.read(settings.migrations, settings.schemas) if settings.migrations.is_dir() else ()
    stamp = after(existing)
    stem = f"{schema}.{stamp}.{words}"
    title = words.replace("_", " ").capitalize() + "."
    texts = {
        folder / f"{stem}.sql": _TEMPLATE.format(title=title),
        folder / f"{stem}.rollback.sql": _ROLLBACK_TEMPLATE.format(title=title[0].lower() + title[1:], id=stem),
    }
    if python:
        texts = {folder / f"{stem}{python_files.SUFFIX}": _PYTHON_TEMPLATE.format(title=title)}
    for path, text in texts.items():
        files.write_new(path, text)
    shown = [str(path.relative_to(settings.root) if path.is_relative_to(settings.root) else path) for path in texts]
    return results.Message(
        "Wrote\n"
        + "\n".join(f"  {path}" for path in shown)
        + f"\nFill {'it' if python else 'both'} in, then: inv migrate --dry-run; inv migrate",
        facts={"id": stem, "files": shown},
    )


def slug(name: str) -> str:
    """Return a name as the last part of a migration's id. Raises ConfigError where it is not possible as one.

    >>> slug("Create invoices")
    'create_invoices'
    """
    words = re.sub(r"[\s-]+", "_", name.strip().lower())
    if not _WORD.fullmatch(words) or len(words) > 100:
        raise errors.ConfigError(
            f"{name!r} is not a name for a migration",
            "Use lower-case words, such as create_invoices (at most 100 letters).",
        )
    return words


def after(existing: Sequence[migration.Migration], now: datetime.datetime | None = None) -> str:
    """Return now as a timestamp, or one second after the latest one where that is in the future."""
    latest = max((item.timestamp for item in existing), default="")
    moment = now or datetime.datetime.now(datetime.UTC)
    stamp = moment.strftime("%Y%m%d%H%M%S")
    return next_second(latest) if latest >= stamp else stamp


def next_second(stamp: str) -> str:
    """Return the timestamp a second after another one.

    >>> next_second("20251231235959")
    '20260101000000'
    """
    moment = datetime.datetime.strptime(stamp, "%Y%m%d%H%M%S") + datetime.timedelta(seconds=1)
    return moment.strftime("%Y%m%d%H%M%S")


def seal(settings: config.Config, *, check: bool = False) -> results.Message:
    """Write `migrations/seal`, from which a boot knows what this build has without reading the migrations.

    The lock file beside it must be that of these files; a project that has none, or one without an expected structure,
    gets it written. With `check` nothing is written: the answer is whether both say what the files say.
    """
    sources = checked(settings)
    manifest, sealed = settings.migrations / files.MANIFEST, settings.migrations / builds.SEAL
    locked = _locked(manifest)
    lock = lock_text(sources, locked.expected if locked and locked.fits(sources) else {})
    digest = checksums.of([(item.id, item.checksum) for item in sources])
    # The file's settings, without this environment's: a build is sealed for every place where it will start.
    boot = {**checkout.boot_settings(config.load(settings.root, {})), **forms.of(sources)}
    # What is recorded of a database, which a boot compares it with, is of these schemas and of what belongs to none.
    expected = {
        form: {name: value for name, value in schemas.items() if name in ("", *settings.schemas)}
        for form, schemas in lock_file.parse(lock).expected.items()
    }
    texts = {manifest: lock, sealed: files.seal_text(digest, sources[-1].id if sources else "", boot, expected)}
    facts = {"manifest": str(manifest), "seal": str(sealed), "digest": digest, "migrations": len(sources)}
    wrong = [path for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if locked and locked.expected and manifest in wrong:
        raise errors.Error(
            f"{manifest} does not match the migration files, so the structure that it expects is not theirs",
            "Write it again, look at what changed, and commit it: inv lock",
        )
    if check:
        if not wrong:
            return results.Message(
                f"{sealed} matches the {document.number(len(sources), 'migration file')}.", facts=facts
            )
        what = "does not match the migration files" if wrong[0].is_file() else "does not exist"
        return results.Message(
            f"{wrong[0]} {what}.\nWrite it: inv seal", ok=False, exit_code=errors.NEEDS_PERSON, facts=facts
        )
    for path in wrong:
        files.replace(path, texts[path])
    return results.Message(
        f"Sealed {document.number(len(sources), 'migration')} in {sealed} ({digest[:12]}…).", facts=facts
    )


def _locked(manifest: Path) -> lock_file.LockFile | None:
    """Return the lock file, and none where what stands there is of an older engine or has no expectation to lose."""
    try:
        return files.locked(manifest.parent)
    except errors.ConfigError:
        if lock_file.majors(manifest.read_text(encoding="utf-8", errors="replace")):
            raise
        return None


def checked(settings: config.Config, *, rollbacks: bool = True) -> tuple[migration.Migration, ...]:
    """Return the migrations after every check that needs no server, their rollbacks read and checked with them.

    Without `rollbacks` these are left alone: what the migrations make does not depend on them.
    """
    sources = files.read(settings.migrations, settings.schemas)
    if rollbacks:
        sources = files.with_rollbacks(sources)
    precheck.check(sources)
    for item in sources:
        precheck.check_syntax(item)
        if rollbacks:
            rollback_files.check(item)
    return sources


def rollback_problems(sources: Sequence[migration.Migration]) -> tuple[str, ...]:
    """Return what is wrong with the rollback files, a sentence each, the first few and how many more there are."""
    read: list[migration.Migration | errors.Error] = []
    for item in sources:
        try:
            read += files.with_rollbacks([item])
        except errors.Error as problem:
            read.append(problem)
    return rollback_files.problems(read)


def lock_text(sources: Sequence[migration.Migration], expected: lock_file.Expected) -> str:
    """Return the text of the lock file of these migrations."""
    return lock_file.text(sources, _parsed(sources), expected)


def _parsed(sources: Sequence[migration.Migration]) -> dict[str, migration.Parsed]:
    return {item.id: precheck.parsed(item) for item in sources}


def parse_problems(settings: config.Config) -> list[str]:
    """Return what keeps the files from being read, for the doctor."""
    try:
        sources = files.read(settings.migrations, settings.schemas)
    except errors.Error as error:
        return [str(error)]
    return list(rollback_problems(sources))
