"""Statements made from statements: what a remedy gives to paste is PostgreSQL's own text of a changed parse tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.remedies import remedy

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")


def text(node: pg.Node) -> str:
    """Return the SQL of a parse tree, with a semicolon."""
    return f"{postgast.deparse(pg.ParseResult(stmts=[pg.RawStmt(stmt=node)]))};"


def expression(node: pg.Node) -> str:
    """Return the SQL of an expression."""
    parsed = postgast.parse("SELECT true")
    parsed.stmts[0].stmt.select_stmt.target_list[0].res_target.val.CopyFrom(node)
    return str(postgast.deparse(parsed)).removeprefix("SELECT ")


def if_exists(node: pg.Node) -> str:
    """Return the SQL of a DROP that passes over what is not there."""
    changed = pg.Node()
    changed.CopyFrom(node)
    getattr(changed, str(changed.WhichOneof("node"))).missing_ok = True
    return text(changed)


def partitioned_index(node: pg.Node, schema: str, tree: Sequence[remedy.Row]) -> list[str]:
    """Return the statements that build an index on a partitioned table without blocking its writers.

    `tree` holds, parents first, (schema, table, parent's schema, parent, 't' for a leaf) of the table and all below it.
    """
    index = node.index_stmt
    root = index.idxname or f"{index.relation.relname}_idx"
    made = {(str(tree[0][0]), str(tree[0][1])): root}
    statements, attached = [_index(node, tree[0], root, only=True)], []
    for row in tree[1:]:
        table, parent = (str(row[0]), str(row[1])), (str(row[2]), str(row[3]))
        own = f"{row[1]}_{root}"[:63]
        made[table] = own
        statements.append(_index(node, row, own, only=row[4] != "t"))
        attached.append(
            f"ALTER INDEX {remedy.name(parent[0], made[parent])} ATTACH PARTITION {remedy.name(table[0], own)};"
        )
    # The deepest are attached first: an index of a parent is valid once those of all its partitions are attached.
    return [*statements, *reversed(attached)]


def _index(node: pg.Node, row: remedy.Row, own: str, *, only: bool) -> str:
    changed = pg.Node()
    changed.CopyFrom(node)
    index = changed.index_stmt
    index.idxname = own
    index.concurrent = not only
    index.relation.schemaname, index.relation.relname = str(row[0]), str(row[1])
    index.relation.inh = not only
    return text(changed)


def added_constraints(node: pg.Node) -> Iterator[pg.Constraint]:
    """Yield the constraints that an ALTER TABLE adds, those of its new columns too."""
    for command in node.alter_table_stmt.cmds:
        definition = getattr(command.alter_table_cmd, "def")
        if definition.HasField("constraint"):
            yield definition.constraint
        elif definition.HasField("column_def"):
            for item in definition.column_def.constraints:
                yield item.constraint


def words(nodes: Sequence[pg.Node]) -> list[str]:
    """Return the strings of a list of names."""
    return [node.string.sval for node in nodes]


def rows_against_check(on: str, constraint: pg.Constraint) -> str:
    """Return the query for the rows that a CHECK refuses."""
    return f"SELECT * FROM {on} WHERE NOT ({expression(constraint.raw_expr)});"


def rows_without_parent(on: str, columns: Sequence[str], parent: str, keys: Sequence[str]) -> str:
    """Return the query for the rows whose foreign key points nowhere."""
    filled = " AND ".join(f"child.{remedy.name(column)} IS NOT NULL" for column in columns)
    same = " AND ".join(
        f"parent.{remedy.name(key)} = child.{remedy.name(column)}" for key, column in zip(keys, columns, strict=True)
    )
    return f"SELECT * FROM {on} child WHERE {filled}\n  AND NOT EXISTS (SELECT FROM {parent} parent WHERE {same});"


def duplicates(on: str, keys: Sequence[str], where: str = "") -> str:
    """Return the query for the keys that more than one row has; `keys` are columns or expressions, as SQL."""
    listed = ", ".join(keys)
    condition = f" WHERE {where}" if where else ""
    return f"SELECT {listed}, count(*) FROM {on}{condition} GROUP BY {listed} HAVING count(*) > 1;"


def index_keys(node: pg.Node) -> tuple[list[str], str]:
    """Return the keys of a CREATE INDEX as SQL, and its WHERE."""
    index = node.index_stmt
    keys = [
        remedy.name(item.index_elem.name) if item.index_elem.name else f"({expression(item.index_elem.expr)})"
        for item in index.index_params
    ]
    return keys, expression(index.where_clause) if index.HasField("where_clause") else ""


def type_name(node: pg.TypeName) -> str:
    """Return the SQL of a type's name."""
    parsed = postgast.parse("SELECT NULL::int")
    parsed.stmts[0].stmt.select_stmt.target_list[0].res_target.val.type_cast.type_name.CopyFrom(node)
    return str(postgast.deparse(parsed)).removeprefix("SELECT NULL::")
