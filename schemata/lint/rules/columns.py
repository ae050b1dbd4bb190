"""Columns: added, changed and typed without writing every row of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.structure import column_types, locks, tree

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

#: Functions of PostgreSQL that give the same value to every row of a statement, as a DEFAULT would call them.
_STABLE = frozenset(
    (
        "now", "transaction_timestamp", "statement_timestamp", "current_setting", "current_user", "session_user",
        "current_database", "current_schema", "current_schemas", "date_trunc", "date_part", "extract", "make_date",
        "make_time", "make_timestamp", "make_timestamptz", "make_interval", "to_timestamp", "to_date", "to_char",
        "to_number", "age", "timezone", "lower", "upper", "initcap", "concat", "concat_ws", "format", "md5", "sha224",
        "sha256", "sha384", "sha512", "length", "char_length", "octet_length", "trim", "btrim", "ltrim", "rtrim",
        "replace", "translate", "repeat", "substring", "substr", "left", "right", "lpad", "rpad", "split_part",
        "array_fill", "array_append", "array_cat", "array_to_string", "string_to_array", "jsonb_build_object",
        "json_build_object", "jsonb_build_array", "json_build_array", "to_json", "to_jsonb", "jsonb_set",
        "row_to_json", "encode", "decode", "convert_to", "convert_from", "round", "floor", "ceil", "ceiling", "abs",
        "power", "sqrt", "mod", "greatest", "least", "coalesce", "nullif", "int4range", "int8range", "numrange",
        "daterange", "tsrange", "tstzrange", "inet_client_addr", "inet_server_addr", "pg_backend_pid", "txid_current",
        "pg_current_xact_id", "version", "hstore", "point", "box", "circle", "int4", "int8", "numeric", "text",
        "bool", "date", "to_tsvector", "to_tsquery", "plainto_tsquery", "quote_ident", "quote_literal",
        "array_remove", "cardinality", "justify_interval", "localtimestamp", "localtime", "current_timestamp",
        "current_date", "current_time",
    )
)  # fmt: skip


def _altered(place: model.Place, *subtypes: int) -> Iterator[tuple[tree.Name, Any]]:
    """Give the commands of these kinds on a table in use."""
    if place.stmt.objtype not in (pg.OBJECT_TABLE, pg.OBJECT_MATVIEW):
        return
    table = place.name(place.stmt.relation)
    if place.is_empty(table):
        return
    for command in tree.commands(place.node):
        if command.subtype in subtypes:
            yield table, command


def _is_there(place: model.Place, table: tree.Name, command: Any) -> bool:
    """Tell whether ADD COLUMN IF NOT EXISTS names a column that the files made."""
    known = place.table(table)
    return bool(
        command.missing_ok and known is not None and tree.definition(command).column_def.colname in known.columns
    )


@model.rule(
    "add-column-rewrites",
    "error",
    "alter_table_stmt",
    condition="ADD COLUMN with a DEFAULT that may differ from row to row, GENERATED … STORED, AS IDENTITY, serial, "
    "or a "
    "domain with constraints.",
    effect="AccessExclusiveLock while the whole table and its indexes are written again.",
    workaround="Add the column without it, SET DEFAULT for new rows, fill the old rows in batches.",
    group="columns",
    decides=("adding-field-with-default", "adding-serial-primary-key-field"),
)
def _rewrites(place: model.Place) -> Iterator[model.Hit]:
    for table, command in _altered(place, pg.AT_AddColumn):
        column = tree.definition(command).column_def
        why = "" if _is_there(place, table, command) else _why(place, column)
        if not why:
            continue
        default = next((c for c in tree.constraints_of(column) if c.contype == pg.CONSTR_DEFAULT), None)
        sql = ""
        if default is not None:
            name = locks.shown(table)
            sql = (
                f"ALTER TABLE {name} ADD COLUMN {column.colname} …;\n"
                f"ALTER TABLE {name} ALTER COLUMN {column.colname} SET DEFAULT …;\n"
                f"-- in a migration of its own, in batches:\n"
                f"UPDATE {name} SET {column.colname} = … WHERE {column.colname} IS NULL AND id BETWEEN … AND …;"
            )
        text = locks.takes(locks.ACCESS_EXCLUSIVE, table, f"while the table is written again: {why}")
        yield model.Hit(text, sql, lasts=(table,))


def _why(place: model.Place, column: Any) -> str:
    """Return why adding a column writes every row; empty where it does not."""
    word = column.type_name.names[-1].string.sval if column.type_name.names else ""
    if word in column_types.SERIAL:
        return f"{word} numbers every row"
    for constraint in tree.constraints_of(column):
        if constraint.contype == pg.CONSTR_IDENTITY:
            return "AS IDENTITY numbers every row"
        if constraint.contype == pg.CONSTR_GENERATED and constraint.generated_kind != "v":
            return "GENERATED … STORED is computed for every row"
        if constraint.contype == pg.CONSTR_DEFAULT and (called := volatile(place, constraint.raw_expr)):
            return f"{called}() is called for every row"
    domain = place.catalog.types.get(tree.qualified([p.string.sval for p in column.type_name.names], place.schema))
    if domain is not None and domain.kind == "domain" and domain.constrained:
        return f"the constraints of {locks.shown(domain.name)} are checked for every row"
    return ""


def volatile(place: model.Place, expression: Any) -> str:
    """Return the first function in an expression that is not known to give every row the same; empty for none."""
    for schema, name in tree.function_names(expression):
        known = place.catalog.routines.get((schema or place.schema, name))
        if known is not None:
            if known.volatility == "volatile":
                return name
        elif name not in _STABLE or schema not in ("", "pg_catalog"):
            return name
    return ""


@model.rule(
    "set-expression-rewrites",
    "error",
    "alter_table_stmt",
    condition="ALTER COLUMN … SET EXPRESSION of a stored generated column.",
    effect="AccessExclusiveLock while the whole table is written again.",
    workaround="Add another column, fill it in batches, and let the application change over.",
    group="columns",
    decides=("ban-alter-generated-expression",),
)
def _set_expression(place: model.Place) -> Iterator[model.Hit]:
    for table, _ in _altered(place, pg.AT_SetExpression):
        text = locks.takes(locks.ACCESS_EXCLUSIVE, table, "while the table is written again")
        yield model.Hit(text, lasts=(table,))


@model.rule(
    "add-required-column",
    "error",
    "alter_table_stmt",
    condition="ADD COLUMN … NOT NULL without a DEFAULT on a table in use.",
    effect="It fails as soon as the table has a row; and an application that does not know the column cannot insert.",
    workaround="Give a constant DEFAULT, or add it nullable, fill it, and set NOT NULL later.",
    group="columns",
    decides=("adding-required-field",),
)
def _required(place: model.Place) -> Iterator[model.Hit]:
    for table, command in _altered(place, pg.AT_AddColumn):
        column = tree.definition(command).column_def
        kinds = {constraint.contype for constraint in tree.constraints_of(column)}
        filled = {pg.CONSTR_DEFAULT, pg.CONSTR_GENERATED, pg.CONSTR_IDENTITY}
        word = column.type_name.names[-1].string.sval if column.type_name.names else ""
        if not kinds & {pg.CONSTR_NOTNULL, pg.CONSTR_PRIMARY} or kinds & filled or word in column_types.SERIAL:
            continue
        if _is_there(place, table, command):
            continue
        type_ = column_types.type_of(column.type_name)
        yield model.Hit(
            f"Every row of {locks.shown(table)} would have NULL in {column.colname}: the statement fails unless the "
            "table is empty.",
            f"ALTER TABLE {locks.shown(table)} ADD COLUMN {column.colname} {type_} NOT NULL DEFAULT …;",
        )


@model.rule(
    "change-column-type",
    "error",
    "alter_table_stmt",
    condition="ALTER COLUMN … TYPE, unless the files show that the stored rows are good for the new type: a longer "
    "varchar or numeric, varchar to text, timestamp to timestamptz behind SET LOCAL timezone = 'UTC'.",
    effect="AccessExclusiveLock while the table and its indexes are written again.",
    workaround="Add a column of the new type, keep both the same by a trigger, fill it in batches, change over.",
    group="columns",
    decides=("changing-column-type",),
)
def _change_type(place: model.Place) -> Iterator[model.Hit]:
    for table, command in _altered(place, pg.AT_AlterColumnType):
        defined = tree.definition(command).column_def
        new = column_types.type_of(defined.type_name)
        known = place.table(table)
        column = known.columns.get(command.name) if known else None
        plain = not _converts(defined, command.name)
        if column is not None and plain and not defined.HasField("coll_clause"):
            in_utc = _in_utc(place) and not any(
                command.name in index.columns for index in place.catalog.indexes_of(table)
            )
            if column_types.keeps_rows(_base(place, column.type), _base(place, new), in_utc=in_utc):
                continue
            was = f"{column.type} to {new}"
        elif column is not None:
            was = f"{column.type} to {new}, each value by the USING of the statement"
        else:
            was = f"to {new}; what the column was is not in these files"
        name = locks.shown(table)
        yield model.Hit(
            locks.takes(locks.ACCESS_EXCLUSIVE, table, f"while the table is written again ({was})"),
            f"ALTER TABLE {name} ADD COLUMN {command.name}_new {new};\n-- a trigger that keeps both the same; then, in "
            f"batches:\nUPDATE {name} SET {command.name}_new = {command.name}::{new} WHERE id BETWEEN … AND …;",
            lasts=(table,) if plain and column_types.widens(column.type if column else None, new) else (),
        )


def _in_utc(place: model.Place) -> bool:
    """Tell whether the file itself has set the time zone of its session to UTC."""
    zone = ""
    for other in place.others[: place.number]:
        change = other.node.variable_set_stmt
        if other.node.WhichOneof("node") == "variable_set_stmt" and change.name == "timezone":
            zone = tree.constant(change.args[0]) if change.args else ""
    return zone.upper() in ("UTC", "ETC/UTC", "GMT", "Z")


def _converts(column: Any, name: str) -> bool:
    """Tell whether a USING does more than to name the column, cast or not."""
    if not column.HasField("raw_default"):
        return False
    expression = column.raw_default
    while expression.HasField("type_cast"):
        expression = expression.type_cast.arg
    return not (expression.HasField("column_ref") and expression.column_ref.fields[-1].string.sval == name)


def _base(place: model.Place, type_: column_types.Type) -> column_types.Type:
    domain = place.catalog.types.get((type_.schema or place.schema, type_.name))
    if domain is not None and domain.kind == "domain" and domain.base is not None and not domain.constrained:
        return domain.base
    return type_


@model.rule(
    "view-depends",
    "error",
    "alter_table_stmt",
    condition="DROP COLUMN or ALTER COLUMN … TYPE of a column that a view or a materialized view reads.",
    effect="The server refuses it (2BP01, 0A000); with CASCADE the view is dropped too.",
    workaround="Drop and create the view in the same migration, around it.",
    group="columns",
)
def _view_depends(place: model.Place) -> Iterator[model.Hit]:
    table = place.name(place.stmt.relation)
    for command in tree.commands(place.node):
        if command.subtype not in (pg.AT_DropColumn, pg.AT_AlterColumnType):
            continue
        for view in place.catalog.views_of(table):
            if command.name in view.columns or "*" in view.columns:
                what = "drop" if command.subtype == pg.AT_DropColumn else "change the type of"
                name = locks.shown(view.name)
                yield model.Hit(
                    f"The view {name} reads {locks.shown(table)}.{command.name}: the server refuses to {what} it.",
                    f"DROP VIEW {name};\n{place.item.text};\nCREATE VIEW {name} AS …;",
                )


@model.rule(
    "page-result-type",
    "note",
    "alter_table_stmt",
    condition="ADD COLUMN, DROP COLUMN or ALTER COLUMN … TYPE on a table that a declared page reads.",
    effect="A prepared `SELECT *` of a session that is open fails from then on: cached plan must not change result "
    "type.",
    workaround="Name the columns in the query, or restart the readers behind the migration.",
    group="columns",
)
def _result_type(place: model.Place) -> Iterator[model.Hit]:
    kinds = (pg.AT_AddColumn, pg.AT_DropColumn, pg.AT_AlterColumnType)
    for table, _ in _altered(place, *kinds):
        pages = [name for name, of, *_ in place.options.pages if of == table]
        if pages:
            yield model.Hit(
                f"The pages {', '.join(pages)} read {locks.shown(table)}: a prepared SELECT * on it fails once its "
                f"columns "
                "change.",
            )
