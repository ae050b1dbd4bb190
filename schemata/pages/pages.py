"""Pages: declared list queries, and the proof that the index each one names can serve it.

The proof asks the planner, never the clock, and must not depend on how many rows a table holds today:
a development database and an empty one have to give the verdict that production gives. Two things
make it so. First, `SETTINGS`: with sequential scans, bitmap scans and sorts switched off, a plan without a
switched-off node exists only when an index gives the order. Second, the form of the question: asked for
`status = $1`, the planner may take a sibling index that has the order without the filter (it does when
few values are distinct, and even when costs tie on an empty table that was analysed), or an index
with the filter behind the order, which is walked from end to end although the plan shows an Index Cond.
So the filter is asked as a range and put in front of the order: the same rows in the same order,
and only an index that leads with the filter can give them unsorted.

Judged is "can this index serve the page". Whether the planner will choose it on full tables is a question
for statistics. Plain values only; this module loads neither parser nor driver.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Rows a page asks for: 50 to show, one to know whether a next page exists.
LIMIT = 51

#: Sent before the first question, inside the transaction.
SETTINGS = (
    "SET LOCAL plan_cache_mode = force_generic_plan",
    "SET LOCAL enable_indexscan = on",
    "SET LOCAL enable_seqscan = off",
    "SET LOCAL enable_bitmapscan = off",
    "SET LOCAL enable_sort = off",
    "SET LOCAL enable_incremental_sort = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
)

# Before PostgreSQL 18 a switched-off node has no mark but this amount on its cost (disable_cost).
_DISABLE_COST = 1e10
_PREPARED = "schemata_page"


@dataclass(frozen=True)
class Page:
    """A list query: `schema.table`, equality on the filter's columns, an order, the index that must serve it.

    `order` holds columns such as `created_at desc`, at least one. They must be NOT NULL and the last one
    unique, or a keyset page loses rows: nothing here can see that.
    """

    name: str
    table: str
    filter: tuple[str, ...]
    order: tuple[str, ...]
    index: str

    @property
    def keys(self) -> tuple[tuple[str, bool], ...]:
        """The order as (column, whether it descends)."""
        pairs = (column.split() for column in self.order)
        return tuple((words[0], words[-1].lower() == "desc" and len(words) > 1) for words in pairs)

    @property
    def mixed(self) -> bool:
        """Whether some columns ascend and others descend."""
        return len({descends for _, descends in self.keys}) > 1


@dataclass(frozen=True)
class Question:
    """Three statements to send in this order; `explain` returns the plan (one row, one JSON value).

    The deallocation belongs to it: a prepared statement outlives the transaction's rollback.
    """

    prepare: str
    explain: str
    deallocate: str


def queries(page: Page) -> tuple[str, str]:
    """Return the SQL of the first page and of the page after a key, with parameters `$1…`: filter, then key.

    The key is compared as a row when all directions agree. Mixed directions have no row comparison; they
    get the form `a <= x AND (a < x OR …)`, whose first part the index can use. (The OR alone reads
    everything before the page, as OFFSET does.)
    """
    filters = [f"{_quoted(column)} = ${number}" for number, column in enumerate(page.filter, 1)]
    return _select(page, filters, page.keys), _select(page, [*filters, _after(page)], page.keys)


def questions(page: Page, keyset: bool) -> Iterator[Question]:
    """Yield the questions of which one must be answered well, the likeliest first.

    Send them in one transaction, opened READ ONLY if you like and rolled back, after `SETTINGS`. There are
    several only with a filter, because any order and direction of the filter's columns in
    the index serves: two for one column, eight for two. They work on PostgreSQL 14 and later, with any
    role that may SELECT from the table, and on a standby.
    """
    numbers = {column: number for number, column in enumerate(page.filter, 1)}
    # BETWEEN is `=` in other words that the planner does not see through: after `=` it would drop the
    # column from the order.
    where = [f"{_quoted(column)} BETWEEN ${n} AND ${n}" for column, n in numbers.items()]
    if keyset:
        where.append(_after(page))
    count = len(page.filter) + (len(page.keys) if keyset else 0)
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    for columns in itertools.permutations(page.filter):
        for directions in itertools.product((False, True), repeat=len(columns)):
            sql = _select(page, where, [*zip(columns, directions, strict=True), *page.keys])
            yield Question(
                f"PREPARE {_PREPARED} AS {sql}",
                f"EXPLAIN (FORMAT JSON) EXECUTE {_PREPARED}{values}",
                f"DEALLOCATE {_PREPARED}",
            )


def examine(page: Page, explain: Callable[[Question], Any], parents: Mapping[str, str] | None = None) -> list[str]:
    """Return the problems of a page in words; empty when its index serves the first and the next page.

    `explain` sends a question and returns its plan, in a transaction that has `SETTINGS`.
    """
    problems = []
    for keyset in (False, True):
        first: list[str] | None = None
        for question in questions(page, keyset):
            found = judge(explain(question), page, keyset, parents)
            if not found:
                break
            first = first or found
        else:
            problems += [f"{'next' if keyset else 'first'} page: {problem}" for problem in first or []]
    return problems


def judge(plan: Any, page: Page, keyset: bool, parents: Mapping[str, str] | None = None) -> list[str]:
    """Return what is wrong with the plan of one question; empty when the page's index serves it.

    `plan` is the value of EXPLAIN (FORMAT JSON), as text or decoded. `parents` maps the index of
    a partition to the index of the partitioned table (from pg_inherits): a plan names only the former.
    """
    nodes = list(_nodes(_root(plan)))
    scans = [node for node in nodes if node["Node Type"] in ("Index Scan", "Index Only Scan")]
    owners = [(parents or {}).get(node["Index Name"], node["Index Name"]) for node in scans]
    served = [node for node, owner in zip(scans, owners, strict=True) if owner == page.index]
    others = sorted({owner for owner in owners if owner != page.index})
    problems = []
    if served and others:
        problems.append(f"index {page.index} serves only some partitions; others use {', '.join(others)}")
    if (page.filter or keyset) and not all("Index Cond" in node for node in served):
        problems.append(
            f"index {page.index} is read from end to end: no condition of the query uses its columns (no Index Cond)"
        )
    for node in nodes:
        kind = node["Node Type"]
        if kind in ("Sort", "Incremental Sort"):
            problems.append(f"the rows are sorted by {', '.join(node.get('Sort Key', ['?']))} after they are read")
        elif kind in ("Seq Scan", "Bitmap Heap Scan"):
            problems.append(f"{kind} on {node.get('Relation Name', page.table)}: every matching row is read")
    for node in served:
        # Mixed directions always leave a condition over; its first part limits the scan.
        if "Filter" in node and not (keyset and page.mixed):
            problems.append(f"rows are read and then discarded by {node['Filter']}: the index lacks a column")
    if not problems and any(node.get("Disabled") or node["Total Cost"] >= _DISABLE_COST for node in nodes):
        problems.append("PostgreSQL has no plan for it without a sort or a scan of the table")
    if not served:
        if not others:
            instead = "no index has these rows in this order"
        elif problems:
            instead = f"the planner takes {', '.join(others)}"
        else:
            instead = f"the planner takes {', '.join(others)}, which serves this page too: declare that one, or drop it"
        problems.insert(0, f"index {page.index} is not used: {instead}")
    return problems


def _select(page: Page, where: list[str], order: Iterable[tuple[str, bool]]) -> str:
    table = ".".join(_quoted(part) for part in page.table.split("."))
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    keys = ", ".join(f"{_quoted(column)} {'DESC' if descends else 'ASC'}" for column, descends in order)
    return f"SELECT * FROM {table}{condition} ORDER BY {keys} LIMIT {LIMIT}"


def _after(page: Page) -> str:
    base = len(page.filter) + 1
    keys = [(_quoted(c), f"${base + at}", "<" if d else ">") for at, (c, d) in enumerate(page.keys)]
    if not page.mixed:
        columns, parameters = ", ".join(key[0] for key in keys), ", ".join(key[1] for key in keys)
        return f"({columns}) {keys[0][2]} ({parameters})"
    column, parameter, than = keys[-1]
    condition = f"{column} {than} {parameter}"
    for column, parameter, than in reversed(keys[:-1]):
        condition = f"{column} {than} {parameter} OR ({column} = {parameter} AND ({condition}))"
    column, parameter, than = keys[0]
    return f"{column} {than}= {parameter} AND ({condition})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _root(plan: Any) -> dict[str, Any]:
    value = json.loads(plan) if isinstance(plan, str | bytes) else plan
    while isinstance(value, list):
        value = value[0]
    root: dict[str, Any] = value.get("Plan", value)
    return root


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        # A subplan belongs to a row security policy, not to the page.
        if child.get("Parent Relationship") not in ("SubPlan", "InitPlan"):
            yield from _nodes(child)
