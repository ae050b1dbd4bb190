"""Plans as values: rows that are read at a guess, and the bounds of a page."""

from typing import Any

import pytest

from schemata.pages import pages, planner, plans, verdicts

PAGE = pages.Page("p", "app.sale", ("a",), ("id",), "idx", max_rows=2)
ROWS = {"app.sale": 1_000_000.0, "app.part": 20.0}


def node(kind: str, rows: float, *below: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a node of a plan."""
    return {"Node Type": kind, "Plan Rows": rows, "Plans": list(below), **more}


def scan(rows: float, kind: str = "Index Scan", index: str = "idx", **more: Any) -> dict[str, Any]:
    """Return a scan of the table."""
    named = {"Index Name": index} if "Index" in kind else {}
    return node(kind, rows, **{"Schema": "app", "Relation Name": "sale", "Index Cond": "(a = $1)", **named, **more})


SALE = {"Schema": "app", "Relation Name": "sale"}
BITMAP = node("Bitmap Heap Scan", 40, node("Bitmap Index Scan", 90, **{"Index Name": "idx"}), **SALE)
SEQUENTIAL = node("Seq Scan", 500_000, **SALE)

#: Name, plan, rows that are read, words of the problems.
CASES = [
    ("a page of the index", node("Limit", 51, scan(5_000)), 51, []),
    ("fewer rows than a page", node("Limit", 10, scan(10)), 10, []),
    ("rows that are discarded", node("Limit", 51, scan(510, Filter="(b = 1)")), 51 * 90, ["about 4,590 rows are read"]),
    (
        "a walk through the index",
        node("Limit", 51, {k: v for k, v in scan(510_000, Filter="(b = 1)").items() if k != "Index Cond"}),
        100,
        [],
    ),
    (
        "a sort",
        node("Limit", 51, node("Sort", 7_000, scan(7_000), **{"Sort Key": ["b"]})),
        7_000,
        ["about 7,000 rows are sorted by b", "about 7,000 rows are read"],
    ),
    ("a sort of few", node("Limit", 40, node("Sort", 40, BITMAP)), 90, []),
    (
        "a scan of the table",
        node("Limit", 51, node("Sort", 500_000, SEQUENTIAL, **{"Sort Key": ["id"]})),
        500_000,
        ["index idx is not used: the planner uses no index", "sorted", "Seq Scan on sale, of 1,000,000", "are read"],
    ),
    (
        "another index",
        node("Limit", 51, scan(102, index="other", Filter="(a = $1)")),
        45_900,
        ["index idx is not used: the planner takes other", "are read"],
    ),
    (
        "a join",
        node("Limit", 51, node("Nested Loop", 510, scan(510), scan(3))),
        51 + 51 * 3,
        ["about 204 rows are read"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "plan", "rows", "words"), CASES, ids=[case[0] for case in CASES])
def test_rows_and_bounds(name: str, plan: dict[str, Any], rows: float, words: list[str]) -> None:
    """A limit takes its share of what is below it, and all of what has to be sorted first."""
    found = plans.facts(plan, ROWS, lambda one: one["Plan Rows"] * (90 if "(b" in one["Filter"] else 900), {})
    assert found.rows == pytest.approx(rows)
    problems = plans.problems(plan, found, PAGE, ROWS)
    assert len(problems) == len(words), problems
    assert all(word in problem for word, problem in zip(words, problems, strict=True)), problems


def test_small_tables_are_not_judged() -> None:
    """Of few rows a scan is right."""
    plan = node("Limit", 51, node("Seq Scan", 20, **{"Schema": "app", "Relation Name": "part"}))
    assert plans.problems(plan, plans.facts(plan, ROWS, lambda _: 0.0, {}), PAGE, ROWS) == []


def test_rows_that_were_read() -> None:
    """What a filter discarded was read too, in every loop."""
    ran = scan(5, **{"Actual Rows": 2, "Actual Loops": 3, "Rows Removed by Filter": 4})
    assert plans.rows_read(node("Limit", 5, ran)) == 18


@pytest.mark.parametrize(
    ("rows", "buffers", "told"),
    [
        (510, 200, 0),
        (511, 52, 1),
        (5_000, 51, 0),  # so close together that no index would read less
        (510, 201, 1),
        (511, 201, 2),
    ],
)
def test_what_was_read_for_a_page(rows: int, buffers: int, told: int) -> None:
    """Rows count where they lie in more blocks than the page has rows; blocks always do."""
    page = pages.Page("p", "app.t", ("kind",), ("at desc", "id desc"), "i", ("id",))
    found = verdicts.exceeded(page, planner.Measured(rows, buffers, 1.0))
    assert len(found) == told, found
