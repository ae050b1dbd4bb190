"""A fix on structures written by hand: order, safe forms, refusals, the text of the files, and their names."""

import concurrent.futures
import json
from pathlib import Path

import pytest

from schemata import config, errors
from schemata.migrations import files, leading_comment, precheck
from schemata.parity.fix import ordering, planning, scripts, structure, writing
from schemata.parity.fix.ddl import conversions, names, privileges
from schemata.snapshot import facts as catalog_facts
from schemata.snapshot import model

Key = tuple[str, str, str, str]


def item(kind: str, name: str, *, schema: str = "app", of: str = "", **facts: str) -> model.Item:
    """Return an item; in the names of facts an underscore stands for a space."""
    return model.Item(kind, schema, name, of, {fact.replace("_", " "): text for fact, text in facts.items()})


def table(name: str, *columns: model.Item, schema: str = "app", **facts: str) -> list[model.Item]:
    """Return a table with its columns, each an item without a table."""
    order = json.dumps([column.name for column in columns])
    own = [column._replace(schema=schema, of=name) for column in columns]
    return [item("table", name, schema=schema, column_order=order, **facts), *own]


def snapshot(*items: model.Item, needs: tuple[tuple[Key, Key], ...] = (), major: int = 16) -> model.Snapshot:
    """Return a snapshot of these items."""
    schemas = dict.fromkeys(one.schema for one in items if one.schema)
    return model.Snapshot(
        database="d",
        version=f"{major}.1",
        major=major,
        schemas=("app", *(name for name in schemas if name != "app")),
        items=model.ordered(items),
        dependencies=tuple(model.Dependency(one, other) for one, other in needs),
    )


def made(expected: model.Snapshot, actual: model.Snapshot, *schemas: str) -> scripts.Scripts:
    """Return the scripts between two structures."""
    return scripts.scripts(expected, actual, schemas or ("app",))


def statements(expected: model.Snapshot, actual: model.Snapshot) -> list[str]:
    """Return the statements between two structures, before each is made to pass where it is so already."""
    sides = [structure.of(side, ("app", "sales")) for side in (expected, actual)]
    plan = planning.plan(*sides, ("app", "sales"), actual.major)
    return [text for group in plan.groups for number in group.numbers for text in plan.actions[number].step.sql]


ID = item("column", "id", type="integer")


def test_a_function_comes_before_the_table_whose_default_calls_it() -> None:
    """The order is that of the dependencies, whatever the names and kinds are."""
    name = item("column", "code", type="text", default="app.zz_code()")
    function = item("function", "zz_code()", definition="() RETURNS text LANGUAGE sql AS 'SELECT 1'")
    needs = ((("app", "column", "a", "code"), function.key),)
    found = made(snapshot(*table("a", name), function, needs=needs), snapshot())
    text = found.scripts[0].sql
    assert text.index("FUNCTION") < text.index("CREATE TABLE")


def test_a_default_waits_for_a_function_that_takes_the_table() -> None:
    """A circle of a table, its default and a function of its row type is opened at the default."""
    code = item("column", "code", type="text", default="app.f(NULL::app.t)")
    function = item("function", "f(app.t)", definition="(x app.t) RETURNS text LANGUAGE sql AS 'SELECT 1'")
    needs = ((("app", "column", "t", "code"), function.key), (function.key, ("app", "table", "", "t")))
    text = made(snapshot(*table("t", code), function, needs=needs), snapshot()).scripts[0].sql
    assert text.index("CREATE TABLE") < text.index(" FUNCTION ") < text.index("SET DEFAULT app.f(NULL::app.t)")


