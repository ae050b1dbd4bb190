"""Transactions and settings: what a file may not open, end or change, because the engine relies on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.lint import model
from schemata.lint.rules import indexes
from schemata.lint.structure import locks, tree
from schemata.sql import statement, transactions

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")


@model.rule(
    "transaction-control",
    "error",
    "transaction_stmt",
    condition="BEGIN, COMMIT or ROLLBACK in a file without `-- mode: own-transaction`.",
    effect="The engine opens and commits the transaction together with its record: a COMMIT inside ends it too early.",
    workaround="Leave them out; or `-- mode: own-transaction` where a file needs transactions of its own.",
    group="transactions",
    decides=("transaction-nesting", "ban-uncommitted-transaction"),
)
def _control(place: model.Place) -> Iterator[model.Hit]:
    if place.script.mode != "own-transaction" and statement.opens_or_ends_transaction(place.item):
        yield model.Hit(f"`{place.item.text}`: the engine opens and commits the transaction itself.")


@model.rule(
    "concurrently-in-transaction",
    "error",
    condition="CREATE INDEX CONCURRENTLY, VACUUM, CREATE DATABASE and the like in a file that is run in a transaction.",
    effect="The server refuses it: it cannot run inside a transaction block.",
    workaround="`-- transactional: false` on a line of the leading comment.",
    group="transactions",
    decides=("ban-concurrent-index-creation-in-transaction",),
)
def _concurrently(place: model.Place) -> Iterator[model.Hit]:
    if not place.in_transaction or place.is_body or not statement.needs_no_transaction(place.item):
        return
    fixes: tuple[model.Fix, ...] = ()
    script = place.script
    if script.mode == "transaction" and all(map(statement.needs_no_transaction, script.statements)):
        start = indexes.first_line_after_title(script.sql)
        fixes = () if script.is_python else (model.Fix(start, start, "-- transactional: false\n"),)
    yield model.Hit(
        "The server refuses it inside a transaction block, which the engine opens for this file.",
        f"-- transactional: false\n{place.item.text};",
        fixes=fixes,
    )


_STATE = {
    "search_path": "unqualified names mean other objects from here on, also those in the engine's own record",
    "role": "what follows is made and owned by another role",
    "session_authorization": "what follows is done as another role",
    "session_replication_role": "triggers and foreign keys are not checked, and rows that break them stay",
    "default_transaction_read_only": "what follows cannot be recorded",
    "row_security": "policies are not applied, or make the migration fail",
    "check_function_bodies": "functions that cannot run are created without an error",
    "client_encoding": "what follows is read in another encoding",
    "standard_conforming_strings": "strings mean something else from here on",
    "zero_damaged_pages": "damaged pages are overwritten with zeros",
    "fsync": "a crash may lose the whole database",
    "allow_system_table_mods": "the system's tables can be changed",
}


def _changes(place: model.Place) -> Iterator[tuple[str, str, bool]]:
    """Give (name, value, is it local) of the setting that a statement changes."""
    change = transactions.setting(place.item)
    if change is not None:
        yield change.name, _value(place) or change.value, change.local
    elif place.kind == "select_stmt" and (name := _set_config(place.node)):
        yield name, "", False


def _set_config(node: Any) -> str:
    for part in tree.walk(node):
        if isinstance(part, pg.FuncCall) and tree.strings(part.funcname)[-1:] == ["set_config"] and part.args:
            return tree.constant(part.args[0]).lower()
    return ""


def _value(place: model.Place) -> str:
    if place.kind != "variable_set_stmt" or not place.stmt.args:
        return ""
    return ", ".join(tree.constant(item) for item in place.stmt.args)


@model.rule(
    "session-state",
    "error",
    "variable_set_stmt",
    "select_stmt",
    condition="SET search_path, SET ROLE, SET session_replication_role and other settings that change what "
    "statements mean "
    "(an empty search_path is allowed); also by set_config(). RESET ALL as a warning.",
    effect="What follows means something else than it says, and plain SQL tools that run the file keep the setting.",
    workaround="Qualify names; grant the role that deploys what it needs.",
    group="transactions",
)
def _session(place: model.Place) -> Iterator[model.Hit]:
    for name, value, _ in _changes(place):
        if name == "search_path" and place.kind == "variable_set_stmt" and not value and place.stmt.args:
            continue
        if name in _STATE and not place.script.directives.replaces and not _is_reset(place):
            yield model.Hit(f"{name}: {_STATE[name]}.")
    if place.kind == "variable_set_stmt" and place.stmt.kind == pg.VAR_RESET_ALL:
        text = "RESET ALL takes back what the engine has set for this file: the timeouts and the search_path."
        yield model.Hit(text, level="warning")


def _is_reset(place: model.Place) -> bool:
    if place.kind != "variable_set_stmt":
        return False
    return place.stmt.kind in (pg.VAR_RESET, pg.VAR_RESET_ALL, pg.VAR_SET_DEFAULT)


_TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")


@model.rule(
    "timeout-in-file",
    "note",
    "variable_set_stmt",
    "select_stmt",
    condition="SET lock_timeout, statement_timeout and the like; lock_timeout = 0 is an error, "
    "statement_timeout = 0 a warning.",
    effect="The engine sets both from the settings, tries again with a backoff, and names who holds the lock; 0 "
    "waits for "
    "ever, and every query of the application waits behind it.",
    workaround="`[tool.schemata.locks] lock_timeout` and `statement_timeout`, or the flags of `inv migrate`.",
    group="transactions",
    decides=("require-lock-timeout", "require-statement-timeout", "require-timeout-settings"),
)
def _timeout(place: model.Place) -> Iterator[model.Hit]:
    for name, value, _ in _changes(place):
        if name not in _TIMEOUTS or place.script.directives.replaces:
            continue
        endless = value.strip() in ("0", "0ms", "0s", "0min") or (
            value == "" and name == "lock_timeout" and _is_reset(place)
        )
        if endless and name == "lock_timeout":
            yield model.Hit(
                "lock_timeout = 0 waits for a lock for ever, and every query of the application queues behind it.",
                remedy="Leave it out: the engine bounds the wait and tries again.",
                level="error",
            )
        elif endless and name == "statement_timeout":
            text = "statement_timeout = 0: a statement that takes for ever holds its locks for ever."
            yield model.Hit(
                text, remedy="A time that is long enough, or none of it: the engine has its own.", level="warning"
            )
        else:
            yield model.Hit(f"{name} overrides what the engine sets, from here to the end of the file.")


@model.rule(
    "server-settings",
    "warning",
    "alter_system_stmt",
    "alter_database_set_stmt",
    "alter_role_set_stmt",
    condition="ALTER SYSTEM, ALTER DATABASE … SET or ALTER ROLE … SET.",
    effect="It changes every session from the next one on, is of no schema, and no rollback of a schema takes it back.",
    workaround="Where the server is set up, not in a migration.",
    group="transactions",
    decides=("ban-alter-system-options", "ban-alter-database-options", "ban-alter-role-options"),
)
def _server(place: model.Place) -> Iterator[model.Hit]:
    yield model.Hit("It is a setting of the server or of a role: it holds for every session that begins from now on.")


@model.rule(
    "enum-added-and-used",
    "error",
    condition="A value that ALTER TYPE … ADD VALUE adds is used in the same transaction.",
    effect="The server refuses it: unsafe use of new value of an enum (55P04).",
    workaround="ADD VALUE in a migration of its own, its use in the next one.",
    group="transactions",
)
def _enum(place: model.Place) -> Iterator[model.Hit]:
    if not place.in_transaction or place.kind == "alter_enum_stmt":
        return
    for earlier in place.others[: place.number]:
        node = earlier.node
        if node.WhichOneof("node") != "alter_enum_stmt" or node.alter_enum_stmt.old_val:
            continue
        alter = node.alter_enum_stmt
        name = tree.qualified(tree.strings(alter.type_name), place.schema)
        known = place.catalog.types.get(name)
        # Of a type that the same transaction made, every value may be used.
        if known is not None and known.made_in == place.script.path:
            continue
        if any(isinstance(part, pg.A_Const) and part.sval.sval == alter.new_val for part in tree.walk(place.node)):
            yield model.Hit(
                f"'{alter.new_val}' of {locks.shown(name)}, added on line {earlier.line}, cannot be used before that "
                f"is "
                "committed."
            )
            return


@model.rule(
    "enum-value-stays",
    "note",
    "alter_enum_stmt",
    condition="ALTER TYPE … ADD VALUE.",
    effect="No server removes it again: the rollback has to make another type in its place.",
    workaround="A table of the values, or a CHECK, can be changed both ways.",
    group="transactions",
    decides=("ban-add-enum-value",),
)
def _value_added(place: model.Place) -> Iterator[model.Hit]:
    name = tree.qualified(tree.strings(place.stmt.type_name), place.schema)
    if not place.stmt.old_val and not place.is_new_object("type", name):
        yield model.Hit(f"'{place.stmt.new_val}' cannot be removed from {locks.shown(name)} again.")


@model.rule(
    "sleep-in-transaction",
    "warning",
    "select_stmt",
    condition="pg_sleep(), pg_sleep_for() or pg_sleep_until() in a file that is run in a transaction.",
    effect="Whatever the file has locked stays locked meanwhile, and VACUUM cannot remove a row in any table.",
    workaround="Two migrations, or `-- mode: statements`, where nothing is held between two statements.",
    group="transactions",
)
def _sleep(place: model.Place) -> Iterator[model.Hit]:
    called = [name for _, name in tree.function_names(place.node) if name.startswith("pg_sleep")]
    if called and place.in_transaction:
        held = ", ".join(sorted({locks.shown(lock.table) for lock in place.held if lock.mode in locks.STRONG}))
        yield model.Hit(f"{called[0]}() waits inside the transaction{f', with {held} locked' if held else ''}.")


@model.rule(
    "ends-sessions",
    "error",
    "select_stmt",
    condition="pg_terminate_backend(); pg_cancel_backend() as a warning.",
    effect="Sessions of others end in the middle of what they do; which ones is another question on each server.",
    workaround="Leave it out: the engine bounds its wait for a lock, tries again, and names who holds it.",
    group="transactions",
)
def _ends(place: model.Place) -> Iterator[model.Hit]:
    called = {name for _, name in tree.function_names(place.node)}
    if "pg_terminate_backend" in called:
        yield model.Hit("Other sessions lose their connection and what they have not committed.")
    elif "pg_cancel_backend" in called:
        yield model.Hit("Other sessions lose the statement that they are at.", level="warning")
