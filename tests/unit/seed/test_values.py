"""Values by the number of a row: the same ones for a seed, spread as they are meant to be; sizes of tables."""

import pytest

from schemata.samples import patterns, structure
from schemata.seed import keys, shapes, sizes
from schemata.seed.values import bounds, columns, expressions


def made(number: int = 1, **told: object) -> dict[str, object]:
    """Return a column as the query tells it."""
    base = {
        "number": number, "name": "a", "type": "text", "base": "text", "category": "S", "not_null": True,
        "default": False, "identity": "", "sequence": None, "modifier": -1, "length": None, "checks": None,
        "labels": None, "attributes": 0,
    }  # fmt: skip
    return {**base, **told}


def table(*own: dict[str, object], **told: object) -> structure.Table:
    """Return a table of these columns."""
    told = {"oid": 1, "schema": "app", "name": "t", "columns": own, "checks": (), "keys": (), **told}
    return structure.table(told)


def frame(of: structure.Table, **told: object) -> columns.Frame:
    """Return what the values of a table are made from."""
    return columns.Frame(**{"table": of, "seed": 42, "rows": 1000, "step": 1_000_000, **told})  # type: ignore[arg-type]


def test_a_value_depends_on_seed_table_and_column_only() -> None:
    """The same SQL for the same seed; another one for another seed, table or column."""
    one, same = (columns.candidates(frame(table(made())), made(), carrier=False) for _ in range(2))
    assert one == same
    others = [
        columns.candidates(frame(table(made()), seed=43), made(), carrier=False),
        columns.candidates(frame(table(made(), name="u")), made(), carrier=False),
        columns.candidates(frame(table(made(name="a2"))), made(name="a2"), carrier=False),
    ]
    assert not [other for other in others if other[0].sql == one[0].sql]


@pytest.mark.parametrize(
    ("pattern", "room"),
    [("^[A-Z]{3}$", 26**3), ("^[a-z]{2}-[0-9]{2}$", 67600), ("^x$", 1), ("^[0-9a-f]{64}$", 10**12)],
)
def test_a_pattern_has_room(pattern: str, room: int) -> None:
    """How many texts a regular expression is good for is known, up to what is enough."""
    sql, found = expressions.of_pattern(patterns.pieces(pattern), "s.n")
    assert found == room
    assert sql.count("s.n") <= 12


def test_weights_are_thresholds() -> None:
    """A shape is chosen as often as its weight says; one alone without chance."""
    assert expressions.choice(1, [5.0]) == "0"
    assert expressions.choice(1, [3.0, 1.0]).endswith(", ARRAY[0.750000]::float8[])")


@pytest.mark.parametrize(
    ("texts", "column", "expected"),
    [
        (["CHECK (((a >= 1) AND (a <= 9)))"], "a", ("1", "9")),
        (["CHECK ((char_length(a) <= 254))"], "a", ("", "")),
        (["((at >= '2030-01-01 00:00:00+00'::timestamp with time zone) AND (at < 'infinity'::date))"], "at",
         ("2030-01-01 00:00:00+00", "")),
        (["CHECK (((\"sel\"\"ect\" > (-5)::numeric)))"], 'sel"ect', ("-5", "")),
        (["CHECK ((amount < 'NaN'::numeric))"], "amount", ("", "")),
        (["CHECK (((b)::numeric > 3.5))"], "b", ("3.5", "")),
    ],
)  # fmt: skip
def test_bounds_are_read(texts: list[str], column: str, expected: tuple[str, str]) -> None:
    """A check's bounds of a column are found, and those of something made of it are not taken for them."""
    assert bounds.between(texts, column)[:2] == expected


def test_listed_values_come_the_first_the_most() -> None:
    """What a check lists are the values; what another condition says of one of them is no list."""
    checks = [["known", [1], "CHECK ((a = ANY (ARRAY['x'::text, 'y'::text])))"],
              ["other", [1, 2], "CHECK (((a = 'z'::text) = (b IS NOT NULL)))"]]  # fmt: skip
    found = columns.candidates(frame(table(made(), made(2, name="b"), checks=checks)), made(), carrier=False)
    assert [(one.sql, one.kind, one.weight) for one in found] == [
        ("'x'::text", "item", 1.0),
        ("'y'::text", "item", 0.5),
    ]