def test_a_view_makes_way_for_a_type_and_comes_back_with_all_that_is_said_of_it() -> None:
    """What reads a column is dropped before its type changes; grants and comments come back with it."""
    view = item("view", "v", definition=" SELECT id FROM app.t;", grants="reader: SELECT", comment="all")
    trigger = item("trigger", "g", of="v", definition="INSTEAD OF INSERT ON app.v EXECUTE FUNCTION app.f()")
    needs = ((view.key, ("app", "column", "t", "id")), (trigger.key, view.key))
    before = snapshot(*table("t", ID), view, trigger, needs=needs)
    wide = ID._replace(facts={"type": "bigint"})
    after = snapshot(*table("t", wide), view, trigger, needs=needs)
    assert statements(after, before) == [
        'DROP VIEW "app"."v";',
        'ALTER TABLE "app"."t" ALTER COLUMN "id" TYPE bigint;',
        'CREATE VIEW "app"."v" AS\n SELECT id FROM app.t;',
        'GRANT SELECT ON TABLE "app"."v" TO "reader";',
        'COMMENT ON VIEW "app"."v" IS \'all\';',
        'CREATE TRIGGER "g" INSTEAD OF INSERT ON app.v EXECUTE FUNCTION app.f();',
    ]
    found = made(after, before)
    assert not found.refused
    assert 'ALTER TABLE "app"."t" ALTER COLUMN "id" TYPE integer;' in found.scripts[0].rollback


def test_each_schema_has_files_of_its_own_that_follow_each_other() -> None:
    """What needs something of another schema comes in a later file; one that is needed in turn comes later still."""
    first = item("enum", "kind", labels='["a"]')
    other = table("t", item("column", "k", type="app.kind"), schema="sales")
    view = item("view", "v", definition=" SELECT k FROM sales.t;")
    needs = ((("sales", "column", "t", "k"), first.key), (view.key, ("sales", "table", "", "t")))
    found = made(snapshot(first, *other, view, needs=needs), snapshot(), "sales", "app")
    assert [one.schema for one in found.scripts] == ["app", "sales", "app"]
    assert [scripts.DEPENDS in one.sql for one in found.scripts] == [False, True, True]


def test_rows_are_not_lost() -> None:
    """A table and a column that are not expected are told and commented out, with what they may have been called."""
    before = snapshot(*table("t", ID, item("column", "mail", type="text")), *table("old", ID))
    found = made(snapshot(*table("t", ID, item("column", "email", type="text"))), before)
    assert [(one.item.name, one.change, one.reason) for one in found.refused] == [
        ("old", "extra", "the rows of the table would be lost"),
        ("mail", "extra", "the values of the column would be lost"),
    ]
    text = found.scripts[0].sql
    assert 'ALTER TABLE "app"."t" ADD COLUMN IF NOT EXISTS "email" text;' in text
    assert '--     DROP TABLE "app"."old";' in text
    assert '--     ALTER TABLE "app"."t" DROP COLUMN "mail";' in text
    assert '--     ALTER TABLE "app"."t" RENAME COLUMN "mail" TO "email";' in text


def test_nothing_but_refusals_is_no_file() -> None:
    """A file of comments could not be applied, so there is none."""
    found = made(snapshot(*table("t", ID)), snapshot(*table("t", ID), *table("old", ID)))
    assert not found.scripts
    assert [one.item.name for one in found.refused] == ["old"]


