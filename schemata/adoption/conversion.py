"""Scripts of another tool become migrations of ours. Values in, values out; what the SQL does is never changed.

A header of comments is put in front; comments that would be directives are kept as prose; line ends become `\\n` and
the encoding UTF-8. Nothing else of the text is touched: its tokens are the same before and after.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from schemata.adoption import comments, model, naming, schemas
from schemata.deploy.other_tool import origin
from schemata.migrations import migration
from schemata.sql import statement

#: Statements of which the schemas are looked up: a file of rows has hundreds of thousands, each parsed when asked.
_LOOKED_AT = 5000
#: Modes that a file says; it is in one transaction without a word.
_DECLARED = ("own-transaction", "statements")
_NO_DOWN = {
    "prisma": "Prisma has no down files",
    "supabase": "Supabase has no down files",
    "drizzle": "Drizzle has no down files",
}


@dataclasses.dataclass(frozen=True)
class Converted:
    """One migration of ours: its files' texts. `rollback` is None where `irreversible` says why.

    :param schemas: those that the file changes, the first one is its own.
    :param statements: how many it has; None where the parser rejects it, and `problem` says where.
    """

    id: str
    schema: str
    script: model.Script
    text: str = dataclasses.field(repr=False)
    rollback: str | None = dataclasses.field(repr=False)
    irreversible: str = ""
    mode: str = ""
    schemas: tuple[str, ...] = ()
    statements: int | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Return the file's path below the folder of migrations."""
        return f"{self.schema}/{self.id}.sql"

    @property
    def rollback_path(self) -> str:
        """Return the path of its rollback below the folder of migrations."""
        return f"{self.schema}/{self.id}.rollback.sql"


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A whole history as migrations of ours, in order. `kept` says whether the original times are in the ids."""

    tool: str
    migrations: tuple[Converted, ...]
    kept: bool
    notes: tuple[str, ...] = ()

    @property
    def schemas(self) -> tuple[str, ...]:
        """Return the schemas that have a migration, in the order in which they come up."""
        return tuple(dict.fromkeys(item.schema for item in self.migrations))

    @property
    def files(self) -> dict[str, str]:
        """Return the texts by path below the folder of migrations."""
        found = {}
        for item in self.migrations:
            found[item.path] = item.text
            if item.rollback is not None:
                found[item.rollback_path] = item.rollback
        return found

    def id_of(self, name: str) -> str:
        """Return the id of the script with a name. Raises KeyError where there is none."""
        return {item.script.name: item.id for item in self.migrations}[name]


def convert(
    history: model.History,
    *,
    default_schema: str = "public",
    now: str = "",
    known: Mapping[str, str] | None = None,
    modes: Mapping[str, str] | None = None,
    outside: Mapping[str, str] | None = None,
    failed_downs: Mapping[str, str] | None = None,
    down_modes: Mapping[str, str] | None = None,
    folders: Collection[str] | None = None,
) -> Conversion:
    """Return a history as migrations of ours.

    :param default_schema: of names that have none in front.
    :param now: a time YYYYMMDDHHMMSS; original times after it are not kept.
    :param known: ids by name, of those that were converted before (`imported`): they keep them, and others fit in.
    :param modes: by a script's name, how its file is executed, where somebody classified it; a script that its tool
        runs outside of a transaction is `statements` otherwise, and one with its own BEGIN is `own-transaction`.
    :param outside: by a script's name, where what it does is done instead: it is recorded and not run.
    :param failed_downs: by a script's name, why its down file fails, where somebody ran it.
    :param down_modes: by a script's name, how its down file is executed.
    :param folders: the schemas that may have migrations; others' are of the default one. None stands for all.
    """
    known = known or {}
    named = naming.times(history.scripts, now, {name: id_.split(".")[1] for name, id_ in known.items()})
    modes, outside, failed, down_modes = modes or {}, outside or {}, failed_downs or {}, down_modes or {}
    found = [
        _converted(
            script,
            known.get(script.name) or time,
            default_schema,
            _Execution(
                modes.get(script.name, ""),
                outside.get(script.name, ""),
                failed.get(script.name),
                down_modes.get(script.name, ""),
                folders,
            ),
        )
        for script, time in zip(history.scripts, named.times, strict=True)
    ]
    return Conversion(history.tool, tuple(found), named.kept, (*history.notes, *named.notes))


def imported(migrations: Iterable[migration.Migration], tool: str) -> dict[str, str]:
    """Return the ids, by the name there, of the migrations that came from a tool."""
    found = {}
    for item in migrations:
        source = origin.of(item.sql)
        if source is not None and source.tool == tool:
            found[source.name] = item.id
    return found


def without_rollback(item: Converted, why: str) -> Converted:
    """Return a migration without its rollback, which fails."""
    head, _, body = item.text.partition("\n\n")
    reason = f"its down file fails: {_on_one_line(why)}"
    text = "\n".join([head, f"-- irreversible: {reason}", "", body])
    return dataclasses.replace(item, text=text, rollback=None, irreversible=reason)


def in_mode(item: Converted, mode: str) -> Converted:
    """Return a migration whose file declares another mode."""
    head, _, body = item.text.partition("\n\n")
    lines = [line for line in head.split("\n") if not line.startswith("-- mode: ")]
    if mode in _DECLARED:
        lines.insert(2, f"-- mode: {mode}")
    return dataclasses.replace(item, mode=mode, text="\n".join([*lines, "", body]))


def made_schemas(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the schemas that files make, in the order in which they do."""
    found: dict[str, None] = {}
    for sql in texts:
        for item in _parsed(sql)[0]:
            if item.node.WhichOneof("node") == "create_schema_stmt":
                body = item.node.create_schema_stmt
                found[str(body.schemaname or body.authrole.rolename)] = None
    return tuple(found)


