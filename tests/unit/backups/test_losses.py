"""What counts as a possible loss of data, and what does not."""

import pytest

from schemata.backups.required import losses

LOSE = [
    ("DROP TABLE app.users", "drop table app.users"),
    ("DROP TABLE IF EXISTS users", "drop table users"),
    ("ALTER TABLE app.users DROP COLUMN name", "drop column app.users.name"),
    ("ALTER TABLE app.users ALTER COLUMN id TYPE int", "alter type of column app.users.id"),
    ("DROP SCHEMA app", "drop schema app"),
    ("DROP SEQUENCE app.ids", "drop sequence app.ids"),
    ("DROP TYPE app.state", "drop type app.state"),
    ("DROP EXTENSION citext", "drop extension citext"),
    ("DROP VIEW app.v CASCADE", "drop view app.v cascade"),
    ("DROP FUNCTION app.f() CASCADE", "drop function app.f cascade"),
    ("TRUNCATE app.users", "truncate app.users"),
    ("DELETE FROM app.users", "delete app.users"),
    ("UPDATE app.users SET id = 1", "update app.users"),
    ("WITH gone AS (DELETE FROM app.users RETURNING id) SELECT count(*) FROM gone", "delete app.users"),
    ("INSERT INTO app.users VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2", "update app.users"),
    ("MERGE INTO app.users u USING app.more m ON u.id = m.id WHEN MATCHED THEN DELETE", "delete app.users"),
    ("DO $$ BEGIN DROP TABLE app.users; END $$", "a DO block"),
    ("CALL app.clean()", "a CALL"),
    ("SELECT app.clean(1)", "a call of app.clean()"),
    ("DROP TABEL app.users", "is not understood"),
]
KEEP = [
    "CREATE TABLE app.users (id int)",
    "CREATE INDEX ON app.users (id)",
    "DROP INDEX app.idx",
    "DROP VIEW app.v",
    "DROP MATERIALIZED VIEW app.v",
    "DROP FUNCTION app.f()",
    "DROP TRIGGER t ON app.users",
    "ALTER TABLE app.users DROP CONSTRAINT c",
    "ALTER TABLE app.users ADD COLUMN type text DEFAULT 'update'",
    "INSERT INTO app.users SELECT 1",
    "SELECT pg_catalog.set_config('a.b', 'delete', false)",
    "CREATE FUNCTION app.f() RETURNS void LANGUAGE sql AS 'DELETE FROM app.users'",
    "COMMENT ON TABLE app.users IS 'drop table'",
]


@pytest.mark.parametrize(("sql", "says"), LOSE, ids=[sql for sql, _ in LOSE])
def test_what_may_lose_data_is_named(sql: str, says: str) -> None:
    """Each is told in words that name the object, among harmless statements, too."""
    found = losses.of_text(
        f"-- A migration.\nCREATE TABLE app.other (id int);\n{sql};\n" if "SELEKT" not in sql else sql
    )
    assert [loss for loss in found if says in loss.text], found


@pytest.mark.parametrize("sql", KEEP, ids=KEEP)
def test_what_holds_no_data_does_not_count(sql: str) -> None:
    """Words in texts, comments and bodies are no statements."""
    assert losses.of_text(f"-- drop table app.users, or update it\n{sql};\n") == []


#: Rows enough for a text that is not parsed whole, with words in them that mean nothing there.
ROWS = "INSERT INTO app.rows (id, t) VALUES (1, 'select; on conflict do update, delete from -- drop table');\n" * 2000


@pytest.mark.parametrize(("sql", "says"), [one for one in LOSE if "not understood" not in one[1]])
def test_a_large_file_hides_nothing(sql: str, says: str) -> None:
    """The same is told of a statement that stands among thousands that only add rows."""
    found = losses.of_text(f"{ROWS}{sql};\n{ROWS}")
    assert [loss for loss in found if says in loss.text], found


def test_a_large_file_of_rows_loses_nothing() -> None:
    """What rows say is no statement; and what comes a thousand times is told once."""
    assert losses.of_text(ROWS + "DROP INDEX app.i;\n") == []
    assert len(losses.of_text("UPDATE app.rows SET t = 'x' WHERE id = 1;\n" * 4000)) == 1


def test_what_is_not_shown_is_told_apart() -> None:
    """Code may reach any schema; a statement names its own."""
    (code,) = losses.of_text("DO $$ BEGIN END $$")
    (plain,) = losses.of_text("DELETE FROM shop.orders")
    assert (code.is_hidden, code.schema) == (True, None)
    assert (plain.is_hidden, plain.schema) == (False, "shop")
