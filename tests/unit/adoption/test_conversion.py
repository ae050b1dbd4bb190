"""Scripts become migrations of ours: their SQL as it was, ids in the tool's order, and nothing lost that was said."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata.adoption import comments, conversion, model, naming, schemas
from schemata.adoption.formats import texts
from schemata.deploy.other_tool import origin
from schemata.migrations import leading_comment, migration
from schemata.sql import statement
from tests.unit import cases
from tests.unit.adoption import histories


def converted(tool: str, files: dict[str, str | bytes], **options: str) -> conversion.Conversion:
    """Return what becomes of these files."""
    return conversion.convert(histories.history(tool, files), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("tool", model.TOOLS)
def test_every_tools_history_becomes_files_that_are_read(tool: str) -> None:
    """Ids and directives are ours; each has a rollback or says why not; the SQL is token for token the same."""
    made = converted(tool, histories.ALL[tool])
    assert len(made.migrations) == len(histories.history(tool, histories.ALL[tool]).scripts)
    read = []
    for item in made.migrations:
        schema, timestamp, slug = migration.parse_id(item.id)
        directives = leading_comment.parse_directives(item.text, item.path)
        assert bool(directives.irreversible) == (item.rollback is None)
        assert directives.title.startswith(f"From {tool}, ")
        assert statement.fingerprint(item.text) == statement.fingerprint(item.script.up)
        if item.rollback is not None:
            leading_comment.parse_directives(item.rollback, item.rollback_path)
            assert statement.fingerprint(item.rollback) == statement.fingerprint(str(item.script.down))
        assert origin.of(item.text) == origin.Origin(tool, item.script.name, item.script.checksum)
        read.append(migration.Migration(item.id, schema, timestamp, slug, item.path, item.text, "", directives))
    assert [item.id for item in migration.order(read)] == [item.id for item in made.migrations]
    assert made.id_of(made.migrations[0].script.name) == made.migrations[0].id


@cases.named(("names", "expected", "note"), [
    ("all have times that rise", ["20240101000000_a", "20240102000000_b"],
     ["20240101000000.a", "20240102000000.b"], ""),
    ("one is no time", ["20240101000000_a", "20241399000000_b"],
     ["20000101000000.20240101000000_a", "20000101000001.20241399000000_b"], "20241399000000_b has no time"),
    ("the first one has none", ["0_init", "20240101000000_b"], ["20000101000000.0_init", "20240101000000.b"],
     "0_init: numbered"),
    ("the first ones have none, and a later one neither", ["0_init", "20240101000000_b", "c"],
     ["20000101000000.0_init", "20000101000001.20240101000000_b", "20000101000002.c"], "because c has no time"),
    ("the first one has none, and the last is in the future", ["0_init", "20990101000000_b"],
     ["20000101000000.0_init", "20000101000001.20990101000000_b"], "20990101000000_b is in the future"),
    ("one time twice", ["20240101000000_a", "20240101000000_b", "20240101000001_c", "20240102000000_d"],
     ["20240101000000.a", "20240101000001.20240101000000_b", "20240101000002.20240101000001_c", "20240102000000.d"],
     "20240101000000_b has the time of another file"),
    ("the last one is in the future", ["20240101000000_a", "20990101000000_b"],
     ["20000101000000.20240101000000_a", "20000101000001.20990101000000_b"], "20990101000000_b is in the future"),
    ("the order is another one", ["20240102000000_a", "20240101000000_b"],
     ["20000101000000.20240102000000_a", "20000101000001.20240101000000_b"], "whose time is later"),
    ("other characters", ["20240101000000_ä ß.x"], ["20240101000000.a_x"], ""),
    ("nothing is left of the name", ["20240101000000_…"], ["20240101000000.migration"], ""),
])  # fmt: skip
def test_ids_keep_the_original_times_where_they_can(names: list[str], expected: list[str], note: str) -> None:
    """The whole name is in the id, by its time and slug, or in the slug."""
    history = model.History("sqlx", "there", tuple(_script(name) for name in names))
    made = conversion.convert(history, now="20250101000000")
    assert [item.id.removeprefix("public.") for item in made.migrations] == expected
    assert made.kept == (not note or "moved" in " ".join(made.notes) or ": numbered" in " ".join(made.notes))
    assert note in " ".join(made.notes)


def _script(name: str, up: str = "CREATE TABLE t (i int);\n", **fields: object) -> model.Script:
    time, rest = texts.time_and_rest(name)
    made = model.Script("sqlx", name, name, rest, f"{name}.sql", up, "sha256:c0ffee", time=time, rest=rest)
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def _one(up: str, **fields: object) -> conversion.Converted:
    return conversion.convert(model.History("sqlx", "there", (_script("20240101000000_a", up, **fields),))).migrations[
        0
    ]


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    """Ids have at most 200 characters, and two names that begin alike are still two."""
    long = [f"20240101000000_{'x' * 300}{end}" for end in "ab"]
    made = conversion.convert(model.History("sqlx", "there", tuple(map(_script, long))))
    ids = [item.id for item in made.migrations]
    assert all(len(id_) <= 200 for id_ in ids)
    assert len({id_.rpartition(".")[2] for id_ in ids}) == 2
    for id_ in ids:
        migration.parse_id(id_)


@cases.named(("before", "after", "times"), [
    ("one more at the end", ["20240101000000_a", "20240102000000_b"], ["20240103000000_c"],
     ["20240101000000", "20240102000000", "20240103000000"]),
    ("one more that is no time", ["20240101000000_a"], ["x"], ["20240101000000", "20240101000001"]),
    ("between", ["20240101000000_a", "20240103000000_c"], ["20240102000000_b"],
     ["20240101000000", "20240102000000", "20240103000000"]),
    ("numbered, and one more", ["1_a", "2_b"], ["3_c"], ["20000101000000", "20000101000001", "20000101000002"]),
    ("numbered, and no room between", ["1_a", "3_c"], ["2_b"], ["20000101000000", "20000101000002", "20000101000001"]),
    ("the first without a time, and one more", ["0_a", "20240101000000_b"], ["20240102000000_c"],
     ["20000101000000", "20240101000000", "20240102000000"]),
    ("numbered, and one that has a time", ["1_a", "20240101000000_b", "3_c"], ["4_d"],
     ["20000101000000", "20000101000001", "20000101000002", "20000101000003"]),
    ("without any time, and one that has one", ["1_a"], ["20240101000000_b"], ["20000101000000", "20000101000001"]),
])  # fmt: skip
def test_ids_stay_when_the_other_tool_goes_on(before: list[str], after: list[str], times: list[str]) -> None:
    """Converted again with files that came since: those from before keep their ids, even in another schema by now."""
    first = conversion.convert(model.History("sqlx", "there", tuple(map(_script, before)))).migrations
    read = [
        migration.Migration(item.id, *migration.parse_id(item.id), "", item.text, "", migration.Directives())
        for item in first
    ]
    known = conversion.imported(read, "sqlx")
    assert known == {item.script.name: item.id for item in first}
    assert conversion.imported(read, "goose") == {}
    scripts = [_script(name, "CREATE TABLE other.t (i int);") for name in sorted([*before, *after])]
    again = conversion.convert(model.History("sqlx", "there", tuple(scripts)), known=known).migrations
    assert [item.id for item in again if item.script.name in before] == [item.id for item in first]
    assert [item.id.split(".")[1] for item in again] == times
    assert {item.schema for item in again if item.script.name in after} == {"other"}


@cases.named(("sql", "expected"), [
    ("unqualified", "CREATE TABLE t (i int)", ("public",)),
    ("two, the first one first", "CREATE TABLE b.t (i int); CREATE TABLE a.t (i int)", ("b", "a")),
    ("a search_path", "SET search_path = x, public; CREATE TABLE t (i int)", ("x",)),
    ("an emptied search_path", "SET search_path = ''; CREATE TABLE t (i int)", ("public",)),
    ("a schema", "CREATE SCHEMA b", ("b",)),
    ("a schema for a role", "CREATE SCHEMA AUTHORIZATION joe", ("joe",)),
    ("a renamed schema", "ALTER SCHEMA b RENAME TO c", ("b",)),
    ("a dropped trigger", "DROP TRIGGER x ON b.t", ("b",)),
    ("several dropped tables", "DROP TABLE b.t, c.t", ("b", "c")),
    ("a function", "CREATE FUNCTION b.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", ("b",)),
    ("a comment on a column", "COMMENT ON COLUMN b.t.c IS 'x'", ("b",)),
    ("a comment on a function with a type of another", "COMMENT ON FUNCTION b.f(c.t) IS 'x'", ("b",)),
    ("a grant on a schema", "GRANT USAGE ON SCHEMA b TO joe", ("b",)),
    ("a grant on tables", "GRANT SELECT ON b.t, c.t TO joe", ("b", "c")),
    ("an owner", "ALTER FUNCTION b.f() OWNER TO joe", ("b",)),
    ("a type", "ALTER TYPE b.e ADD VALUE 'x'", ("b",)),
    ("a renamed type", "ALTER TYPE b.e RENAME TO f", ("b",)),
    ("rows", "INSERT INTO b.t SELECT * FROM c.t", ("b",)),
    ("a foreign table", "CREATE FOREIGN TABLE b.t (i int) SERVER s", ("b",)),
    ("a materialized view", "CREATE MATERIALIZED VIEW b.m AS SELECT 1", ("b",)),
    ("an alter of a function", "ALTER FUNCTION b.f() STABLE", ("b",)),
    ("a truncated table", "TRUNCATE b.t", ("b",)),
    ("what belongs to no schema", "CREATE EXTENSION x; CREATE PUBLICATION p; DO $$BEGIN END$$; SELECT 1", ()),
    ("a temporary table", "CREATE TEMP TABLE t (i int)", ()),
    ("a temporary function", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", ()),
])  # fmt: skip
def test_the_schemas_of_a_file_are_in_its_parse_tree(sql: str, expected: tuple[str, ...]) -> None:
    """The first one that is changed is the migration's own; what is only read does not count."""
    assert schemas.changed(statement.split(sql), "public") == expected


