"""The one UPDATE of a backfill file, cut into its parts, and the statements that are made of them.

The parts are cut from the text as it is written, comments and all, so that a message of the server can be placed in
the file. What is added stands behind them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from schemata import lazy
from schemata.changes.backfill import keys
from schemata.migrations import migration
from schemata.postgres import quoting
from schemata.sql import parser, statement

if TYPE_CHECKING:
    import postgast
    from postgast import pg_query_pb2 as pg
else:
    postgast = lazy.Module("postgast")
    pg = lazy.Module("postgast.pg_query_pb2")

_FORM = (
    "A backfill is one plain UPDATE, and its WHERE says which rows are not done yet:\n"
    "  UPDATE app.customers SET display_name = full_name WHERE display_name IS DISTINCT FROM full_name;"
)
_OPENS, _CLOSES = ("(", "["), (")", "]")


@dataclasses.dataclass(frozen=True)
class Update:
    """An UPDATE by its parts.

    :param text: the statement as it stands in its file at `offset`. :param head: what stands before the word UPDATE.
    :param condition: where in the text the condition begins, behind the word WHERE. :param sources: what follows FROM.
    :param own: whether it says ONLY; :param named: whether it gives the table an alias. :param columns: those that it
        sets.
    """

    text: str
    offset: int
    schema: str
    table: str
    alias: str
    head: str
    sources: str
    condition: int
    own: bool
    named: bool
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the table for people."""
        return f"{self.schema}.{self.table}"

    @property
    def target(self) -> str:
        """Return the table as SQL, under the name that the statement calls it by."""
        relation = f"{quoting.identifier(self.schema)}.{quoting.identifier(self.table)}"
        # Without an alias of its own the condition may name columns with the schema, which an alias would hide.
        return f"{'ONLY ' if self.own else ''}{relation}{f' AS {self.alias}' if self.named else ''}"

    @property
    def where(self) -> str:
        """Return the condition of rows that are not done, in parentheses; a comment at its end is closed."""
        return f"({self.text[self.condition :].strip()}\n)"

    def selected(self, what: str, *conditions: str, rest: str = "", head: bool = True) -> str:
        """Return a SELECT of the rows that are not done and meet these conditions as well.

        Inside of the UPDATE itself it goes without the `head`, which is known there.
        """
        sources = f", {self.sources}\n" if self.sources else ""
        wanted = " AND ".join([self.where, *filter(None, conditions)])
        begin = self.head if head else ""
        return f"{begin}SELECT {what} FROM {self.target}{sources} WHERE {wanted}{f' {rest}' if rest else ''}"

    def batch(self, key: keys.Key, within: str, lock: str) -> str:
        """Return the UPDATE of the rows that are not done and meet a condition, each locked by a subquery before.

        Both look at those rows alone, whatever the planner thinks of their number. `lock` is how they are locked.
        """
        rows = self.selected(key.listed, within, rest=lock, head=False)
        added = f"{key.row} {key.operator('=')} ANY ({rows})"
        return f"{self.text[: self.condition]} ({self.text[self.condition :]}\n) AND {within} AND {added} RETURNING 1"

    def place(self, position: int | None) -> int | None:
        """Return the offset in the file of a 1-based position in `batch`; None where it is in what was added."""
        if position is None or position < 1:
            return None
        at = position - 1
        if at >= self.condition:
            at = max(at - len(" ("), self.condition)
        return self.offset + at if at < len(self.text) else None

    def line(self, sql: str, position: int | None) -> int | None:
        """Return the line in the file, of which `sql` is the text, for a 1-based position in `batch`."""
        at = self.place(position)
        return sql.count("\n", 0, at) + 1 if at is not None else None


def parse(item: migration.Migration) -> Update:
    """Return the UPDATE of a backfill file; refuse what is not one UPDATE that can be done in batches.

    Raises InvalidMigration.
    """
    if item.is_python:
        raise _invalid(item, 0, "a backfill is SQL, and this file is Python")
    if not item.transactional:
        raise _invalid(item, 0, f"a backfill runs in transactions of its own, so `-- mode: {item.directives.mode}`")
    try:
        statements = statement.split(item.sql)
    except statement.SyntaxProblem as problem:
        raise _invalid(item, problem.line, problem.message) from problem
    if len(statements) != 1:
        line = statements[1].line if statements else 0
        raise _invalid(item, line, f"a backfill is one statement, and this file has {len(statements)}")
    only = statements[0]
    tree = only.node.update_stmt
    if only.node.WhichOneof("node") != "update_stmt":
        raise _invalid(item, only.line, f"a backfill is an UPDATE, and this is {only.text.split()[0].upper()}")
    _check(item, only.line, tree)
    head, from_, where = _clauses(only.text)
    relation = tree.relation
    return Update(
        text=only.text,
        offset=only.offset,
        schema=relation.schemaname,
        table=relation.relname,
        alias=quoting.identifier(relation.alias.aliasname or relation.relname),
        head=only.text[:head],
        sources=only.text[from_[1] : where[0]].strip() if from_ else "",
        condition=where[1],
        own=not relation.inh,
        named=bool(relation.alias.aliasname),
        columns=tuple(target.res_target.name for target in tree.target_list),
    )


def _check(item: migration.Migration, line: int, tree: pg.UpdateStmt) -> None:
    if not tree.relation.schemaname:
        raise _invalid(item, line, f"the table {tree.relation.relname} is named without its schema")
    if not tree.HasField("where_clause"):
        raise _invalid(item, line, "the UPDATE has no WHERE, so nothing tells which rows are done")
    if tree.where_clause.HasField("current_of_expr"):
        raise _invalid(item, line, "WHERE CURRENT OF needs a cursor, and there is none")
    # Later releases of the grammar keep it in a clause of its own.
    if tree.returning_list if hasattr(tree, "returning_list") else tree.HasField("returning_clause"):
        raise _invalid(item, line, "the UPDATE has RETURNING, which nobody reads here")
    for query in tree.with_clause.ctes:
        if query.common_table_expr.ctequery.WhichOneof("node") != "select_stmt":
            name = query.common_table_expr.ctename
            raise _invalid(item, line, f"WITH {name} changes rows, and would do so with every batch")


def _invalid(item: migration.Migration, line: int, what: str) -> migration.InvalidMigration:
    return migration.InvalidMigration(item.path, line, what, _FORM)


def _clauses(text: str) -> tuple[int, tuple[int, int] | None, tuple[int, int]]:
    """Return where the word UPDATE begins, and where FROM and WHERE begin and end; all of the outermost statement.

    >>> _clauses("UPDATE a.t SET x = y IS DISTINCT FROM z WHERE (SELECT 1 FROM b WHERE true) = 1")
    (0, None, (40, 45))
    """
    data = text.encode()
    depth, head = 0, -1
    from_: tuple[int, int] | None = None
    before = ""
    for start, end in parser.tokens(text):
        word = data[start:end].decode().lower()
        depth += (word in _OPENS) - (word in _CLOSES)
        if depth == 0 and before != ".":
            at = len(data[:start].decode())
            if word == "update" and head < 0:
                head = at
            elif word == "from" and before != "distinct" and head >= 0 and from_ is None:
                from_ = (at, at + len(word))
            elif word == "where" and head >= 0:
                return head, from_, (at, at + len(word))
        before = word
    raise AssertionError("the tree has a WHERE, so the text has one")
