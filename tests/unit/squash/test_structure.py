"""What pg_restore writes, as a migration's statements."""

import pytest

from schemata.squash import between, structure

DUMP = r"""--
-- PostgreSQL database dump
--

\restrict abc

SET statement_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET row_security = off;

CREATE SCHEMA app;
CREATE SCHEMA other;
ALTER SCHEMA app OWNER TO "deployer";
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE app.deployer (deployer text DEFAULT 'deployer; SET x');
ALTER TABLE app.deployer OWNER TO deployer;
ALTER TABLE app.deployer OWNER TO somebody;
SELECT pg_catalog.setval('app.s', 3, true);
GRANT SELECT ON TABLE app.deployer TO deployer, "é";
\unrestrict abc
"""


def test_what_is_left_out_and_what_stays() -> None:
    """The preamble, the schema of the project and the deployer as owner go; names alike in other places stay."""
    assert structure.statements(DUMP, "deployer", ["app"]) == [
        "CREATE SCHEMA other",
        "CREATE TABLE app.deployer (deployer text DEFAULT 'deployer; SET x')",
        "ALTER TABLE app.deployer OWNER TO somebody",
        "SELECT pg_catalog.setval('app.s', 3, true)",
        'GRANT SELECT ON TABLE app.deployer TO CURRENT_USER, "é"',
    ]


def test_a_tablespace_keeps_every_change_of_it() -> None:
    """Where one object is elsewhere, the way back to the usual place is needed too."""
    sql = "SET default_tablespace = fast; CREATE TABLE a (i int); SET default_tablespace = ''; CREATE TABLE b (i int);"
    assert len(structure.statements(sql, "deployer", [])) == 4


@pytest.mark.parametrize(
    ("printed", "written"),
    [
        ("CHECK ((((a >= 0) AND (a <= b)) AND (c = 1)))", "CHECK (((a BETWEEN 0 AND b) AND (c = 1)))"),
        ("CHECK ((((a < 0) OR (a > b)) OR (c = 1)))", "CHECK (((a NOT BETWEEN 0 AND b) OR (c = 1)))"),
        # Not the first part: it is read as it is printed.
        ("CHECK (((c = 1) AND ((a >= 0) AND (a <= b))))", None),
        ("CHECK (((c = 1) AND ((a >= 0) AND (a <= b)) AND d))", None),
        # Not one operand, another operator, another joint.
        ("CHECK ((((a >= 0) AND (e <= b)) AND (c = 1)))", None),
        ("CHECK ((((a > 0) AND (a <= b)) AND (c = 1)))", None),
        ("CHECK ((((a >= 0) AND (a <= b)) OR (c = 1)))", None),
        ("SELECT '((a >= 0) AND (a <= b)) AND c'", None),
        (
            "WHERE (((lower(x.a) >= 'é'::text) AND (lower(x.a) <= f((1 + 2)))) AND y)",
            "WHERE ((lower(x.a) BETWEEN 'é'::text AND f((1 + 2))) AND y)",
        ),
        (
            "(((a >= 1) AND (a <= 2)) AND b) OR (((c >= 3) AND (c <= 4)) AND d)",
            "((a BETWEEN 1 AND 2) AND b) OR ((c BETWEEN 3 AND 4) AND d)",
        ),
    ],
)
def test_between(printed: str, written: str | None) -> None:
    """Only what would be read as another expression is written in another way."""
    assert between.rewritten(printed) == (printed if written is None else written)
