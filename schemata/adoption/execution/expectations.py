"""What the statements of a file expect of a server, and which of them are about another tool's own ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.history import ledgers
from schemata.sql import parser, statement

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

#: Words that many a schema has a table of: whose they are is known only with the schema, or by the tool.
_COMMON = frozenset(("migrations", "changes"))
_DROPS = ("drop_role_stmt", "drop_owned_stmt")


def roles(statements: Iterable[statement.Statement]) -> tuple[str, ...]:
    """Return the roles that statements name before one of them makes them, in the order of their names.

    What a DO block or a function names is not seen.
    """
    made: set[str] = set()
    named: set[str] = set()
    for item in statements:
        node = item.node
        which = node.WhichOneof("node")
        if which == "create_role_stmt":
            made.add(node.create_role_stmt.role)
        if which in _DROPS:
            continue
        if which == "grant_role_stmt":
            named |= {part.access_priv.priv_name for part in node.grant_role_stmt.granted_roles} - made
        for _, part in postgast.walk(node):
            if isinstance(part, pg.RoleSpec) and part.roletype == pg.ROLESPEC_CSTRING:
                named |= {part.rolename} - made
        if (taken := statement.role_taken(item)) and taken not in made:
            named.add(taken)
    # Those of the server itself are everywhere, and nobody may make one.
    return tuple(sorted(name for name in named if not name.startswith("pg_")))


def extensions(statements: Iterable[statement.Statement]) -> tuple[str, ...]:
    """Return the extensions that statements make."""
    nodes = (item.node for item in statements)
    made = (node.create_extension_stmt.extname for node in nodes if node.WhichOneof("node") == "create_extension_stmt")
    return tuple(dict.fromkeys(made))


def ledger(item: statement.Statement, tables: Collection[str]) -> str:
    """Return the tool's own ledger that a statement is about and nothing else; empty where it is about another table.

    :param tables: names of ledgers besides those that are known by their name alone.
    """
    named = [part for _, part in postgast.walk(item.node) if isinstance(part, pg.RangeVar)]
    drop = item.node.drop_stmt if item.node.WhichOneof("node") == "drop_stmt" else None
    found = [(part.schemaname, part.relname) for part in named]
    if drop is not None and drop.remove_type == pg.OBJECT_TABLE:
        found += [
            (schema or "", name) for schema, name in (parser.qualified(parser.names(one)) for one in drop.objects)
        ]
    if item.node.WhichOneof("node") == "comment_stmt" and (parts := _commented(item.node.comment_stmt)):
        found.append(parts)
    if not found or not all(_is_ledger(schema, name, tables) for schema, name in found):
        return ""
    return ".".join(filter(None, found[0]))


def _commented(comment: pg.CommentStmt) -> tuple[str, str] | None:
    """Return schema and name of the table that a comment is about, or about a column of which."""
    if comment.objtype not in (pg.OBJECT_TABLE, pg.OBJECT_COLUMN):
        return None
    parts = parser.names(comment.object)
    schema, name = parser.qualified(parts if comment.objtype == pg.OBJECT_TABLE else parts[:-1])
    return schema or "", name


def _is_ledger(schema: str, name: str, tables: Collection[str]) -> bool:
    if name in tables:
        return True
    known = [one for one in ledgers.KNOWN if one.table == name]
    return any(schema == one.schema if one.schema else name not in _COMMON for one in known)
