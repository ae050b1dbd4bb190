"""Plans as values: which index they use, how many rows they read, and whether that is within a page's bounds."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from schemata.pages import pages

Node = dict[str, Any]

_INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")
_SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan")
_SORTS = ("Sort", "Incremental Sort")
# Nodes that read all of what is below them before they give a row.
_BLOCKING = ("Sort", "Hash", "Aggregate", "Materialize", "WindowAgg", "Bitmap Heap Scan")


#: A table of so few rows is rightly read whole: what serves it when it grows is asked without looking at its rows.
SMALL = 10_000


class Facts(NamedTuple):
    """What a plan does: its scan of the page's table in words, the indexes it uses, the rows it reads at a guess."""

    scan: str
    indexes: tuple[str, ...]
    rows: float


def root(plan: Any) -> Node:
    """Return the uppermost node of what EXPLAIN (FORMAT JSON) gives, as text or decoded."""
    value = json.loads(plan) if isinstance(plan, str | bytes) else plan
    while isinstance(value, list):
        value = value[0]
    found: Node = value.get("Plan", value)
    return found


def nodes(node: Node) -> Iterator[Node]:
    """Give a node and all below it, without the subplans of row security."""
    yield node
    for child in node.get("Plans", ()):
        if child.get("Parent Relationship") not in ("SubPlan", "InitPlan"):
            yield from nodes(child)


def relations(plan: Node) -> list[str]:
    """Return the tables that a plan reads, as `schema.table`."""
    return [f"{node['Schema']}.{node['Relation Name']}" for node in nodes(plan) if "Relation Name" in node]


def tree(plan: Node, depth: int = 0) -> str:
    """Return a plan as lines of text, as people know it from EXPLAIN, without what does not matter here.

    >>> scan = {"Node Type": "Index Scan", "Index Name": "i", "Relation Name": "t", "Plan Rows": 9, "Total Cost": 4.5}
    >>> print(tree({"Node Type": "Limit", "Plan Rows": 9, "Total Cost": 4.5, "Plans": [scan]}))
    Limit (rows 9, cost 4.5)
      Index Scan using i on t (rows 9, cost 4.5)
    """
    using = f" using {plan['Index Name']}" if "Index Name" in plan else ""
    on = f" on {plan['Relation Name']}" if "Relation Name" in plan else ""
    line = f"{'  ' * depth}{plan['Node Type']}{using}{on} (rows {plan['Plan Rows']:,}, cost {plan['Total Cost']:,.1f})"
    told = [f"{'  ' * depth}    {name}: {plan[name]}" for name in ("Index Cond", "Filter", "Sort Key") if name in plan]
    return "\n".join([line, *told, *(tree(child, depth + 1) for child in plan.get("Plans", ()))])


def facts(
    plan: Node, rows_of: Mapping[str, float], found_by: Callable[[Node], float], parents: Mapping[str, str]
) -> Facts:
    """Return what a plan does.

    `rows_of` has the rows of each table, `found_by` says how many rows the condition of an index scan finds that has a
    filter as well, `parents` maps the indexes of partitions.
    """
    scans = [node for node in nodes(plan) if node["Node Type"] in (*_SCANS, "Bitmap Index Scan")]
    indexes = tuple(dict.fromkeys(_owner(node, parents) for node in scans if "Index Name" in node))
    kinds = [node["Node Type"] for node in scans if node["Node Type"] in _SCANS]
    read = sum(_read(plan, rows_of, found_by))
    return Facts(kinds[0] if kinds else plan["Node Type"], indexes, read)


def problems(plan: Node, done: Facts, page: pages.Page, rows_of: Mapping[str, float]) -> list[str]:
    """Return where a plan exceeds the bounds of a page, in words; empty when it keeps them."""
    words: list[str] = []
    allowed = page.rows_allowed
    if is_small(plan, rows_of):
        return words
    for node in nodes(plan):
        kind = node["Node Type"]
        if kind in _SORTS and _below(node) > allowed:
            words.append(
                f"about {_below(node):,.0f} rows are sorted by {', '.join(node.get('Sort Key', ['?']))} for a page"
            )
        elif kind == "Seq Scan" and rows_of.get(_name(node), 0) > allowed:
            words.append(f"Seq Scan on {node['Relation Name']}, of {rows_of[_name(node)]:,.0f} rows")
    if done.rows > allowed:
        words.append(f"about {done.rows:,.0f} rows are read for a page of {pages.LIMIT}, at most {allowed} may be")
    if words and page.index not in done.indexes:
        taken = f"the planner takes {', '.join(done.indexes)}" if done.indexes else "the planner uses no index"
        words.insert(0, f"index {page.index} is not used: {taken}")
    return words


def is_small(plan: Node, rows_of: Mapping[str, float]) -> bool:
    """Tell whether all tables of a plan are so small that reading one whole is as good as its index."""
    return all(rows_of.get(name, 0.0) <= SMALL for name in relations(plan))


def rows_read(plan: Node) -> float:
    """Return how many rows a plan that was run has read, those that it discarded included."""
    total = 0.0
    for node in nodes(plan):
        if node["Node Type"] in _SCANS:
            each = node["Actual Rows"]
            each += node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            total += each * node["Actual Loops"]
    return total


def _name(node: Node) -> str:
    return f"{node.get('Schema', '')}.{node['Relation Name']}"


def _owner(node: Node, parents: Mapping[str, str]) -> str:
    return parents.get(node["Index Name"], node["Index Name"])


def _below(node: Node) -> float:
    return sum(float(child["Plan Rows"]) for child in node.get("Plans", ()))


def _read(
    node: Node,
    rows_of: Mapping[str, float],
    found_by: Callable[[Node], float],
    share: float = 1.0,
    loops: float = 1.0,
) -> Iterator[float]:
    """Give the rows that each scan reads: `share` of them are asked for, so many times."""
    kind, children = node["Node Type"], node.get("Plans", ())
    if kind in _SCANS:
        yield _of_scan(node, rows_of, found_by) * share * loops
    for number, child in enumerate(children):
        if child.get("Parent Relationship") in ("SubPlan", "InitPlan"):
            continue
        wanted, times = share, loops
        if kind == "Limit" and child["Plan Rows"]:
            wanted = share * min(1.0, node["Plan Rows"] / child["Plan Rows"])
        elif kind in _BLOCKING:
            wanted = 1.0
        elif kind == "Nested Loop" and number:
            wanted, times = 1.0, loops * children[0]["Plan Rows"] * share
        yield from _read(child, rows_of, found_by, wanted, times)


def _of_scan(node: Node, rows_of: Mapping[str, float], found_by: Callable[[Node], float]) -> float:
    if node["Node Type"] == "Bitmap Heap Scan":
        return max((float(child["Plan Rows"]) for child in node.get("Plans", ())), default=float(node["Plan Rows"]))
    if "Filter" not in node:
        return float(node["Plan Rows"])
    if "Index Cond" not in node:
        return max(rows_of.get(_name(node), 0.0), float(node["Plan Rows"]))
    return max(found_by(node), float(node["Plan Rows"]))