def test_several_schemas_stay_one_migration() -> None:
    """It lies in the first one's folder, and the others are noted; a name that is no folder's goes to the default."""
    made = _one("CREATE TABLE b.t (i int); CREATE TABLE a.t (i int);")
    assert (made.schema, made.schemas, made.path) == ("b", ("b", "a"), "b/b.20240101000000.a.sql")
    assert any("it changes the schemas b, a" in note for note in made.notes)
    odd = _one('CREATE TABLE "x.y".t (i int);')
    assert odd.schema == "public"
    assert any("cannot be a folder's name" in note for note in odd.notes)


@cases.named(("down", "reason"), [
    ("none", None, "it came without a down file"),
    ("broken", "DROP TABEL t;", "its down file fails: line 1, column 6"),
    ("only a comment", "-- nothing\n", "its down file has no statement"),
    ("empty", "", "its down file has no statement"),
])  # fmt: skip
def test_a_way_down_that_is_none_is_said(down: str | None, reason: str) -> None:
    """What cannot undo becomes `-- irreversible:` with the reason."""
    made = _one("SELECT 1;", down=down)
    assert made.rollback is None
    assert leading_comment.parse_directives(made.text, "").irreversible.startswith(reason)


def test_a_way_down_that_fails_elsewhere_is_said() -> None:
    """Somebody who ran it knows better than the parser."""
    history = histories.history("dbmate", histories.DBMATE)
    made = conversion.convert(history, failed_downs={"20240101000000_init": 'table "a"\nis used'})
    assert (
        leading_comment.parse_directives(made.migrations[0].text, "").irreversible
        == 'its down file fails: table "a" is used'
    )
    assert made.migrations[1].rollback is not None


