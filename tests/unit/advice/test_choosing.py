"""Which candidates are taken, with a planner that is a table of costs."""

from collections.abc import Mapping

import pytest

from schemata.advice import candidates, choosing, outcome, writing
from schemata.migrations import authoring, leading_comment, migration

TABLE = ("app", "t")


def on(*columns: str) -> candidates.Candidate:
    """Return a candidate on columns."""
    return candidates.Candidate(TABLE, "btree", tuple(candidates.Key(name, name) for name in columns))


def chosen(
    costs: Mapping[str, Mapping[candidates.Candidate, float]],
    times: Mapping[str, float],
    leads: Mapping[str, str],
    base: float = 1000.0,
    most: int = 10,
) -> tuple[set[candidates.Candidate], float]:
    """Return what is taken where a statement costs least with the best of its candidates, and the time left."""

    def plan(key: str, with_these: frozenset[candidates.Candidate]) -> choosing.Planned:
        own = {one: cost for one, cost in costs[key].items() if one in with_these and cost < base}
        best = min(own, key=lambda one: (own[one], one), default=None)
        return choosing.Planned(own[best], frozenset([best])) if best else choosing.Planned(base, frozenset())

    statements = [
        choosing.Weighted(key, time, base, frozenset((TABLE, column) for column in leads[key].split()))
        for key, time in times.items()
    ]
    possible = {one for table in costs.values() for one in table}
    distinct = {"a": 1000.0, "b": 5.0}
    found = choosing.choose(
        statements, possible, plan, lambda _, column: distinct.get(column, 1.0), most=most, whole=sum(times.values())
    )
    return {one.candidate for one in found.chosen}, found.left


def test_what_saves_most_is_taken_first() -> None:
    """Where only one may be, it is the one for the statement of most time."""
    costs = {"p": {on("a"): 10.0}, "q": {on("b"): 10.0}}
    found, left = chosen(costs, {"p": 100.0, "q": 300.0}, {"p": "a", "q": "b"}, most=1)
    assert found == {on("b")}
    assert round(left, 4) == round(1 - 0.75 * 0.99, 4)


def test_thresholds() -> None:
    """Less than half of the cost saved, a statement that is cheap, or little of all time: none of these is enough."""
    assert chosen({"p": {on("a"): 510.0}}, {"p": 1.0}, {"p": "a"})[0] == set()
    assert chosen({"p": {on("a"): 490.0}}, {"p": 1.0}, {"p": "a"})[0] == {on("a")}
    assert chosen({"p": {on("a"): 1.0}}, {"p": 1.0}, {"p": "a"}, base=99.0)[0] == set()
    rare = {"p": {on("a"): 10.0}, "q": {}}
    assert chosen(rare, {"p": 0.4, "q": 99.6}, {"p": "a", "q": "a"})[0] == set()
    assert chosen(rare, {"p": 0.6, "q": 99.4}, {"p": "a", "q": "a"})[0] == {on("a")}


def test_the_most_distinct_column_comes_first_on_a_tie() -> None:
    """Servers that skip make the other order look nearly as good."""
    costs = {"p": {on("a", "b"): 10.5, on("b", "a"): 10.0}}
    assert chosen(costs, {"p": 1.0}, {"p": "a b"})[0] == {on("a", "b")}
    costs["q"] = {on("b", "a"): 20.0}
    assert chosen(costs, {"p": 1.0, "q": 1.0}, {"p": "a b", "q": "b"})[0] == {on("b", "a")}


def test_one_index_for_several_statements() -> None:
    """An index that a later one makes needless is taken back."""
    costs = {"p": {on("a"): 10.0, on("a", "b"): 10.4}, "q": {on("a", "b"): 10.0}}
    assert chosen(costs, {"p": 50.0, "q": 1.0}, {"p": "a", "q": "a"})[0] == {on("a", "b")}


def test_an_index_that_begins_with_something_else_is_none() -> None:
    """Whatever the planner says of it."""
    assert chosen({"p": {on("b", "a"): 1.0}}, {"p": 1.0}, {"p": "a"})[0] == set()


def test_a_migration_reads_as_one() -> None:
    """Its comment holds the evidence, and no line of it is taken for a directive."""
    text = "SELECT *\n  FROM app.t -- breaking: nothing\n WHERE a = $1 " + "AND b = $2 " * 40
    proposal = outcome.Proposal(
        "idx_t_a",
        on("a"),
        (on("a").definition("idx_t_a", concurrently=True),),
        (outcome.Helped(text, 7, 0.5, 900.0, 8.0),),
        0.5,
        8192,
        3,
    )
    made = writing.migration(proposal, "20260101000000", "inv advise, shop.")
    assert made.id == "app.20260101000000.idx_t_a"
    for sql, word in ((made.sql, "CREATE INDEX"), (made.rollback, "DROP INDEX")):
        directives = leading_comment.parse_directives(sql, "x")
        assert directives.mode == "statements"
        assert directives.breaking == ""
        assert f"\n{word} CONCURRENTLY IF" in sql
    assert "7 calls, 50.0 % of the time, cost 900 to 8" in made.sql
    assert max(map(len, made.sql.splitlines())) <= 120


@pytest.mark.parametrize("name", ["idx_Big Orders_custId_at", "idx_a.b/../c", "Übersicht", "ż", '"; DROP', "_x_"])
def test_the_file_of_a_proposal_has_a_name_that_the_engine_takes(name: str) -> None:
    """Whatever the index is called, its migration and its rollback are files that are read again."""
    candidate = candidates.Candidate(("app", "Big Orders"), "btree", (candidates.Key('"custId"', "custId"),))
    statement = candidate.definition(name, concurrently=True)
    proposal = outcome.Proposal(name, candidate, (statement,), (), 0.5, 8192, 3)
    made = writing.migration(proposal, "20260101000000", "inv advise, shop.")
    schema, stamp, slug = migration.parse_id(made.id)
    assert (schema, stamp) == ("app", "20260101000000")
    assert authoring.slug(slug) == slug
