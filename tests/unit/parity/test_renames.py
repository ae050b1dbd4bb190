"""Renames are suggested where one explanation fits, and never acted on."""

from schemata.parity import diff, renames
from schemata.snapshot import kinds, model


def difference(change: str, item: model.Item, *parts: model.Item) -> diff.Difference:
    """Return that an item is missing or extra, with its parts."""
    sides = (item, None) if change == "missing" else (None, item)
    return diff.Difference(change, kinds.presence(item.kind, item.facts), *sides, parts=parts)  # type: ignore[arg-type]


def column(name: str, type_: str, of: str = "users", schema: str = "app") -> model.Item:
    """Return a column."""
    return model.Item("column", schema, name, of, {"type": type_})


def told(*differences: diff.Difference) -> list[tuple[str, str]]:
    """Return the suggested names."""
    return [(one.expected.name, one.actual.name) for one in renames.suggest(differences)]


def test_a_column_with_equal_facts() -> None:
    """One is missing, one is extra in the same table, and they are of one type."""
    missing, extra = difference("missing", column("mail", "text")), difference("extra", column("email", "text"))
    assert told(missing, extra) == [("mail", "email")]


def test_another_type_or_table_is_no_rename() -> None:
    """Facts, table and kind must be equal."""
    missing = difference("missing", column("mail", "text"))
    assert told(missing, difference("extra", column("email", "integer"))) == []
    assert told(missing, difference("extra", column("email", "text", of="orders"))) == []
    assert told(missing, difference("extra", model.Item("enum", "app", "mail", "", {"type": "text"}))) == []


def test_two_explanations_are_none() -> None:
    """Which of two columns the missing one became nobody knows."""
    missing = difference("missing", column("mail", "text"))
    extras = [difference("extra", column(name, "text")) for name in ("email", "note")]
    assert told(missing, *extras) == []


def test_a_comment_that_changed_with_the_name() -> None:
    """Comment, owner and grants do not tell."""
    before = model.Item("function", "app", "f()", "", {"definition": "x", "comment": "old"})
    after = model.Item("function", "app", "g()", "", {"definition": "x", "owner": "app"})
    assert told(difference("missing", before), difference("extra", after)) == [("f()", "g()")]


def test_a_table_with_most_columns_equal() -> None:
    """Three of four columns are; one of four is not enough."""
    names = ("id", "email", "name")
    old = difference("missing", model.Item("table", "app", "users", "", {}), *(column(n, "text") for n in names))
    near = difference(
        "extra", model.Item("table", "app", "people", "", {}), *(column(n, "text") for n in (*names, "nick"))
    )
    far = difference("extra", model.Item("table", "app", "other", "", {}), column("id", "text"), column("x", "text"))
    assert told(old, near, far) == [("users", "people")]
    assert told(old, far) == []


def test_a_move_to_another_schema() -> None:
    """The same name with the same facts in another schema is told as a move."""
    before, after = (model.Item("enum", schema, "mood", "", {"labels": "a, b"}) for schema in ("app", "audit"))
    (rename,) = renames.suggest([difference("missing", before), difference("extra", after)])
    assert rename.describe() == "enum app.mood is missing, enum audit.mood is extra and alike: moved?"


def test_two_different_databases_are_not_compared_for_ever() -> None:
    """Where thousands are missing and extra, nothing was renamed."""
    many = [
        difference(change, column(f"{change}_{number}", f"type_{number}"))
        for change in ("missing", "extra")
        for number in range(300)
    ]
    assert told(*many) == []
