"""What statements leave besides structure."""

import pytest

from schemata.squash import effects


@pytest.mark.parametrize(
    ("sql", "effect"),
    [
        ("CREATE TABLE a (i int)", "structure"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x", "structure"),
        ("GRANT SELECT ON a TO b", "structure"),
        ("INSERT INTO a VALUES (1)", "rows"),
        ("UPDATE a SET i = 1", "rows"),
        ("TRUNCATE a", "rows"),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", "rows"),
        ("WITH x AS (DELETE FROM a RETURNING 1) SELECT * FROM x", "rows"),
        ("SELECT setval('s', 1)", "rows"),
        ("COPY a FROM stdin;\n1\n\\.\n", "rows"),
        ("CREATE TEMP TABLE t AS SELECT 1", "rows"),
        ("CREATE TABLE b AS SELECT 1", "made"),
        ("CREATE TABLE b AS SELECT 1 WITH NO DATA", "structure"),
        ("SELECT 1 INTO c", "made"),
        ("REFRESH MATERIALIZED VIEW v", "made"),
        ("CREATE ROLE x", "server"),
        ("GRANT a TO b", "server"),
        ("GRANT CONNECT ON DATABASE d TO r", "server"),
        ("ALTER ROLE x SET search_path = a", "server"),
        ("ALTER DATABASE d SET x.y = 1", "server"),
        ("COMMENT ON ROLE x IS 'y'", "server"),
        ("COMMENT ON TABLE x IS 'y'", "structure"),
        ("DO $$ BEGIN CREATE ROLE z; END $$", "server"),
        ("DO $$ BEGIN EXECUTE format('CREATE ROLE %I', 'z'); END $$", "server"),
        ("DO $$ BEGIN CREATE TYPE t AS ENUM ('insert'); EXCEPTION WHEN duplicate_object THEN NULL; END $$", "review"),
        ("DO $$ BEGIN CREATE TYPE t AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END $$", "structure"),
        ("DO $$ BEGIN UPDATE a SET i = 1; END $$", "review"),
        ("DO $$ BEGIN PERFORM f(); END $$", "review"),
        ("CALL p()", "review"),
        ("SELECT f(1)", "review"),
        ("SELECT count(*) FROM a", "nothing"),
        ("SELECT pg_sleep(1)", "nothing"),
        ("SELECT set_config('a.b', 'c', false)", "session"),
        ("SET x.y = 1", "session"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "nothing"),
        ("LOCK TABLE a", "nothing"),
        ("VACUUM a", "nothing"),
    ],
)
def test_a_statement(sql: str, effect: str) -> None:
    """Each kind is known by its tree; a block by its words."""
    assert [part.effect for part in effects.of(sql, {"count"})] == [effect]


def test_a_temporary_table_is_dropped_by_who_made_it() -> None:
    """DROP TABLE of a temporary one belongs to the statements about rows, of another one to the structure."""
    found = effects.of("CREATE TEMP TABLE t (i int); DROP TABLE t; DROP TABLE u;")
    assert [part.effect for part in found] == ["rows", "rows", "structure"]


def test_what_a_set_is_taken_back_with() -> None:
    """Roles have a statement of their own; the search_path is set anyway."""
    found = [
        effects.undo(part.statement) for part in effects.of("SET a.b = 1; SET ROLE x; SET search_path = y; SELECT 1")
    ]
    assert found == ["RESET a.b", "RESET ROLE", "", ""]
