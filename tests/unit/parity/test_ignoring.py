"""Rules of what to ignore: what they fit, what they hide, and when they are of no use any more."""

import datetime

import pytest

from schemata import errors
from schemata.config import declared
from schemata.parity import diff, ignoring
from schemata.snapshot import kinds, model

TODAY = datetime.date(2026, 11, 28)


def rule(**given: object) -> declared.Ignore:
    """Return a rule with a reason."""
    return declared.Ignore(reason="known", **given)  # type: ignore[arg-type]


def item(kind: str, path: str, of: str = "", **facts: str) -> model.Item:
    """Return an item; `path` is schema and name."""
    schema, _, name = path.rpartition(".")
    return model.Item(kind, schema, name, of, facts)


def extra(one: model.Item) -> diff.Difference:
    """Return the difference that an item is there and not expected."""
    return diff.Difference("extra", kinds.presence(one.kind, one.facts), None, one)


def changed(one: model.Item, *facts: str) -> diff.Difference:
    """Return the difference that these facts have another value."""
    changes = tuple(diff.Change(fact, "a", "b", kinds.severity(one.kind, fact)) for fact in facts)
    worst = min((change.severity for change in changes), key=kinds.SEVERITIES.index)
    return diff.Difference("changed", worst, one, one, changes)


EMAIL = item("column", "app.email", "users", type="text")

FITS = {
    "its kind": (rule(kind="column"), True),
    "another kind": (rule(kind="index"), False),
    "its schema": (rule(schema="app"), True),
    "another schema": (rule(schema="ap"), False),
    "schemas by a pattern": (rule(schema="a*"), True),
    "the name as the report writes it": (rule(name="users.email"), True),
    "the name without its table": (rule(name="email"), False),
    "the name of any table": (rule(name="*.email"), True),
    "one character": (rule(name="user?.email"), True),
    "what is no pattern in SQL": (rule(name="users[.]email"), False),
    "a point is a point": (rule(name="usersxemail"), False),
    "its target": (rule(name="users.email", target="prod"), True),
    "another target": (rule(name="users.email", target="staging"), False),
    "a fact of an item that is extra": (rule(name="users.email", fact="type"), False),
}


@pytest.mark.parametrize("case", FITS)
def test_a_rule_fits(case: str) -> None:
    """What is given must be so; what is empty fits everything."""
    given, expected = FITS[case]
    assert ignoring.fits(given, "prod", extra(EMAIL)) is expected


def test_a_rule_hides_whole_differences() -> None:
    """What a rule fits is hidden and counted; the rest is shown."""
    tmp, users = extra(item("table", "app.tmp_1")), extra(item("table", "app.users"))
    known = rule(kind="table", name="tmp_*")
    left, hidden = ignoring.apply([known], "prod", [tmp, users], TODAY)
    assert left == (users,)
    assert hidden == (ignoring.Ignored(known, tmp),)


def test_a_rule_for_a_fact_leaves_the_others() -> None:
    """Only that fact is hidden, and the difference is as severe as what is left of it."""
    difference = changed(EMAIL, "type", "comment")
    left, hidden = ignoring.apply([rule(fact="type")], "prod", [difference], TODAY)
    assert [change.fact for change in left[0].changes] == ["comment"]
    assert left[0].severity == kinds.COSMETIC
    assert [change.fact for change in hidden[0].difference.changes] == ["type"]
    assert hidden[0].difference.severity == kinds.STRUCTURE


def test_rules_for_all_facts_leave_nothing() -> None:
    """A difference whose facts are all hidden is gone."""
    difference = changed(EMAIL, "type", "comment")
    left, hidden = ignoring.apply([rule(fact="type"), rule(fact="comment")], "prod", [difference], TODAY)
    assert left == ()
    assert len(hidden) == 2


@pytest.mark.parametrize(("day", "ignores"), [(0, True), (1, True), (-1, False)])
def test_a_rule_ignores_through_its_last_day(day: int, ignores: bool) -> None:
    """On the day itself it still ignores; on the next one it does not."""
    known = rule(name="users.email", until=TODAY + datetime.timedelta(days=day))
    left, _ = ignoring.apply([known], "prod", [extra(EMAIL)], TODAY)
    assert (left == ()) is ignores


def test_what_became_of_each_rule_is_told() -> None:
    """In use with how many; of no use; expired with how many it would hide; for a target that was not asked."""
    used, idle = rule(kind="table"), rule(kind="enum")
    over = rule(kind="column", until=TODAY - datetime.timedelta(days=1))
    elsewhere = rule(kind="column", target="staging")
    rules = [used, idle, over, elsewhere]
    left, hidden = ignoring.apply(rules, "prod", [extra(item("table", "app.a")), extra(EMAIL)], TODAY)
    uses = ignoring.uses(rules, hidden, [("prod", one) for one in left], ["prod"], TODAY)
    assert [(use.state, use.hid) for use in uses] == [
        ("in use", 1), ("hides nothing", 0), ("expired", 1), ("other target", 0),
    ]  # fmt: skip
    told = [use.describe() for use in uses]
    assert told[0] == "table *.* (known): hid 1 difference"
    assert told[1].endswith("hid nothing of what was compared; remove it if that is so for every target")
    assert "until 2026-11-27): expired" in told[2]
    assert "on staging (known): is for a target that was not asked" in told[3]


def test_a_rule_of_one_call_is_not_to_be_removed() -> None:
    """It stands nowhere: that it hid nothing is all there is to say."""
    (use,) = ignoring.uses([ignoring.parse("table:app.x")], [], [], ["prod"], TODAY)
    assert (use.state, use.describe()) == ("hides nothing", "table app.x (--ignore): hid nothing")


def test_two_equal_rules_are_told_apart() -> None:
    """The first one hides; the second one hides nothing and can go."""
    rules = [rule(kind="column"), rule(kind="column")]
    _, hidden = ignoring.apply(rules, "prod", [extra(EMAIL)], TODAY)
    assert [use.hid for use in ignoring.uses(rules, hidden, [], ["prod"], TODAY)] == [1, 0]


PARSED = {
    "column:app.users.email": ("column", "app", "users.email"),
    "*:app.tmp_*": ("", "app", "tmp_*"),
    "function:app.f(numeric, app.kind)": ("function", "app", "f(numeric, app.kind)"),
    "extension:citext": ("extension", "", "citext"),
    "schema:audit": ("schema", "", "audit"),
}


@pytest.mark.parametrize("text", PARSED)
def test_a_rule_is_written_on_the_command_line(text: str) -> None:
    """As reports write what differs: kind, schema and name."""
    made = ignoring.parse(text)
    assert (made.kind, made.schema, made.name) == PARSED[text]


@pytest.mark.parametrize("text", ["", "users", ":app.users", "table:", "table:app.", "table:.users"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    """It says how to write one."""
    with pytest.raises(errors.ConfigError, match=r"kind:schema\.name"):
        ignoring.parse(text)
