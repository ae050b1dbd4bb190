"""squawk: its answer is read as it is meant, and what its documentation shows as wrong is found through us."""

import pytest

from schemata import errors
from schemata.lint import judging, model, squawk, squawk_rules
from tests.unit.lint import judged

ALONE = "-- transactional: false\n"
#: For each rule of squawk's a statement that it finds, of our own writing; the second text is another mode of the file.
EXAMPLES = {
    "adding-field-with-default": "ALTER TABLE app.t ADD COLUMN a uuid DEFAULT gen_random_uuid();",
    "adding-foreign-key-constraint": "ALTER TABLE app.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES app.u (id);",
    "adding-not-nullable-field": "ALTER TABLE app.t ALTER COLUMN a SET NOT NULL;",
    "adding-required-field": "ALTER TABLE app.t ADD COLUMN a text NOT NULL;",
    "adding-serial-primary-key-field": "ALTER TABLE app.t ADD COLUMN id serial PRIMARY KEY;",
    "ban-alter-domain-with-add-constraint": "ALTER DOMAIN app.d ADD CONSTRAINT c CHECK (value > 0);",
    "ban-alter-identity": "ALTER TABLE app.t ALTER COLUMN id SET GENERATED ALWAYS;",
    "ban-char-field": "CREATE TABLE app.t (id bigint PRIMARY KEY, a char(5));",
    "ban-concurrent-index-creation-in-transaction": "CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_t_a ON app.t (a);",
    "ban-create-domain-with-constraint": "CREATE DOMAIN app.d AS integer CHECK (value > 0);",
    "ban-drop-column": "ALTER TABLE app.t DROP COLUMN a;",
    "ban-drop-constraint": "ALTER TABLE app.t DROP CONSTRAINT c;",
    "ban-drop-default": "ALTER TABLE app.t ALTER COLUMN a DROP DEFAULT;",
    "ban-drop-trigger": "DROP TRIGGER x ON app.t;",
    "ban-drop-database": ALONE + "DROP DATABASE d;",
    "ban-drop-domain": "DROP DOMAIN app.d;",
    "ban-drop-extension": "DROP EXTENSION citext;",
    "ban-drop-function": "DROP FUNCTION app.f();",
    "ban-drop-generated-expression": "ALTER TABLE app.t ALTER COLUMN a DROP EXPRESSION;",
    "ban-drop-not-null": "ALTER TABLE app.t ALTER COLUMN a DROP NOT NULL;",
    "ban-drop-schema": "DROP SCHEMA app;",
    "ban-drop-sequence": "DROP SEQUENCE app.s;",
    "ban-drop-table": "DROP TABLE app.t;",
    "ban-drop-type": "DROP TYPE app.e;",
    "ban-drop-view": "DROP VIEW app.v;",
    "ban-duplicate-column-assignments": "UPDATE app.t SET a = 1, a = 2 WHERE id = 3;",
    "ban-set-schema": "ALTER TABLE app.t SET SCHEMA other;",
    "ban-truncate-cascade": "TRUNCATE app.t CASCADE;",
    "ban-uncommitted-transaction": "BEGIN;\nALTER TABLE app.t ADD COLUMN a text;",
    "changing-column-type": "ALTER TABLE app.t ALTER COLUMN a TYPE bigint;",
    "constraint-missing-not-valid": "ALTER TABLE app.t ADD CONSTRAINT c CHECK (a > 0);",
    "disallowed-unique-constraint": "ALTER TABLE app.t ADD CONSTRAINT u UNIQUE (a);",
    "identifier-too-long": f"CREATE TABLE app.{'a' * 70} (id bigint PRIMARY KEY);",
    "prefer-bigint-over-int": "CREATE TABLE app.t (id bigint PRIMARY KEY, a integer);",
    "prefer-bigint-over-smallint": "CREATE TABLE app.t (id bigint PRIMARY KEY, a smallint);",
    "prefer-identity": "CREATE TABLE app.t (id bigserial PRIMARY KEY);",
    "prefer-repack": ALONE + "VACUUM FULL app.t;",
    "prefer-robust-stmts": ALONE + "CREATE TABLE app.t (id bigint PRIMARY KEY);",
    "prefer-text-field": "CREATE TABLE app.t (id bigint PRIMARY KEY, a varchar(9));",
    "prefer-timestamp-tz": "CREATE TABLE app.t (id bigint PRIMARY KEY, a timestamp);",
    "renaming-column": "ALTER TABLE app.t RENAME COLUMN a TO b;",
    "renaming-object": "ALTER SCHEMA app RENAME TO other;",
    "renaming-table": "ALTER TABLE app.t RENAME TO u;",
    "require-concurrent-index-creation": "CREATE INDEX IF NOT EXISTS idx_t_a ON app.t (a);",
    "require-concurrent-index-deletion": "DROP INDEX app.idx_t_a;",
    "require-concurrent-partition-detach": "ALTER TABLE app.t DETACH PARTITION app.p;",
    "require-concurrent-reindex": "REINDEX TABLE app.t;",
    "require-enum-value-ordering": "ALTER TYPE app.e ADD VALUE 'x';",
    "transaction-nesting": "BEGIN;\nALTER TABLE app.t ADD COLUMN a text;\nCOMMIT;",
    # On demand, where a level of the settings asks for it.
    "ban-add-column": "ALTER TABLE app.t ADD COLUMN a text;",
    "ban-add-composite-attribute": "ALTER TYPE app.c ADD ATTRIBUTE a text;",
    "ban-add-enum-value": "ALTER TYPE app.e ADD VALUE 'x' AFTER 'a';",
    "ban-alter-database-options": "ALTER DATABASE d CONNECTION LIMIT 5;",
    "ban-alter-extension": "ALTER EXTENSION citext UPDATE;",
    "ban-alter-function-options": "ALTER FUNCTION app.f() IMMUTABLE;",
    "ban-alter-generated-expression": "ALTER TABLE app.t ALTER COLUMN a SET EXPRESSION AS (b * 2);",
    "ban-alter-policy-condition": "ALTER POLICY p ON app.t USING (true);",
    "ban-alter-policy-roles": "ALTER POLICY p ON app.t TO reporting;",
    "ban-alter-role-options": "ALTER ROLE reporting NOLOGIN;",
    "ban-alter-row-level-security": "ALTER TABLE app.t DISABLE ROW LEVEL SECURITY;",
    "ban-alter-sequence-values": "ALTER SEQUENCE app.s RESTART WITH 5;",
    "ban-alter-system-options": ALONE + "ALTER SYSTEM SET work_mem = '1MB';",
    "ban-alter-view-options": "ALTER VIEW app.v SET (security_barrier = true);",
    "ban-create-policy": "CREATE POLICY p ON app.t USING (true);",
    "ban-detach-inheritance": "ALTER TABLE app.t NO INHERIT app.p;",
    "ban-disable-trigger": "ALTER TABLE app.t DISABLE TRIGGER ALL;",
    "ban-drop-index": "DROP INDEX app.idx_t_a;",
    "ban-drop-policy": "DROP POLICY p ON app.t;",
    "ban-replica-identity": "ALTER TABLE app.t REPLICA IDENTITY FULL;",
    "ban-replace-view-function": "CREATE OR REPLACE VIEW app.v AS SELECT 1 AS a;",
    "ban-revoke": "REVOKE SELECT ON app.t FROM reporting;",
    "ban-set-default": "ALTER TABLE app.t ALTER COLUMN a SET DEFAULT 5;",
    "ban-new-write-restriction": "ALTER TABLE app.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;",
    "require-table-schema": "CREATE TABLE t (id bigint PRIMARY KEY);",
}
ON_DEMAND = [name for name, level in squawk_rules.SEVERITIES.items() if level == "off"]
#: What the files before a replacement have made.
EARLIER = {"ban-replace-view-function": "CREATE VIEW app.v AS SELECT 2 AS a;"}


