"""Types of columns: which change of one leaves every row as it is stored, and which types are better not chosen."""

from __future__ import annotations

import dataclasses
from typing import Any

_ALIASES = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "bool": "boolean",
    "float4": "real",
    "float8": "double precision",
    "varchar": "character varying",
    "bpchar": "character",
    "char": "character",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "timetz": "time with time zone",
    "time": "time without time zone",
    "decimal": "numeric",
    "varbit": "bit varying",
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
    "smallserial": "smallint",
    "serial2": "smallint",
    "int": "integer",
}
SERIAL = frozenset(("serial", "serial2", "serial4", "serial8", "bigserial", "smallserial"))
#: Types with a number of digits or characters, of which more leaves the rows as they are.
_WIDENING = frozenset(
    (
        "character varying",
        "bit varying",
        "timestamp with time zone",
        "timestamp without time zone",
        "time with time zone",
        "time without time zone",
    )
)
#: Known by name to the server without a schema.
BUILTIN = frozenset(_ALIASES) | frozenset(_ALIASES.values()) | SERIAL | frozenset(
    (
        "text", "name", "oid", "bytea", "uuid", "json", "jsonb", "xml", "inet", "cidr", "macaddr", "macaddr8", "bit",
        "money", "date", "interval", "numeric", "point", "line", "lseg", "box", "path", "polygon", "circle",
        "tsvector", "tsquery", "regclass", "regproc", "regprocedure", "regtype", "regrole", "regnamespace",
        "regconfig", "regdictionary", "regoper", "regoperator", "regcollation", "int4range", "int8range", "numrange",
        "tsrange", "tstzrange", "daterange", "int4multirange", "int8multirange", "nummultirange", "tsmultirange",
        "tstzmultirange", "datemultirange", "txid_snapshot", "pg_snapshot", "pg_lsn", "xid", "xid8", "cid", "tid",
        "jsonpath", "trigger", "event_trigger", "void", "record", "cstring", "internal", "any", "anyelement",
        "anyarray", "anynonarray", "anyenum", "anyrange", "anymultirange", "anycompatible", "anycompatiblearray",
        "anycompatiblenonarray", "anycompatiblerange", "anycompatiblemultirange", "language_handler", "fdw_handler",
        "index_am_handler", "table_am_handler", "tsm_handler", "refcursor", "int2vector", "oidvector", "aclitem",
        "unknown", '"char"',
    )
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Type:
    """A type as a column has it: its name as the standard has it, what stands in its parentheses, whether an array."""

    name: str
    modifiers: tuple[int, ...] = ()
    array: bool = False
    schema: str = ""

    def __str__(self) -> str:
        own = f"{self.schema}." if self.schema else ""
        inside = f"({','.join(map(str, self.modifiers))})" if self.modifiers else ""
        return f"{own}{self.name}{inside}{'[]' if self.array else ''}"


def type_of(node: Any) -> Type:
    """Return the type that a TypeName of the parser is."""
    parts = [part.string.sval for part in node.names]
    schema = parts[-2] if len(parts) > 1 and parts[-2] != "pg_catalog" else ""
    name = parts[-1] if parts else ""
    modifiers = tuple(item.a_const.ival.ival for item in node.typmods if item.HasField("a_const"))
    if not schema:
        name = _ALIASES.get(name, name)
        if name == "character" and modifiers == (1,) and not node.typmods:
            modifiers = ()
    return Type(name, modifiers, bool(node.array_bounds), schema)


def keeps_rows(old: Type, new: Type, *, in_utc: bool = False) -> bool:
    """Tell whether a column of the first type becomes one of the second without its table being written or read.

    :param in_utc: whether the session's time zone is UTC: then a timestamp is the same with a time zone and without.

    >>> keeps_rows(Type("character varying", (20,)), Type("text"))
    True
    >>> keeps_rows(Type("integer"), Type("bigint"))
    False
    """
    if old == new:
        return True
    if old.array or new.array or old.schema or new.schema:
        return False
    if new.name == "text" or new == Type("character varying"):
        return old.name in ("text", "character varying")
    if (old.name, new.name) == ("cidr", "inet"):
        return True
    if in_utc and {old.name, new.name} == {"timestamp with time zone", "timestamp without time zone"}:
        return new.modifiers in ((), old.modifiers)
    if old.name != new.name:
        return False
    if old.name == "numeric":
        return _numeric(old.modifiers, new.modifiers)
    if old.name in _WIDENING:
        return not new.modifiers or (bool(old.modifiers) and new.modifiers[0] >= old.modifiers[0])
    return False


#: A type, and those whose every value it holds.
_HOLDS = {
    "integer": ("smallint",),
    "bigint": ("smallint", "integer"),
    "numeric": ("smallint", "integer", "bigint"),
    "double precision": ("real", "smallint", "integer"),
    "text": ("character varying", "character", "name", "uuid", "integer", "bigint", "smallint"),
    "timestamp with time zone": ("date", "timestamp without time zone"),
    "timestamp without time zone": ("date",),
}


def widens(old: Type | None, new: Type) -> bool:
    """Tell whether a type holds whatever the other one did, so that no value is lost or refused.

    :param old: None where nobody knows it: then it is what people make wider.

    >>> widens(Type("integer"), Type("bigint")), widens(Type("bigint"), Type("integer")), widens(None, Type("bigint"))
    (True, False, True)
    """
    if new.array or new.schema or new.modifiers:
        return False
    if old is None:
        return new.name in ("bigint", "numeric", "double precision", "text", "timestamp with time zone")
    return not old.array and not old.schema and old.name in (*_HOLDS.get(new.name, ()), new.name)


def _numeric(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    if not new:
        return True
    if not old:
        return False
    scale = (old[1] if len(old) > 1 else 0), (new[1] if len(new) > 1 else 0)
    return new[0] >= old[0] and scale[0] == scale[1]