def test_what_stands_on_something_refused_is_refused() -> None:
    """A view cannot take the name of a table that stays, and what needs the view is not made either."""
    view = item("view", "t", definition=" SELECT 1 AS id;")
    reader = item("view", "u", definition=" SELECT id FROM app.t;")
    found = made(snapshot(view, reader, needs=((reader.key, view.key),)), snapshot(*table("t", ID)))
    assert not found.scripts
    assert {(one.item.kind, one.item.name): one.reason for one in found.refused} == {
        ("view", "t"): "its name is that of table app.t, which stays",
        ("view", "u"): "it needs view app.t, which is not there",
        ("table", "t"): "the rows of the table would be lost",
    }


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (
            "CHECK ((id > 0))",
            [
                'ALTER TABLE "app"."t" ADD CONSTRAINT "c" CHECK ((id > 0)) NOT VALID;',
                'ALTER TABLE "app"."t" VALIDATE CONSTRAINT "c";',
            ],
        ),
        (
            "FOREIGN KEY (id) REFERENCES app.p(id) DEFERRABLE",
            [
                'ALTER TABLE "app"."t" ADD CONSTRAINT "c" FOREIGN KEY (id) REFERENCES app.p(id) DEFERRABLE NOT VALID;',
                'ALTER TABLE "app"."t" VALIDATE CONSTRAINT "c";',
            ],
        ),
        ("CHECK ((id > 0)) NOT VALID", ['ALTER TABLE "app"."t" ADD CONSTRAINT "c" CHECK ((id > 0)) NOT VALID;']),
        (
            'UNIQUE NULLS NOT DISTINCT (id, "od)d") INCLUDE (n) DEFERRABLE INITIALLY DEFERRED',
            [
                'CREATE UNIQUE INDEX CONCURRENTLY "c" ON "app"."t" (id, "od)d") INCLUDE (n) NULLS NOT DISTINCT;',
                'ALTER TABLE "app"."t" ADD CONSTRAINT "c" UNIQUE USING INDEX "c" DEFERRABLE INITIALLY DEFERRED;',
            ],
        ),
        (
            "PRIMARY KEY (id)",
            [
                'CREATE UNIQUE INDEX CONCURRENTLY "c" ON "app"."t" (id);',
                'ALTER TABLE "app"."t" ADD CONSTRAINT "c" PRIMARY KEY USING INDEX "c";',
            ],
        ),
        (
            "EXCLUDE USING gist (id WITH =)",
            ['ALTER TABLE "app"."t" ADD CONSTRAINT "c" EXCLUDE USING gist (id WITH =);'],
        ),
    ],
)
def test_a_constraint_on_a_table_with_rows_keeps_nobody_out(definition: str, expected: list[str]) -> None:
    """It is checked in a statement of its own, which takes a weaker lock; keys are built concurrently first."""
    constraint = item("constraint", "c", of="t", definition=definition)
    before = table("t", ID)
    assert statements(snapshot(*before, constraint), snapshot(*before)) == expected
    plain = made(snapshot(*before, constraint), snapshot()).scripts[0].sql
    assert f'ADD CONSTRAINT "c" {definition};' in plain
    assert "-- transactional: false" not in plain


def test_not_null_is_proved_before_it_is_said() -> None:
    """A check that is validated lets SET NOT NULL pass without a scan under a lock."""
    after = table("t", ID._replace(facts={"type": "integer", "not null": "yes"}))
    sides = snapshot(*after), snapshot(*table("t", ID))
    assert "-- transactional: false" in made(*sides).scripts[0].sql
    assert [text.split('"t" ')[1].split(" ")[0] for text in statements(*sides)] == ["ADD", "VALIDATE", "ALTER", "DROP"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('["a", "c"]', '["a", "b", "c"]', ["ADD VALUE 'b' AFTER 'a'"]),
        ('["a"]', '["x", "a", "b"]', ["ADD VALUE 'x' BEFORE 'a'", "ADD VALUE 'b'"]),
        ("[]", '["a", "b"]', ["ADD VALUE 'a'", "ADD VALUE 'b'"]),
    ],
)
def test_labels_are_added_where_they_belong(before: str, after: str, expected: list[str]) -> None:
    """Each label stands beside one that is there; the file cannot be undone, and says so."""
    stored = table("t", item("column", "k", type="app.e"))
    needs = ((("app", "column", "t", "k"), ("app", "enum", "", "e")),)
    sides = [snapshot(item("enum", "e", labels=labels), *stored, needs=needs) for labels in (after, before)]
    assert statements(*sides) == [f'ALTER TYPE "app"."e" {text};' for text in expected]
    assert not made(*sides).scripts[0].rollback
    assert "-- irreversible: " in made(*sides).scripts[0].sql


def test_a_drift_that_was_taken_back_is_not_brought_back() -> None:
    """A database may have had none of it: no rollback of --fix drops a column that was there before."""
    added = item("column", "more", type="integer")
    sides = snapshot(*table("t", ID, added)), snapshot(*table("t", ID))
    (script,) = scripts.scripts(*sides, ("app",), scripts.FIX).scripts
    assert "-- irreversible: it takes a drift back" in script.sql
    assert "inv parity --fix" in script.sql
    assert not script.rollback


