"""The history's tables: what they are, what is wrong with those that are there, and the SQL that makes it right.

Pure: it is told what the catalog says. A repair is derived from what is left, else there is none, and a person decides.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

_TEXT = ("text", "character varying", "character", "name")
_FAMILIES: tuple[tuple[str, ...], ...] = (
    _TEXT,
    ("integer", "bigint"),
    ("timestamp without time zone", "timestamp with time zone"),
    ("json", "jsonb"),
    ("double precision", "real", "numeric"),
)
# A value of one of these is the same after a cast through text, where the cast works at all.
_CASTABLE = {name for family in _FAMILIES for name in family} | {"smallint", "boolean"}

EXPECTED_COMMENT = "The history of migrations of every schema (pgschemata)."


@dataclasses.dataclass(frozen=True)
class Column:
    """A column as it has to be.

    :param add: what follows its name in ADD COLUMN; :param default: SQL of its default, where rows are written without
    it; :param fill: SQL of its value in rows that lost it; :param essential: it is in no other place.
    """

    type: str
    add: str
    default: str = ""
    fill: str = ""
    required: bool = False
    essential: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table as it has to be. What is in a `derived` one can be computed from the others."""

    key: str
    columns: Mapping[str, Column]
    derived: bool = False


@dataclasses.dataclass(frozen=True)
class ActualTable:
    """A table as the catalog describes it: kind, columns as (type, has a default), the primary key's columns."""

    kind: str
    columns: Mapping[str, tuple[str, bool]]
    key: tuple[str, ...] = ()
    has_rows: bool = False


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that is wrong with the history.

    :param derivable: a migrate repairs it by itself, with the SQL of `repair`.
    :param acceptable: not derivable, but a person's baseline says what is needed.
    """

    table: str
    text: str
    derivable: bool = True
    acceptable: bool = False
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


def _text(length: int) -> Column:
    return Column(f"character varying({length})", f"varchar({length})")


_APPLIED_AT = (
    "(SELECT max(a.finished_at) AT TIME ZONE 'utc' FROM {history}.attempts a WHERE a.migration_id = t.migration_id"
    " AND a.direction = 'apply' AND a.state IN ('applied', 'baselined', 'resolved'))"
)
_NOTED_AT = Column(
    "timestamp with time zone", "timestamptz", "clock_timestamp()", fill="clock_timestamp()", required=True
)
_TIMES = ("started_at", "updated_at", "finished_at", "keep_until")
_OPTIONAL = {
    "fingerprint": "text",
    "statement_count": "integer",
    "finished_at": "timestamp with time zone",
    "duration_ms": "double precision",
    "backend_pid": "integer",
    "backend_start": "timestamp with time zone",
    "client_host": "text",
    "client_user": "text",
    "client_application": "text",
    "structure_before": "jsonb",
    "structure_after": "jsonb",
    "error_sqlstate": "text",
    "error_line": "integer",
    "error_message": "text",
}

TABLES: Mapping[str, Table] = {
    "head": Table(
        "one",
        {
            "one": Column("boolean", "boolean DEFAULT true", "true", required=True),
            "digest": Column("text", "text", fill="''", required=True),
            "applied": Column("integer", "integer", fill="0", required=True),
            "last_id": Column("text", "text"),
            "structure": Column("jsonb", "jsonb"),
            "structure_mark": Column("text", "text"),
            "compatible": Column("text", "text"),
            "updated_at": Column("timestamp with time zone", "timestamptz DEFAULT now()", "now()", required=True),
        },
        derived=True,
    ),
    "attempts": Table(
        "attempt",
        {
            "attempt": Column(
                "bigint", "bigint GENERATED ALWAYS AS IDENTITY", "IDENTITY", required=True, essential=True
            ),
            "migration_id": Column("text", "text", required=True, essential=True),
            "schema_name": Column("text", "text", fill="split_part(t.migration_id, '.', 1)", required=True),
            "direction": Column("text", "text", required=True, essential=True),
            "state": Column("text", "text", required=True, essential=True),
            "transactional": Column("boolean", "boolean", required=True, essential=True),
            "checksum": Column("text", "text", required=True, essential=True),
            "applied_sql": Column("text", "text", essential=True),
            "statements_done": Column("integer", "integer DEFAULT 0", "0", required=True, essential=True),
            "started_at": Column(
                "timestamp with time zone",
                "timestamptz",
                "clock_timestamp()",
                fill="coalesce(t.finished_at, clock_timestamp())",
                required=True,
            ),
            **{name: Column(type_, type_) for name, type_ in _OPTIONAL.items()},
        },
    ),
    "drift": Table(
        "number",
        {
            "number": Column("bigint", "bigint GENERATED ALWAYS AS IDENTITY", "IDENTITY", required=True),
            "schema_name": Column("text", "text", fill="''", required=True),
            "expected": Column("text", "text", fill="''", required=True),
            "actual": Column("text", "text", fill="''", required=True),
            "noticed_at": _NOTED_AT,
            "noticed_before": Column("text", "text"),
            "accepted_at": Column("timestamp with time zone", "timestamptz"),
            "accepted_by": Column("text", "text"),
            "reason": Column("text", "text"),
            "settled_at": Column("timestamp with time zone", "timestamptz"),
        },
    ),
    "ddl_audit": Table(
        "number",
        {
            "number": Column("bigint", "bigint GENERATED ALWAYS AS IDENTITY", "IDENTITY", required=True),
            "at": _NOTED_AT,
            "role_name": Column("text", "text", fill="''", required=True),
            "application": Column("text", "text", fill="''", required=True),
            "client": Column("text", "text"),
            "command": Column("text", "text", fill="''", required=True),
            "object_type": Column("text", "text"),
            "schema_name": Column("text", "text", fill="''", required=True),
            "object_identity": Column("text", "text"),
            "by_deploy": Column("boolean", "boolean", fill="false", required=True),
        },
    ),
    "squashed": Table(
        "migration_id",
        {
            "migration_id": Column("text", "text", required=True, essential=True),
            "replaced": Column("integer", "integer", fill="0", required=True),
            "recorded_at": _NOTED_AT,
        },
    ),
    "changes": Table(
        "change",
        {
            "change": Column("text", "text", required=True, essential=True),
            **{name: Column("text", "text") for name in ("migration_id", "checksum", "runner")},
            **{name: Column("text[]", "text[]") for name in ("key_columns", "last_key", "max_key")},
            **{name: Column("bigint", "bigint") for name in ("expand_attempt", "total_estimate")},
            **{name: Column("bigint", "bigint DEFAULT 0", "0", "0", required=True) for name in ("rows", "batches")},
            **{name: Column("timestamp with time zone", "timestamptz") for name in _TIMES},
            "straight": Column("boolean", "boolean DEFAULT false", "false", "false", required=True),
        },
    ),
    "_yoyo_migration": Table(
        "migration_hash",
        {
            "migration_hash": Column(
                "character varying(64)",
                "varchar(64)",
                fill="encode(sha256(convert_to(t.migration_id, 'UTF8')), 'hex')",
                required=True,
            ),
            "migration_id": dataclasses.replace(_text(255), essential=True),
            "applied_at_utc": Column("timestamp without time zone", "timestamp", fill=_APPLIED_AT),
        },
    ),
    "_yoyo_log": Table(
        "id",
        {
            "id": Column("character varying(36)", "varchar(36)", fill="gen_random_uuid()::text", required=True),
            "migration_hash": _text(64),
            "migration_id": _text(255),
            "operation": _text(10),
            "username": _text(255),
            "hostname": _text(255),
            "comment": _text(255),
            "created_at_utc": Column("timestamp without time zone", "timestamp"),
        },
    ),
    "_yoyo_version": Table(
        "version",
        {
            "version": Column("integer", "integer", fill="2", required=True),
            "installed_at_utc": Column("timestamp without time zone", "timestamp"),
        },
        derived=True,
    ),
    "yoyo_lock": Table(
        "locked",
        {
            "locked": Column("integer", "integer DEFAULT 1", "1", required=True),
            "ctime": Column("timestamp without time zone", "timestamp"),
            "pid": Column("integer", "integer", fill="0", required=True),
        },
        derived=True,
    ),
}
OURS = ("head", "attempts")
#: Made when there is something to write into them, so that a history without one is whole.
LATER = ("drift", "ddl_audit", "squashed", "changes")


def repair(damage: Sequence[Fault], create: str) -> list[str]:
    """Return the statements that repair all of these, in their order.

    :param create: the SQL that makes the tables that are missing, which the values of some columns are read from.
    """
    return [
        *(sql for fault in damage for sql in fault.columns),
        create,
        *(sql for fault in damage for sql in fault.values),
        *(sql for fault in damage for sql in fault.rules),
    ]


def faults(actual: Mapping[str, ActualTable], history: str, *, ours: bool) -> tuple[Fault, ...]:
    """Return what is wrong with the tables that are there, and with those that are not.

    :param history: the history's schema as a quoted identifier; :param ours: we made it, so that everything has to be
    there; else a plain yoyo did, whose tables are made complete without a word.
    """
    result: list[Fault] = []
    for name, table in TABLES.items():
        if name in actual:
            result += _faults_of(name, table, actual[name], history)
        elif ours and name not in LATER:
            values: tuple[str, ...] = ()
            if name == "_yoyo_log":
                values = (_LOG_FROM_ATTEMPTS.format(history=history),)
            result.append(Fault(name, f"the table {history}.{name} is missing", values=values))
    return tuple(result)


_LOG_FROM_ATTEMPTS = """INSERT INTO {history}._yoyo_log
    (id, migration_hash, migration_id, operation, username, hostname, created_at_utc)
