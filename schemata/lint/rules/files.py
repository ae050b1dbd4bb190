"""Files: what can be read and run at all, and whether there is a way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import replay, tree
from schemata.migrations import migration

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


def _engine(id_: str, severity: Any, condition: str, effect: str, workaround: str, group: str = "files") -> None:
    model.add(model.Rule(id_, severity, condition, effect, workaround, "engine", group=group))


_engine(
    "migration-file",
    "error",
    "The name of a file, one of its directives, or the order of the files is against the rules of the format.",
    "`inv migrate` refuses all migrations because of it.",
    "As the finding says; `inv migrate-new` writes files with a good name.",
)
_engine(
    "encoding",
    "error",
    "A file is not UTF-8, or has a NUL character.",
    "`inv migrate` refuses it; another tool might send other characters than are seen in an editor.",
    "Save it as UTF-8.",
)
_engine(
    "syntax",
    "error",
    "PostgreSQL's grammar refuses the file; commands and variables of psql are named as such.",
    "Every server refuses it. No other rule looks at the file.",
    "Correct the line.",
)
_engine(
    "cannot-run",
    "error",
    "The engine refuses to run the file as it says, for a reason that no other rule names.",
    "`inv migrate` stops before any migration runs.",
    "As the finding says.",
)
_engine(
    "squawk-syntax",
    "note",
    "squawk cannot read a statement that PostgreSQL's grammar accepts.",
    "Its own rules did not look at the file; all others did.",
    "None is needed.",
)
_engine(
    "opaque-python",
    "note",
    "A step of a migration in Python that calls a function.",
    "What it locks, writes or removes is not told from its text.",
    "Write the SQL out where it is always the same; the rehearsal runs the rest.",
)
_engine(
    "allow-expired",
    "error",
    "The date of a `-- lint: allow … until` comment is past.",
    "What was allowed for a time counts again; this names the comment that no longer holds.",
    "Do what was put off, or give a new date and the reason why.",
    "allow",
)
_engine(
    "allow-invalid",
    "error",
    "A `-- lint: allow` comment without a reason, with a date that is none, or of a rule that does not exist.",
    "It allows nothing.",
    "`-- lint: allow RULE until 2027-01-31: reason`; the date may be left out.",
    "allow",
)
_engine(
    "allow-unused",
    "warning",
    "A `-- lint: allow` comment that no finding answers to.",
    "The next finding of that rule in its place would be allowed without anybody having looked at it.",
    "Remove it.",
    "allow",
)


@model.rule(
    "empty",
    "error",
    each="file",
    condition="A migration without a statement: empty, or comments only.",
    effect="It would be recorded as applied without doing anything.",
    workaround="Write the SQL, remove the file, or say `-- outside: where and by whom`.",
    group="files",
)
def _empty(whole: model.Whole) -> Iterator[model.Located]:
    script = whole.script
    if not script.statements and not script.is_python and not script.is_rollback and not _not_run(script):
        yield model.Located(script.path, None, model.Hit("It has no SQL: it would be recorded without doing anything."))


def _not_run(script: model.Script) -> bool:
    return bool(script.directives.outside) or (script.imported and migration.has_no_sql(script.sql))


@model.rule(
    "rollback-missing",
    "warning",
    each="file",
    condition="A migration without a rollback file and without `-- irreversible: reason`.",
    effect="`inv rollback` refuses it, at the moment when it is needed.",
    workaround="Write the .rollback.sql beside it, or say why there is none: `-- irreversible: …`.",
    group="files",
)
def _no_rollback(whole: model.Whole) -> Iterator[model.Located]:
    script = whole.script
    if not script.in_project or script.is_rollback or script.rollback_path or script.directives.irreversible:
        return
    if not script.directives.replaces and not script.imported and not _not_run(script):
        yield model.Located(
            script.path, None, model.Hit(f"There is no {script.id}.rollback.sql, and no `-- irreversible:` line.")
        )


@model.rule(
    "rollback-empty",
    "error",
    each="file",
    condition="A rollback file without a statement.",
    effect="`inv rollback` would remove the record and leave the objects; the engine refuses it.",
    workaround="Write what undoes the migration, or `-- irreversible: reason` in the migration instead of the file.",
    group="files",
)
def _rollback_empty(whole: model.Whole) -> Iterator[model.Located]:
    if whole.script.is_rollback and not whole.script.statements:
        yield model.Located(whole.script.path, None, model.Hit("The rollback has no statement."))


@model.rule(
    "rollback-incomplete",
    "warning",
    each="file",
    condition="A rollback file that leaves a table, column, index, view, type, routine or trigger which the "
    "migration makes.",
    effect="After a rollback the migration cannot be applied again, or the structure is none that the files describe.",
    workaround="Drop in the rollback what the migration creates, in the opposite order.",
    group="files",
)
def _incomplete(whole: model.Whole) -> Iterator[model.Located]:
    rollback = whole.rollback
    if rollback is None or not rollback.statements or whole.script.is_python or whole.script.is_rollback:
        return
    nodes = [item.node for item in rollback.statements]
    if any(node.WhichOneof("node") in ("do_stmt", "call_stmt", "execute_stmt") for node in nodes):
        return
    left = _left(whole, nodes)
    for kind, name in left[:3]:
        more = f" (and {len(left) - 3} more)" if len(left) > 3 and (kind, name) == left[2] else ""
        yield model.Located(
            rollback.path,
            None,
            model.Hit(f"It leaves the {kind} {'.'.join(filter(None, name))}, which the migration makes{more}."),
        )


Made = tuple[str, tuple[str, ...]]


def _left(whole: model.Whole, nodes: list[Any]) -> list[Made]:
    made = [one for item in whole.script.statements for one in _makes(whole, item.node)]
    gone = {one for item in whole.script.statements for one in _removes(whole, item.node)}
    undone = {one for node in nodes for one in _removes(whole, node)}
    renamed = any(node.WhichOneof("node") in ("rename_stmt", "alter_object_schema_stmt") for node in nodes)
    tables = {name[:2] for kind, name in undone | gone if kind in ("table", "materialized view")}
    schemas = {name[-1] for kind, name in undone if kind == "schema"}
    if renamed:
        return []
    left = []
    for kind, name in made:
        if (kind, name) in undone | gone or _dropped(whole, name[:2], tables) or name[0] in schemas:
            continue
        if kind == "index":
            index = whole.catalog.indexes.get((name[0], name[1]))
            if index is None or _dropped(whole, index.table, tables):
                continue
        left.append((kind, name))
    return list(dict.fromkeys(left))


def _dropped(whole: model.Whole, name: tuple[str, ...], tables: set[tuple[str, ...]]) -> bool:
    """Tell whether a relation goes with these tables: one of them, or a partition at any depth."""
    seen: set[tuple[str, ...]] = set()
    while name not in tables:
        seen.add(name)
        table = whole.catalog.tables.get((name[0], name[1])) if len(name) == 2 else None
        if table is None or table.partition_of is None or table.partition_of in seen:
            return False
        name = table.partition_of
    return True


def _makes(whole: model.Whole, node: Any) -> Iterator[Made]:
    schema = whole.script.schema
    match node.WhichOneof("node"):
        case "create_stmt" if node.create_stmt.relation.relpersistence != "t":
            yield "table", whole.name(node.create_stmt.relation)
        case "index_stmt" if node.index_stmt.idxname:
            yield "index", (whole.name(node.index_stmt.relation)[0], node.index_stmt.idxname)
        case "view_stmt" if not node.view_stmt.replace:
            yield "view", whole.name(node.view_stmt.view)
        case "create_table_as_stmt" if node.create_table_as_stmt.into.rel.relpersistence != "t":
            kind = replay.kind_of(node.create_table_as_stmt.objtype)
            yield kind, whole.name(node.create_table_as_stmt.into.rel)
        case "create_enum_stmt":
            yield "type", tree.qualified(tree.strings(node.create_enum_stmt.type_name), schema)
        case "create_domain_stmt":
            yield "domain", tree.qualified(tree.strings(node.create_domain_stmt.domainname), schema)
        case "create_function_stmt" if not node.create_function_stmt.replace:
            yield "function", tree.qualified(tree.strings(node.create_function_stmt.funcname), schema)
        case "create_trig_stmt" if not node.create_trig_stmt.replace:
            yield "trigger", (*whole.name(node.create_trig_stmt.relation), node.create_trig_stmt.trigname)
        case "alter_table_stmt" if node.alter_table_stmt.objtype == pg.OBJECT_TABLE:
            yield from _columns(whole.name(node.alter_table_stmt.relation), node)
        case _:
            return


def _columns(table: tree.Name, node: Any) -> Iterator[Made]:
    for command in tree.commands(node):
        if command.subtype == pg.AT_AddColumn:
            yield "column", (*table, tree.definition(command).column_def.colname)
        elif command.subtype == pg.AT_AddConstraint and tree.definition(command).constraint.conname:
            yield "constraint", (*table, tree.definition(command).constraint.conname)


def _removes(whole: model.Whole, node: Any) -> Iterator[Made]:
    which = node.WhichOneof("node")
    if which == "alter_table_stmt":
        table = whole.name(node.alter_table_stmt.relation)
        for command in tree.commands(node):
            if command.subtype == pg.AT_DropColumn:
                yield "column", (*table, command.name)
                # Constraints of the column alone go with it.
                yield from (("constraint", (*table, name)) for name in _constraints(whole, table, command.name))
            elif command.subtype == pg.AT_DropConstraint:
                yield "constraint", (*table, command.name)
    elif which == "drop_stmt":
        kind = {"procedure": "function", "routine": "function"}.get(
            word := replay.kind_of(node.drop_stmt.remove_type), word
        )
        for item, name in zip(node.drop_stmt.objects, tree.objects(node.drop_stmt, whole.script.schema), strict=True):
            yield kind, (*name, tree.strings(item.list.items)[-1]) if kind == "trigger" else name


def _constraints(whole: model.Whole, table: tree.Name, column: str) -> list[str]:
    known = whole.catalog.tables.get(table)
    found = known.constraints.values() if known else ()
    return [constraint.name for constraint in found if column in (*constraint.columns, *constraint.uses)]


@model.rule(
    "too-big",
    "warning",
    each="file",
    condition="More statements than `max_statements` of the settings in one file, comments on objects and rows not "
    "counted.",
    effect="Nobody reviews it; and what fails at its end has held its locks since its beginning.",
    workaround="One change a file.",
    group="files",
)
def _too_big(whole: model.Whole) -> Iterator[model.Located]:
    script = whole.script
    if script.imported or script.directives.replaces or script.is_rollback:
        return
    quiet = ("comment_stmt", "insert_stmt", "copy_stmt", "grant_stmt")
    counted = [item for item in script.statements[:5000] if item.node.WhichOneof("node") not in quiet]
    if len(counted) > whole.options.max_statements:
        yield model.Located(
            script.path,
            counted[whole.options.max_statements].offset,
            model.Hit(f"It has {len(counted)} statements; `max_statements` is {whole.options.max_statements}."),
        )
