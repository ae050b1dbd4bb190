"""What a statement asks of each table that it reads: equalities, ranges, joins, orders. From the parse tree; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from schemata import lazy
from schemata.remedies import remedy
from schemata.sql import parser

if TYPE_CHECKING:
    from postgast import pg_query_pb2 as pg
else:
    pg = lazy.Module("postgast.pg_query_pb2")

Name = tuple[str, str]

_COMPARED = frozenset({"<", ">", "<=", ">="})
#: Operators that an inverted index or a search tree answers.
_CONTAINED = frozenset({"@>", "<@", "?", "?|", "?&", "&&", "@@", "@?"})
_STATEMENTS = frozenset({"SelectStmt", "UpdateStmt", "DeleteStmt", "InsertStmt", "MergeStmt"})
_EXTREMES = frozenset({"min", "max"})


@dataclasses.dataclass
class Use:
    """How one occurrence of a table in a statement is looked at, in the order of the text.

    :param alone: columns and expressions of conditions below an OR, which only an index of their own can serve.
    :param rows: columns that are compared as one row. :param contained: columns of operators such as @>.
    """

    table: Name
    columns: frozenset[str]
    equal: list[str] = dataclasses.field(default_factory=list)
    ranges: list[str] = dataclasses.field(default_factory=list)
    joins: list[str] = dataclasses.field(default_factory=list)
    order: list[tuple[str, bool]] = dataclasses.field(default_factory=list)
    rows: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    contained: list[str] = dataclasses.field(default_factory=list)
    expressions: list[str] = dataclasses.field(default_factory=list)
    alone: list[str] = dataclasses.field(default_factory=list)

    @property
    def is_range_alone(self) -> bool:
        """Tell whether nothing but ranges is demanded of it."""
        return not (self.equal or self.joins or self.rows or self.contained or self.expressions or self.alone)


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a statement asks, and which columns of which table it sets where it is an UPDATE.

    :param open_range: where the operator of its only condition stands, as bytes of the text, if that is a range with
        one end, of the only table, and the statement gives or changes each row that it finds.
    """

    uses: tuple[Use, ...]
    sets: frozenset[tuple[Name, str]] = frozenset()
    open_range: tuple[int, int] | None = None

    @property
    def tables(self) -> frozenset[Name]:
        """Return the tables that it reads or changes."""
        return frozenset(use.table for use in self.uses)


def read(text: str, tables: Mapping[Name, frozenset[str]], path: tuple[str, ...]) -> Asked:
    """Return what a statement asks of the tables that are known, with their columns; `path` finds those without schema.

    Raises parser.Refused.

    >>> found = read("SELECT * FROM t WHERE a = $1 ORDER BY b DESC", {("app", "t"): frozenset("ab")}, ("app",))
    >>> [(use.table, use.equal, use.order) for use in found.uses]
    [(('app', 't'), ['a'], [('b', True)])]
    """
    reader = _Reader(tables, path)
    statements = parser.parse(text).stmts
    for statement in statements:
        reader.visit(statement.stmt, True)
    places = reader.ranges if len(statements) == 1 and _gives_each_row(statements[0].stmt) else []
    is_alone = len(places) == 1 and len(reader.uses) == 1 and reader.uses[0].is_range_alone
    return Asked(tuple(reader.uses), frozenset(reader.sets), places[0] if is_alone else None)


def _gives_each_row(node: Any) -> bool:
    """Tell whether the rows that are counted of a statement are those that its conditions find."""
    if not node.HasField("select_stmt"):
        return bool(node.HasField("update_stmt") or node.HasField("delete_stmt"))
    select = node.select_stmt
    if select.HasField("limit_count") or len(select.group_clause) or len(select.distinct_clause):
        return False
    return all(item.res_target.val.HasField("column_ref") for item in select.target_list)