def asked(sql: str, include: list[str]) -> list[squawk.Violation]:
    """Return what squawk says of a text."""
    return squawk.ask([judged.script(sql, "a.sql")], major="14", include=include)["a.sql"]


def test_every_rule_of_squawks_that_we_know_has_an_example() -> None:
    """The table of severities, what our rules decide and what is needless: each has an example but the last."""
    known = {*squawk_rules.SEVERITIES, *squawk_rules.decided(), *squawk_rules.NEEDLESS}
    assert known - {name for name in squawk_rules.NEEDLESS if name.startswith("require-")} == set(EXAMPLES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_what_squawk_finds_is_found(name: str) -> None:
    """Each gives a finding: of a rule of ours that decides, or squawk's own; on demand where squawk wants that."""
    levels: dict[str, model.Severity] = {name: "warning"} if name in ON_DEMAND else {}
    found = judged.severities(judged.judge(EXAMPLES[name], EARLIER.get(name, ""), levels=levels, pages=False))
    deciding = squawk_rules.decided().get(name, ())
    if set(deciding) & set(found):
        return
    said = [one.rule for one in asked(EXAMPLES[name], [name] if levels else [])]
    assert name in said, (found, said)
    assert squawk_rules.severity(name, levels) != "off", deciding


def test_a_rule_that_nobody_knows_is_a_warning() -> None:
    """The next release brings some."""
    assert squawk_rules.severity("ban-what-comes-next-year", {}) == "warning"


def test_places_are_characters_of_lines_from_one() -> None:
    """Lines count from 0 there, and columns are bytes."""
    sql = "-- é\n\n/* ü */ ALTER TABLE app.t ADD COLUMN é integer;\n"
    (one,) = [item for item in asked(sql, []) if item.rule == "prefer-bigint-over-int"]
    assert sql[one.offset :].startswith("integer")


def test_settings_of_the_working_folder_are_not_read(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """What a .squawk.toml leaves out is asked all the same."""
    (tmp_path / ".squawk.toml").write_text('excluded_rules = ["ban-drop-table"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert "ban-drop-table" in [one.rule for one in asked("DROP TABLE app.t;", [])]


def test_an_answer_that_cannot_be_read_is_a_failure() -> None:
    """A rule that squawk does not know ends it with 2 and no answer: that is not "clean"."""
    with pytest.raises(squawk.SquawkFailed) as caught:
        asked("SELECT 1;", ["no-such-rule"])
    assert caught.value.exit_code == errors.NOT_AVAILABLE


@pytest.mark.parametrize(("release", "fits"), [("squawk 2.70.0", True), ("squawk 2.9.1", False), ("squawk 3.0", False)])
def test_only_the_releases_that_were_looked_at(release: str, fits: bool) -> None:
    """Another one may say something else in the same words."""
    if fits:
        squawk._check(release)
    else:
        with pytest.raises(errors.NotAvailable, match="another release"):
            squawk._check(release)


def test_the_nearest_rule_is_named() -> None:
    """A misspelt name gets a suggestion."""
    assert judging.nearest("droptable") == "drop-table"
