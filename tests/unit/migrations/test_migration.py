"""migration: the name, the directives, the one order."""

import pytest

from schemata import errors
from schemata.migrations import checksums, leading_comment, migration
from tests.unit import cases


def made(id_: str, *depends: str) -> migration.Migration:
    """Return a migration that only its id and its dependencies matter of."""
    schema, timestamp, slug = migration.parse_id(id_)
    return migration.Migration(
        id=id_,
        schema=schema,
        timestamp=timestamp,
        slug=slug,
        path=f"migrations/{schema}/{id_}.sql",
        sql="SELECT 1;\n",
        checksum=checksums.checksum("SELECT 1;\n"),
        directives=migration.Directives(depends=depends),
    )


@cases.named(
    ("stem", "words"),
    [
        ("two parts", "app.20250101000000", "three parts"),
        ("four parts", "app.20250101000000.a.b", "three parts"),
        ("nothing", "", "three parts"),
        ("an empty schema", ".20250101000000.a", "three parts"),
        ("a short time", "app.2025.a", "'2025' is not a time"),
        ("a thirteenth month", "app.20251301000000.a", "is not a time"),
        ("the 30th of February", "app.20250230000000.a", "is not a time"),
        ("Arabic digits", "app.٢٠٢٥٠١٠١٠٠٠٠٠٠.a", "is not a time"),
        ("a space in the slug", "app.20250101000000.a b", "letters, digits, _ and -"),
        ("a hidden slug", "app.20250101000000._a", "letters, digits, _ and -"),
        ("a newline at the end", "app.20250101000000.a\n", "letters, digits, _ and -"),
        ("too long for yoyo's column", f"app.20250101000000.{'a' * 200}", "longer than 200"),
    ],
)
def test_a_wrong_name_is_refused(stem: str, words: str) -> None:
    """A file name that is not <schema>.<time>.<slug> is refused, and the error says which part and how to name it."""
    with pytest.raises(migration.InvalidMigration, match=words) as caught:
        migration.parse_id(stem, "migrations/app/x.sql")
    assert str(caught.value).startswith("migrations/app/x.sql: ")
    assert "inv migrate-new" in caught.value.hint


D = migration.Directives


@cases.named(
    ("sql", "expected"),
    [
        ("nothing", "", D()),
        ("no comment", "SELECT 1;\n", D()),
        ("a title", "-- Create things.\n-- Because.\nSELECT 1;", D(title="Create things.")),
        ("blank lines between", "\n-- T\n\n-- depends: a.20250101000000.b\nSELECT 1", D("T", ("a.20250101000000.b",))),
        ("two dependencies", "-- depends: x  y\n", D(depends=("x", "y"))),
        ("outside a transaction", "-- T\n-- transactional: false\n", D("T", mode="statements")),
        ("statement by statement", "-- mode: statements\n", D(mode="statements")),
        ("its own transactions", "-- mode: own-transaction\n", D(mode="own-transaction")),
        ("both spellings", "-- mode: own-transaction\n-- transactional: false\n", D(mode="own-transaction")),
        ("done elsewhere", "-- T\n-- outside: psql loads it\n", D("T", outside="psql loads it")),
        ("from another tool", "-- imported-from: goose 1_a.sql -\n", D(imported_from="goose 1_a.sql -")),
        ("words that are near to a directive", "-- T\n-- note: x\n-- code: y\n-- todo: z\n", D("T")),
        ("said to be transactional", "-- transactional: true\n", D()),
        ("every word", "-- T\n--irreversible: gone\n-- breaking:  drops x \n--  phase: contract\n",
         D("T", irreversible="gone", breaking="drops x", phase="contract")),
        ("prose with a colon", "-- T\n-- note: see the wiki\n-- example: x\n", D("T")),
        ("prose of several words", "-- T\n-- this depends: maybe\n", D("T")),
        ("an upper-case word is prose", "-- T\n-- Depends: on taste\n", D("T")),
        ("a late word within a string", "SELECT '\n-- depends: x\n';", D()),
        ("a late word within a name", 'SELECT 1 AS "\n-- depends: x\n";', D()),
        ("a late word within dollar quotes", "DO $a$\n-- depends: x\n$a$;", D()),
        ("a late word within an escape string", "SELECT E'\\'\n-- depends: x\n';", D()),
        ("a late word within a block comment", "SELECT 1; /* /* */\n-- depends: x\n*/", D()),
        ("a comment in a statement that is no directive", "SELECT 1; -- depends: x\n", D()),
        ("a part of a change", '-- change: a_1\n-- phase: backfill\n-- tables: a.b "A b".c\n-- verify: SELECT 0\n',
         D(change="a_1", phase="backfill", tables=("a.b", '"A b".c'), verify="SELECT 0")),
        ("words of a change below the comment", "-- T\nSELECT 1;\n-- change: x\n-- tables: y\n-- verify: z\n", D("T")),
        ("without a final newline", "-- T\n-- transactional: false", D("T", mode="statements")),
    ],
)  # fmt: skip
def test_directives(sql: str, expected: migration.Directives) -> None:
    """The leading `--` lines give the title and the directives; the rest of the file gives none."""
    assert leading_comment.parse_directives(sql, "x.sql") == expected