SELECT gen_random_uuid()::text, encode(sha256(convert_to(migration_id, 'UTF8')), 'hex'), migration_id,
    CASE WHEN direction = 'rollback' THEN 'rollback' WHEN state = 'applied' THEN 'apply' ELSE 'mark' END,
    left(client_user, 255), left(client_host, 255), finished_at AT TIME ZONE 'utc'
FROM {history}.attempts
WHERE (direction = 'apply' AND state IN ('applied', 'baselined', 'resolved'))
    OR (direction = 'rollback' AND state = 'rolled back')"""


def _faults_of(name: str, table: Table, actual: ActualTable, history: str) -> list[Fault]:
    where = f"{history}.{name}"
    if actual.kind not in ("r", "p"):
        return [Fault(name, f"{where} is not a table", derivable=False)]
    result = []
    for column, wanted in table.columns.items():
        fault = _fault_of(name, table, column, wanted, actual, where, history)
        if fault is not None:
            result.append(fault)
    if actual.key != (table.key,):
        rules: tuple[str, ...] = (f"ALTER TABLE {where} ADD PRIMARY KEY ({table.key})",)
        if actual.key and table.key in actual.columns:
            result.append(Fault(name, f"the primary key of {where} is not ({table.key})", derivable=False))
        else:
            result.append(Fault(name, f"{where} has no primary key", rules=rules))
    return result


def _fault_of(
    name: str, table: Table, column: str, wanted: Column, existing: ActualTable, where: str, history: str
) -> Fault | None:
    values: tuple[str, ...] = ()
    if wanted.fill:
        fill = wanted.fill.format(history=history)
        values = (f"UPDATE {where} t SET {column} = {fill} WHERE {column} IS NULL",)
    rules: tuple[str, ...] = (f"ALTER TABLE {where} ALTER COLUMN {column} SET NOT NULL",) if wanted.required else ()
    if wanted.default and wanted.default != "IDENTITY":
        rules += (f"ALTER TABLE {where} ALTER COLUMN {column} SET DEFAULT {wanted.default}",)
    if column not in existing.columns:
        return Fault(
            name,
            f"{where} has no column {column}",
            derivable=not (wanted.essential and existing.has_rows),
            columns=(f"ALTER TABLE {where} ADD COLUMN {column} {wanted.add}",),
            values=values,
            rules=rules,
        )
    actual, has_default = existing.columns[column]
    if not is_like(actual, wanted.type):
        if table.derived:
            change: tuple[str, ...] = (
                f"ALTER TABLE {where} DROP COLUMN {column}",
                f"ALTER TABLE {where} ADD COLUMN {column} {wanted.add}",
            )
            if existing.key == (table.key,) and column == table.key:
                rules += (f"ALTER TABLE {where} ADD PRIMARY KEY ({column})",)  # it goes with its column
            can = True
        else:
            change = (
                f"ALTER TABLE {where} ALTER COLUMN {column} TYPE {wanted.type} USING {column}::text::{wanted.type}",
            )
            can = _bare(actual) in _CASTABLE
        text = f"the column {where}.{column} is of type {actual}, not {wanted.type}"
        return Fault(name, text, derivable=can, columns=change, values=values, rules=rules)
    if wanted.default and not has_default:
        if wanted.default == "IDENTITY":
            rules = (
                f"ALTER TABLE {where} ALTER COLUMN {column} SET NOT NULL",
                f"ALTER TABLE {where} ALTER COLUMN {column} ADD GENERATED ALWAYS AS IDENTITY",
                f"SELECT setval(pg_get_serial_sequence('{where}', '{column}'),"
                f" (SELECT coalesce(max({column}), 0) + 1 FROM {where}), false)",
            )
        return Fault(name, f"the column {where}.{column} has no default", rules=rules)
    return None


def is_like(actual: str, wanted: str) -> bool:
    """Tell whether a column of the one type does what one of the other does.

    >>> is_like("character varying(300)", "text"), is_like("character varying(20)", "character varying(64)")
    (True, False)
    """
    if actual == wanted:
        return True
    if not any(_bare(actual) in family and _bare(wanted) in family for family in _FAMILIES):
        return False
    if _bare(wanted) in _TEXT:
        return _length(actual) >= min(_length(wanted), 255)
    return _bare(wanted) != "bigint" or _bare(actual) != "integer"


def _bare(type_: str) -> str:
    return re.sub(r"\(.*?\)", "", type_)


def _length(type_: str) -> int:
    """Return how many characters a type takes."""
    size = re.search(r"\((\d+)\)", type_)
    if _bare(type_) == "name":
        return 63
    return int(size[1]) if size else 1 << 30


def source(name: str, existing: Mapping[str, ActualTable], history: str) -> str:
    """Return what a query reads a table from: the table, or a subquery that has all of its columns.

    A column that is missing or cannot be cast reads as NULL, a table that is missing as one without rows.
    """
    table = TABLES[name]
    there = existing.get(name)
    if there is None:
        empty = ", ".join(f"NULL::{wanted.type} AS {column}" for column, wanted in table.columns.items())
        return f"(SELECT {empty} WHERE false)"
    parts = []
    damaged = False
    for column, wanted in table.columns.items():
        actual = there.columns[column][0] if column in there.columns else ""
        if actual and is_like(actual, wanted.type):
            parts.append(column)
            continue
        damaged = True
        castable = _bare(actual) in _CASTABLE and not table.derived
        value = f"{column}::text::{wanted.type}" if castable else f"NULL::{wanted.type}"
        parts.append(f"{value} AS {column}")
    return f"(SELECT {', '.join(parts)} FROM {history}.{name})" if damaged else f"{history}.{name}"
