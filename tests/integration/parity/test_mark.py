"""The mark of the structure: it moves with every change of what a snapshot has of the database as a whole."""

import psycopg

from schemata.postgres import catalog, waiting
from schemata.snapshot import reading

#: What belongs to no schema of the project, each changed once more after it was made.
CHANGES = (
    "REVOKE EXECUTE ON FUNCTION pg_catalog.now() FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION pg_catalog.now() TO PUBLIC",
    "GRANT SELECT ON pg_catalog.pg_authid TO PUBLIC",
    "GRANT SELECT (stavalues1) ON pg_catalog.pg_statistic TO PUBLIC",
    "REVOKE USAGE ON TYPE pg_catalog.int4 FROM PUBLIC",
    "GRANT CREATE ON SCHEMA pg_catalog TO pg_monitor",
    "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
    "CREATE EXTENSION hstore SCHEMA elsewhere",
    "REVOKE EXECUTE ON FUNCTION elsewhere.akeys(elsewhere.hstore) FROM PUBLIC",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "CREATE PUBLICATION told",
    "ALTER PUBLICATION told ADD TABLE app.t",
    "ALTER PUBLICATION told OWNER TO pg_monitor",
    "CREATE FOREIGN DATA WRAPPER wrapper",
    "CREATE SERVER away FOREIGN DATA WRAPPER wrapper",
    "CREATE USER MAPPING FOR PUBLIC SERVER away",
    "DROP USER MAPPING FOR PUBLIC SERVER away",
    "CREATE CAST (app.t AS bigint) WITH INOUT",
    "CREATE FUNCTION app.told() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION app.told()",
    "ALTER EVENT TRIGGER told DISABLE",
    "CREATE SUBSCRIPTION taken CONNECTION 'host=nowhere' PUBLICATION one WITH (connect = false, slot_name = NONE)",
    "ALTER SUBSCRIPTION taken SET PUBLICATION two WITH (refresh = false)",
    "ALTER SUBSCRIPTION taken SET (synchronous_commit = 'on')",
    "DROP SUBSCRIPTION taken",
    "COMMENT ON EXTENSION hstore IS 'said'",
)
SINCE_15 = ("CREATE SCHEMA two; ALTER PUBLICATION told ADD TABLES IN SCHEMA two", "DROP SCHEMA two")


def test_each_change_moves_the_mark(database: str) -> None:
    """What moves no mark is never looked at: `migrate-status` would be green while `parity` is red."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; CREATE SCHEMA elsewhere; CREATE TABLE app.t (id int)")
        with waiting.connect(database, application_name="test") as plain:

            def look() -> tuple[str, str]:
                found = reading.observe(plain.query, ["app"], "schemata")
                return catalog.structure_mark(plain.query, ["app"]), str(sorted(found.items()))

            before = look()
            assert look() == before
            for change in (*CHANGES, *(SINCE_15 if connection.info.server_version >= 150000 else ())):
                connection.execute(change)
                now = look()
                moved = (now[0] != before[0], now[1] != before[1])
                assert moved[0], change
                assert moved[1], f"{change}: no item says so, so it proves nothing"
                before = now
