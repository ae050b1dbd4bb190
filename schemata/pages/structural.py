"""Whether an index can serve a page at all, asked of the planner, whatever the tables hold.

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
for statistics. Plain values only; the parser is loaded for a page that is a file.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemata.pages import pages, select_query

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
class Question:
    """Three statements to send in this order; `explain` returns the plan (one row, one JSON value).

    The deallocation belongs to it: a prepared statement outlives the transaction's rollback.
    """

    prepare: str
    explain: str
    deallocate: str


def questions(page: pages.Page, keyset: bool) -> Iterator[Question]:
    """Yield the questions of which one must be answered well, the likeliest first.

    Send them in one transaction, opened READ ONLY if you like and rolled back, after `SETTINGS`. There are
    several only with a filter, because any order and direction of the filter's columns in
    the index serves: two for one column, eight for two. They work on PostgreSQL 14 and later, with any
    role that may SELECT from the table, and on a standby.
    """
    if page.pieces:
        whole, names = pages.limited(page)
        for text in select_query.ranged(whole):
            yield question(text, len(names))
        return
    numbers = {column: number for number, column in enumerate(page.filter, 1)}
    # BETWEEN is `=` in other words that the planner does not see through: after `=` it would drop the
    # column from the order.
    where = [f"{pages.quoted(column)} BETWEEN ${n} AND ${n}" for column, n in numbers.items()]
    count = len(page.filter)
    if keyset:
        places = {f"after_{column}": f"${count + at}" for at, (column, _) in enumerate(page.keys, 1)}
        where.append(pages.after(page, places.__getitem__))
        count += len(page.keys)
    for columns in itertools.permutations(page.filter):
        for directions in itertools.product((False, True), repeat=len(columns)):
            yield question(pages.select(page, where, [*zip(columns, directions, strict=True), *page.keys]), count)


def question(sql: str, count: int) -> Question:
    """Return a query with so many parameters as a question; their values are not known to the planner."""
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    return Question(
        f"PREPARE {_PREPARED} AS {sql}",
        f"EXPLAIN (FORMAT JSON) EXECUTE {_PREPARED}{values}",
        f"DEALLOCATE {_PREPARED}",
    )


def examine(
    page: pages.Page, explain: Callable[[Question], Any], parents: Mapping[str, str] | None = None
) -> list[str]:
    """Return the problems of a page in words; empty when its index serves the first and the next page.

    `explain` sends a question and returns its plan, in a transaction that has `SETTINGS`.
    """
    problems = []
    for keyset in page.forms:
        first: list[str] | None = None
        for asked in questions(page, keyset):
            found = judge(explain(asked), page, keyset, parents)
            if not found:
                break
            first = first or found
        else:
            form = "" if page.pieces else f"{'next' if keyset else 'first'} page: "
            problems += [f"{form}{problem}" for problem in first or []]
    return problems


def lost_rows(page: pages.Page, unique: Iterable[Iterable[str]], nullable: Iterable[str]) -> list[str]:
    """Return why rows get lost between two pages, in words; empty where none does.

    `unique` are the columns of each unique index of the table, `nullable` those that may be NULL. Of a page without an
    order, a file without a keyset, nothing is known.
    """
    columns = [column for column, _ in page.keys]
    if not columns:
        return []
    problems = []
    if not any(set(key) <= {*columns, *page.filter} for key in unique):
        problems.append(
            f"rows get lost between two pages: no unique index makes the order {', '.join(page.order)} unique"
        )
    if null := [column for column in columns if column in set(nullable)]:
        problems.append(f"rows get lost between two pages: {', '.join(null)} of the order may be NULL")
    return problems


def judge(plan: Any, page: pages.Page, keyset: bool, parents: Mapping[str, str] | None = None) -> list[str]:
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
    if served and others and not page.pieces:  # what a file joins is read by indexes of its own
        problems.append(f"index {page.index} serves only some partitions; others use {', '.join(others)}")
    if _has_condition(page, keyset) and not all("Index Cond" in node for node in served):
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


def _has_condition(page: pages.Page, keyset: bool) -> bool:
    return bool(pages.limited(page)[1]) if page.pieces else bool(page.filter) or keyset


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