class _Reader:
    def __init__(self, tables: Mapping[Name, frozenset[str]], path: tuple[str, ...]) -> None:
        self._tables, self._path = tables, path
        self._scopes: list[dict[str, Use]] = []
        self._named: set[str] = set()
        self.uses: list[Use] = []
        self.sets: set[tuple[Name, str]] = set()
        self.ranges: list[tuple[int, int] | None] = []

    def visit(self, message: Any, conjunct: bool) -> None:
        """Read a part of the tree; `conjunct`: what it demands holds for every row of the result."""
        kind = message.DESCRIPTOR.name
        if kind in _STATEMENTS:
            self._statement(message, kind)
            return
        if kind == "A_Expr":
            self._condition(message, conjunct)
        elif kind == "NullTest" and message.nulltesttype == pg.IS_NULL:
            self._add("equal", message.arg, conjunct)
        elif kind == "SubLink" and message.HasField("testexpr"):
            self._add("joins", message.testexpr, conjunct)
        elif kind == "FuncCall":
            self._extreme(message)
        elif kind == "BoolExpr":
            conjunct = conjunct and message.boolop == pg.AND_EXPR
        elif kind == "JoinExpr":
            self._using(message)
        for child in _children(message):
            self.visit(child, conjunct)

    def _statement(self, message: Any, kind: str) -> None:
        if message.HasField("with_clause"):
            self._named |= {item.common_table_expr.ctename for item in message.with_clause.ctes}
        scope: dict[str, Use] = {}
        if kind not in ("SelectStmt", "InsertStmt"):
            self._enter(scope, message.relation)
        for name in ("from_clause", "using_clause"):
            for item in getattr(message, name, ()):
                self._collect(scope, item)
        if kind == "MergeStmt":
            self._collect(scope, message.source_relation)
        self._scopes.append(scope)
        if kind == "SelectStmt":
            self._order(message)
            self._column_of_a_subquery(message)
        elif kind == "UpdateStmt":
            own = next(iter(scope.values()), None)
            if own is not None:
                self.sets |= {(own.table, item.res_target.name) for item in message.target_list}
        for child in _children(message):
            self.visit(child, True)
        self._scopes.pop()

    def _collect(self, scope: dict[str, Use], item: Any) -> None:
        if item.HasField("range_var"):
            self._enter(scope, item.range_var)
        elif item.HasField("join_expr"):
            self._collect(scope, item.join_expr.larg)
            self._collect(scope, item.join_expr.rarg)

    def _enter(self, scope: dict[str, Use], relation: Any) -> None:
        if not relation.schemaname and relation.relname in self._named:
            return
        for schema in [relation.schemaname] if relation.schemaname else self._path:
            table = (schema, relation.relname)
            if table in self._tables:
                use = Use(table, self._tables[table])
                scope[relation.alias.aliasname or relation.relname] = use
                self.uses.append(use)
                return

    def _order(self, select: Any) -> None:
        found: list[tuple[str, bool]] = []
        own: Use | None = None
        for item in select.sort_clause:
            place = self._column(item.sort_by.node)
            usual = item.sort_by.sortby_nulls == pg.SORTBY_NULLS_DEFAULT
            if place is None or not usual or (own is not None and place[0] is not own):
                break
            own = place[0]
            found.append((place[1], item.sort_by.sortby_dir == pg.SORTBY_DESC))
        if own is not None and not own.order:
            own.order = found

    def _column_of_a_subquery(self, select: Any) -> None:
        """Take the one column that a subquery gives as joined: `x IN (SELECT y …)` asks for its rows by y."""
        if len(self._scopes) > 1 and len(select.target_list) == 1:
            self._add("joins", select.target_list[0].res_target.val, True)

    def _extreme(self, call: Any) -> None:
        if len(call.args) == 1 and call.funcname[-1].string.sval in _EXTREMES:
            place = self._column(call.args[0])
            if place is not None and not place[0].order:
                place[0].order = [(place[1], False)]

    def _using(self, join: Any) -> None:
        for item in join.using_clause:
            for use in (self._scopes[-1] if self._scopes else {}).values():
                if item.string.sval in use.columns:
                    _append(use.joins, item.string.sval)

    def _condition(self, expression: Any, conjunct: bool) -> None:
        if not len(expression.name):
            return
        operator = expression.name[-1].string.sval
        left, right = expression.lexpr, expression.rexpr
        if left.HasField("row_expr"):
            if conjunct and operator in _COMPARED:
                self._row(left.row_expr)
                self.ranges.append(None)
            return
        if operator == "=":
            ours, theirs = self._column(left), self._column(right)
            if ours and theirs:
                if ours[0] is not theirs[0]:
                    self._add("joins", left, conjunct)
                    self._add("joins", right, conjunct)
                return
            kind = "equal"
        elif operator in _COMPARED or expression.kind in (pg.AEXPR_BETWEEN, pg.AEXPR_BETWEEN_SYM):
            kind = "ranges"
            has_one_end = conjunct and operator in _COMPARED and self._column(left) is not None
            start = expression.location
            self.ranges.append((start, start + len(operator)) if has_one_end else None)
        elif operator in _CONTAINED:
            kind = "contained"
        else:
            return
        for side in (left, right):
            self._add(kind, side, conjunct)

    def _row(self, row: Any) -> None:
        places = [self._column(item) for item in row.args]
        first = places[0] if places else None
        if first is None:
            return
        names = tuple(place[1] for place in places if place is not None and place[0] is first[0])
        if len(names) == len(places):
            _append(first[0].rows, names)

    def _add(self, kind: str, node: Any, conjunct: bool) -> None:
        place = self._column(node)
        if place is not None:
            use, name = place
            _append(getattr(use, kind) if conjunct or kind == "contained" else use.alone, name)
            return
        if kind not in ("equal", "ranges") or not node.HasField("func_call"):
            return
        call = node.func_call
        places = [self._column(item) for item in call.args]
        first = places[0] if places else None
        if first is None or any(place is None or place[0] is not first[0] for place in places):
            return
        function = ".".join(remedy.name(part.string.sval) for part in call.funcname)
        names = ", ".join(remedy.name(place[1]) for place in places if place is not None)
        _append(first[0].expressions, f"{function}({names})")

    def _column(self, node: Any) -> tuple[Use, str] | None:
        if not node.HasField("column_ref"):
            return None
        parts = [field.string.sval for field in node.column_ref.fields if field.HasField("string")]
        if len(parts) != len(node.column_ref.fields):
            return None
        for scope in reversed(self._scopes):
            for alias, use in scope.items():
                if parts[-1] in use.columns and (len(parts) == 1 or parts[-2] == alias):
                    return use, parts[-1]
        return None


def _append(found: list[Any], value: Any) -> None:
    if value not in found:
        found.append(value)


def _children(message: Any) -> Iterator[Any]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if hasattr(value, "DESCRIPTOR"):
            yield value
        else:
            yield from value
