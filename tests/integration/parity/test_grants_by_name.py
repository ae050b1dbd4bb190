"""What is granted on objects that have no item of their own is named as the server names them in English."""

import psycopg

from schemata.postgres import waiting
from schemata.snapshot import reading

MADE = """
    CREATE EXTENSION hstore; CREATE EXTENSION postgres_fdw;
    CREATE ROLE reader_of_names;
    GRANT SELECT ON pg_catalog.pg_class, pg_catalog.pg_views TO reader_of_names;
    GRANT SELECT (rolname, rolpassword) ON pg_catalog.pg_authid TO reader_of_names;
    GRANT USAGE ON SCHEMA pg_catalog TO reader_of_names WITH GRANT OPTION;
    REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION public.akeys(public.hstore) FROM PUBLIC;
    GRANT USAGE ON TYPE public.hstore TO reader_of_names WITH GRANT OPTION;
    GRANT USAGE ON TYPE pg_catalog.int4 TO reader_of_names WITH GRANT OPTION;
    GRANT USAGE ON LANGUAGE plpgsql TO reader_of_names WITH GRANT OPTION;
    GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO reader_of_names;
"""
#: What pg_describe_object says where messages are in English; it says it in the language of lc_messages.
NAMES = {
    ("pg_class", "pg_catalog.pg_class"): "table pg_class",
    ("pg_class", "pg_catalog.pg_views"): "view pg_views",
    ("pg_proc", "pg_catalog.pg_sleep(double precision)"): "function pg_sleep(double precision)",
    ("pg_proc", "public.akeys(public.hstore)"): "function public.akeys(public.hstore)",
    ("pg_type", "public.hstore"): "type public.hstore",
    ("pg_type", "pg_catalog.int4"): "type integer",
    ("pg_namespace", "pg_catalog"): "schema pg_catalog",
}
OTHERS = {
    "column rolname of table pg_authid",
    "column rolpassword of table pg_authid",
    "language plpgsql",
    "foreign-data wrapper postgres_fdw",
}


def test_each_kind_is_named_as_the_server_does(database: str) -> None:
    """Without asking it: its answer would depend on a setting that only a superuser may change."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(MADE)
        try:
            with waiting.connect(database, application_name="test") as plain:
                found = {item.name for item in reading.read(plain.query, ["public"]).items if item.kind == "grant"}
            assert found == {*NAMES.values(), *OTHERS}
            connection.execute("SET search_path = pg_catalog")
            casts = {
                "pg_class": "regclass",
                "pg_proc": "regprocedure",
                "pg_type": "regtype",
                "pg_namespace": "regnamespace",
            }
            for (catalog, name), said in NAMES.items():
                query = f"SELECT pg_describe_object('{catalog}'::regclass, %s::{casts[catalog]}::oid, 0)"
                assert connection.execute(query, [name]).fetchone() == (said,)
        finally:
            connection.execute("DROP OWNED BY reader_of_names; DROP ROLE reader_of_names")
