"""The text of a change's files, without a server: names, expressions, directives, the trigger."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata import errors
from schemata.changes.authoring import checks, choosing, draft, expressions, names, table, usage, writing
from schemata.changes.authoring.families import columns, constraints, dropping, not_null, same_name, sync
from schemata.migrations import leading_comment, migration
from schemata.migrations.groups import changes

CLIENTS = table.Table(
    "app",
    "clients",
    (
        table.Column("id", "bigint", not_null=True, identity="a"),
        table.Column("full_name", "text", not_null=True, comment="It's."),
        table.Column("email", "text"),
    ),
    indexes=(
        table.Index("clients_pkey", "", ("id",), ("id",), unique=True, primary=True),
        table.Index("clients_email_key", "", ("email",), ("email",), unique=True, constraint="clients_email_key"),
        table.Index(
            "idx_clients_full_name",
            "CREATE INDEX idx_clients_full_name ON app.clients USING btree (full_name)",
            ("full_name",),
            ("full_name",),
        ),
    ),
    grants=(("reader", "SELECT", False), ("Writer", "SELECT", True), ("Writer", "UPDATE", True)),
)


def request(kind: str, *words: str, major: int = 18, **options: str) -> draft.Request:
    """Return a request about `CLIENTS`."""
    return draft.Request("named", kind, CLIENTS, words, draft.Options(**options), major=major)


def texts(written: draft.Draft, asked: draft.Request) -> dict[str, str]:
    """Return the files by phase and part, rollbacks with `undo` in front; each is one that the engine takes."""
    stamps = [f"202601010000{number:02}" for number in range(len(written.files))]
    made = writing.files(written, asked, stamps)
    items = []
    for name, text in made.items():
        directives = leading_comment.parse_directives(text, name)
        if not name.endswith(".rollback.sql"):
            items.append(migration.Migration(name[:-4], "app", name.split(".")[1], name, name, text, "", directives))
    change = changes.of(items)["named"]
    assert change.tables[0] == "app.clients"
    for before, item in itertools.pairwise(items):
        assert item.directives.depends == (before.id,)
    shown = {name.split(".named_")[1]: text for name, text in made.items()}
    return {
        (f"undo {name.removesuffix('.rollback.sql')}" if "rollback" in name else name.removesuffix(".sql")): text
        for name, text in shown.items()
    }


def test_a_rename_with_two_columns() -> None:
    """Expand, indexes, backfill, validation, contract, finish: each with what it is for."""
    asked = request("rename-column", "full_name", "display_name")
    made = texts(columns.rename(asked, "display_name"), asked)
    assert list(made) == [
        "expand",
        "undo expand",
        "expand_indexes",
        "undo expand_indexes",
        "backfill",
        "undo backfill",
        "contract_validate",
        "undo contract_validate",
        "contract",
        "undo contract",
        "finish",
    ]
    assert "ADD CONSTRAINT clients_display_name_not_null NOT NULL display_name NOT VALID;" in made["expand"]
    assert "COMMENT ON COLUMN app.clients.display_name IS 'It''s.';" in made["expand"]
    assert "SECURITY INVOKER" in made["expand"]
    assert "SET search_path = pg_catalog, pg_temp" in made["expand"]
    assert "-- mode: statements" in made["expand_indexes"]
    assert "DROP INDEX CONCURRENTLY IF EXISTS app.idx_clients_display_name;" in made["undo expand_indexes"]
    assert made["backfill"].endswith(
        "UPDATE app.clients\nSET display_name = full_name\nWHERE display_name IS DISTINCT FROM full_name;\n"
    )
    assert made["undo backfill"].endswith("\nSELECT 1;\n")
    assert "-- breaking:" in made["contract"]
    assert "-- breaking:" not in made["contract_validate"]
    assert "ALTER TABLE app.clients RENAME COLUMN full_name TO _kept_full_name;" in made["contract"]
    assert "ALTER COLUMN full_name SET NOT NULL" in made["undo contract"]
    assert "-- irreversible:" in made["finish"]


def test_before_18_a_check_proves_it() -> None:
    """There is no NOT NULL that is not valid yet: a CHECK is, and goes when the column is finished."""
    asked = request("rename-column", "full_name", "display_name", major=17)
    made = texts(columns.rename(asked, "display_name"), asked)
    assert "CHECK (display_name IS NOT NULL) NOT VALID" in made["expand"]
    assert "ALTER COLUMN display_name SET NOT NULL" in made["contract"]
    assert "DROP CONSTRAINT clients_display_name_not_null" in made["finish"]
    asked = request("set-not-null", "email", major=17)
    made = texts(not_null.set_not_null(asked), asked)
    assert list(made)[-2:] == ["contract", "undo contract"]
    assert "DROP CONSTRAINT clients_email_not_null" in made["contract"]


def test_a_view_has_both_names_and_the_privileges() -> None:
    """From 15 on it asks for the rights of who uses it; before, there is no such option."""
    asked = request("rename-column", "full_name", "display_name")
    made = texts(same_name.rename_column(asked, "display_name"), asked)
    assert "CREATE VIEW app.clients WITH (security_invoker = true) AS" in made["expand"]
    assert "    full_name AS display_name\nFROM app.clients_base;" in made["expand"]
    assert 'GRANT SELECT, UPDATE ON app.clients TO "Writer" WITH GRANT OPTION;' in made["expand"]
    assert "GRANT SELECT ON app.clients TO reader;" in made["undo contract"]
    old = dataclasses.replace(asked, major=14)
    assert "security_invoker" not in texts(same_name.rename_column(old, "display_name"), old)["expand"]


KINDS = {
    "set-not-null": (not_null.set_not_null, ("email",), {}),
    "set-not-null filled": (not_null.set_not_null, ("email",), {"default": "'x'"}),
    "add-column-not-null": (not_null.add_column, ("state", "text"), {"default": "'new'"}),
    "drop-column": (dropping.column, ("email",), {}),
    "drop-table": (dropping.whole, (), {}),
    "add-unique": (constraints.unique, ("full_name",), {}),
    "add-check": (constraints.check, ("is_long", "length(full_name) > 3"), {}),
}
EXPECTED = {
    "set-not-null": ["expand", "contract"],
    "set-not-null filled": ["expand", "backfill", "contract_validate", "contract"],
    "add-column-not-null": ["expand"],
    "drop-column": ["expand", "contract", "finish"],
    "drop-table": ["expand", "contract", "finish"],
    "add-unique": ["expand", "contract"],
    "add-check": ["expand", "contract"],
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_its_phases(name: str) -> None:
    """What breaks a release says so, what is compatible does not, and what drops for good has no rollback."""
    make, words, options = KINDS[name]
    asked = request(name.split()[0], *words, **options)
    made = texts(make(asked), asked)
    assert [file for file in made if not file.startswith("undo")] == EXPECTED[name]
    breaking = {file for file, text in made.items() if "-- breaking:" in text}
    assert breaking == ({"contract"} if name.startswith("drop") or name.endswith("filled") else set())
    assert {file for file, text in made.items() if "-- irreversible:" in text} == (
        {"finish"} if name.startswith("drop") else set()
    )


def test_the_trigger_reads_the_row_without_a_query_where_it_can() -> None:
    """A column of an expression is that of the row; with a subquery, whose names could be other tables', of one row."""
    assert sync.value("first || ' ' || \"La st\"") == "NEW.first || ' ' || NEW.\"La st\""
    assert sync.value("(SELECT max(b) FROM app.t WHERE a = email)").endswith(
        "FROM (SELECT NEW.b AS b, NEW.a AS a, NEW.email AS email) AS written)"
    )


