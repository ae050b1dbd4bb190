"""The plan of a statement without values, on whatever database stands for the target."""

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from schemata.postgres import libpq
from schemata.slow_queries import statement_text

_GENERIC = 16
_LIMIT = re.compile(r"\b(LIMIT\s+|FETCH\s+(?:FIRST|NEXT)\s+)\$[0-9]+", re.I)
_PARAMETER = re.compile(r"\$[0-9]+")


def prepared(text: str, rows: float) -> str:
    """Return a counted statement as it is explained: as many rows wanted as a call gave, where it has one LIMIT.

    The server writes a parameter for the number, of which the planner would take a tenth of all rows.

    >>> prepared("SELECT a FROM t WHERE b = $2 LIMIT $1", 19.6)
    'SELECT a FROM t WHERE b = $1 LIMIT 20'
    """
    text = statement_text.explicable(text)
    if len(re.findall(r"\b(?:LIMIT|FETCH)\b", text, re.I)) == 1:
        text = _LIMIT.sub(lambda found: f"{found[1]}{max(1, math.ceil(rows))}", text)
    numbers: dict[str, str] = {}
    return _PARAMETER.sub(lambda found: numbers.setdefault(found[0], f"${len(numbers) + 1}"), text)


def generic_plan(connection: libpq.Connection, text: str) -> Mapping[str, Any]:
    """Return the generic plan. Executes nothing. Raises libpq.QueryFailed; then the connection is as it was."""
    connection.query("BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan")
    try:
        if int(str(connection.parameter("server_version")).partition(".")[0]) >= _GENERIC:
            rows = connection.query(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {text}")
        else:
            count = statement_text.parameters(text)
            values = f"({', '.join(['NULL'] * count)})" if count else ""
            connection.query(f"PREPARE schemata_advice AS {text}")
            rows = connection.query(f"EXPLAIN (FORMAT JSON) EXECUTE schemata_advice{values}")
    finally:
        with contextlib.suppress(libpq.QueryFailed):
            connection.query("ROLLBACK; DEALLOCATE ALL")
    found: Mapping[str, Any] = json.loads(str(rows[0][0]))[0]["Plan"]
    return found


def cost(plan: Mapping[str, Any]) -> float:
    """Return what all of a plan costs."""
    return float(plan["Total Cost"])


def indexes(plan: Mapping[str, Any]) -> Iterator[str]:
    """Give the names of the indexes that a plan uses."""
    if "Index Name" in plan:
        yield str(plan["Index Name"])
    for child in plan.get("Plans", ()):
        yield from indexes(child)
