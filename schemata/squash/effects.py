"""What the statements of a migration leave besides structure: rows, roles, or what nobody can tell from the text.

A dump of the structure holds none of it. A block of DO and a function may do anything; what their words show is taken
for what they do.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from schemata import lazy
from schemata.sql import parser, statement

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

#: structure: a dump has it. rows: it changes rows, and can run on the structure that is left in the end. made: rows of
#: a table that it makes as well. server: roles and the like, which belong to no schema. session: it is for the
#: statements after it. nothing: it leaves nothing. review: nobody can tell.
Effect = Literal["structure", "rows", "made", "server", "session", "nothing", "review"]

_OF_ROWS = ("insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "truncate_stmt")
_OF_SERVER = (
    "create_role_stmt", "alter_role_stmt", "alter_role_set_stmt", "drop_role_stmt", "grant_role_stmt",
    "alter_database_stmt", "alter_database_set_stmt", "alter_system_stmt", "create_table_space_stmt",
    "drop_table_space_stmt", "alter_table_space_options_stmt", "reassign_owned_stmt", "drop_owned_stmt",
)  # fmt: skip
_OF_NOTHING = (
    "transaction_stmt", "lock_stmt", "notify_stmt", "listen_stmt", "unlisten_stmt", "check_point_stmt", "vacuum_stmt",
    "explain_stmt", "variable_show_stmt", "declare_cursor_stmt", "fetch_stmt", "close_portal_stmt", "load_stmt",
    "constraints_set_stmt", "reindex_stmt", "discard_stmt",
)  # fmt: skip
_MOVE_SEQUENCES = ("setval", "nextval")
_OF_SESSION = ("set_config",)
#: Functions that the server calls volatile, and that leave nothing.
_PASSING = (
    "pg_sleep", "pg_sleep_for", "pg_sleep_until", "pg_notify", "clock_timestamp", "timeofday", "random", "setseed",
    "pg_advisory_lock", "pg_advisory_xact_lock", "pg_try_advisory_lock", "pg_try_advisory_xact_lock",
    "pg_advisory_unlock", "pg_advisory_unlock_all", "gen_random_uuid", "txid_current", "pg_current_xact_id",
)  # fmt: skip
#: Words of a block that change rows, or run what its text does not show.
_CHANGING = {
    "insert", "update", "delete", "merge", "copy", "truncate", "perform", "call", "execute", "setval", "nextval",
    "refresh",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Part:
    """A statement and what it leaves. `functions` are those that decide about it, when nobody can tell."""

    statement: statement.Statement
    effect: Effect
    functions: tuple[str, ...] = ()


def of(sql: str, harmless: Collection[str] = ()) -> tuple[Part, ...]:
    """Return what each statement of a file leaves. Raises `statement.SyntaxProblem`.

    :param harmless: names of functions that change nothing, as the server says.
    """
    found = []
    temporary: set[str] = set()
    for item in statement.split(sql):
        name = _temporary(item.node)
        if name:
            temporary.add(name)
        dropped = item.node.WhichOneof("node") == "drop_stmt" and _dropped(item.node.drop_stmt) & temporary
        if name or dropped:
            found.append(Part(item, "rows"))
            continue
        found.append(_of(item, harmless))
    return tuple(found)


def tables(items: Iterable[statement.Statement]) -> set[str]:
    """Return the schemas that the tables of these statements are said to be in."""
    return {
        node.schemaname
        for item in items
        for _, node in postgast.walk(item.node)
        if isinstance(node, pg.RangeVar) and node.schemaname
    }


def _of(item: statement.Statement, harmless: Collection[str]) -> Part:
    node = item.node
    which = str(node.WhichOneof("node"))
    if which in _OF_ROWS or (which == "copy_stmt" and node.copy_stmt.is_from):
        return Part(item, "rows")
    if which in _OF_SERVER or _is_of_server(node, which):
        return Part(item, "server")
    if which in _OF_NOTHING or which == "copy_stmt":
        return Part(item, "nothing")
    if which == "variable_set_stmt":
        # SET TRANSACTION has to come first in a transaction, which is another one here.
        return Part(item, "nothing" if node.variable_set_stmt.kind == pg.VAR_SET_MULTI else "session")
    if which == "do_stmt":
        return Part(item, _of_block(node.do_stmt))
    if which in ("call_stmt", "execute_stmt", "prepare_stmt"):
        return Part(item, "review")
    if which == "select_stmt":
        return _of_select(item, harmless)
    if which == "create_table_as_stmt":
        return Part(item, "structure" if node.create_table_as_stmt.into.skip_data else "made")
    return Part(item, "made" if which == "refresh_mat_view_stmt" else "structure")


def _is_of_server(node: pg.Node, which: str) -> bool:
    kinds = (pg.OBJECT_DATABASE, pg.OBJECT_TABLESPACE, pg.OBJECT_ROLE, pg.OBJECT_PARAMETER_ACL)
    match which:
        case "grant_stmt":
            return node.grant_stmt.objtype in kinds
        case "comment_stmt":
            return node.comment_stmt.objtype in kinds
        case "sec_label_stmt":
            return node.sec_label_stmt.objtype in kinds
        case "alter_owner_stmt":
            return node.alter_owner_stmt.object_type in kinds
        case _:
            return False


def _of_select(item: statement.Statement, harmless: Collection[str]) -> Part:
    select = item.node.select_stmt
    if select.HasField("into_clause"):
        return Part(item, "made")
    nodes = [node for _, node in postgast.walk(item.node)]
    changes = (pg.InsertStmt, pg.UpdateStmt, pg.DeleteStmt, pg.MergeStmt)
    if any(isinstance(node, changes) for node in nodes):
        return Part(item, "rows")
    names = {_name(node) for node in nodes if isinstance(node, pg.FuncCall)}
    if names & set(_MOVE_SEQUENCES):
        return Part(item, "rows")
    unknown = names - set(_PASSING) - set(_OF_SESSION) - set(harmless)
    if unknown:
        return Part(item, "review", tuple(sorted(unknown)))
    return Part(item, "session" if names & set(_OF_SESSION) else "nothing")


def _name(call: pg.FuncCall) -> str:
    return parser.qualified([part.string.sval for part in call.funcname])[1]


def _of_block(block: pg.DoStmt) -> Effect:
    """Judge a block by its words; those inside of a literal count, because EXECUTE may run them."""
    try:
        words = list(_words(block))
    except parser.Refused:
        return "review"
    pairs = itertools.pairwise(words)
    if any(one in ("create", "alter", "drop") and other in ("role", "user", "group") for one, other in pairs):
        return "server"
    return "review" if _CHANGING & set(words) else "structure"


def _words(block: pg.DoStmt) -> Iterator[str]:
    for argument in block.args:
        if argument.def_elem.defname == "as":
            for word in parser.words(argument.def_elem.arg.string.sval):
                yield from (part.strip("'\"$;(),").lower() for part in word.split())


def _temporary(node: pg.Node) -> str:
    """Return the name of a temporary table that a statement makes; such a table is gone when the migration ends."""
    which = node.WhichOneof("node")
    relation = node.create_stmt.relation if which == "create_stmt" else node.create_table_as_stmt.into.rel
    return str(relation.relname) if relation.relpersistence == "t" else ""


def _dropped(drop: pg.DropStmt) -> set[str]:
    if drop.remove_type != pg.OBJECT_TABLE:
        return set()
    return {parser.qualified(parser.names(item))[1] for item in drop.objects}


def undo(item: statement.Statement) -> str:
    """Return the statement that takes back a SET; empty for anything else, and for search_path, which is set again."""
    change = item.node.variable_set_stmt
    if item.kind != "set" or change.kind not in (pg.VAR_SET_VALUE, pg.VAR_SET_DEFAULT, pg.VAR_SET_CURRENT):
        return ""
    if change.name == "search_path":
        return ""
    special = {"role": "RESET ROLE", "session_authorization": "RESET SESSION AUTHORIZATION"}
    return special.get(change.name, f"RESET {change.name}")