def test_the_tools_marker_becomes_a_mode() -> None:
    """Outside of a transaction is `statements`; what has its own BEGIN is left to who classifies; that wins anyway."""
    assert _one("VACUUM;", transactional=False).mode == "statements"
    assert "\n-- mode: statements\n" in _one("VACUUM;", transactional=False).text
    assert _one("BEGIN; SELECT 1; COMMIT;", transactional=False).mode == "own-transaction"
    assert _one("CREATE INDEX CONCURRENTLY i ON t (c);").mode == "statements"
    assert _one("SELECT 1;").mode == ""
    assert "\n-- mode: own-transaction\n" in str(_one("SELECT 1;", down="BEGIN; SELECT 1; COMMIT;").rollback)
    assert "\n-- mode: statements\n" in str(_one("SELECT 1;", down="DROP INDEX CONCURRENTLY i;").rollback)
    assert "-- mode:" not in str(_one("SELECT 1;", down="SELECT 1;").rollback)
    history = histories.history("sqitch", histories.SQITCH)
    made = conversion.convert(history, modes={"schema": "own-transaction", "api/users": "transaction"})
    assert [item.mode for item in made.migrations] == ["own-transaction", "", "transaction"]
    assert "-- mode: own-transaction" in made.migrations[0].text
    assert "-- mode:" not in made.migrations[2].text
    made = conversion.convert(history, modes={"schema": "nothing"}, outside={"api/users": "by hand,\non the server"})
    assert "-- mode:" not in made.migrations[0].text
    assert "\n-- outside: by hand, on the server\n" in made.migrations[2].text


