"""Write the migrations of a fix: the files, and what was not done. Nothing is executed."""

import contextlib
import datetime
import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.migrations import authoring, files, migration
from schemata.parity import diff
from schemata.parity.fix import decisions, scripts
from schemata.report import results
from schemata.snapshot import model
from schemata.sql import statement


def write(
    settings: config.Config,
    expected: model.Snapshot,
    actual: model.Snapshot,
    *,
    name: str = "parity",
    purpose: scripts.Purpose = scripts.DECLARED,
    applied: Collection[str] | None = None,
) -> results.Message:
    """Write the migrations that turn the actual structure into the expected one, with the rollbacks that they may have.

    Both snapshots must have been read with dependencies. A difference that cannot be closed without losing data is
    refused: it is told, and stands as a comment in the last file of its schema. Changes nothing when a name is not
    possible, when the changes have no order, or when a migration that is none of `applied` does a part of it already.

    :param applied: the ids that the database has run; None where that does not matter.
    """
    slug = authoring.slug(name)
    found = scripts.scripts(expected, actual, settings.schemas, purpose)
    with _alone(settings.root):
        existing = files.read(settings.migrations, settings.schemas) if settings.migrations.is_dir() else ()
        if applied is not None:
            _check_pending([one for one in existing if one.id not in applied], found.scripts)
        shown = _written(settings, found.scripts, authoring.after(existing), slug)
    return results.Message(
        _text(shown, found.refused),
        ok=not found.refused,
        exit_code=errors.NEEDS_PERSON if found.refused else errors.DONE,
        facts={"files": shown, "refused": [_refused(one) for one in found.refused]},
    )


def _written(settings: config.Config, made: Sequence[scripts.Script], first: str, slug: str) -> list[str]:
    """Write the files, each a second after the one before, and return their paths as a person reads them."""
    moment = datetime.datetime.strptime(first, "%Y%m%d%H%M%S")
    before = ""
    shown: list[str] = []
    for script in made:
        stem = f"{script.schema}.{moment:%Y%m%d%H%M%S}.{slug}"
        path = settings.migrations / script.schema / f"{stem}.sql"
        files.write_new(path, script.sql.replace(scripts.DEPENDS, scripts.DEPENDS.format(before), 1))
        if script.rollback:
            files.write_new(path.with_name(f"{stem}{files.ROLLBACK}"), script.rollback)
        shown.append(str(path.relative_to(settings.root) if path.is_relative_to(settings.root) else path))
        before = stem
        moment += datetime.timedelta(seconds=1)
    return shown


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other call write migrations of the same project meanwhile: it waits, and then sees these."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _check_pending(pending: Sequence[migration.Migration], made: Sequence[scripts.Script]) -> None:
    """Refuse to write what a migration does already that the database has not run: it would stand there twice."""
    wanted = {text for script in made for text in _statements(script.sql)}
    for one in pending:
        if wanted.intersection(_statements(one.sql)):
            raise errors.MigrationError(
                f"{one.id} is pending, and does at least a part of this already; nothing was written",
                "Run it, and compare again: inv migrate; or delete its file, which nothing has run here.",
            )


def _statements(sql: str) -> set[str]:
    """Return the statements that change something; none of a text that cannot be read as SQL."""
    try:
        found = statement.split(sql)
    except statement.SyntaxProblem:
        return set()
    return {" ".join(one.text.split()).removesuffix(";") for one in found if not one.text.lstrip().startswith("SET ")}


def _text(shown: Sequence[str], refused: Sequence[decisions.Refused]) -> str:
    lines = []
    if shown:
        lines += ["Wrote", *(f"  {path}" for path in shown), "Read them, then: inv migrate --dry-run; inv migrate"]
    elif not refused:
        lines.append("There is no difference, so there is nothing to write.")
    for one in refused:
        lines.append(scripts.described(one))
        lines += [f"    {line}" for text in one.sql for line in text.split("\n")]
    return "\n".join(lines)


def _refused(one: decisions.Refused) -> dict[str, object]:
    item = one.item
    return {
        "kind": item.kind,
        "schema": item.schema,
        "of": item.of,
        "name": item.name,
        "subject": diff.subject(item),
        "change": one.change,
        "facts": sorted(one.facts),
        "severity": decisions.severity(one),
        "reason": one.reason,
        "sql": list(one.sql),
    }