@cases.named(
    ("sql", "line", "words"),
    [
        ("twice", "-- depends: a\n-- depends: b\n", 2, "is written twice"),
        ("nothing said", "-- T\n-- irreversible:\n", 2, "has no value"),
        ("neither true nor false", "-- transactional: no\n", 1, "neither true nor false"),
        ("an unknown mode", "-- T\n-- mode: fast\n", 2, "is none of transaction, own-transaction, statements"),
        ("two words of three", "-- imported-from: goose 1_a.sql\n", 1, "has not three words"),
        ("a mode after SQL", "SELECT 1;\n-- mode: statements\n", 2, "after the leading comment"),
        ("an unknown phase", "-- phase: later\n", 1, "is none of expand, backfill, contract, finish"),
        ("a backfill of nothing", "-- T\n-- phase: backfill\n", 2, "is without `-- change:`"),
        ("a change without a phase", "-- T\n-- change: a\n", 2, "has no `-- phase:`"),
        ("tables of no change", "-- tables: a.b\n", 1, "is without `-- change:`"),
        ("a sentence as a change", "-- change: Fixed it\n-- phase: expand\n", 1, "is not a name"),
        ("a table without a schema", "-- change: a\n-- phase: expand\n-- tables: b\n", 3, "no list of tables"),
        ("tables with a comma", "-- change: a\n-- phase: expand\n-- tables: a.b, a.c\n", 3, "no list of tables"),
        ("a change that verifies by an UPDATE", "-- verify: UPDATE x\n", 1, "is no SELECT"),
        ("a comma", "-- depends: a, b\n", 1, "comma"),
        ("one letter less", "-- T\n-- depend: a\n", 2, "Did you mean `-- depends:`"),
        ("two edits", "-- trasactionel: false\n", 1, "Did you mean `-- transactional:`"),
        ("after SQL", "-- T\nSELECT 1;\n-- depends: a\n", 3, "after the leading comment"),
        ("after a block comment", "/* T */\n-- transactional: false\nSELECT 1;", 2, "after the leading comment"),
        ("indented after SQL", "SELECT 1;\n\n   -- breaking: x\n", 3, "after the leading comment"),
        ("after a string that is over", "SELECT 'a''b';\n-- phase: expand\n", 2, "after the leading comment"),
    ],
)
def test_a_wrong_directive_is_refused(sql: str, line: int, words: str) -> None:
    """What would be silently ignored or misread is refused, with the file and the line."""
    with pytest.raises(migration.InvalidMigration) as caught:
        leading_comment.parse_directives(sql, "x.sql")
    assert words in str(caught.value)
    assert (caught.value.path, caught.value.line) == ("x.sql", line)
    assert str(caught.value).startswith(f"x.sql:{line}: ")


@pytest.mark.parametrize("mode", ["statements", "own-transaction", "transaction"])
def test_two_spellings_that_contradict_are_refused(mode: str) -> None:
    """`-- mode:` and yoyo's `-- transactional:` may both be there only where they say the same."""
    said = "true" if mode != "transaction" else "false"
    with pytest.raises(migration.InvalidMigration, match="contradict each other"):
        leading_comment.parse_directives(f"-- mode: {mode}\n-- transactional: {said}\n", "x.sql")


A, B, C = "a.20250103000000.x", "b.20250102000000.y", "c.20250101000000.z"


@cases.named(
    ("items", "expected"),
    [
        ("nothing", [], []),
        ("by time, whatever the schema", [made(A), made(B), made(C)], [C, B, A]),
        ("a dependency beats the time", [made(A), made(B), made(C, A)], [B, A, C]),
        ("a chain across schemas", [made(C, B), made(B, A), made(A)], [A, B, C]),
        ("a dependency named twice", [made(B, C, C), made(C)], [C, B]),
        ("the same time: by id", [made("b.20250101000000.a"), made("a.20250101000000.b")],
         ["a.20250101000000.b", "b.20250101000000.a"]),
    ],
)  # fmt: skip
def test_order(items: list[migration.Migration], expected: list[str]) -> None:
    """There is one order: dependencies first, then time, then id."""
    assert [item.id for item in migration.order(items)] == expected


def test_an_unknown_dependency_is_refused() -> None:
    """A dependency that no file is stops with the file's path and, where there is one, the id that was meant."""
    with pytest.raises(migration.InvalidMigration, match=r"a\.20250103000000\.x\.sql: it depends on b\.2025\.y") as one:
        migration.order([made(A, "b.2025.y"), made(B)])
    assert B in one.value.hint
    with pytest.raises(migration.InvalidMigration, match="but there is no such migration file") as other:
        migration.order([made(A, "nothing")])
    assert "whole id" in other.value.hint


@cases.named(
    ("items", "cycle"),
    [
        ("itself", [made(A, A)], (A,)),
        ("two", [made(A, B), made(B, A), made(C)], (A, B)),
        ("three, and one that only waits", [made(A, B), made(B, C), made(C, A), made("d.20240101000000.w", A)],
         (A, B, C)),
    ],
)  # fmt: skip
def test_a_circle_is_refused(items: list[migration.Migration], cycle: tuple[str, ...]) -> None:
    """Migrations that wait for each other are named in the order in which they wait, and nobody else is."""
    with pytest.raises(migration.DependencyCycle) as caught:
        migration.order(items)
    turns = [caught.value.cycle[n:] + caught.value.cycle[:n] for n in range(len(cycle))]
    assert cycle in turns
    assert caught.value.exit_code == errors.NEEDS_PERSON
