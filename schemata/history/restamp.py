"""New times for pending migrations that sort before an applied one."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.history import status
from schemata.migrations import authoring, files, leading_comment, lookup, migration, python_files
from schemata.report import results


def restamp(settings: config.Config, migration_id: str = "", *, url: str = "") -> results.Table:
    """Give pending migrations that sort before an applied one a new time, after all others.

    File, rollback file and every `-- depends:` line that names them move together. The database is only
    read; a migration that it has applied is never renamed.
    """
    sources = files.read(settings.migrations, settings.schemas)
    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
            compared = status.compare(settings, sources, connection.query, full=False)
        late = [finding.subject for finding in compared.of("out-of-order")]
        if migration_id:
            item = lookup.find(sources, migration_id)
            if item not in compared.pending:
                raise errors.MigrationError(
                    f"{item.id} is applied in {target.describe()}, so its name must stay",
                    "Write a new migration instead: inv migrate-new",
                )
            late = [item.id]
        names = _with_followers(sources, late, {item.id for item in compared.pending})
        new_ids = _new_ids(sources, names)
        _rename(sources, new_ids)
        return results.Table(
            "Restamped" if new_ids else "Nothing is out of order.",
            ("was", "is"),
            tuple(new_ids.items()),
            notes=("Commit the renamed files together.",) if new_ids else (),
        )


def _with_followers(sources: Sequence[migration.Migration], late: Sequence[str], pending: set[str]) -> list[str]:
    """Return the ids to move: pending ones that depend on a moved one must come after it again."""
    moved = set(late)
    for item in sources:
        if item.id in pending and moved & set(item.directives.depends):
            moved.add(item.id)
    return [item.id for item in sources if item.id in moved]


def _new_ids(sources: Sequence[migration.Migration], names: Sequence[str]) -> dict[str, str]:
    by_id = {item.id: item for item in sources}
    result: dict[str, str] = {}
    stamp = authoring.after([item for item in sources if item.id not in names])
    for name in names:
        item = by_id[name]
        result[name] = f"{item.schema}.{stamp}.{item.slug}"
        stamp = (datetime.datetime.strptime(stamp, "%Y%m%d%H%M%S") + datetime.timedelta(seconds=1)).strftime(
            "%Y%m%d%H%M%S"
        )
    return result


def _rename(sources: Sequence[migration.Migration], new_ids: Mapping[str, str]) -> None:
    for item in sources:
        if any(need in new_ids for need in item.directives.depends):
            with_depends = python_files.with_depends if item.is_python else leading_comment.with_depends
            files.replace(Path(item.path), with_depends(item.sql, new_ids))
    for item in sources:
        if item.id in new_ids:
            for path in sorted({item.path, item.rollback_path} - {""}):
                old = Path(path)
                old.rename(old.with_name(old.name.replace(item.id, new_ids[item.id])))
