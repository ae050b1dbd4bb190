"""`inv scale-capture`: the sizes of a live database as a scale file. Reads the catalog only; no row is looked at."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.ghost import outcome
from schemata.migrations import files
from schemata.postgres import libpq, queries
from schemata.report import progress
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
    settings: config.Config,
    *,
    url: str = "",
    out: str = "",
    yes: bool = False,
    partial: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Capture:
    """Write the scale file of the project, or the file `out`, from a database. Reads only there.

    A file of the project that says something else stays as it is without `yes`: people wrote and committed it, and the
    database may be another than they meant. Where some tables are not known nothing is written without `partial`; with
    it what the file says of them is kept. Raises Error where no table is known.
    """
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        found = captured(connection, settings.schemas)
        if not found.scale.tables:
            raise errors.Error(
                f"no table of the schemas {', '.join(settings.schemas)} has been analysed, so that its rows are not "
                "known",
                "Run ANALYZE there and then this command again.",
            )
    path = Path(out) if out else scale_file.path_of(settings)
    before = _text_of(path)
    if partial and before is not None:
        found = dataclasses.replace(found, scale=_kept(found, scale_file.read(settings, out)))
    after = scale.text(found.scale, _COMMENT)
    if before is not None and scale_file.says(before) == scale_file.says(after):
        after = before  # comments of people stay
    result = outcome.Capture(
        target,
        files.shown(path, settings.root),
        str(path),
        found.scale,
        before,
        after,
        found.unseen,
        found.unread,
        is_partial=partial,
        is_written=False,
    )
    if not result.is_whole or not (yes or out or before in (None, after)):
        return result
    if before != after:
        files.write_output(str(path), after, "--out" if out else "scale")
        reporter.info(f"Wrote {path}.")
    return dataclasses.replace(result, is_written=True)


def _text_of(path: Path) -> str | None:
    """Return what a file says; None where there is none, or nothing that can be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return ""


def _kept(found: Captured, before: scale.Scale) -> scale.Scale:
    """Return the sizes that were captured, and those of the file for the tables that are not known."""
    tables = dict(found.scale.tables)
    for name in (*found.unseen, *found.unread):
        if name in before.tables:
            tables[name] = before.tables[name]
    return scale.Scale(dict(sorted(tables.items())), found.scale.source)


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
