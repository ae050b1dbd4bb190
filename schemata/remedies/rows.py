"""Remedies for rows that are in the way: of a new constraint, of another type, of another row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.remedies import remedy, rewriting

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

_FIRST = "Fix the rows or the file"
_STRUCTURE = ("alter_table_stmt", "index_stmt", "create_table_as_stmt", "refresh_mat_view_stmt", "alter_domain_stmt")
_INPUT_IS_VALID = 160000
_FIND = "Rows that are there already break it. Find them, and correct them in the file before the statement:"


def _added(case: remedy.Case, *kinds: int) -> pg.Constraint | None:
    """Return the constraint that failed, from the statement or an earlier one of the file that adds it."""
    candidates = [
        constraint
        for item in ([case.parsed] if case.parsed else []) + list(case.siblings())
        if item.node.WhichOneof("node") == "alter_table_stmt"
        for constraint in rewriting.added_constraints(item.node)
        if constraint.contype in kinds
    ]
    named = [item for item in candidates if item.conname and item.conname == case.constraint]
    return next(iter(named or [item for item in candidates if not item.conname]), None)


def _about_constraint(case: remedy.Case) -> Mapping[str, str]:
    return {"relation": case.on(), "constraint": case.constraint}


def _check(case: remedy.Case) -> str:
    constraint = _added(case, pg.CONSTR_CHECK)
    if constraint is not None:
        return remedy.paste(_FIND, rewriting.rows_against_check(case.on(), constraint))
    found = re.fullmatch(r"CHECK \((.*)\)(?: NO INHERIT)?(?: NOT VALID)?", _definition(case), re.DOTALL)
    return remedy.paste(_FIND, f"SELECT * FROM {case.on()} WHERE NOT ({found[1]});") if found and case.on() else ""


def _definition(case: remedy.Case) -> str:
    return str(case.answers[0][0]) if case.answers else ""


def _domain(case: remedy.Case) -> str:
    table, column = case.names["table"], case.names["of"]
    return remedy.paste(
        "Values that are there already break the domain's new constraint. Look at them:",
        f"SELECT DISTINCT {remedy.name(column)} FROM {remedy.name(case.table_schema or case.schema, table)};",
    )


def _foreign_key(case: remedy.Case) -> str:
    if case.node not in _STRUCTURE:
        return ""
    constraint = _added(case, pg.CONSTR_FOREIGN)
    columns = rewriting.words(constraint.fk_attrs) if constraint is not None else []
    keys = rewriting.words(constraint.pk_attrs) if constraint is not None else []
    parent = ""
    if constraint is not None:
        parent = remedy.name(constraint.pktable.schemaname or case.schema, constraint.pktable.relname)
    detail = re.search(r"Key \((?P<columns>.*?)\)=", case.detail)
    if not columns and detail:
        columns = [part.strip().strip('"') for part in detail["columns"].split(",")]
    found = re.search(r"FOREIGN KEY \((.*?)\) REFERENCES (.*?)\((.*?)\)", _definition(case))
    if not parent and found:
        parent, keys = found[2], [part.strip().strip('"') for part in found[3].split(",")]
    if not keys and case.answers:
        keys = [str(row[1]) for row in case.answers if row[1]]
    if not parent or len(keys) != len(columns) or not columns:
        return ""
    return remedy.paste(_FIND, rewriting.rows_without_parent(case.on(), columns, parent, keys))


def _about_foreign_key(case: remedy.Case) -> Mapping[str, str]:
    constraint = _added(case, pg.CONSTR_FOREIGN)
    parent = remedy.name(constraint.pktable.schemaname or case.schema, constraint.pktable.relname) if constraint else ""
    return {"relation": case.on(), "constraint": case.constraint, "parent": parent}


def _inserted_without_parent(case: remedy.Case) -> str:
    return (
        "The row that it points to is not there: insert that one first, or earlier in the file."
        if case.node not in _STRUCTURE
        else ""
    )


def _still_referenced(case: remedy.Case) -> str:
    found = re.search(r'on table "(?P<child>[^"]+)"$', case.message)
    child = f" of {remedy.name(found['child'])}" if found else ""
    return (
        f"Rows{child} point to the row: delete or move them before it, in this file, or give the foreign key "
        "ON DELETE CASCADE or SET NULL."
    )


def _unique(case: remedy.Case) -> str:
    if case.node == "index_stmt" and case.parsed is not None:
        keys, where = rewriting.index_keys(case.parsed.node)
        return remedy.paste(_FIND, rewriting.duplicates(case.on(), keys, where))
    constraint = _added(case, pg.CONSTR_UNIQUE, pg.CONSTR_PRIMARY) if case.node == "alter_table_stmt" else None
    if constraint is not None and constraint.keys:
        keys = [remedy.name(word) for word in rewriting.words(constraint.keys)]
        return remedy.paste(_FIND, rewriting.duplicates(case.on(), keys))
    return ""


def _inserted_twice(case: remedy.Case) -> str:
    if case.node not in ("insert_stmt", "update_stmt", "copy_stmt"):
        return ""
    found = re.search(r"Key \(([^,()]+)\)=\((.*)\) already exists", case.detail)
    rows = ""
    if found:
        value = found[2].replace("'", "''")
        rows = f"\n    SELECT * FROM {case.on()} WHERE {found[1]} = '{value}';"
    if case.node == "insert_stmt" and case.constraint:
        return (
            f"The row is there already, or comes twice in the statement. Look at it, and leave it out, or write "
            f"`ON CONFLICT ON CONSTRAINT {remedy.name(case.constraint)} DO NOTHING` at the end of the INSERT.{rows}"
        )
    return f"The value is there already, or comes twice in the statement. Look at it, and leave it out.{rows}"


def _not_null(case: remedy.Case) -> str:
    column, on = remedy.name(case.column), case.on()
    if case.node != "alter_table_stmt" or not on or not column:
        return ""
    for command in case.part().cmds:
        alter = command.alter_table_cmd
        if alter.subtype == pg.AT_AddColumn and getattr(alter, "def").column_def.colname == case.column:
            kind = rewriting.type_name(getattr(alter, "def").column_def.type_name)
            return remedy.paste(
                f"{on} has rows, and the new column has no value for them. Give it a DEFAULT, or fill it first:",
                f"ALTER TABLE {on} ADD COLUMN {column} {kind};",
                f"UPDATE {on} SET {column} = ...;",
                f"ALTER TABLE {on} ALTER COLUMN {column} SET NOT NULL;",
            )
    return remedy.paste(
        _FIND,
        f"SELECT * FROM {on} WHERE {column} IS NULL;",
        f"-- UPDATE {on} SET {column} = ... WHERE {column} IS NULL;",
    )


def _inserted_null(case: remedy.Case) -> str:
    if case.node not in ("insert_stmt", "update_stmt", "copy_stmt"):
        return ""
    return f"Give {remedy.name(case.column)} a value in this statement, or give the column a DEFAULT before."


def _exclusion(case: remedy.Case) -> str:
    constraint = _added(case, pg.CONSTR_EXCLUSION) if case.node == "alter_table_stmt" else None
    if constraint is None:
        return "Another row conflicts with this one: see the detail above, and correct one of the two."
    parts = []
    for item in constraint.exclusions:
        element, operators = item.list.items
        if not element.index_elem.name:
            return "Two rows conflict: see the detail above, and correct one of the two."
        column = remedy.name(element.index_elem.name)
        parts.append(f"one.{column} {rewriting.words(operators.list.items)[-1]} two.{column}")
    same = " AND ".join(parts)
    return remedy.paste(
        _FIND, f"SELECT one.*, two.* FROM {case.on()} one JOIN {case.on()} two ON one.ctid < two.ctid AND {same};"
    )


def _retyped(case: remedy.Case) -> tuple[str, str] | None:
    """Return column and new type of an ALTER COLUMN TYPE that stands alone in its statement."""
    commands = [c.alter_table_cmd for c in case.part().cmds] if case.node == "alter_table_stmt" else []
    alters = [c for c in commands if c.subtype == pg.AT_AlterColumnType]
    if len(alters) != 1 or not case.on():
        return None
    return remedy.name(alters[0].name), rewriting.type_name(getattr(alters[0], "def").column_def.type_name)


def _not_convertible(case: remedy.Case) -> str:
    changed = _retyped(case)
    if changed is None:
        return ""
    column, kind = changed
    if case.server >= _INPUT_IS_VALID:
        query = f"SELECT * FROM {case.on()} WHERE NOT pg_input_is_valid({column}::text, '{kind}');"
    else:
        query = f"SELECT {column}, count(*) FROM {case.on()} GROUP BY {column} ORDER BY {column};"
    return remedy.paste(
        f"Not every value can be read as {kind}. Find those, and correct them before the statement:", query
    )


def _out_of_range(case: remedy.Case) -> str:
    changed = _retyped(case)
    bounds = {"smallint": (-(2**15), 2**15 - 1), "int": (-(2**31), 2**31 - 1), "bigint": (-(2**63), 2**63 - 1)}
    if changed is None or changed[1] not in bounds:
        return "A number is too large for its type: correct it, or take a larger type, such as bigint or numeric."
    low, high = bounds[changed[1]]
    return remedy.paste(
        f"Values that are there already are too large for {changed[1]}. Find them, and see what is right:",
        f"SELECT * FROM {case.on()} WHERE {changed[0]} NOT BETWEEN {low} AND {high};",
    )


def _too_long(case: remedy.Case) -> str:
    changed = _retyped(case)
    length = re.search(r"\((\d+)\)", case.message)
    if changed is None or length is None:
        return ""
    return remedy.paste(
        "Values that are there already are too long. Find them, and shorten them before the statement:",
        f"SELECT * FROM {case.on()} WHERE length({changed[0]}::text) > {length[1]};",
    )


ROWS = (
    remedy.Remedy(
        "check-violated",
        "23514",
        _check,
        message="violated by some row|violates check",
        nodes=_STRUCTURE,
        question="constraint",
        about=_about_constraint,
        first=_FIRST,
    ),
    remedy.Remedy(
        "domain-violated",
        "23514",
        _domain,
        message='column "(?P<of>.+)" of table "(?P<table>.+)" contains values',
        first=_FIRST,
    ),
    remedy.Remedy(
        "no-partition-for-row",
        "23514",
        "No partition takes the row: make one that does before it, or a DEFAULT partition:\n"
        "    CREATE TABLE {of}_default PARTITION OF {of} DEFAULT;",
        message='no partition of relation "(?P<of>.+)" found',
        first=_FIRST,
    ),
    remedy.Remedy(
        "partition-violated",
        "23514",
        "The table has rows outside of the bounds that it is attached for. Move them out before, or widen the bounds.",
        message="partition constraint",
        first=_FIRST,
    ),
    remedy.Remedy(
        "row-against-check",
        "23514",
        "A row that the statement writes is not allowed by the constraint {constraint}: correct the values.",
        message="violates check",
        first=_FIRST,
    ),
    remedy.Remedy(
        "foreign-key-violated",
        "23503",
        _foreign_key,
        question="foreign_key",
        about=_about_foreign_key,
        nodes=_STRUCTURE,
        first=_FIRST,
    ),
    remedy.Remedy(
        "still-referenced",
        "23503",
        _still_referenced,
        message="update or delete on table|is still referenced",
        first=_FIRST,
    ),
    remedy.Remedy("no-referenced-row", "23503", _inserted_without_parent, first=_FIRST),
    remedy.Remedy("unique-violated", "23505", _unique, first=_FIRST),
    remedy.Remedy("row-twice", "23505", _inserted_twice, first=_FIRST),
    remedy.Remedy("not-null-violated", "23502", _not_null, first=_FIRST),
    remedy.Remedy("null-inserted", "23502", _inserted_null, first=_FIRST),
    remedy.Remedy("exclusion-violated", "23P01", _exclusion, first=_FIRST),
    remedy.Remedy("value-not-convertible", "22P02", _not_convertible, first=_FIRST),
    remedy.Remedy(
        "value-not-readable",
        "22P02",
        "The value that is named above is not one of that type: correct it where the file writes it, or, where it is "
        "read from rows, correct those before the statement.",
        first=_FIRST,
    ),
    remedy.Remedy("datetime-not-convertible", "22007", _not_convertible, first=_FIRST),
    remedy.Remedy("number-out-of-range", "22003", _out_of_range, first=_FIRST),
    remedy.Remedy("value-too-long", "22001", _too_long, first=_FIRST),
    remedy.Remedy(
        "text-too-long",
        "22001",
        "A text is longer than its column: shorten it, or make the column `text` before.",
        first=_FIRST,
    ),
)
