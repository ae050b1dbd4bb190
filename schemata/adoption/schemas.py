"""Which schemas a file changes, by its parse tree: in the order in which it first touches them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.sql import parser, statement

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

#: Where the name of what a statement changes is, if it is a relation.
_RELATIONS = {
    "create_stmt": "relation", "index_stmt": "relation", "alter_table_stmt": "relation", "create_trig_stmt": "relation",
    "rule_stmt": "relation", "create_policy_stmt": "table", "alter_policy_stmt": "table", "view_stmt": "view",
    "create_seq_stmt": "sequence", "alter_seq_stmt": "sequence", "insert_stmt": "relation", "update_stmt": "relation",
    "delete_stmt": "relation", "merge_stmt": "relation", "copy_stmt": "relation", "refresh_mat_view_stmt": "relation",
    "composite_type_stmt": "typevar", "cluster_stmt": "relation", "reindex_stmt": "relation",
}  # fmt: skip
#: Where it is a list of names.
_NAMES = {
    "create_function_stmt": "funcname", "create_enum_stmt": "type_name", "create_domain_stmt": "domainname",
    "create_range_stmt": "type_name", "define_stmt": "defnames", "alter_enum_stmt": "type_name",
    "alter_domain_stmt": "type_name", "create_stats_stmt": "defnames", "alter_stats_stmt": "defnames",
    "alter_type_stmt": "type_name", "create_conversion_stmt": "conversion_name",
    "alter_tsconfiguration_stmt": "cfgname", "alter_tsdictionary_stmt": "dictname",
    "create_op_class_stmt": "opclassname", "create_op_family_stmt": "opfamilyname",
}  # fmt: skip
#: Objects that belong to a table: their name has the table's in front.
_OF_TABLE = ("trigger", "rule", "policy", "tabconstraint", "column")
#: Objects that belong to no schema.
_OF_NONE = (
    "database", "role", "extension", "event_trigger", "fdw", "foreign_server", "language", "publication",
    "subscription", "tablespace", "cast", "transform", "access_method", "parameter_acl", "user_mapping",
)  # fmt: skip


def changed(items: Iterable[statement.Statement], default: str) -> tuple[str, ...]:
    """Return the schemas that statements change, the first one first.

    What has no schema in front is in the first one of a `SET search_path` before it, or else in the default. A DO
    block, a SELECT, what belongs to no schema and what is in the server's own (pg_temp) say nothing.
    """
    found: dict[str, None] = {}
    current = default
    for item in items:
        node = item.node
        if node.WhichOneof("node") == "variable_set_stmt" and node.variable_set_stmt.name == "search_path":
            current = _first(node.variable_set_stmt) or default
            continue
        for schema in _schemas(node):
            if not schema.startswith("pg_") and schema != "information_schema":
                found.setdefault(schema or current, None)
    return tuple(found)


def _first(change: pg.VariableSetStmt) -> str:
    for argument in change.args:
        name = str(argument.a_const.sval.sval)
        if name and name not in ("pg_catalog", "pg_temp", '"$user"', "$user"):
            return name
    return ""


def _schemas(node: pg.Node) -> Iterator[str]:
    """Give the schemas of what a statement changes; an empty one where it is not said."""
    which = str(node.WhichOneof("node"))
    body = getattr(node, which)
    if which in _RELATIONS:
        if body.HasField(_RELATIONS[which]):
            yield from _of_relation(getattr(body, _RELATIONS[which]))
    elif which in _NAMES:
        yield _qualifier([part.string.sval for part in getattr(body, _NAMES[which])])
    elif which == "create_schema_stmt":
        yield str(body.schemaname or body.authrole.rolename)
    elif which == "create_table_as_stmt":
        yield from _of_relation(body.into.rel)
    elif which == "create_foreign_table_stmt":
        yield from _of_relation(body.base_stmt.relation)
    elif which == "truncate_stmt":
        for item in body.relations:
            yield from _of_relation(item.range_var)
    elif which == "drop_stmt":
        word = _word(body.remove_type)
        for item in body.objects:
            yield from _of_object(word, parser.names(item))
    elif which in ("comment_stmt", "sec_label_stmt"):
        yield from _of_object(_word(body.objtype), parser.names(body.object))
    elif which == "grant_stmt":
        word = _word(body.objtype)
        for item in body.objects:
            yield from (
                _of_relation(item.range_var) if item.HasField("range_var") else _of_object(word, parser.names(item))
            )
    else:
        yield from _of_altered(which, body)


def _of_altered(which: str, body: Any) -> Iterator[str]:
    """Give the schema of what RENAME, OWNER TO, SET SCHEMA and the like change."""
    if which == "rename_stmt":
        word = _word(body.rename_type)
        if body.HasField("relation"):
            yield from _of_relation(body.relation)
        elif word == "schema":
            yield str(body.subname)
        else:
            yield from _of_object(word, parser.names(body.object))
    elif which in ("alter_owner_stmt", "alter_object_schema_stmt"):
        word = _word(body.object_type)
        if body.HasField("relation"):
            yield from _of_relation(body.relation)
        else:
            yield from _of_object(word, parser.names(body.object))
    elif which == "alter_function_stmt":
        yield _qualifier([part.string.sval for part in body.func.objname])


def _of_relation(relation: pg.RangeVar) -> Iterator[str]:
    if relation.relpersistence != "t" and relation.relname:
        yield str(relation.schemaname)


def _of_object(word: str, parts: list[str]) -> Iterator[str]:
    if not parts or word in _OF_NONE:
        return
    if word == "schema":
        yield parts[-1]
    elif word in _OF_TABLE:
        yield parts[-3] if len(parts) > 2 else ""
    else:
        yield _qualifier(parts)


def _qualifier(parts: list[str]) -> str:
    return parser.qualified(parts)[0] or "" if parts else ""


def _word(kind: pg.ObjectType.ValueType) -> str:
    return str(pg.ObjectType.Name(kind)).removeprefix("OBJECT_").lower()
