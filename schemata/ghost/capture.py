"""`inv scale-capture`: the sizes of a live database as a scale file. Reads the catalog only; no row is looked at."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.migrations import files
from schemata.postgres import libpq, queries
from schemata.report import document, progress, results
from schemata.scale import scale, scale_file

_SQL = queries.load("ghost", os.path.join(os.path.dirname(__file__), "queries"))
_COMMENT = (
    "How many rows each table has, and how many distinct values its columns hold: what `inv pages` and `inv check`",
    "plan the declared pages for. A negative number is a share of the rows: -1 where all values are different.",
    "No value of any row is in this file. Written by `inv scale-capture`; edited by hand it is as good.",
)
_DIGITS = 3


@dataclasses.dataclass(frozen=True)
class Captured:
    """What a database says of its sizes.

    :param unseen: tables with rows that no ANALYZE has seen, which are not in the scale. :param unread: tables of
        which we may not read the statistics: only their rows are known.
    """

    scale: scale.Scale
    unseen: tuple[str, ...]
    unread: tuple[str, ...]


def scale_capture(
    settings: config.Config, *, url: str = "", out: str = "", reporter: progress.Reporter = progress.SILENT
) -> results.Table:
    """Write the scale file of the project, or the file `out`, from a database. Reads only there.

    What no ANALYZE has seen is named, and is not in the file: the exit code is 1 then. Raises Error where it has seen
    nothing; then the file stays as it was.
    """
    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
            found = captured(connection, settings.schemas)
        if not found.scale.tables:
            raise errors.Error(
                f"no table of the schemas {', '.join(settings.schemas)} has been analysed, so that its rows are not "
                "known",
                "Run ANALYZE there and then this command again.",
            )
        path = Path(out) if out else scale_file.path_of(settings)
        text = scale.text(found.scale, _COMMENT)
        if out:
            files.write_output(out, text, "--out")
        else:
            files.replace(path, text)
    reporter.info(f"Wrote {path}.")
    notes = []
    if found.unseen:
        notes.append(
            f"Not in the file, because no ANALYZE has seen them: {', '.join(found.unseen)}. Run ANALYZE there and then "
            "this command again."
        )
    if found.unread:
        notes.append(
            f"Only the rows of {', '.join(found.unread)} are known: this role may not read their statistics. "
            "GRANT SELECT, or pg_read_all_data."
        )
    told = f"{document.number(len(found.scale.tables), 'table')} written to {_shown(settings, path)}."
    return results.Table(
        f"Target: {target.describe()}\n",
        ("table", "rows", "columns"),
        tuple((name, f"{table.rows:,}", len(table.n_distinct)) for name, table in found.scale.tables.items()),
        notes=("", *notes, told),
        ok=not (found.unseen or found.unread),
        exit_code=errors.NEEDS_PERSON if found.unseen or found.unread else errors.DONE,
        facts={
            "target": dataclasses.asdict(target),
            "file": str(path),
            "not_analysed": list(found.unseen),
            "not_readable": list(found.unread),
        },
    )


def _shown(settings: config.Config, path: Path) -> str:
    return str(path.relative_to(settings.root)) if path.is_relative_to(settings.root) else str(path)


def captured(connection: libpq.Connection, schemas: Sequence[str]) -> Captured:
    """Return the sizes that the statistics of a database tell, rounded so that a file changes when a size does."""
    listed = ", ".join(queries.literal(name) for name in schemas)
    connection.query("BEGIN READ ONLY")
    try:
        rows = json.loads(str(connection.query(_SQL["capture"].replace("{schemas}", listed))[0][0]))
    finally:
        connection.query("ROLLBACK")
    found: dict[str, scale.Table] = {}
    unseen, unread = [], []
    for row in rows:
        if row["rows"] and not row["distinct"] and not row["readable"]:
            unread.append(row["name"])
        elif row["unseen"] or (row["rows"] and not row["distinct"]):
            # CREATE INDEX counts the rows too, but looks at no value.
            unseen.append(row["name"])
            continue
        distinct = {column: _rounded(value) for column, value in row["distinct"].items()}
        found[row["name"]] = scale.Table(int(_rounded(row["rows"])), distinct)
    return Captured(scale.Scale(found, "the target"), tuple(unseen), tuple(unread))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
