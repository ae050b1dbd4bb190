"""The SQL that pg_restore writes, as the statements of a migration.

What is left out, by the parse tree of each statement and nothing else:

* the lines \\restrict and \\unrestrict (they are psql's; the lexer passes over them);
* SET of the settings in `_PREAMBLE`, and SELECT pg_catalog.set_config('search_path', …): a baseline has its own two;
* SET default_tablespace and default_table_access_method, where no statement of the dump sets another than the usual;
* CREATE SCHEMA of a schema of the project: the engine makes those;
* ALTER … OWNER TO the role that deploys: the role that runs the baseline owns what it makes.

Where a statement names the role that deploys, CURRENT_USER is written instead; for BETWEEN see `between`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.sql import parser, statement
from schemata.squash import between

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

_PREAMBLE = (
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout",
    "client_encoding", "standard_conforming_strings", "check_function_bodies", "xmloption", "client_min_messages",
    "row_security",
)  # fmt: skip
_USUAL = {"default_tablespace": "", "default_table_access_method": "heap"}
#: What a baseline begins with: bodies may name what comes later, and every name is qualified.
HEAD = "SET LOCAL check_function_bodies = false;\nSET LOCAL search_path = '';\n"


def statements(sql: str, deployer: str, schemas: Collection[str]) -> list[str]:
    """Return the statements of a dump that a baseline holds, without semicolons."""
    found: list[tuple[str, bool]] = []
    unusual = False
    for item in statement.split(sql):
        node = item.node
        which = node.WhichOneof("node")
        if which == "variable_set_stmt" and node.variable_set_stmt.name in _USUAL:
            unusual = unusual or not _is_usual(node.variable_set_stmt)
            found.append((item.text, True))
        elif not _is_left_out(node, which, deployer, schemas):
            found.append((between.rewritten(_for_anyone(item.text, node, deployer)), False))
    return [text for text, tuning in found if unusual or not tuning]


def _is_usual(change: pg.VariableSetStmt) -> bool:
    values = [_constant(argument) for argument in change.args]
    return values == [_USUAL[change.name]]


def _constant(argument: pg.Node) -> str:
    return str(argument.a_const.sval.sval)


def _is_left_out(node: pg.Node, which: str | None, deployer: str, schemas: Collection[str]) -> bool:
    match which:
        case "variable_set_stmt":
            return node.variable_set_stmt.name in _PREAMBLE
        case "select_stmt":
            calls = [target.res_target.val.func_call for target in node.select_stmt.target_list]
            return any(
                [part.string.sval for part in call.funcname] == ["pg_catalog", "set_config"]
                and _constant(call.args[0]) == "search_path"
                for call in calls
            )
        case "create_schema_stmt":
            return node.create_schema_stmt.schemaname in schemas
        case "alter_owner_stmt":
            return bool(node.alter_owner_stmt.newowner.rolename == deployer)
        case "alter_table_stmt":
            commands = [command.alter_table_cmd for command in node.alter_table_stmt.cmds]
            return all(c.subtype == pg.AT_ChangeOwner and c.newowner.rolename == deployer for c in commands)
        case _:
            return False


def _for_anyone(text: str, node: pg.Node, deployer: str) -> str:
    """Write CURRENT_USER wherever the statement names the role that deploys; the rest stays to the letter."""
    if not any(_is_role(part, deployer) for _, part in postgast.walk(node)):
        return text
    # Parsed alone, so that the places are those in this text.
    alone = parser.parse(text).stmts[0].stmt
    at = sorted(part.location for _, part in postgast.walk(alone) if _is_role(part, deployer))
    data = text.encode()
    ends = dict(parser.tokens(text))
    pieces, before = [], 0
    for start in at:
        pieces += [data[before:start], b"CURRENT_USER"]
        before = ends[start]
    return b"".join([*pieces, data[before:]]).decode()


def _is_role(part: object, deployer: str) -> bool:
    return isinstance(part, pg.RoleSpec) and part.roletype == pg.ROLESPEC_CSTRING and part.rolename == deployer
