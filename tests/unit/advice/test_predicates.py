"""What statements ask of tables, and which indexes that makes possible: read from their text alone."""

import pytest

from schemata.advice import candidates, predicates, workload
from schemata.sql import parser

TABLES = {
    ("app", "a"): frozenset({"id", "x", "y", "z", "created", "mail", "tags", "doc"}),
    ("app", "b"): frozenset({"id", "a_id", "kind", "size"}),
    ("other", "c"): frozenset({"id", "x"}),
}
TYPES = {"tags": "_text", "doc": "jsonb", "created": "timestamptz"}
DISTINCT = {"x": 10.0, "y": 1000.0, "z": 100.0}


def possible(text: str) -> set[str]:
    """Return the candidates of a statement in short: table, method unless it is a B-tree, columns."""
    found = set()
    for use in predicates.read(text, TABLES, ("app",)).uses:
        for one in candidates.of_use(
            use, lambda _, column: DISTINCT.get(column, 1.0), lambda _, column: TYPES.get(column, "int8")
        ):
            method = "" if one.method == "btree" else f" {one.method}"
            found.add(f"{one.table[1]}{method}({one.described})")
    return found


#: A statement, and candidates that it must lead to.
CASES = {
    "equality": ("SELECT 1 FROM a WHERE x = $1", {"a(x)"}),
    "the most distinct first": ("SELECT 1 FROM a WHERE x = $1 AND y = $2 AND z = $3", {"a(y, z, x)"}),
    "equality, then a range": ("SELECT 1 FROM a WHERE x = $1 AND created > $2", {"a(x, created)", "a(created)"}),
    "between": ("SELECT 1 FROM a WHERE created BETWEEN $1 AND $2", {"a(created)"}),
    "an IN list": ("SELECT 1 FROM a WHERE x IN ($1, $2)", {"a(x)"}),
    "ANY of an array": ("SELECT 1 FROM a WHERE x = ANY ($1)", {"a(x)"}),
    "IS NULL": ("SELECT 1 FROM a WHERE x IS NULL", {"a(x)"}),
    "equality, then an order": ("SELECT 1 FROM a WHERE x = $1 ORDER BY created DESC, id DESC", {"a(x, created, id)"}),
    "a mixed order": ("SELECT 1 FROM a ORDER BY created DESC, id", {"a(created DESC, id)"}),
    "a row comparison": ("SELECT 1 FROM a WHERE (created, id) < ($1, $2)", {"a(created, id)"}),
    "a join": ("SELECT 1 FROM a JOIN b ON b.a_id = a.id WHERE kind = $1", {"b(a_id)", "b(kind, a_id)", "a(id)"}),
    "a join by USING": ("SELECT 1 FROM a JOIN b USING (id)", {"a(id)", "b(id)"}),
    "a correlated subquery": ("SELECT (SELECT max(size) FROM b WHERE b.a_id = a.id) FROM a", {"b(a_id, size)"}),
    "IN a subquery": ("SELECT 1 FROM a WHERE id IN (SELECT a_id FROM b WHERE kind = $1)", {"b(kind, a_id)", "a(id)"}),
    "an expression": ("SELECT 1 FROM a WHERE lower(mail) = $1", {"a(lower(mail))"}),
    "an array": ("SELECT 1 FROM a WHERE tags && $1", {"a gin(tags)"}),
    "a document": ("SELECT 1 FROM a WHERE doc @> $1::jsonb", {"a gin(doc)"}),
    "below an OR": ("SELECT 1 FROM a WHERE x = $1 OR y = $2", {"a(x)", "a(y)"}),
    "an UPDATE": ("UPDATE a SET z = $1 WHERE y = $2", {"a(y)"}),
    "an UPDATE with another table": ("UPDATE a SET z = b.size FROM b WHERE b.a_id = a.id", {"b(a_id)"}),
    "a DELETE": ("DELETE FROM a WHERE created < $1", {"a(created)"}),
    "an INSERT of a SELECT": ("INSERT INTO b SELECT id, x FROM a WHERE y = $1", {"a(y)"}),
    "the least of a column": ("SELECT min(created) FROM a WHERE x = $1", {"a(x, created)"}),
    "a table of another schema": ("SELECT 1 FROM other.c WHERE x = $1", {"c(x)"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_statement_makes_possible(case: str) -> None:
    """Each form of condition leads to the index that serves it."""
    text, wanted = CASES[case]
    assert wanted <= possible(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM a WHERE x <> $1",
        "SELECT 1 FROM a WHERE x NOT IN ($1)",
        "SELECT 1 FROM a WHERE NOT (doc ? $1) IS NULL AND $1 = $2",
        "SELECT 1 FROM c WHERE x = $1",
        "WITH a AS (SELECT 1 AS x) SELECT 1 FROM a WHERE x = $1",
        "INSERT INTO a VALUES ($1)",
    ],
)
def test_what_no_btree_serves(text: str) -> None:
    """Inequality, tables that are not on the path, and names of CTEs lead to none."""
    assert not {one for one in possible(text) if "gin" not in one}


def test_an_or_gives_no_index_of_several_columns() -> None:
    """Either side needs an index of its own."""
    assert possible("SELECT 1 FROM a WHERE x = $1 OR y = $2") == {"a(x)", "a(y)"}


def test_names_are_found_in_their_own_query() -> None:
    """The same alias in two subqueries stands for two tables."""
    text = "SELECT (SELECT 1 FROM b t WHERE t.kind = $1), (SELECT 1 FROM a t WHERE t.y = $2)"
    assert possible(text) == {"b(kind)", "a(y)"}


def test_what_an_update_sets() -> None:
    """The columns of its own table."""
    assert predicates.read("UPDATE a SET x = 1, y = 2 FROM b", TABLES, ("app",)).sets == {
        (("app", "a"), "x"),
        (("app", "a"), "y"),
    }


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("DELETE FROM a WHERE created < $1", "DELETE FROM a WHERE created BETWEEN $2 AND $1"),
        ("SELECT 'ä', id FROM a WHERE created < $1", None),
        ('SELECT id AS "ä" FROM a WHERE created >= $1', 'SELECT id AS "ä" FROM a WHERE created BETWEEN $2 AND $1'),
        ("SELECT count(*) FROM a WHERE created < $1", None),
        ("SELECT id FROM a WHERE created < $1 LIMIT 5", None),
        ("DELETE FROM a WHERE created < $1 AND created > $2", None),
        ("DELETE FROM a WHERE created BETWEEN $1 AND $2", None),
        ("DELETE FROM a WHERE NOT created < $1", None),
        ("DELETE FROM a USING b WHERE created < $1", None),
        ("DELETE FROM a WHERE created < $1 AND x = $2", None),
    ],
)
def test_a_range_of_one_end(text: str, planned: str | None) -> None:
    """Where its calls found few rows it is planned as one of two ends, for the planner would take a third of them."""
    for rows, wanted in ((20, planned), (20 * 500, None)):
        given = workload.Statement("s", text, text, 20, 1.0, rows)
        (one,), _ = workload.read([given], TABLES, ("app",), frozenset(), lambda _: 10_000.0)
        assert one.prepared == (wanted or text)


def test_no_statement() -> None:
    """What does not parse is refused as everywhere."""
    with pytest.raises(parser.Refused):
        predicates.read("SELECT extract($1 FROM x) FROM", TABLES, ("app",))


@pytest.mark.parametrize(
    ("keys", "served"),
    [
        (("x", "y"), True),
        (("x", "y", "z"), True),
        (("x DESC", "y DESC"), True),
        (("x", "y DESC"), False),
        (("y", "x"), False),
    ],
)
def test_what_an_index_serves_already(keys: tuple[str, ...], served: bool) -> None:
    """One that begins with the same columns, read from either end."""
    one = candidates.Candidate(("app", "a"), "btree", (candidates.Key("x", "x"), candidates.Key("y", "y")))
    assert candidates.served(one, [keys]) is served
