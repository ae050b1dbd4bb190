"""Every rule has a bad and a good example: the bad one gives the rule, the good one nothing to look at."""

import pytest

from schemata.lint import model, rules
from schemata.sql import statement
from tests.unit.lint import judged

#: What an example in a file cannot show: tests/acceptance/lint shows them.
ELSEWHERE = {"encoding", "non-linear", "edited", "removed", "not-in-lock-file", "squawk-syntax", "opaque-python"}
EARLIER = (judged.EXAMPLES / "earlier.sql").read_text(encoding="utf-8")
FOLDERS = sorted(path.name for path in judged.EXAMPLES.iterdir() if path.is_dir())


def findings(rule: str, which: str) -> dict[str, str]:
    """Return what is found in an example."""
    sql = (judged.EXAMPLES / rule / f"{which}.sql").read_text(encoding="utf-8")
    facts = {"rollback_path": ""} if rule == "rollback-missing" else {}
    return judged.severities(judged.judge(sql, EARLIER, **facts))


def test_every_rule_has_examples() -> None:
    """No rule is without examples, and no example without its rule."""
    assert rules.__all__
    assert set(model.RULES) - ELSEWHERE == set(FOLDERS)


@pytest.mark.parametrize("rule", FOLDERS)
def test_the_bad_example_gives_the_rule(rule: str) -> None:
    """The rule finds it, as severe as it is declared or, where it has degrees, more."""
    found = findings(rule, "bad")
    assert rule in found, found
    assert model.LEVELS.index(found[rule]) >= model.LEVELS.index(model.RULES[rule].severity)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", FOLDERS)
def test_the_good_example_is_good(rule: str) -> None:
    """Neither this rule nor another one finds an error or a warning in what is to be written instead."""
    found = findings(rule, "good")
    noted = {name for name, severity in found.items() if severity == "note"}
    assert set(found) == noted, found
    # A note of the rule itself says that the break is declared.
    assert rule not in found or "-- breaking:" in (judged.EXAMPLES / rule / "good.sql").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", list(model.RULES.values()), ids=lambda rule: rule.id)
def test_a_rule_says_what_it_is_about(rule: model.Rule) -> None:
    """Its texts are sentences, and a rule that is not the engine's has a function."""
    for text in (rule.condition, rule.effect, rule.workaround):
        assert len(text) > 5
    assert (rule.check is None) == (rule.each == "engine")


def test_a_rollback_that_drops_the_parent_drops_its_partitions() -> None:
    """Their indexes too, at any depth; a table that is attached to nothing stays."""
    sql = """CREATE TABLE app.h (id bigint NOT NULL, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE app.h_0 PARTITION OF app.h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE app.h_1 PARTITION OF app.h FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY HASH (id);
CREATE TABLE app.h_1_0 PARTITION OF app.h_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE INDEX h_1_0_again ON app.h_1_0 (id);
{}
-- rollback:
DROP TABLE app.h;
"""
    assert "rollback-incomplete" not in {one.rule for one in judged.judge(sql.format(""))}
    alone = judged.judge(sql.format("CREATE TABLE app.alone (id bigint PRIMARY KEY);"))
    left = [one.text for one in alone if one.rule == "rollback-incomplete"]
    assert left == ["It leaves the table app.alone, which the migration makes."]


def test_the_index_that_is_offered_has_names_in_quotes() -> None:
    """Of a foreign key on a table whose name needs them; the grammar takes it."""
    sql = (
        """CREATE TABLE app."Order Items" (id bigint PRIMARY KEY, owner bigint, "user" bigint REFERENCES app.orders);"""
    )
    found = [one.sql for one in judged.judge(sql, EARLIER) if one.rule == "foreign-key-without-index"]
    assert found == [
        'CREATE INDEX CONCURRENTLY IF NOT EXISTS "idx_Order Items_user"\n    ON app."Order Items" ("user");'
    ]
    assert statement.split(found[0])
