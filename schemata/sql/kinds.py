"""What kind of statement a tree of the parser is, as far as it decides how the statement is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from schemata import lazy
from schemata.sql import parser

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

Kind = Literal[
    "create index concurrently",
    "drop index concurrently",
    "reindex concurrently",
    "alter type add value",
    "vacuum",
    "transaction control",
    "set",
    "do",
    "call",
    "discard",
    "copy",
    "other outside transaction",
    "other",
]


def kind_of(node: pg.Node) -> Kind:
    """Return what kind of statement a tree is."""
    which = node.WhichOneof("node")
    match which:
        case "index_stmt" if node.index_stmt.concurrent:
            return "create index concurrently"
        case "drop_stmt" if node.drop_stmt.concurrent:
            return "drop index concurrently"
        case "reindex_stmt" if has_option(node.reindex_stmt.params, "concurrently"):
            return "reindex concurrently"
        case "alter_enum_stmt" if not node.alter_enum_stmt.old_val:
            return "alter type add value"
        case "vacuum_stmt" if node.vacuum_stmt.is_vacuumcmd:
            return "vacuum"
        case "transaction_stmt":
            return "transaction control"
        case "variable_set_stmt":
            return "set"
        case "do_stmt":
            return "do"
        case "call_stmt":
            return "call"
        case "discard_stmt":
            return "discard"
        case "copy_stmt":
            return "copy"
        case _:
            return "other outside transaction" if _refused_in_transaction(which, node) else "other"


def _refused_in_transaction(which: str | None, node: pg.Node) -> bool:
    # The callers of PreventInTransactionBlock in the server's source.
    match which:
        case "createdb_stmt" | "dropdb_stmt" | "create_table_space_stmt" | "drop_table_space_stmt":
            return True
        case "alter_system_stmt" | "drop_subscription_stmt":
            return True
        case "alter_database_stmt":
            return any(option.def_elem.defname == "tablespace" for option in node.alter_database_stmt.options)
        case "cluster_stmt":
            return not node.cluster_stmt.HasField("relation")
        case "reindex_stmt":
            whole = (pg.REINDEX_OBJECT_SCHEMA, pg.REINDEX_OBJECT_SYSTEM, pg.REINDEX_OBJECT_DATABASE)
            return node.reindex_stmt.kind in whole
        case "create_subscription_stmt":
            options = node.create_subscription_stmt.options
            return has_option(options, "connect", True) and has_option(options, "create_slot", True)
        case "alter_subscription_stmt":
            return _alters_slot(node.alter_subscription_stmt)
        case "alter_table_stmt":
            commands = [command.alter_table_cmd for command in node.alter_table_stmt.cmds]
            return any(getattr(c, "def").partition_cmd.concurrent for c in commands)
        case _:
            return False


def _alters_slot(alter: pg.AlterSubscriptionStmt) -> bool:
    if alter.kind == pg.ALTER_SUBSCRIPTION_REFRESH:
        return True
    if alter.kind == pg.ALTER_SUBSCRIPTION_OPTIONS:
        return any(option.def_elem.defname in ("failover", "two_phase") for option in alter.options)
    changes = (
        pg.ALTER_SUBSCRIPTION_SET_PUBLICATION,
        pg.ALTER_SUBSCRIPTION_ADD_PUBLICATION,
        pg.ALTER_SUBSCRIPTION_DROP_PUBLICATION,
    )
    return alter.kind in changes and has_option(alter.options, "refresh", True)


def has_option(options: Iterable[pg.Node], name: str, default: bool = False) -> bool:
    """Tell whether a boolean option is set; `default` where it is not named."""
    for option in options:
        if option.def_elem.defname == name:
            argument = option.def_elem.arg
            if argument.HasField("boolean"):
                return bool(argument.boolean.boolval)
            if argument.HasField("integer"):
                return bool(argument.integer.ival)
            # The grammar reads `false` as a word, but `off` as the name of a type.
            word = parser.names(argument)[-1:] or ["true"]
            return word[0].lower() not in ("false", "off", "no", "0")
    return default
