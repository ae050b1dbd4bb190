"""The first migrations of a project, from the structure of a live database: one a schema, proved to make it again."""

import datetime
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from schemata import config, errors
from schemata.migrations import files, migration
from schemata.parity import diff, expected
from schemata.postgres import queries, waiting
from schemata.report import progress
from schemata.scaffold import live
from schemata.server import programs
from schemata.snapshot import model, reading
from schemata.squash import archive, contents, structure

_SHOWN = 20
_OF_SYSTEM = ("pg_catalog", "information_schema")


class NotEqual(errors.MigrationError):
    """The migrations would not make what the database has; nothing was written."""

    def __init__(self, found: Sequence[diff.Difference]) -> None:
        lines = [f"  {one.subject}: {_told(one)}" for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"  … and {len(found) - _SHOWN} more")
        super().__init__(
            "the migrations written from this database do not make the same structure:\n" + "\n".join(lines),
            "Write the first migration by hand (pg_dump --schema-only shows all of it), or report this. "
            "Nothing was written.",
        )


def _told(one: diff.Difference) -> str:
    if one.change != "changed":
        return {"missing": "not made", "extra": "made, and not in the database"}[one.change]
    return ", ".join(f"{change.fact} {change.expected!r} becomes {change.actual!r}" for change in one.changes)


def write(
    source: live.Live, table: dict[str, Any], root: Path, stamp: str, reporter: progress.Reporter
) -> tuple[dict[str, str], tuple[str, ...], str]:
    """Return the migrations by path below their folder, notes about what they do not hold, and the id of the last one.

    They are run in a temporary server of the database's major version, and what they make is compared with what the
    database has. Raises NotEqual; NotAvailable without the programs of that version.

    :param table: the settings as they are to be. :param stamp: the time in the names.
    """
    with tempfile.TemporaryDirectory(prefix="schemata-init-") as scratch:
        folder = Path(scratch, "migrations")
        settings = config.parse({**table, "migrations": str(folder)}, root, {})
        settings = programs.of_version(settings, source.snapshot.major)
        reporter.info(f"Reading the structure of {', '.join(source.schemas)} with pg_dump.")
        parts = _parts(settings, source, Path(scratch), reporter)
        roles: tuple[str, ...] = ()
        while True:
            texts = _texts(source, parts, stamp, roles)
            for name, text in texts.items():
                files.replace(folder / name, text)
            sources = files.read(folder, settings.schemas)
            number = "a migration" if len(sources) == 1 else f"{len(sources)} migrations"
            reporter.info(f"Running {number} in a temporary PostgreSQL {source.snapshot.major}.")
            made, missing = _replay(settings, source, sources, reporter)
            if not missing or roles:
                break
            # What the structure names and a new server lacks: the first migration makes it, and is tried again.
            roles = tuple(sorted(missing))
    differences = diff.diff(source.structure(), made)
    if of_schemas := [one for one in differences if one.item.schema]:
        raise NotEqual(of_schemas)
    last = sources[-1].id if sources else ""
    return texts, tuple(_notes(source, differences, roles, len(parts))), last


def _notes(
    source: live.Live, differences: Iterable[diff.Difference], roles: Sequence[str], parts: int
) -> Iterable[str]:
    if roles:
        yield f"A server that lacks these roles gets them, without login: {', '.join(roles)}"
    for one in differences:
        yield f"Not in the migrations, because it belongs to the database as a whole: {one.subject}"
    for ledger in source.ledgers:
        yield f"Left out: {ledger.describe()}"
    if parts == 1 and len(source.schemas) > 1:
        yield "All schemas are in one migration, because they need each other in a circle"


Parts = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def _parts(settings: config.Config, source: live.Live, scratch: Path, reporter: progress.Reporter) -> Parts:
    """Return for each baseline, in order: its statements, and the schemas whose baselines it needs."""
    dump = archive.take(
        programs.find(settings, reporter),
        source.url,
        settings.history_schema,
        scratch / "structure.dump",
        rows=False,
        without=source.left_out,
    )
    entries = _chosen(dump.entries([*source.snapshot.schemas, *_OF_SYSTEM]), source.schemas)
    try:
        layout = contents.layout(entries, source.schemas)
    except contents.Circular:
        layout = contents.layout(entries, source.schemas, single=source.schemas[0])
    deployer = source.snapshot.deployer
    return {
        schema: (tuple(structure.statements(dump.sql(part), deployer, source.schemas)), layout.needs[schema])
        for schema, part in layout.parts.items()
        if part
    }


def _chosen(entries: Sequence[contents.Entry], schemas: Sequence[str]) -> tuple[contents.Entry, ...]:
    """Return the entries without those of other schemas. Raises ConfigError where a chosen one needs them."""
    other = {entry.number: entry for entry in entries if contents.of_another(entry, schemas)}
    # An extension lives where it was put: the schema is made for it, and nothing else of it is ours.
    for entry in entries:
        if entry.kind == "EXTENSION":
            for number in entry.needs:
                other.pop(number, None)
    for entry in entries:
        needed = next((other[number] for number in entry.needs if number in other), None)
        if needed is not None and entry.number not in other and entry.schema:
            raise errors.ConfigError(
                f"{entry.subject} needs {needed.subject}, whose schema is not among {', '.join(schemas)}",
                f"Add it: --schemas {','.join([*schemas, needed.schema or '…'])}. Nothing was written.",
            )
    # A comment or a grant of something that is left out goes with it.
    return tuple(
        entry for entry in entries if entry.number not in other and not any(number in other for number in entry.needs)
    )


def _texts(source: live.Live, parts: Parts, stamp: str, roles: Sequence[str]) -> dict[str, str]:
    ids = {schema: f"{schema}.{stamp}.baseline" for schema in parts}
    first = next(iter(parts), "")
    day = datetime.datetime.strptime(stamp, "%Y%m%d%H%M%S").date()
    made = {}
    for schema, (statements, needs) in parts.items():
        what = schema if len(parts) > 1 else ", ".join(source.schemas)
        head = [
            f"-- The structure of {what} before this repository had migrations.",
            "--",
            f"-- Written by schemata init on {day} from database {source.snapshot.database} on PostgreSQL "
            f"{source.snapshot.version}.",
            "-- irreversible: it was there before the first migration",
        ]
        if depends := [ids[other] for other in needs if other in ids]:
            head.append(f"-- depends: {' '.join(depends)}")
        pieces = ["\n".join(head) + "\n", structure.HEAD]
        if schema == first:
            pieces += map(_role, roles)
        pieces += [f"{text};\n" for text in statements]
        made[f"{schema}/{ids[schema]}.sql"] = "\n".join(pieces)
    return made


def _role(name: str) -> str:
    return (
        "DO $$ BEGIN\n"
        f"    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {queries.literal(name)}) THEN\n"
        f"        CREATE ROLE {queries.identifier(name)};\n"
        "    END IF;\n"
        "END $$;\n"
    )


def _replay(
    settings: config.Config, source: live.Live, sources: tuple[migration.Migration, ...], reporter: progress.Reporter
) -> tuple[model.Snapshot, frozenset[str]]:
    """Return what the migrations make, and the roles that had to be made for them."""
    with (
        expected.replayed(settings, sources, source.snapshot.major, reporter) as (url, missing),
        waiting.connect(url, application_name="schemata init") as connection,
    ):
        return reading.read(connection.query, source.schemas, history=settings.history_schema), missing
