"""The plan of a statement whose values are not known, and the node of it that costs most."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemata.postgres import libpq
from schemata.slow_queries import statement_text

#: Milliseconds for the server to plan one statement.
_PATIENCE = 5000
# From this version on EXPLAIN takes a statement with parameters.
_GENERIC = 160000


def worst_node(connection: libpq.Connection, text: str) -> str:
    """Return what costs most in the plan of a statement, in words; else why there is no plan. Executes nothing."""
    statement = statement_text.explicable(text)
    try:
        connection.query(
            f"BEGIN READ ONLY; SET LOCAL statement_timeout = {_PATIENCE}; SET LOCAL lock_timeout = 500; "
            "SET LOCAL plan_cache_mode = force_generic_plan"
        )
        try:
            plan = _explained(connection, statement)
        finally:
            with contextlib.suppress(libpq.QueryFailed):
                connection.query("ROLLBACK")
    except libpq.QueryFailed as failure:
        return f"no plan: {statement_text.one_line(failure.message)}"
    return described(plan)


def _explained(connection: libpq.Connection, statement: str) -> Mapping[str, Any]:
    count = statement_text.parameters(statement)
    version = int(str(connection.query("SHOW server_version_num")[0][0]))
    if version >= _GENERIC:
        rows = connection.query(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}")
    else:
        # Without a name there would be no way to leave the values out.
        values = f"({', '.join(['NULL'] * count)})" if count else ""
        connection.query(f"PREPARE schemata_slow AS {statement}")
        try:
            rows = connection.query(f"EXPLAIN (FORMAT JSON) EXECUTE schemata_slow{values}")
        finally:
            with contextlib.suppress(libpq.QueryFailed):
                connection.query("DEALLOCATE schemata_slow")
    plan: Mapping[str, Any] = json.loads(str(rows[0][0]))[0]["Plan"]
    return plan


def described(plan: Mapping[str, Any]) -> str:
    """Return the node that costs most by itself, in words.

    >>> scan = {"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": 90.0, "Filter": "(a = $1)"}
    >>> described({"Node Type": "Sort", "Total Cost": 100.0, "Sort Key": ["a"], "Plans": [scan]})
    'Seq Scan on t, filter (a = $1), 90 % of the cost'
    """
    costs = list(_costs(plan, 1.0))
    worst, highest = max(costs, key=lambda pair: pair[1])
    whole = sum(cost for _, cost in costs)
    where = worst.get("Relation Name") or worst.get("Index Name") or worst.get("CTE Name")
    parts = [f"{worst['Node Type']} on {where}" if where else str(worst["Node Type"])]
    if index := worst.get("Index Name"):
        parts.append(f"index {index}")
    for name, word in (("Index Cond", "by"), ("Filter", "filter"), ("Hash Cond", "by"), ("Sort Key", "by")):
        if value := worst.get(name):
            parts.append(f"{word} {', '.join(value) if isinstance(value, list) else value}")
    if whole:
        parts.append(f"{100 * highest / whole:.0f} % of the cost")
    return ", ".join(parts)


def _costs(node: Mapping[str, Any], times: float) -> Iterator[tuple[Mapping[str, Any], float]]:
    """Give each node of a plan with what it costs by itself, in as many runs as there are."""
    children = node.get("Plans", ())
    # A LIMIT costs less than what it cuts off.
    own = max(0.0, float(node["Total Cost"]) - sum(float(child["Total Cost"]) for child in children))
    repeated = next((child for child in children if _is_repeated(node, child)), None)
    for child in children:
        once = float(child["Total Cost"])
        # The cost of a child is that of one run; what the others cost is in the cost of the node above.
        more = (own + once) / once if child is repeated and once else 1.0
        yield from _costs(child, times * more)
    yield node, 0.0 if repeated is not None else own * times


def _is_repeated(node: Mapping[str, Any], child: Mapping[str, Any]) -> bool:
    relationship = child.get("Parent Relationship")
    return relationship == "SubPlan" or (node["Node Type"] == "Nested Loop" and relationship == "Inner")
