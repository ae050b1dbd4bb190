"""Pages as SQL, and the verdict on plans."""

import json
import subprocess
import sys
from typing import Any

import pytest

from schemata.pages import pages, structural

PLAIN = pages.Page("clients", "financial.clients", (), ("created_at desc", "id desc"), "idx")
FILTERED = pages.Page("by status", "financial.clients", ("status",), ("created_at desc", "id desc"), "idx")
MIXED = pages.Page("mixed", "app.t", ("x",), ("a desc", "b", "c desc"), "idx")


@pytest.mark.parametrize(
    ("page", "first", "after"),
    [
        (
            PLAIN,
            'SELECT * FROM "financial"."clients" ORDER BY "created_at" DESC, "id" DESC LIMIT 51',
            'SELECT * FROM "financial"."clients" WHERE ("created_at", "id") < ($1, $2)'
            ' ORDER BY "created_at" DESC, "id" DESC LIMIT 51',
        ),
        (
            FILTERED,
            'SELECT * FROM "financial"."clients" WHERE "status" = $1 ORDER BY "created_at" DESC, "id" DESC LIMIT 51',
            'SELECT * FROM "financial"."clients" WHERE "status" = $1 AND ("created_at", "id") < ($2, $3)'
            ' ORDER BY "created_at" DESC, "id" DESC LIMIT 51',
        ),
        (
            MIXED,
            'SELECT * FROM "app"."t" WHERE "x" = $1 ORDER BY "a" DESC, "b" ASC, "c" DESC LIMIT 51',
            'SELECT * FROM "app"."t" WHERE "x" = $1 AND "a" <= $2 AND'
            ' ("a" < $2 OR ("a" = $2 AND ("b" > $3 OR ("b" = $3 AND ("c" < $4)))))'
            ' ORDER BY "a" DESC, "b" ASC, "c" DESC LIMIT 51',
        ),
        (
            pages.Page("by id", "app.t", (), ("id ASC",), "t_pkey"),
            'SELECT * FROM "app"."t" ORDER BY "id" ASC LIMIT 51',
            'SELECT * FROM "app"."t" WHERE ("id") > ($1) ORDER BY "id" ASC LIMIT 51',
        ),
    ],
    ids=["no filter", "filter", "mixed directions", "one column"],
)
def test_queries(page: pages.Page, first: str, after: str) -> None:
    """A page's SQL: equality on the filter, then the key as a row, or spelled out when directions differ."""
    assert pages.queries(page) == (first, after)


def test_questions_without_filter() -> None:
    """Without a filter there is one question: the page's own query."""
    question, *more = structural.questions(PLAIN, keyset=True)
    assert more == []
    assert question.prepare == f"PREPARE schemata_page AS {pages.queries(PLAIN)[1]}"
    assert question.explain == "EXPLAIN (FORMAT JSON) EXECUTE schemata_page(NULL, NULL)"
    assert question.deallocate == "DEALLOCATE schemata_page"


def test_questions_with_filter() -> None:
    """With a filter the columns stand before the order, in every order and direction an index may have."""
    orders = [q.prepare.partition(" ORDER BY ")[2] for q in structural.questions(FILTERED, keyset=False)]
    assert [order.split(",")[0] for order in orders] == ['"status" ASC', '"status" DESC']
    two = pages.Page("two", "app.t", ("a", "b"), ("id",), "idx")
    assert len({q.prepare for q in structural.questions(two, keyset=True)}) == 8


def test_a_quote_in_a_name_stays_in_the_name() -> None:
    """Names are quoted, so none can end its identifier."""
    page = pages.Page("odd", 'app.t"; DROP', ('x"y',), ("id",), "idx")
    assert pages.queries(page)[0].startswith('SELECT * FROM "app"."t""; DROP" WHERE "x""y" = $1 ')


def _limit(*plans: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"Plan": {"Node Type": "Limit", "Total Cost": 8.1, "Plans": list(plans), **more}}]


def _scan(index: str = "idx", **more: Any) -> dict[str, Any]:
    return {"Node Type": "Index Scan", "Index Name": index, "Relation Name": "clients", "Total Cost": 8.1, **more}


