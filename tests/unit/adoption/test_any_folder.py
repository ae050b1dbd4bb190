"""Whatever lies in a folder: a history that can be converted, or a refusal in words; never anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata import errors
from schemata.adoption import conversion, model
from schemata.adoption.ledgers import entries, judgement, rows
from schemata.adoption.readers import reading
from schemata.migrations import leading_comment, migration
from schemata.sql import statement

NAMES = st.sampled_from(
    [
        "1_a",
        "01_a",
        "20240101000000_a",
        "20240101000000_b",
        "2024-01-01-000000_c",
        "V1__a",
        "V1.0__b",
        "U1__a",
        "B1__all",
        "R__view",
        "V2_9_1__c",
        "deploy/a",
        "revert/a",
        "deploy/a@v1",
        "x",
        "1700000000000_a",
        "20240101000000000_b",
        "-",
        "_",
        "9999999999999999999999_z",
        "é_1",
        "1.",
        "V__x",
        "meta/_journal",
        "sqitch",
        "migration_lock",
        "1_a/metadata",
        "1_a/up",
        "1_a/down",
        "1_a/migration",
        "2_b/migration",
        "1_a.up",
        "1_a.down",
        "sub/1_a",
    ]
)
ENDINGS = st.sampled_from(
    [".sql", ".sql", ".sql", ".go", ".js", ".java", ".py", ".toml", ".json", ".plan", ".conf", "/"]
)
TEXTS = st.sampled_from(
    [
        "",
        ";",
        "SELECT 1;",
        "SELECT '",
        "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;",
        "-- migrate:down\n",
        "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;",
        "-- +goose Down",
        "-- Up Migration\nSELECT 1;\n-- Down Migration",
        "-- Running upgrade  -> a\nSELECT 1;\nBEGIN;",
        "-- Running upgrade a -> b\nCOMMIT;",
        "-- Running downgrade  -> ",
        "-- Running upgrade b -> a\nSELECT 1;",
        '{"entries": [{"tag": "1_a", "when": 1}, {"tag": "x", "when": 2}]}',
        "{",
        "[]",
        '{"entries": {}}',
        '{"entries": [{"tag": "1_a", "when": "x"}]}',
        "%project=p\na 2024-01-01T00:00:00Z A <a@b.c> # x\n",
        "%project=p\n@v1 2024-01-01T00:00:00Z A <a@b.c>\n",
        "a 2024-01-01T00:00:00Z A <a@b.c>\n@v1 2024-01-01T00:00:00Z A <a@b>",
        "run_in_transaction = false",
        "executeInTransaction=false",
        'provider = "mysql"',
        "[core]\n\ttop_dir = ..\n",
        "\0",
        "-- depends: x\nSELECT 1;",
        "{{ x }}",
        "\\i x.sql",
        "CREATE TABLE a.t (i int); --> statement-breakpoint SELECT 'x",
        "CREATE TABLE a.t (i int)--> statement-breakpoint\nCREATE TABLE b.t (i int)",
        "\ud7ff",
        "COPY t FROM stdin;\n1\n\\.\n",
    ]
)
FILES = st.dictionaries(st.builds(lambda name, ending: name + ending, NAMES, ENDINGS), TEXTS, max_size=6)


def _history(tool: str, files: dict[str, str]) -> model.History | None:
    tree = model.Tree("there", {path: text.encode() for path, text in files.items()})
    try:
        return reading.of_tree(tool, tree)
    except errors.Error as refusal:
        assert refusal.message  # noqa: PT017 - a history is as good
        assert refusal.hint  # noqa: PT017
        return None


@pytest.mark.parametrize("tool", model.TOOLS)
@given(files=FILES)
def test_any_folder_is_read_or_refused(tool: str, files: dict[str, str]) -> None:
    """What is read is converted, with ids that rise, valid directives, and the SQL as it was."""
    history = _history(tool, files)
    if history is None:
        return
    names = [script.name for script in history.scripts]
    assert len(set(names)) == len(names)
    made = conversion.convert(history)
    ids = [item.id for item in made.migrations]
    times = [migration.parse_id(id_)[1] for id_ in ids]
    assert times == sorted(set(times))
    for item in made.migrations:
        leading_comment.parse_directives(item.text, item.path)
        if item.problem:
            kept = item.text.rstrip("\n").endswith(item.script.up.rstrip("\n"))
            assert kept or any("directives" in note for note in item.notes)
        else:
            assert statement.fingerprint(item.text) == statement.fingerprint(item.script.up)
    assert len(made.files) == len(ids) + sum(item.rollback is not None for item in made.migrations)


VERSIONS = st.sampled_from(["1", "01", "1.0", "20240101000000", "a", "1_a", "zzz", "1700000000000", "2", "-1", ""])
STATES: list[entries.State] = ["applied", "marked", "failed", "unfinished", "rolled back", "deleted"]
ROWS = st.builds(
    entries.Row,
    VERSIONS,
    st.sampled_from(STATES),
    st.sampled_from(["", "a", "x"]),
    checksum=st.sampled_from(["", "sha256:0", "crc32:1"]),
    kind=st.sampled_from(["", "SQL", "BASELINE", "SQL_BASELINE"]),
)


@pytest.mark.parametrize("tool", [tool for tool in model.TOOLS if tool != "folder"])
@given(files=FILES, rows=st.lists(ROWS, max_size=5))
def test_any_ledger_is_judged(tool: str, files: dict[str, str], rows: list[entries.Row]) -> None:
    """Each script has one answer, each stop says what to type, and nothing is recorded that the rows do not carry."""
    history = _history(tool, files)
    if history is None:
        return
    ledger = entries.Ledger(tool, "public", "ledger", tuple(rows), single=tool in ("golang-migrate", "alembic-sql"))
    judged = judgement.judge(history, ledger, objects=True)
    assert [item.script for item in judged.verdicts] == list(history.scripts)
    stops = [item for item in judged.verdicts if item.answer == "stops"]
    assert len(judged.applied) + len(judged.pending) + len(stops) == len(history.scripts)
    assert all(item.why and item.hint for item in stops)
    assert judged.ok == (not stops and not judged.gone and judged.stop is None)
    if not any(row.state in ("applied", "marked") for row in rows) and tool != "drizzle":
        assert not [item for item in judged.applied if item.answer == "applied"] or tool in (
            "golang-migrate",
            "alembic-sql",
        )


def test_every_tool_with_a_ledger_has_its_rows_made() -> None:
    """No tool is left without a way to its rows, and plain files have none."""
    for tool in model.TOOLS:
        if tool != "folder":
            assert rows.of(tool, []) == ()
    with pytest.raises(KeyError):
        rows.of("folder", [("1", "", "", "")])
