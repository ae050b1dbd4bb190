"""What has an effect only until its transaction ends, and so none in a file whose statements are each their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import parser, statement

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

_CURSOR_HOLD = 0x0020  # CURSOR_OPT_HOLD of the server's source
_LOCKS = ("pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_try_advisory_xact_lock",
          "pg_try_advisory_xact_lock_shared")  # fmt: skip


_LOCK = "the lock is released as soon as the statement ends, so it protects nothing"
_SETTING = "the setting is forgotten as soon as the statement ends"
_TOGETHER = "Put it into a transactional migration, together with the statements that need it."
_SET = "Write SET (the engine takes it back after the file), or put it into a transactional migration."


def alone(item: statement.Statement) -> tuple[str, str] | None:
    """Return why a statement achieves nothing when it is a transaction by itself, and what to write; else None."""
    node = item.node
    match node.WhichOneof("node"):
        case "lock_stmt":
            return _LOCK, _TOGETHER
        case "transaction_stmt" if not statement.opens_or_ends_transaction(item):
            return "a savepoint ends with its statement", _TOGETHER
        case "constraints_set_stmt":
            return _SETTING, _TOGETHER
        case "variable_set_stmt" if node.variable_set_stmt.is_local:
            return _SETTING, _SET
        case "variable_set_stmt" if _of_transaction(node.variable_set_stmt):
            return _SETTING, _TOGETHER
        case "declare_cursor_stmt" if not node.declare_cursor_stmt.options & _CURSOR_HOLD:
            return "the cursor is closed as soon as the statement ends", _TOGETHER
        case "create_stmt" if _dropped(node.create_stmt.oncommit):
            return "ON COMMIT empties or drops the table as soon as the statement ends", _TOGETHER
        case "create_table_as_stmt" if _dropped(node.create_table_as_stmt.into.on_commit):
            return "ON COMMIT empties or drops the table as soon as the statement ends", _TOGETHER
        case "select_stmt" if node.select_stmt.locking_clause:
            return _LOCK, _TOGETHER
        case "select_stmt":
            return _called(node.select_stmt)
        case _:
            return None


def _of_transaction(change: pg.VariableSetStmt) -> bool:
    return bool(change.kind == pg.VAR_SET_MULTI and change.name.startswith("TRANSACTION"))


def _dropped(on_commit: int) -> bool:
    return on_commit in (pg.ONCOMMIT_DROP, pg.ONCOMMIT_DELETE_ROWS)


def _called(select: pg.SelectStmt) -> tuple[str, str] | None:
    """Look at the functions that a plain SELECT calls for their effect, not at those in a FROM or WHERE."""
    for target in select.target_list:
        call = target.res_target.val.func_call
        words = [part.string.sval for part in call.funcname]
        called = parser.qualified(words)[1] if words else ""
        if called in _LOCKS:
            return _LOCK, _TOGETHER
        if called == "set_config" and len(call.args) == 3 and call.args[2].a_const.boolval.boolval:
            return _SETTING, "Write false for the last argument, or put it into a transactional migration."
    return None
