"""Expressions that people type, and definitions that the server prints, taken apart by PostgreSQL's own grammar."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from schemata import errors, lazy
from schemata.changes.authoring import names
from schemata.sql import parser

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")


def checked(text: str, flag: str) -> str:
    """Return an expression that is one. Raises ConfigError for what is none, or more than one."""
    text = text.strip()
    try:
        statements = parser.parse(f"SELECT ({text}\n)").stmts
    except parser.Refused as refused:
        raise errors.ConfigError(
            f"{flag} {text!r} is no expression of SQL: {refused.message}",
            "Write it as it would stand in a SELECT, in quotes for the shell.",
        ) from refused
    select = statements[0].stmt.select_stmt
    whole = len(statements) == 1 and len(select.target_list) == 1 and not select.from_clause
    if not whole or not text or _is_row(select.target_list[0].res_target.val):
        raise errors.ConfigError(f"{flag} {text!r} is more than one expression", "Write one.")
    if "--" in text and any(_comment_at(text)):
        raise errors.ConfigError(f"{flag} {text!r} has a comment in it", "Leave the comment out.")
    return text


def _comment_at(text: str) -> list[int]:
    covered = {at for start, end in parser.tokens(text) for at in range(start, end)}
    data = text.encode()
    return [at for at in range(len(data) - 1) if data[at : at + 2] == b"--" and at not in covered]


def _is_row(node: Any) -> bool:
    return str(node.WhichOneof("node")) == "row_expr"


def type_checked(text: str, flag: str) -> str:
    """Return a type that is one, as it was typed. Raises ConfigError for what is none."""
    text = text.strip()
    try:
        statements = parser.parse(f"SELECT NULL::{text}").stmts
    except parser.Refused as refused:
        raise errors.ConfigError(
            f"{flag} {text!r} is no type: {refused.message}", 'Write it as in CREATE TABLE: "numeric(20,4)".'
        ) from refused
    target = statements[0].stmt.select_stmt.target_list[0].res_target if len(statements) == 1 else None
    if target is None or target.name or str(target.val.WhichOneof("node")) != "type_cast":
        raise errors.ConfigError(f"{flag} {text!r} is no type", 'Write it as in CREATE TABLE: "numeric(20,4)".')
    return text


def columns(text: str) -> tuple[str, ...]:
    """Return the columns that an expression reads.

    >>> columns("first_name || ' ' || last_name")
    ('first_name', 'last_name')
    """
    tree = parser.parse(f"SELECT ({text}\n)")
    found: dict[str, None] = {}
    for _, node in postgast.walk(tree):
        if isinstance(node, pg.ColumnRef) and node.fields[-1].HasField("string"):
            found[node.fields[-1].string.sval] = None
    return tuple(found)


def over(text: str, record: str) -> str:
    """Return an expression over columns as one over the record that a trigger has; empty where it has a subquery.

    >>> over("first_name || ' ' || lower(c)", "NEW")
    "NEW.first_name || ' ' || lower(NEW.c)"
    """
    prefix = "SELECT ("
    tree = parser.parse(f"{prefix}{text}\n)")
    places = []
    for _, node in postgast.walk(tree):
        if isinstance(node, pg.SubLink):
            return ""
        if isinstance(node, pg.ColumnRef):
            places.append(node.location - len(prefix))
    data = text.encode()
    for at in sorted(places, reverse=True):
        data = data[:at] + f"{record}.".encode() + data[at:]
    return data.decode()


def functions(text: str) -> tuple[str, ...]:
    """Return the names of the functions that an expression calls."""
    tree = parser.parse(f"SELECT ({text}\n)")
    return tuple(
        dict.fromkeys(node.funcname[-1].string.sval for _, node in postgast.walk(tree) if isinstance(node, pg.FuncCall))
    )


def index(definition: str, name: str, renamed: Mapping[str, str]) -> str:
    """Return the statement that builds an index concurrently, under another name, over columns of other names."""
    tree = parser.parse(definition)
    statement = tree.stmts[0].stmt.index_stmt
    statement.idxname, statement.concurrent, statement.if_not_exists = name, True, True
    for item in (*statement.index_params, *statement.index_including_params):
        if item.index_elem.name in renamed:
            item.index_elem.name = renamed[item.index_elem.name]
    _rename(tree, renamed)
    return str(postgast.deparse(tree))


def referring(definition: str, schema: str, name: str) -> tuple[str, str]:
    """Return the definition of a foreign key with another table in it, and the one that it refers to."""
    prefix = "ALTER TABLE t ADD "
    tree = parser.parse(prefix + definition)
    # `def` is a word of Python's.
    referred = getattr(tree.stmts[0].stmt.alter_table_stmt.cmds[0].alter_table_cmd, "def").constraint.pktable
    before = names.quoted(referred.schemaname, referred.relname)
    referred.schemaname, referred.relname = schema, name
    return str(postgast.deparse(tree)).removeprefix(prefix), before


def on(statement: str, schema: str, name: str) -> str:
    """Return the statement that builds an index as one on another table, there and then."""
    tree = parser.parse(statement)
    index_ = tree.stmts[0].stmt.index_stmt
    index_.relation.schemaname, index_.relation.relname = schema, name
    index_.concurrent = False
    return str(postgast.deparse(tree))


def plain_operators(definition: str, columns_: Collection[str]) -> str:
    """Return the definition of an index without the operator classes of these columns, which are of their types."""
    tree = parser.parse(definition)
    for item in tree.stmts[0].stmt.index_stmt.index_params:
        if item.index_elem.name in columns_:
            del item.index_elem.opclass[:]
    return str(postgast.deparse(tree))


def named_columns(statement: str) -> tuple[str, ...]:
    """Return the columns after which an index is called; empty for an expression, none for one of some rows."""
    index_ = parser.parse(statement).stmts[0].stmt.index_stmt
    return () if index_.HasField("where_clause") else tuple(item.index_elem.name for item in index_.index_params)


def constraint(definition: str, renamed: Mapping[str, str]) -> str:
    """Return the definition of a constraint over columns of other names, without NOT VALID.

    >>> constraint("CHECK ((total > 0)) NOT VALID", {"total": "sum"})
    'CHECK (sum > 0)'
    """
    prefix = "ALTER TABLE t ADD CONSTRAINT c "
    tree = parser.parse(prefix + definition)
    # `def` is a word of Python's.
    node = getattr(tree.stmts[0].stmt.alter_table_stmt.cmds[0].alter_table_cmd, "def").constraint
    node.skip_validation, node.initially_valid = False, True
    for part in (*node.keys, *node.fk_attrs, *node.fk_del_set_cols):
        if part.string.sval in renamed:
            part.string.sval = renamed[part.string.sval]
    _rename(tree, renamed)
    return str(postgast.deparse(tree)).removeprefix(prefix)


def _rename(tree: Any, renamed: Mapping[str, str]) -> None:
    for _, node in postgast.walk(tree):
        if isinstance(node, pg.ColumnRef) and len(node.fields) == 1 and node.fields[0].string.sval in renamed:
            node.fields[0].string.sval = renamed[node.fields[0].string.sval]