def test_a_settings_word_wins() -> None:
    """Values of the settings with their weights, or SQL."""
    said = frame(table(made()), given={"a": {"p": 9, "q": 1}})
    assert [(one.sql, one.weight) for one in columns.candidates(said, made(), carrier=False)] == [
        ("'p'::text", 9.0),
        ("'q'::text", 1.0),
    ]
    (sql,) = columns.candidates(frame(table(made()), given={"a": "'x' || n"}), made(), carrier=True)
    assert sql.sql == "('x' || n)::text"


def test_what_makes_rows_unlike_is_chosen() -> None:
    """An identity, else a number, else a text; of foreign keys alone their combinations, with their room."""
    own = [made(1, name="id", base="int8", category="N", identity="a", sequence="app.s"), made(2, name="code")]
    known = keys.Details((keys.Unique("pkey", (1,), True), keys.Unique("code", (2,))))
    assert keys.assign(frame(table(*own)), known).carriers == {1, 2}
    pair = [made(1, name="x", base="int8", category="N"), made(2, name="y", base="int8", category="N")]
    both = [[[1], 7, "app.x", ["id"], "fx", False], [[2], 8, "app.y", ["id"], "fy", False]]
    found = keys.assign(frame(table(*pair, keys=both)), keys.Details((keys.Unique("pkey", (1, 2), True),)))
    assert found.room({"fx": 6, "fy": 7}) == 42
    assert found.radixes({"fx": 6, "fy": 7}) == {"fx": (1, 6), "fy": (6, 7)}


def test_of_alike_shapes_the_first_is_kept() -> None:
    """For each choice of items and NULL there is one shape, and items come as often whatever is NULL beside them."""
    items = [columns.Candidate("'a'", "item", 3.0), columns.Candidate("'b'", "item", 1.0)]
    options = [columns.Candidate("1"), columns.Candidate("2"), columns.NULL]
    found = shapes.best({1: item, 2: option} for item in items for option in options)
    assert sorted(shape.chosen[2].sql for shape in found) == ["1", "1", "NULL", "NULL"]
    weights = {item.sql: sum(one.weight for one in found if one.chosen[1] is item) for item in items}
    assert weights["'a'"] == pytest.approx(3 * weights["'b'"])


def test_a_search_finds_what_all_conditions_accept() -> None:
    """Conditions are asked one by one, and what they accept together is found without trying every combination."""
    of = table(made(1, name="a"), made(2, name="b"), made(3, name="c"))
    some = {number: [columns.Candidate(str(value)) for value in range(20)] for number in (1, 2, 3)}
    ask = [((1, 2), lambda a, b: a == b + 7), ((2, 3), lambda b, c: c == b * 2 + 1)]
    accepted = [
        (own, [chosen for chosen in shapes.to_try(of, own, some) if accepts(*(int(chosen[n].sql) for n in own))])
        for own, accepts in ask
    ]
    (found,) = shapes.search(of, some, accepted)
    assert [one.sql for one in found.values()] == ["7", "0", "1"]


def test_tables_differ_in_size_as_foreign_keys_go() -> None:
    """What others reference is smaller; a scale file and the settings say otherwise."""
    tables = [
        table(oid=1, name="users"),
        table(made(), oid=2, name="orders", keys=[[[1], 1, "app.users", ["id"], "k", False]]),
        table(made(), oid=3, name="lines", keys=[[[1], 2, "app.orders", ["id"], "k", False]]),
    ]
    assert sizes.counts(tables, 5000, sizes.Scale(), {}) == {"app.users": 50, "app.orders": 500, "app.lines": 5000}
    scale = sizes.Scale({"app.users": 2000, "app.lines": 100_000})
    assert sizes.counts(tables, 500, scale, {"app.orders": 7}) == {"app.users": 10, "app.orders": 7, "app.lines": 500}