def test_what_the_parser_rejects_is_kept_and_said() -> None:
    """A template, or a command of psql, is for a later step; the text is there as it was."""
    made = _one("CREATE TABLE {{ schema }}.t (i int);\n")
    assert made.statements is None
    assert "line 1, column 14" in made.problem
    assert "{{ schema }}" in made.text
    assert _one("-- nothing\n").statements == 0


@cases.named(("line",), [
    ("a directive", "-- depends: a b"),
    ("one that is nearly one", "-- trasactional: false"),
    ("one of releases to come", "-- mode: whatever"),
    ("indented", "   --   phase: expand"),
    ("our own mark", "-- imported-from: what ever it is"),
    ("with a wrong value", "-- transactional: perhaps"),
])  # fmt: skip
def test_comments_are_not_taken_for_directives(line: str) -> None:
    """At the top of a file and further down they are kept behind `>`, so that nothing is refused and nothing heeded."""
    for up in (f"{line}\nSELECT 1;\n", f"SELECT 1;\n{line}\nSELECT 2;\n", f"/* x */\n{line}\nSELECT 1;\n"):
        made = _one(up, down="SELECT 1;")
        directives = leading_comment.parse_directives(made.text, "")
        read = migration.Migration(made.id, "", "", "", "", made.text, "", directives)
        assert (directives.depends, read.transactional, directives.phase) == ((), True, "")
        assert origin.of(made.text) == origin.Origin("sqlx", "20240101000000_a", "sha256:c0ffee")
        assert line.split("--")[1].strip() in made.text
    inside = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\n-- depends: a\nBEGIN RETURN 1; END $$;\n"
    assert comments.kept(inside) == (inside, 0)


PARTS = st.sampled_from([
    "SELECT 1;", "SELECT 'a -- depends: x\nb';", "-- depends: x", "-- irreversible: y", "-- migrate: z",
    "/* -- mode: x\n*/", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $q$\n-- phase: expand\nSELECT 1 $q$;", "",
    "  ", "-- Título: é", 'CREATE TABLE "Ä b" (i int);', "INSERT INTO a.t VALUES ('x\n-- depends: q\ny');", "BEGIN;",
    "COMMIT;", "\t-- breaking: z", "SELECT 1 -- transactional: false\n;", "COPY t FROM stdin;\n-- depends: 1\n\\.",
    "SELECT E'\\'-- phase: x';",
])  # fmt: skip


@given(st.lists(PARTS, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_conversion_never_changes_what_the_sql_does(parts: list[str], end: str, last: bool, mark: bool) -> None:
    """Whatever the comments, line ends, byte order mark and missing last line: the tokens are those of the original."""
    original = end.join(part.replace("\n", end) for part in parts) + (end if last else "")
    data = (b"\xef\xbb\xbf" if mark else b"") + original.encode()
    made = converted("folder", {"a.sql": data}).migrations[0]
    assert statement.fingerprint(made.text) == statement.fingerprint(original)
    try:
        before = statement.split(original.replace("\r\n", "\n"))
    except statement.SyntaxProblem:
        assert made.problem
        return
    after = statement.split(made.text)
    assert [(item.text, item.rows) for item in after] == [(item.text, item.rows) for item in before]
    assert made.statements == len(before)
    leading_comment.parse_directives(made.text, made.path)


@given(st.text(min_size=1, max_size=40).filter(str.strip))
def test_any_name_becomes_an_id_and_comes_back(name: str) -> None:
    """Whatever a file is called, the id is valid and the directive has the whole name."""
    made = _one("SELECT 1;")
    given_name = dataclasses.replace(made.script, name=name, rest=name, time="")
    id_ = naming.migration_id("public", "20000101000000", given_name)
    migration.parse_id(id_)
    written = origin.line(origin.Origin("folder", name, "sha256:x"))
    assert "\n" not in written
    assert origin.of(f"-- Title.\n{written}\n") == origin.Origin("folder", name, "sha256:x")