def test_what_was_adopted_is_undone_only_where_nothing_is_lost() -> None:
    """The database that had it before has rows in it; an index has none, and may be gone already."""
    index = item("index", "i", of="t", definition="USING btree (id)")
    added = item("column", "more", type="integer")
    before = snapshot(*table("t", ID))
    (script,) = scripts.scripts(snapshot(*table("t", ID, added)), before, ("app",), scripts.ADOPT).scripts
    assert "-- irreversible: column app.t.more: " in script.sql
    assert not script.rollback
    (script,) = scripts.scripts(snapshot(*table("t", ID), index), before, ("app",), scripts.ADOPT).scripts
    assert 'DROP INDEX CONCURRENTLY IF EXISTS "app"."i";' in script.rollback
    assert "inv parity --adopt" in script.sql


def test_a_label_that_is_stored_stays() -> None:
    """An enum that a table stores is not made again to lose a label; one that nothing stores is."""
    expected, actual = (item("enum", "e", labels=labels) for labels in ('["a"]', '["a", "b"]'))
    stored = table("t", item("column", "k", type="app.e"))
    needs = ((("app", "column", "t", "k"), actual.key),)
    found = made(snapshot(expected, *stored, needs=needs), snapshot(actual, *stored, needs=needs))
    assert [one.reason for one in found.refused] == ["column app.t.k needs it, and cannot be dropped without loss"]
    assert statements(snapshot(expected), snapshot(actual)) == [
        'DROP TYPE "app"."e";',
        'CREATE TYPE "app"."e" AS ENUM (\'a\');',
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("smallint", "bigint", conversions.LOSSLESS),
        ("bigint", "smallint", conversions.CHECKED),
        ("integer", "numeric", conversions.LOSSLESS),
        ("numeric(10,2)", "numeric(12,2)", conversions.LOSSLESS),
        ("numeric(10,2)", "numeric(10,3)", conversions.CHECKED),
        ("numeric(10,2)", "numeric(10,1)", conversions.UNSAFE),
        ("numeric", "numeric(10,2)", conversions.UNSAFE),
        ("double precision", "real", conversions.UNSAFE),
        ("character varying(10)", "character varying(20)", conversions.LOSSLESS),
        ("character varying(20)", "character varying(10)", conversions.CHECKED),
        ("character varying(20)", "text", conversions.LOSSLESS),
        ("character(4)", "text", conversions.UNSAFE),
        ("text", "integer", conversions.UNSAFE),
        ("text[]", "text", conversions.UNSAFE),
        ("integer[]", "bigint[]", conversions.LOSSLESS),
        ("timestamp(0) without time zone", "timestamp(3) without time zone", conversions.LOSSLESS),
        ("timestamp(3) without time zone", "timestamp(0) without time zone", conversions.UNSAFE),
        ("timestamp without time zone", "timestamp with time zone", conversions.UNSAFE),
        ("app.e", "text", conversions.UNSAFE),
        ("uuid", "text", conversions.EXPLICIT),
    ],
)
def test_which_types_keep_their_values(before: str, after: str, expected: str) -> None:
    """A change is made only where every value survives, or PostgreSQL refuses the ones that would not."""
    assert conversions.judge(before, after) == expected


def test_grants_from_both_sides() -> None:
    """What is there too much is revoked, what is missing granted; a grant option comes and goes by itself."""
    before = {("a", ""): {"SELECT": True, "UPDATE": False}, ("b", ""): {"SELECT": False}}
    after = {("a", ""): {"SELECT": False}, ("b", ""): {"SELECT": True}, ("PUBLIC", ""): {"INSERT": False}}
    assert sorted(privileges.statements('TABLE "t"', before, after)) == [
        'GRANT INSERT ON TABLE "t" TO PUBLIC;',
        'GRANT SELECT ON TABLE "t" TO "b" WITH GRANT OPTION;',
        'REVOKE GRANT OPTION FOR SELECT ON TABLE "t" FROM "a";',
        'REVOKE UPDATE ON TABLE "t" FROM "a";',
    ]


