"""Pages as SQL files: what a file is read as, and what is refused at which line."""

import pytest

from schemata.pages import pages, select_query, sql_file

WHOLE = """-- Orders that nobody has sent.
-- page: open_orders
-- index: idx_orders_open
-- keyset: created_at  DESC, id desc
-- bounds: rows 2, buffers 90

SELECT o.id, o.created_at, ':not_this'::text AS a, "odd:one" -- :nor_this
FROM shop.orders o
WHERE o.status = :status AND (created_at, id) < (:after_created_at, :after_id) /* :nor_that */
    AND o.tags[1:2] <> $$ :nor_that $$
ORDER BY o.created_at DESC, o.id DESC
LIMIT :page_limit;
"""


def test_a_file_is_a_page() -> None:
    """Header, bounds and parameters; quotes, comments, casts and slices are no parameters."""
    page = sql_file.parse(WHOLE, "pages/open.sql")
    assert (page.name, page.index, page.max_rows, page.max_buffers) == ("open_orders", "idx_orders_open", 2, 90)
    assert page.keys == (("created_at", True), ("id", True))
    text, names = pages.numbered(page)
    assert names == ("status", "after_created_at", "after_id", "page_limit")
    assert "o.status = $1 AND (created_at, id) < ($2, $3)" in text
    assert "':not_this'::text" in text
    assert "[1:2] <> $$ :nor_that $$" in text
    assert text.endswith("LIMIT $4")
    assert pages.limited(page)[0].endswith("LIMIT 51")
    assert "o.status = %(status)s" in pages.statement(page)


REFUSED = [
    ("no name", WHOLE.replace("page:", "pages of"), "pages/x.sql has no line `-- page: …`"),
    ("no index", WHOLE.replace("-- index:", "-- the index:"), "pages/x.sql has no line `-- index: …`"),
    ("a slip", WHOLE.replace("bounds:", "bound:"), "pages/x.sql:5: no such word in the header of a page: bound"),
    ("twice", "-- page: a\n" + WHOLE, "pages/x.sql:3: page stands there twice"),
    ("a name of two words", WHOLE.replace("open_orders", "open orders"), "'open orders' is not a name for a page"),
    ("a bound that is none", WHOLE.replace("rows 2", "rows < 2"), "'rows < 2' is no bound"),
    ("a key that is none", WHOLE.replace("created_at  DESC", "lower(a)"), "'lower(a)', which is no column"),
    ("another order", WHOLE.replace("o.id DESC", "o.id"), "the ORDER BY is created_at desc, id asc, and the keyset"),
    ("no order", WHOLE.replace("ORDER BY o.created_at DESC, o.id DESC\n", ""), "the ORDER BY is not there"),
    ("OFFSET", WHOLE.replace(":page_limit", ":page_limit OFFSET :skipped"), "OFFSET reads and discards every row"),
    ("no limit", WHOLE.replace("LIMIT :page_limit", ""), "without LIMIT it is no page"),
    ("no keyset", WHOLE.replace("-- keyset: ", "-- "), "goes on behind a key and has no line `-- keyset: …`"),
    ("no SELECT", "-- page: a\n-- index: b\nDELETE FROM t", "its statement is no SELECT"),
    ("two", "-- page: a\n-- index: b\nSELECT 1; SELECT 2", "it has 2 statements"),
    ("broken SQL", WHOLE.replace("FROM shop.orders o", "FROM shop.orders o o"), "pages/x.sql:8: syntax error"),
]


@pytest.mark.parametrize(("name", "text", "expected"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_no_page_is_refused(name: str, text: str, expected: str) -> None:
    """A mistake is named with its file, and its line where it has one; the hint is what to write."""
    with pytest.raises(sql_file.InvalidPage) as caught:
        sql_file.parse(text, "pages/x.sql")
    assert expected in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE b > $1 ORDER BY a LIMIT 5",
        "SELECT a FROM t JOIN u USING (a) WHERE b = $1 ORDER BY a LIMIT 5",
        "SELECT DISTINCT a FROM t WHERE b = $1 ORDER BY a LIMIT 5",
        "SELECT a FROM t WHERE b = $1 UNION SELECT a FROM u ORDER BY a LIMIT 5",
        "SELECT a FROM t WHERE b = $1 OR c = $2 ORDER BY a LIMIT 5",
        "SELECT a FROM t WHERE b = c ORDER BY a LIMIT 5",
    ],
)
def test_what_cannot_be_turned_stays(text: str) -> None:
    """Where the filter in front of the order would be another query, the text itself is asked."""
    assert list(select_query.ranged(text)) == [text]


def test_two_filters_are_asked_in_eight_ways() -> None:
    """Each order and direction of the filter's columns is a question."""
    found = list(select_query.ranged("SELECT a FROM t WHERE b = $1 AND c = 'x'::text ORDER BY a DESC LIMIT 5"))
    assert len(set(found)) == 8
    assert found[0] == (
        "SELECT a FROM t WHERE b BETWEEN $1 AND $1 AND c BETWEEN 'x'::text AND 'x'::text ORDER BY b, c, a DESC LIMIT 5"
    )