class _Execution(NamedTuple):
    """How one script is run, and where its migration may be."""

    mode: str
    outside: str
    failed_down: str | None
    down_mode: str
    folders: Collection[str] | None


def _converted(script: model.Script, id_or_time: str, default: str, execution: _Execution) -> Converted:
    mode, outside = execution.mode, execution.outside
    notes = list(script.notes)
    items, problem = _parsed(script.up)
    changed = schemas.changed(items[:_LOOKED_AT], default)
    schema = changed[0] if changed else default
    if execution.folders is not None and schema not in execution.folders:
        schema = default
    elif len(changed) > 1:
        notes.append(f"it changes the schemas {', '.join(changed)}, and is a migration of the first one")
    if not naming.is_folder(schema):
        notes.append(f"the schema {schema!r} cannot be a folder's name: it is a migration of {default}")
        schema = default
    if problem:
        notes.append(f"the parser rejects it: {problem}")
    elif not items:
        notes.append("it has no statement, comments only")
    mode = "" if outside else mode or _mode(items, script.transactional)
    id_ = naming.migration_id(schema, id_or_time, script)
    if "." in id_or_time:
        id_, schema = id_or_time, id_or_time.partition(".")[0]
    rollback, irreversible = _rollback(script, id_, execution.failed_down, execution.down_mode)
    if irreversible and script.down is not None:
        notes.append(f"it has no rollback: {irreversible}")
    header = [f"-- {_title(script)}", origin.line(origin.Origin(script.tool, script.name, script.checksum))]
    if mode in _DECLARED:  # the others are what a file is without saying so
        header.append(f"-- mode: {mode}")
    if outside:
        header.append(f"-- outside: {_on_one_line(outside)}")
    if irreversible:
        header.append(f"-- irreversible: {irreversible}")
    body, marked = comments.kept(script.up)
    if marked:
        notes.append(f"{marked} of its comments read like directives of ours, and are kept behind `>`")
    return Converted(
        id=id_,
        schema=schema,
        script=script,
        text=_joined(header, body),
        rollback=rollback,
        irreversible=irreversible,
        mode=mode,
        schemas=changed,
        statements=None if problem else len(items),
        problem=problem,
        notes=tuple(notes),
    )


def _title(script: model.Script) -> str:
    # The title must not read as a directive itself: it has a comma before any colon.
    title = " ".join(script.title.split())[:100].rstrip(" .")
    return f"From {script.tool}, {title or script.name}."


def _rollback(script: model.Script, id_: str, failed: str | None, mode: str) -> tuple[str | None, str]:
    """Return the text of the rollback, or None and why there is none."""
    if script.down is None:
        return None, _NO_DOWN.get(script.tool, "it came without a down file")
    if failed is not None:
        return None, f"its down file fails: {_on_one_line(failed)}"
    items, problem = _parsed(script.down)
    if problem:
        return None, f"its down file fails: {_on_one_line(problem)}"
    if not items:
        return None, "its down file has no statement"
    header = [f"-- Undoes {id_}."]
    mode = mode or _mode(items, script.down_transactional)
    if mode in _DECLARED:
        header.append(f"-- mode: {mode}")
    return _joined(header, comments.kept(script.down)[0]), ""


def _mode(items: Sequence[statement.Statement], transactional: bool) -> str:
    """Return how statements are executed, as far as the tool's marker and their text tell; empty for a transaction."""
    if any(map(statement.opens_or_ends_transaction, items)):
        return "own-transaction"
    return "" if transactional and not any(map(statement.needs_no_transaction, items)) else "statements"


def _joined(header: Sequence[str], body: str) -> str:
    end = "" if body.endswith("\n") else "\n"
    return "\n".join([*header, "", body]) + end


def _parsed(sql: str) -> tuple[tuple[statement.Statement, ...], str]:
    try:
        return statement.split(sql), ""
    except statement.SyntaxProblem as problem:
        return (), str(problem)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