def test_the_word_for_what_was_revoked_is_that_of_the_snapshot() -> None:
    """Both ends of the fact write it alike."""
    assert privileges.REVOKED == catalog_facts.REVOKED


def test_a_circle_is_an_error_and_no_order() -> None:
    """Actions that need each other are told, not put into any order."""
    places = [ordering.Place((0, "app", False), (number,)) for number in range(3)]
    with pytest.raises(ordering.Circle, match="2 of the changes") as caught:
        ordering.grouped({0: set(), 1: {2}, 2: {1}}, places)
    assert isinstance(caught.value, errors.MigrationError)


def test_a_circle_of_changes_is_told_by_their_names() -> None:
    """Who has to write it by hand knows what; what only waits for the circle is not a part of it."""
    one, other, waits = (item("view", name, definition="SELECT 1") for name in ("one", "other", "waits"))
    needs = ((one.key, other.key), (other.key, one.key), (waits.key, one.key))
    with pytest.raises(ordering.Circle) as caught:
        made(snapshot(one, other, waits, needs=needs), snapshot())
    assert "create view app.one; create view app.other: these need each other" in caught.value.message
    assert "waits" not in caught.value.message


def test_words_that_a_statement_has_already_are_not_said_again() -> None:
    """An extension and a schema are made with IF NOT EXISTS from the beginning."""
    extension, schema = item("extension", "citext", schema=""), item("schema", "more", schema="")
    extension = extension._replace(facts={"schema": "public", "version": "1.6"})
    texts = [one.sql for one in made(snapshot(extension, schema), snapshot()).scripts]
    assert sum(text.count('CREATE EXTENSION IF NOT EXISTS "citext" WITH SCHEMA') for text in texts) == 1
    assert not any("IF NOT EXISTS IF NOT EXISTS" in text or "DO $fix$" in text for text in texts)


def test_what_can_wait_waits_for_its_file() -> None:
    """Of two orders the one with fewer files is taken."""
    files_of = {"tx": (0, "app", False), "alone": (0, "app", True)}
    places = [ordering.Place(files_of[name], (number,)) for number, name in enumerate(["tx", "alone", "tx", "alone"])]
    found = ordering.grouped({0: set(), 1: set(), 2: {1}, 3: {0}}, places)
    assert [(group.alone, group.numbers) for group in found] in (
        [(True, (1,)), (False, (0, 2)), (True, (3,))],
        [(False, (0,)), (True, (1, 3)), (False, (2,))],
    )


@pytest.mark.parametrize(
    ("kind", "name", "of", "expected"),
    [
        ("function", "f(integer, text)", "", 'FUNCTION "app".f(integer, text)'),
        ("aggregate", "total()", "", 'AGGREGATE "app".total(*)'),
        ("operator", "@@ (app.t, NONE)", "", 'OPERATOR "app".@@ (app.t, NONE)'),
        ("operator class", '"Odd" using btree', "", 'OPERATOR CLASS "app"."Odd" USING "btree"'),
        ("index", "i", "t", 'INDEX "app"."i"'),
        ("policy", 'p"q', "t", 'POLICY "p""q" ON "app"."t"'),
        ("domain constraint", "c", "d", 'CONSTRAINT "c" ON DOMAIN "app"."d"'),
        ("column", "c", "v", 'COLUMN "app"."v"."c"'),
        ("enum", "e", "", 'TYPE "app"."e"'),
    ],
)
def test_names_as_comments_have_them(kind: str, name: str, of: str, expected: str) -> None:
    """Every name is quoted and qualified as its kind wants it."""
    assert names.target(item(kind, name, of=of)) == expected


def _settings(folder: Path) -> config.Config:
    return config.Config(root=folder, schemas=("app", "sales"), migrations=folder / "migrations")


