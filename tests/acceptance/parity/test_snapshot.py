"""inv snapshot: what a database is made of, told and written, by any role, changing nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.acceptance.conftest import CommandLine
from tests.acceptance.parity.conftest import SECRET, Pair


def test_counts_are_those_of_the_catalog(schemata: CommandLine, pair: Pair) -> None:
    """What another connection counts in the catalog is what the snapshot counts."""
    found = schemata.json("snapshot", "--url", pair.prod)
    with psycopg.connect(pair.prod) as connection:
        counted = connection.execute("""
            SELECT count(*) FILTER (WHERE relkind = 'r'), count(*) FILTER (WHERE relkind = 'v'),
                (SELECT count(*) FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
                    WHERE t.relnamespace = 'app'::regnamespace AND t.relkind = 'r' AND attnum > 0),
                (SELECT count(*) FROM pg_proc WHERE pronamespace = 'app'::regnamespace)
            FROM pg_class WHERE relnamespace = 'app'::regnamespace
        """).fetchone()
    kinds = found["counts"]["app"]
    assert (kinds["table"], kinds["view"], kinds["column"], kinds["function"]) == counted
    assert sum(found["counts"]["app"].values()) == len([one for one in found["items"] if one["schema"] == "app"])


def test_the_table_has_the_counts_and_fingerprints_of_the_json(schemata: CommandLine, pair: Pair) -> None:
    """People and programs read the same."""
    told = schemata("snapshot", "--url", pair.prod, COLUMNS="100").stdout
    found = schemata.json("snapshot", "--url", pair.prod)
    assert re.search(r"^app +tables +2$", told, re.M)
    assert re.search(rf"^app +{sum(found['counts']['app'].values())} +", told, re.M)
    for digest in found["fingerprints"]["app"].split("."):
        assert digest in told
    assert f"secrets; orders without a meaning (inv snapshot --json lists all {len(found['not_compared'])})" in told
    for row in found["not_compared"]:
        assert row["what"]
        assert row["why"]


def test_equal_structures_have_equal_fingerprints(schemata: CommandLine, pair: Pair) -> None:
    """Two databases of one structure, and one after a change that only readers see."""
    before = schemata.json("snapshot", "--target", "staging")["fingerprints"]
    assert before == schemata.json("snapshot", "--target", "prod")["fingerprints"]
    pair.change(pair.prod, "COMMENT ON TABLE app.users IS 'Persons'")
    after = schemata.json("snapshot", "--target", "prod")["fingerprints"]
    differing = [
        place
        for place, (one, other) in enumerate(zip(before["app"].split("."), after["app"].split("."), strict=True))
        if one != other
    ]
    assert differing == [3], "the class cosmetic, and no other"


def test_a_file_is_written_and_read_again(schemata: CommandLine, pair: Pair, tmp_path: Path) -> None:
    """The file is the snapshot; parity compares with it."""
    file = tmp_path / "prod.json"
    ended = schemata("snapshot", "--target", "prod", "--out", str(file))
    assert ended.returncode == 0
    assert f"Wrote {file}" in ended.stdout
    assert json.loads(file.read_text())["fingerprints"] == schemata.json("snapshot", "--target", "prod")["fingerprints"]
    assert schemata("parity", "--targets", "staging", "--against", str(file)).returncode == 0
    pair.change(pair.staging, "DROP INDEX app.idx_users_created_at")
    assert schemata("parity", "--targets", "staging", "--against", str(file)).returncode == 1


def test_what_cannot_be_written_is_said(schemata: CommandLine, pair: Pair, tmp_path: Path) -> None:
    """The exit code says that the command line is wrong."""
    (tmp_path / "folder").mkdir()
    says = ("cannot be written", "--out")
    schemata.refused("snapshot", "--target", "prod", "--out", str(tmp_path / "folder"), code=2, says=says)
    assert list((tmp_path / "folder").iterdir()) == []


def test_schemas_that_were_not_read_are_named(schemata: CommandLine, pair: Pair) -> None:
    """The others that exist are named; with --all-schemas they are read; a name that nobody has is refused."""
    pair.change(pair.prod, "CREATE SCHEMA audit; CREATE TABLE audit.log (id int)")
    ended = schemata("snapshot", "--target", "prod")
    assert "2 schemas exist and were not read: audit, public" in ended.stdout
    found = schemata.json("snapshot", "--target", "prod", "--all-schemas")
    assert found["counts"]["audit"]["table"] == 1
    assert found["left_out"] == []
    ended = schemata("snapshot", "--target", "prod", "--schemas", "audit")
    assert not re.search(r"^app ", ended.stdout, re.M)
    says = ("there is no schema audti in database", "Did you mean audit?")
    schemata.refused("snapshot", "--target", "prod", "--schemas", "audit,audti", code=2, says=says)


def test_a_role_that_may_only_connect(
    schemata: CommandLine, pair: Pair, make_role: Callable[..., str], dump: Callable[[str], str]
) -> None:
    """The same structure as the owner sees, and nothing is changed."""
    before = dump(pair.prod)
    seen = schemata.json("snapshot", "--url", make_role(pair.prod))
    assert seen["fingerprints"] == schemata.json("snapshot", "--url", pair.prod)["fingerprints"]
    assert dump(pair.prod) == before


def test_wrong_flags(schemata: CommandLine, pair: Pair) -> None:
    """Flags that exclude each other, and names that do not exist, are the command line's fault."""
    schemata.refused("snapshot", "--url", pair.prod, "--target", "prod", code=2, says=("exclude each other",))
    schemata.refused("snapshot", "--schemas", "app", "--all-schemas", code=2, says=("exclude each other",))
    schemata.refused("snapshot", "--schemas", "schemata", code=2, says=("holds the history", "migrate-status"))
    schemata.refused("snapshot", "--target", "pord", code=2, says=("no target pord", "Did you mean prod?"))


def test_a_target_that_is_not_there(schemata: CommandLine, pair: Pair) -> None:
    """Its variable is named in what to type, its password is not told, and an unset variable is named."""
    text = schemata.refused("snapshot", "--target", "away", code=3, says=("no server accepts", "AWAY_URL"))
    assert SECRET not in text
    schemata.refused("snapshot", "--target", "away", code=3, says=("AWAY_URL", "is not set", "export"), AWAY_URL="")
