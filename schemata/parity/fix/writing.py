"""Write the migrations of a fix: the files, and what was not done. Nothing is executed."""

import datetime
from collections.abc import Sequence

from schemata import config, errors
from schemata.migrations import authoring, files
from schemata.parity import diff
from schemata.parity.fix import decisions, scripts
from schemata.report import results
from schemata.snapshot import model


def write(
    settings: config.Config,
    expected: model.Snapshot,
    actual: model.Snapshot,
    *,
    name: str = "parity",
    purpose: scripts.Purpose = scripts.DECLARED,
) -> results.Message:
    """Write the migrations that turn the actual structure into the expected one, with the rollbacks that they may have.

    Both snapshots must have been read with dependencies. A difference that cannot be closed without losing data is
    refused: it is told, and stands as a comment in the last file of its schema. Changes nothing when a name is not
    possible, or when the changes have no order.
    """
    slug = authoring.slug(name)
    found = scripts.scripts(expected, actual, settings.schemas, purpose)
    existing = files.read(settings.migrations, settings.schemas) if settings.migrations.is_dir() else ()
    moment = datetime.datetime.strptime(authoring.after(existing), "%Y%m%d%H%M%S")
    before = ""
    shown: list[str] = []
    for script in found.scripts:
        stem = f"{script.schema}.{moment:%Y%m%d%H%M%S}.{slug}"
        path = settings.migrations / script.schema / f"{stem}.sql"
        files.write_new(path, script.sql.replace(scripts.DEPENDS, scripts.DEPENDS.format(before), 1))
        if script.rollback:
            files.write_new(path.with_name(f"{stem}{files.ROLLBACK}"), script.rollback)
        shown.append(str(path.relative_to(settings.root) if path.is_relative_to(settings.root) else path))
        before = stem
        moment += datetime.timedelta(seconds=1)
    return results.Message(
        _text(shown, found.refused),
        ok=not found.refused,
        exit_code=errors.NEEDS_PERSON if found.refused else errors.DONE,
        facts={"files": shown, "refused": [_refused(one) for one in found.refused]},
    )


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