SORT = {"Node Type": "Incremental Sort", "Sort Key": ["created_at DESC"], "Total Cost": 9.0}
SEQ = {"Node Type": "Seq Scan", "Relation Name": "clients", "Total Cost": 9.0}
BITMAP = {"Node Type": "Bitmap Heap Scan", "Relation Name": "clients", "Total Cost": 9.0,
          "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "idx", "Total Cost": 1.0}]}  # fmt: skip
COND = {"Index Cond": "(status = $1)"}

#: Name, page, keyset, plan, words of the problems in order (none: served).
VERDICTS = [
    ("first page", PLAIN, False, _limit(_scan()), []),
    ("backward", PLAIN, False, _limit(_scan(**{"Scan Direction": "Backward"})), []),
    ("next page", PLAIN, True, _limit(_scan(**COND)), []),
    ("index only", FILTERED, True, _limit(_scan(**COND) | {"Node Type": "Index Only Scan"}), []),
    ("next page without condition", PLAIN, True, _limit(_scan()), ["end to end"]),
    (
        "filter without condition",
        FILTERED,
        False,
        _limit(_scan(Filter="(status = $1)")),
        ["end to end", "then discarded"],
    ),
    ("rest of a mixed condition", MIXED, True, _limit(_scan(**COND, Filter="(a < $2 OR …)")), []),
    ("filter on a mixed first page", MIXED, False, _limit(_scan(**COND, Filter="(y = 1)")), ["then discarded"]),
    ("other index", PLAIN, False, _limit(_scan("other")), ["takes other, which serves this page too"]),
    ("sorted", PLAIN, False, _limit({**SORT, "Plans": [_scan("other")]}), ["not used", "sorted by created_at DESC"]),
    ("own index, sorted", PLAIN, False, _limit({**SORT, "Plans": [_scan()]}), ["sorted"]),
    ("sequential", PLAIN, False, _limit(SEQ), ["no index has", "Seq Scan on clients"]),
    ("bitmap", FILTERED, False, _limit(BITMAP), ["no index has", "Bitmap Heap Scan"]),
    ("switched off, 18", PLAIN, False, _limit(_scan(Disabled=True)), ["no plan for it without"]),
    ("switched off, before 18", PLAIN, False, _limit(_scan(), **{"Total Cost": 1e10}), ["no plan for it without"]),
    ("nothing to read", PLAIN, False, _limit({"Node Type": "Result", "Total Cost": 0.0}), ["no index has"]),
    ("partition elsewhere", PLAIN, False, _limit(_scan(), _scan("part_2_idx")), ["only some partitions"]),
    ("row security's subplan", PLAIN, False, _limit(_scan(), SEQ | {"Parent Relationship": "SubPlan"}), []),
]


@pytest.mark.parametrize(("name", "page", "keyset", "plan", "words"), VERDICTS, ids=[row[0] for row in VERDICTS])
def test_judge(name: str, page: pages.Page, keyset: bool, plan: Any, words: list[str]) -> None:
    """Each thing that is wrong with a plan is said once, in words."""
    found = structural.judge(plan, page, keyset)
    assert len(found) == len(words), found
    assert all(word in problem for word, problem in zip(words, found, strict=True)), found
    assert structural.judge(json.dumps(plan), page, keyset) == found


def test_partition_indexes_count_as_their_parent() -> None:
    """Partitions' indexes that the map leads to the declared index are that index."""
    plan = _limit({"Node Type": "Merge Append", "Total Cost": 9.0, "Plans": [_scan("p1_idx"), _scan("p2_idx")]})
    assert structural.judge(plan, PLAIN, False, {"p1_idx": "idx", "p2_idx": "idx"}) == []
    assert "not used" in structural.judge(plan, PLAIN, False)[0]


def test_one_good_answer_is_enough() -> None:
    """A page is served when one of the forms is; otherwise the likeliest form's problems are told, per page."""
    asked: list[str] = []

    def explain(question: structural.Question) -> Any:
        asked.append(question.prepare)
        return _limit(_scan(**COND)) if '"status" DESC' in question.prepare else _limit(SEQ)

    assert structural.examine(FILTERED, explain) == []
    assert len(asked) == 4
    problems = structural.examine(FILTERED, lambda question: _limit(SEQ))
    assert [problem.partition(":")[0] for problem in problems].count("next page") == len(problems) / 2


def test_loads_no_parser() -> None:
    """Importing pages loads neither the SQL parser nor the driver: smoke starts without them."""
    code = "import sys, schemata.pages.pages; print({'postgast', 'psycopg'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
