"""After a refusal another combination is tried, of the columns that the server blames."""

from schemata.samples import attempts, structure

TABLE = structure.table(
    {
        "oid": 1,
        "schema": "app",
        "name": "t",
        "columns": [{"number": number, "name": name, "checks": None} for number, name in ((1, "a"), (2, "b"))],
        "checks": [["known", [2], "CHECK (b > 0)"]],
        "keys": None,
    }
)


def test_only_blamed_columns_change() -> None:
    """A check blames its columns, a key its own; the others keep what was likeliest."""
    tries = attempts.Attempts(TABLE, {1: ["a1", "a2"], 2: ["b1", "b2", "b3"]})
    assert tries.next() == {1: "a1", 2: "b1"}
    tries.refuse("23514", "known", "", "")
    assert tries.next() == {1: "a1", 2: "b2"}
    tries.refuse("23505", "t_pkey", "", "Key (a)=(1) already exists.")
    assert tries.next() == {1: "a2", 2: "b2"}
    assert not tries.exhausted


def test_a_refusal_that_blames_nobody_changes_all() -> None:
    """What a trigger raises names no column; when one column has nothing left, the tries are over."""
    tries = attempts.Attempts(TABLE, {1: ["a1", "a2"], 2: ["b1", "b2", "b3"]})
    tries.refuse("P0001", "", "", "")
    assert tries.next() == {1: "a2", 2: "b2"}
    tries.refuse("23502", "", "a", "")
    tries.refuse("23502", "", "a", "")
    assert tries.exhausted


def test_a_table_comes_after_what_it_references() -> None:
    """Of a circle the table comes first whose foreign key may be NULL."""

    def table(oid: int, references: int, *, not_null: bool) -> structure.Table:
        column = {"number": 1, "name": "x", "not_null": not_null, "checks": None}
        key = [[1], references, "o", ["id"], "k", False]
        told = {"oid": oid, "schema": "app", "name": f"t{oid}", "columns": [column], "checks": None, "keys": [key]}
        return structure.table(told)

    needing, free = table(1, 2, not_null=True), table(2, 1, not_null=False)
    assert [one.oid for one in structure.in_order([needing, free])] == [2, 1]
    last = table(3, 1, not_null=True)
    assert [one.oid for one in structure.in_order([last, needing, free])] == [2, 1, 3]
