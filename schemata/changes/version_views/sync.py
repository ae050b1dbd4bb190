"""`inv views-sync`: make the views of a version what its file says, or drop them."""

import dataclasses
import hashlib
import os
from typing import Any

from schemata import config, errors, targets
from schemata.changes.authoring import checks, draft, names, reading
from schemata.changes.authoring.families import privileges, same_name
from schemata.changes.version_views import version_file
from schemata.postgres import libpq, queries
from schemata.report import document, results

FOLDER = "versions"
_SQL = queries.load("version_views", os.path.join(os.path.dirname(__file__), "queries"))
_BUSY = ("55P03", "40P01")
_LONGEST = 63  # bytes of a name


@dataclasses.dataclass(frozen=True)
class Synced:
    """The answer of `inv views-sync`."""

    target: results.Target
    version: str
    done: tuple[tuple[str, str], ...]
    kept: int = 0
    ok: bool = True
    exit_code: int = errors.DONE

    def blocks(self) -> list[document.Block]:
        """Return what was done with each view."""
        shown: list[document.Block] = [document.Text(f"Target: {self.target.describe()}"), document.Gap()]
        if self.done:
            shown += [document.Grid(("view", "what was done"), self.done), document.Gap()]
        same = f"{document.number(self.kept, 'view')} of the version {self.version} as the file says"
        return [*shown, document.Text(f"{same}, {len(self.done)} changed.", "green")]

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "target": dataclasses.asdict(self.target),
            "version": self.version,
            "views": [{"view": view, "done": what} for view, what in self.done],
            "unchanged": self.kept,
        }


def sync(settings: config.Config, *, version: str, url: str = "", drop: bool = False) -> Synced:
    """Make the views of a version in the schemas `<schema>_<version>`, as `versions/<version>.toml` says.

    All in one transaction: a failure leaves what was before. Views that are as they should be stay untouched, those
    that the file does not name any longer are dropped; what somebody else made in these schemas is left alone. With
    `drop` all views of the version go, and the schemas with them where nothing else is in them.

    Each view has the owner and the privileges of its table, and from PostgreSQL 15 on it asks for the rights of who
    uses it; before, a table with row level security is refused.
    """
    wanted = () if drop else _wanted(settings, version)
    if not version_file.VERSION.fullmatch(version):
        raise errors.ConfigError(
            f"--version {version or '(nothing)'} is not a name for a version",
            "Lower-case letters, digits and _, such as v7; it becomes the end of the schemas' names.",
        )
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        timeout = round(settings.locks.lock_timeout * 1000)
        connection.query(f"BEGIN; SET LOCAL search_path = pg_catalog; SET LOCAL lock_timeout = {timeout}")
        try:
            done, kept = _made(settings, connection, version, wanted)
            connection.query("COMMIT")
        except draft.Refused as refused:
            raise errors.Error(refused.message, f"Nothing was changed. {refused.hint}") from refused
        except libpq.QueryFailed as failure:
            hint = "Nothing was changed. Run again." if failure.sqlstate in _BUSY else "Nothing was changed."
            kind = errors.Busy if failure.sqlstate in _BUSY else errors.Error
            text = f"the views of the version {version} could not be made: {failure.sqlstate}: {failure.message}"
            raise kind(text, hint) from failure
        finally:
            if not connection.closed:
                connection.query("ROLLBACK")
    return Synced(target, version, tuple(done), kept)


def _wanted(settings: config.Config, version: str) -> tuple[version_file.View, ...]:
    path = settings.root / FOLDER / f"{version}.toml"
    shown = f"{FOLDER}/{version}.toml"
    if not version or not path.is_file():
        there = ", ".join(sorted(one.stem for one in (settings.root / FOLDER).glob("*.toml"))) or "none"
        raise errors.ConfigError(
            f"there is no file {shown}" if version else "which version is not said",
            f"Write which tables the version sees, [schema.table] for each. Versions that have a file: {there}.",
        )
    return version_file.parse(path.read_text(encoding="utf-8"), shown, settings.schemas)


def _made(
    settings: config.Config, connection: libpq.Connection, version: str, wanted: tuple[version_file.View, ...]
) -> tuple[list[tuple[str, str]], int]:
    done: list[tuple[str, str]] = []
    major, user = reading.server(connection)
    there = _there(connection, tuple(f"{schema}_{version}" for schema in settings.schemas))
    kept = 0
    missing = reading.schemas(connection)
    for view in wanted:
        schema = f"{view.schema}_{version}"
        if len(schema.encode()) > _LONGEST:
            raise errors.ConfigError(f"{schema} is longer than {_LONGEST} bytes", "Call the version something shorter.")
        name = names.quoted(schema, view.name)
        statements = _statements(connection, view, name, version, major, user)
        mark = _mark(statements)
        before = there.pop((schema, view.name), None)
        if before == mark:
            kept += 1
            continue
        if before == "":
            raise errors.Error(f"{name} is there, and no view of a version", "Rename or drop it. Nothing was changed.")
        if schema not in missing:
            missing |= {schema}
            connection.query(f"CREATE SCHEMA {names.quoted(schema)}")
            for grant in _usage(connection, view.schema):
                connection.query(f"GRANT USAGE ON SCHEMA {names.quoted(schema)} TO {privileges.role(grant)}")
        if before is not None:
            connection.query(f"DROP VIEW {name}")
        for statement in (*statements, f"COMMENT ON VIEW {name} IS {queries.literal(mark)}"):
            connection.query(statement)
        done.append((name, "made" if before is None else "made again"))
    for (schema, view_name), mark in there.items():
        if mark:
            connection.query(f"DROP VIEW {names.quoted(schema, view_name)}")
            done.append((names.quoted(schema, view_name), "dropped"))
    for (empty,) in connection.query(_SQL["empty"].format(schemas=_listed(settings, version))):
        connection.query(f"DROP SCHEMA {names.quoted(str(empty))}")
    return done, kept


def _statements(
    connection: libpq.Connection, view: version_file.View, name: str, version: str, major: int, user: str
) -> tuple[str, ...]:
    table = reading.read(connection, view.schema, view.table)
    request = draft.Request(version, "rename-table", table, (), major=major, user=user)
    checks.viewable(request)
    known = [column.name for column in table.columns]
    columns = list(view.columns) or [(column, column) for column in known]
    if unknown := [column for _, column in columns if column not in known]:
        raise errors.ConfigError(
            f"{table.sql} has no column {unknown[0]}, which the version {version} wants to see",
            f"It has: {', '.join(known)}.",
        )
    return same_name.create(request, name, table.sql, columns, comments=False)


def _mark(statements: tuple[str, ...]) -> str:
    """Return the comment that tells a view of ours, and whether it is as it should be."""
    return f"A view of a version (pgschemata), {hashlib.sha256(chr(10).join(statements).encode()).hexdigest()[:32]}"


def _there(connection: libpq.Connection, schemas: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Return what is in these schemas, each with its mark; "" for what is not ours."""
    listed = ", ".join(queries.literal(schema) for schema in schemas)
    rows = connection.query(_SQL["there"].format(schemas=listed))
    return {(str(schema), str(name)): str(mark or "") for schema, name, mark in rows}


def _usage(connection: libpq.Connection, schema: str) -> list[str]:
    return [str(role) for (role,) in connection.query(_SQL["usage"].format(schema=queries.literal(schema)))]


def _listed(settings: config.Config, version: str) -> str:
    return ", ".join(queries.literal(f"{schema}_{version}") for schema in settings.schemas)