def test_a_dollar_quote_does_not_end_early() -> None:
    """An expression with `$$` in it is quoted with another tag."""
    made = sync.fill(request("set-not-null", "email"), "email", "$$x$$")[0]
    assert "AS $q$\n" in made
    assert made.endswith("\n$q$;")


@given(
    st.text(min_size=1, max_size=80).filter(lambda text: "\0" not in text), st.sampled_from(["", "_base", "_not_null"])
)
def test_a_made_name_fits(stem: str, suffix: str) -> None:
    """Whatever it is made of, PostgreSQL keeps all of it, and it is not one of those that are taken."""
    first = names.made(stem, suffix)
    second = names.made(stem, suffix, {first})
    assert first != second
    for name in (first, second):
        assert len(name.encode()) <= names.LIMIT
        assert name.encode().decode() == name


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=15))
def test_a_quoted_name_is_read_as_what_it_is(name: str) -> None:
    """What a statement has is what was typed, for every name."""
    quoted = names.quoted(name)
    assert names.parse(quoted, "the name") == (name,)
    assert expressions.columns(quoted) == (name,)


@pytest.mark.parametrize("text", ["", "a b", "a.", ".a", '"', '""', '"a', "a-b", "1a", "a..b", "a;b"])
def test_what_is_no_name_is_refused(text: str) -> None:
    """With an example of how names are written."""
    with pytest.raises(errors.ConfigError, match="is not a name as SQL has it"):
        names.parse(text, "the name")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("TRUNCATE TABLE app.clients", "TRUNCATE"),
        ('truncate only "app"."clients"', "TRUNCATE"),
        ("COPY clients (id, email) FROM STDIN", "COPY"),
        ("INSERT INTO app.clients VALUES ($1, $2)", "INSERT"),
        ("INSERT INTO app.clients (id) VALUES ($1) ON CONFLICT ON CONSTRAINT clients_pkey DO NOTHING", "ON CONFLICT"),
    ],
)
def test_what_a_view_cannot_do_decides(text: str, why: str) -> None:
    """A counted statement that a view would fail makes it two columns; others do not."""
    fits = ("INSERT INTO app.clients (id) VALUES ($1)", "COPY app.clients TO STDOUT", "TRUNCATE app.clients_old")
    asked = dataclasses.replace(request("rename-column", "email", "mail"), statements=fits)
    assert choosing.strategy(asked)[0] == "samename"
    strategy, reason = choosing.strategy(dataclasses.replace(asked, statements=(*fits, text)))
    assert strategy == "dual"
    assert why in reason


def test_usage_knows_every_kind() -> None:
    """Each kind's example has the words and the flags that the kind takes."""
    for kind, known in usage.KINDS.items():
        assert usage.example(kind).startswith(f"inv change-new {kind} ")
        for flag in known.flags:
            assert flag in {field.name for field in dataclasses.fields(draft.Options)}


def test_the_key_is_the_primary_one_else_unique_and_not_null() -> None:
    """A unique index with a column that may be NULL names no row."""
    assert CLIENTS.key == ("id",)
    without = dataclasses.replace(CLIENTS, indexes=CLIENTS.indexes[1:])
    assert without.key == ()
    with pytest.raises(draft.Refused, match="no key"):
        checks.keyed(dataclasses.replace(request("rename-column"), table=without))