def test_files_that_the_engine_takes(tmp_path: Path) -> None:
    """Files and rollbacks are named one after the other, depend on each other, and pass every check of a migration."""
    settings = _settings(tmp_path)
    (tmp_path / "migrations" / "app").mkdir(parents=True)
    (tmp_path / "migrations" / "app" / "app.29990101000000.far.sql").write_text(
        "-- Far.\n-- irreversible: no\nSELECT 1;\n"
    )
    index = item("index", "i", of="t", definition="USING btree (id)")
    other = table("o", item("column", "k", type="integer"), schema="sales")
    expected, actual = snapshot(*table("t", ID), index, *other), snapshot(*table("t", ID))
    written = writing.write(settings, expected, actual, name="Close drift")
    assert written.ok
    found = [one for one in files.read(settings.migrations, settings.schemas) if one.slug == "close_drift"]
    assert [str(tmp_path / path) for path in written.facts["files"]] == [one.path for one in found]
    assert [(one.schema, one.timestamp, one.transactional) for one in found] == [
        ("sales", "29990101000001", True),
        ("app", "29990101000002", False),
    ]
    assert found[1].directives.depends == (found[0].id,)
    assert all(one.rollback_path for one in found)
    precheck.check(files.with_rollbacks(found))


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    """Without a difference there is no file."""
    written = writing.write(_settings(tmp_path), snapshot(*table("t", ID)), snapshot(*table("t", ID)))
    assert written.ok
    assert not list(tmp_path.iterdir())


def test_what_is_pending_already_is_not_written_again(tmp_path: Path) -> None:
    """The second set would do the same; where the first was run, and its drift came again, it is written."""
    index = item("index", "i", of="t", definition="USING btree (id)")
    sides = snapshot(*table("t", ID), index), snapshot(*table("t", ID))
    settings = _settings(tmp_path)
    written = writing.write(settings, *sides, purpose=scripts.FIX, applied=())
    (first,) = files.read(settings.migrations, settings.schemas)
    with pytest.raises(errors.MigrationError, match=first.id):
        writing.write(settings, *sides, purpose=scripts.FIX, applied=())
    assert [str(tmp_path / path) for path in written.facts["files"]] == [first.path]
    assert len(files.read(settings.migrations, settings.schemas)) == 1
    writing.write(settings, *sides, purpose=scripts.FIX, applied=(first.id,))
    assert len(files.read(settings.migrations, settings.schemas)) == 2


def test_of_two_calls_at_the_same_time_one_writes(tmp_path: Path) -> None:
    """The other one waits for it, and finds its files pending."""
    index = item("index", "i", of="t", definition="USING btree (id)")
    sides = snapshot(*table("t", ID), index), snapshot(*table("t", ID))
    settings = _settings(tmp_path)

    def write(_: int) -> bool:
        try:
            return writing.write(settings, *sides, purpose=scripts.FIX, applied=()).ok
        except errors.MigrationError:
            return False

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == [False] * 7 + [True]
    assert len(files.read(settings.migrations, settings.schemas)) == 1


def test_what_is_refused_makes_the_answer_a_question(tmp_path: Path) -> None:
    """A refusal is told with its reason and the statement, and the exit code says that a person is needed."""
    written = writing.write(_settings(tmp_path), snapshot(), snapshot(*table("t", ID)))
    assert (written.ok, written.exit_code) == (False, errors.NEEDS_PERSON)
    assert 'DROP TABLE "app"."t";' in written.text
    assert [one["subject"] for one in written.facts["refused"]] == ["table app.t"]


def test_a_name_that_is_none(tmp_path: Path) -> None:
    """A name that no migration can have is refused before anything is written."""
    with pytest.raises(errors.ConfigError, match="is not a name for a migration"):
        writing.write(_settings(tmp_path), snapshot(*table("t", ID)), snapshot(), name="../x")
    assert not list(tmp_path.iterdir())


def test_directives_of_the_text_are_directives() -> None:
    """The leading comment of a script parses, whatever the names and reasons in it are."""
    odd = table('we"ird', item("column", "-- depends: x", type="integer"))
    script = made(snapshot(*odd), snapshot(*table("t", ID))).scripts[0]
    assert leading_comment.parse_directives(script.sql, "x.sql").title == "Bring the structure to what is declared."
