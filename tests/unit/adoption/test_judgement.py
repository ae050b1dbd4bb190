"""What follows from a ledger: each situation has its answer, and what a person has to decide is never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemata import errors
from schemata.adoption import conversion, model, records
from schemata.adoption.ledgers import entries, judgement, rows, standings
from tests.unit import cases
from tests.unit.adoption import histories

AT, LATER, LATEST = "2024-01-01T00:00:00.000000Z", "2024-01-02T00:00:00.000000Z", "2024-01-03T00:00:00.000000Z"
PRISMA = histories.history("prisma", histories.PRISMA)
INIT, MORE = PRISMA.scripts
SUM, MORE_SUM = INIT.checksum, MORE.checksum
#: Prisma's rows: name, started, finished, rolled back, checksum, logs, steps.
DONE = (INIT.name, AT, LATER, None, SUM, None, 1)
MORE_DONE = (MORE.name, LATER, LATEST, None, MORE_SUM, None, 1)
FAILED = (MORE.name, LATER, None, None, MORE_SUM, "ERROR: no such table", 0)
SET_ASIDE = (MORE.name, AT, None, LATER, MORE_SUM, "ERROR: no such table", 0)


def ledger(tool: str, *raw: rows.Raw) -> entries.Ledger:
    """Return a ledger with these rows, as its query gives them."""
    single = tool in ("golang-migrate", "alembic-sql")
    return entries.Ledger(tool, "public", "ledger", rows.of(tool, raw), single=single)


def judged(history: model.History, *raw: rows.Raw, **decisions: object) -> judgement.Judgement:
    """Return what follows from these rows for a history, on a database that holds objects."""
    made = judgement.Decisions(**decisions)  # type: ignore[arg-type]
    return judgement.judge(history, ledger(history.tool, *raw), objects=True, decisions=made)


@cases.named(("raw", "init", "more"), [
    ("all applied", [DONE, MORE_DONE], ("applied", "applied"), ("applied", "applied")),
    ("failed", [DONE, FAILED], ("applied", "applied"), ("stops", "failed")),
    ("unfinished", [DONE, (MORE.name, LATER, None, None, MORE_SUM, None, 0)],
     ("applied", "applied"), ("stops", "unfinished")),
    ("rolled back", [DONE, SET_ASIDE], ("applied", "applied"), ("rolled back", "rolled back")),
    ("rolled back, then applied again", [DONE, SET_ASIDE, MORE_DONE],
     ("applied", "applied"), ("applied", "applied again")),
    ("rolled back, and failed again", [DONE, SET_ASIDE, FAILED], ("applied", "applied"), ("stops", "failed")),
    ("set aside twice", [DONE, SET_ASIDE, SET_ASIDE], ("applied", "applied"), ("rolled back", "rolled back")),
    ("an edited file", [(INIT.name, AT, LATER, None, f"sha256:{'0' * 64}", None, 1), MORE_DONE],
     ("stops", "edited"), ("applied", "applied")),
    ("there, but not recorded", [DONE], ("applied", "applied"), ("pending", "not recorded")),
    ("not recorded, before an applied one", [MORE_DONE], ("pending", "not recorded"), ("applied", "applied")),
    ("marked as applied, 0 steps", [DONE, (MORE.name, LATER, LATER, None, MORE_SUM, "", 0)],
     ("applied", "applied"), ("not run", "marked as applied")),
    ("failed, then marked as applied", [DONE, SET_ASIDE, (MORE.name, LATER, LATER, None, MORE_SUM, "", 0)],
     ("applied", "applied"), ("not run", "marked as applied")),
    ("applied, and then set aside: a contradiction", [DONE, MORE_DONE, SET_ASIDE],
     ("applied", "applied"), ("stops", "unclear")),
    ("applied, and then failed: a contradiction", [DONE, MORE_DONE, FAILED],
     ("applied", "applied"), ("stops", "unclear")),
])  # fmt: skip
def test_prismas_situations(raw: list[rows.Raw], init: tuple[str, str], more: tuple[str, str]) -> None:
    """Several rows for one name: the last one decides; what did not finish, or contradicts itself, stops and asks."""
    result = judged(PRISMA, *raw)
    assert [(item.answer, item.situation) for item in result.verdicts] == [init, more]
    stops = "stops" in (init[0], more[0])
    assert result.ok == (not stops)
    for item in result.verdicts:
        assert bool(item.why and item.hint) == (item.answer == "stops")
    if stops:
        with pytest.raises(errors.MigrationError, match="the ledger leaves 1 question, and nothing was recorded"):
            result.raise_unless_ok()
    else:
        result.raise_unless_ok()


def test_what_is_recorded_has_the_ledgers_time_and_checksum() -> None:
    """The row that makes it applied counts, never the first one of that name."""
    result = judged(PRISMA, DONE, SET_ASIDE, MORE_DONE)
    assert [(item.at, item.checksum) for item in result.applied] == [(LATER, SUM), (LATEST, MORE_SUM)]
    assert result.pending == ()


def test_a_hole_is_marked() -> None:
    """What will run although a later one has run is out of order, and said so."""
    assert [item.hole for item in judged(PRISMA, MORE_DONE).verdicts] == [True, False]
    assert [item.hole for item in judged(PRISMA, DONE).verdicts] == [False, False]


@pytest.mark.parametrize("accepted", INIT.accepted)
def test_every_form_of_prismas_checksum_is_that_of_the_file(accepted: str) -> None:
    """Either line end, and the early releases' way to write it, are no edit."""
    result = judged(PRISMA, (INIT.name, AT, LATER, None, accepted, None, 1))
    assert (result.verdicts[0].answer, result.verdicts[0].checksum) == ("applied", accepted)


def test_a_row_without_a_file_stops_until_it_is_left_out() -> None:
    """Recorded, but the file is gone: it is named, and never silently dropped."""
    gone = ("20231231000000_gone", AT, LATER, None, SUM, None, 1)
    result = judged(PRISMA, gone, DONE)
    assert not result.ok
    with pytest.raises(errors.MigrationError, match=r"--accept-gone 20231231000000_gone"):
        result.raise_unless_ok()
    assert judged(PRISMA, gone, DONE, gone=("20231231000000_gone",)).ok
    # One that never ran is nobody's loss.
    assert judged(PRISMA, ("20231231000000_gone", AT, None, LATER, SUM, "error", 0), DONE).ok


def test_an_empty_ledger_on_a_full_database_stops() -> None:
    """No rows, or no ledger, and objects: a person names the last one that is there; an empty database runs all."""
    for actual in (ledger("prisma"), None):
        result = judgement.judge(PRISMA, actual, objects=True)
        assert not result.ok
        with pytest.raises(errors.MigrationError, match="but the database holds objects") as refusal:
            result.raise_unless_ok()
        assert "--through NAME" in refusal.value.hint
        named = judgement.Decisions(through=INIT.name)
        result = judgement.judge(PRISMA, actual, objects=True, decisions=named)
        assert [item.answer for item in result.verdicts] == ["not run", "pending"]
        assert result.ok
        result = judgement.judge(PRISMA, actual, objects=False)
        assert [item.answer for item in result.pending] == ["pending", "pending"]
        assert result.ok


def test_a_person_decides() -> None:
    """What failed is resolved either way, an edit is accepted, and a decision about nothing is refused."""
    resolved = judged(PRISMA, DONE, FAILED, resolved={MORE.name: "applied"})
    assert [(item.answer, item.situation) for item in resolved.verdicts][1] == ("applied", "resolved as applied")
    resolved = judged(PRISMA, DONE, FAILED, resolved={MORE.name: "rolled-back"})
    assert resolved.verdicts[1].answer == "rolled back"
    edited = (INIT.name, AT, LATER, None, f"sha256:{'0' * 64}", None, 1)
    accepted = judged(PRISMA, edited, edited=(INIT.name,)).verdicts[0]
    assert (accepted.answer, accepted.situation, accepted.checksum) == (
        "applied", "edited, and accepted", f"sha256:{'0' * 64}",
    )  # fmt: skip
    for wrong in ({"resolved": {"x": "applied"}}, {"edited": ("x",)}, {"gone": ("x",)}, {"through": "x"}):
        with pytest.raises(errors.ConfigError, match="names x, which is not there"):
            judged(PRISMA, DONE, **wrong)
    with pytest.raises(errors.ConfigError, match="neither applied nor rolled-back"):
        judged(PRISMA, DONE, FAILED, resolved={MORE.name: "done"})


FLYWAY = histories.history("flyway", histories.FLYWAY)
SUMS = {script.name: script.checksum for script in FLYWAY.scripts}
NINE = ("1.9", "nine", "SQL", "V1_9__nine.sql", SUMS["V1_9__nine"], AT, True)
TEN = ("1.10", "ten", "SQL", "V1.10__ten.sql", SUMS["V1.10__ten"], AT, True)
UNDONE = ("1.10", "ten", "UNDO_SQL", "U1.10__ten.sql", None, LATER, True)
VIEW = (None, "a view", "SQL", "R__a_view.sql", SUMS["R__a_view"], AT, True)


@cases.named(("raw", "expected"), [
    ("applied", [("0", "x", "SCHEMA", "x", None, AT, True), NINE, TEN, VIEW],
     ["applied", "applied", "pending", "applied", "pending"]),
    ("a failed row", [NINE, (*TEN[:-1], False)], ["applied", "stops", "pending", "pending", "pending"]),
    ("undone", [NINE, TEN, UNDONE], ["applied", "rolled back", "pending", "pending", "pending"]),
    ("undone, and applied again", [NINE, TEN, UNDONE, TEN], ["applied", "applied", "pending", "pending", "pending"]),
    ("Flyway's own baseline", [("1.10", "<< Flyway Baseline >>", "BASELINE", "", None, AT, True)],
     ["not run", "not run", "pending", "pending", "pending"]),
    ("a repeatable one that was changed", [NINE, TEN, (*VIEW[:4], "crc32:1", AT, True)],
     ["applied", "applied", "pending", "rolled back", "pending"]),
    ("an edited versioned one", [(*NINE[:4], "crc32:1", AT, True)],
     ["stops", "pending", "pending", "pending", "pending"]),
    ("written in another way", [("1.9.0", *NINE[1:])], ["applied", "pending", "pending", "pending", "pending"]),
    ("repaired: its file was gone for a while", [NINE, ("1.9", "nine", "DELETE", "", None, LATER, True), NINE],
     ["applied", "pending", "pending", "pending", "pending"]),
    ("repaired: its file is back", [NINE, ("1.9", "nine", "DELETE", "", None, LATER, True)],
     ["pending", "pending", "pending", "pending", "pending"]),
    ("no checksum", [(*NINE[:4], None, AT, True)], ["applied", "pending", "pending", "pending", "pending"]),
])  # fmt: skip
def test_flyways_situations(raw: list[rows.Raw], expected: list[str]) -> None:
    """By rank; undo and baseline rows count; repeatable files run again when they were changed."""
    assert [item.answer for item in judged(FLYWAY, *raw).verdicts] == expected


def test_flyways_baseline_file() -> None:
    """It is applied where what it stands for is; a database before it has to get there with Flyway."""
    files = {**histories.FLYWAY, "B1.10__all.sql": "SELECT 1;\n"}
    history = histories.history("flyway", files)
    assert [item.answer for item in judged(history, NINE, TEN).verdicts][:2] == ["not run", "pending"]
    assert judged(history, NINE, TEN).ok
    before = judged(history, NINE)
    assert before.verdicts[0].answer == "stops"
    assert "before 1.10" in before.verdicts[0].why
    fresh = ("1.10", "all", "SQL_BASELINE", "B1.10__all.sql", history.scripts[0].checksum, AT, True)
    assert judged(history, fresh).verdicts[0].answer == "applied"


SQITCH = histories.history("sqitch", histories.SQITCH)
SCHEMA, USERS, AGAIN = SQITCH.scripts
SQLX_SUM = histories.history("sqlx", histories.SQLX).scripts[0].checksum
DRIZZLE_SUM = histories.history("drizzle", histories.DRIZZLE).scripts[0].checksum


@cases.named(("raw", "expected"), [
    ("deployed", [(SCHEMA.version, "schema", SCHEMA.checksum, AT, "deploy")], ["applied", "pending", "pending"]),
    ("both of one name", [(USERS.version, "api/users", USERS.checksum, AT, "deploy"),
                          (AGAIN.version, "api/users", AGAIN.checksum, AT, "deploy")],
     ["pending", "applied", "applied"]),
    ("an edited script", [(SCHEMA.version, "schema", "sha1:0", AT, "deploy")], ["stops", "pending", "pending"]),
    ("an old registry", [(SCHEMA.version, "schema", f"sha1:{SCHEMA.version}", AT, "deploy")],
     ["applied", "pending", "pending"]),
    ("the plan's line was edited", [("0" * 40, "schema", SCHEMA.checksum, AT, "deploy")],
     ["applied", "pending", "pending"]),
    ("the last try failed", [(SCHEMA.version, "schema", None, AT, "fail")], ["stops", "pending", "pending"]),
    ("reverted", [(SCHEMA.version, "schema", None, AT, "revert")], ["rolled back", "pending", "pending"]),
])  # fmt: skip
def test_sqitchs_situations(raw: list[rows.Raw], expected: list[str]) -> None:
    """By the change's id; of those that are not deployed the last event counts."""
    assert [item.answer for item in judged(SQITCH, *raw).verdicts] == expected


@cases.named(("tool", "raw", "expected"), [
    ("dbmate", "dbmate", [("20240101000000", None, None, None)], ["applied", "pending"]),
    ("dbmate, a checksum", "dbmate", [("20240101000000", None, None, "sha256:0")], ["stops", "pending"]),
    ("goose", "goose", [("0", AT, True), (9, AT, True), (10, AT, True)], ["applied", "applied", "pending"]),
    ("goose, down", "goose", [(9, AT, True), (10, AT, True), (10, LATER, False)],
     ["applied", "rolled back", "pending"]),
    ("goose, a hole", "goose", [(10, AT, True)], ["pending", "applied", "pending"]),
    ("golang-migrate", "golang-migrate", [(9, False)], ["applied", "pending"]),
    ("golang-migrate, the last one", "golang-migrate", [(10, False)], ["applied", "applied"]),
    ("golang-migrate, dirty", "golang-migrate", [(10, True)], ["applied", "stops"]),
    ("alembic", "alembic-sql", [("bbb", None, None, None)], ["applied", "applied"]),
    ("alembic, before", "alembic-sql", [("aaa", None, None, None)], ["applied", "pending"]),
    ("diesel", "diesel", [("20240102000000", None, AT, None)], ["pending", "applied"]),
    ("sqlx", "sqlx", [(20240101000000, "init", AT, SQLX_SUM, True)],
     ["applied", "pending"]),
    ("sqlx, not finished", "sqlx", [(20240101000000, "init", AT, "sha384:0", False)], ["stops", "pending"]),
    ("sqlx, edited", "sqlx", [(20240101000000, "init", AT, "sha384:0", True)], ["stops", "pending"]),
    ("drizzle", "drizzle", [(1700000000000, None, None, DRIZZLE_SUM)],
     ["applied", "pending"]),
    ("drizzle, edited", "drizzle", [(1700000000000, None, None, "sha256:0")], ["stops", "pending"]),
    ("drizzle, a hole that it never fills", "drizzle", [(1700000001000, None, None, None)], ["stops", "applied"]),
    ("node-pg-migrate", "node-pg-migrate", [("20230101000000000_first", None, AT, None)], ["applied", "pending"]),
    ("supabase, a name tells two of one time apart", "supabase", [("20240101000000", "b", None, None)],
     ["pending", "applied"]),
    ("supabase, without a name it cannot be told", "supabase", [("20240101000000", None, None, None)],
     ["stops", "stops"]),
])  # fmt: skip
def test_the_other_tools_situations(tool: str, raw: list[rows.Raw], expected: list[str]) -> None:
    """Each tool's own rule: rows, the last version only, or where the branches stand."""
    history = histories.history(tool, histories.ALL[tool])
    assert [item.answer for item in judged(history, *raw).verdicts] == expected


@cases.named(("tool", "raw"), [
    ("goose", "goose", [(9, AT, True), (99, AT, True)]),
    ("golang-migrate", "golang-migrate", [(99, False)]),
    ("alembic", "alembic-sql", [("zzz", None, None, None)]),
    ("flyway", "flyway", [("7", "seven", "SQL", "V7__seven.sql", None, AT, True)]),
    ("sqitch", "sqitch", [("1" * 40, "other", None, AT, "deploy")]),
    ("drizzle", "drizzle", [(1600000000000, None, None, "sha256:0")]),
])  # fmt: skip
def test_no_tools_row_without_a_file_is_passed_over(tool: str, raw: list[rows.Raw]) -> None:
    """What the ledger has and the folder has not is a question, whichever the tool."""
    result = judged(histories.history(tool, histories.ALL[tool]), *raw)
    assert [item.row.version for item in result.gone] == [str(raw[-1][0])]
    assert not result.ok


def test_what_was_left_out_is_not_gone() -> None:
    """A migration in Go that a person left out has its row, and that is no question."""
    history = model.without(
        histories.history("goose", {**histories.GOOSE, "12_more.go": "package x"}), {"12_more": "its index is there"}
    )
    assert standings.unknown(history, ledger("goose", (9, AT, True), (12, AT, True))) == []
    assert judged(history, (9, AT, True), (12, AT, True)).ok


def test_a_plan_names_ids() -> None:
    """What is to be recorded has our id and the ledger's time and checksum; what is pending has only the id."""
    made = conversion.convert(PRISMA)
    marked = (INIT.name, AT, AT, None, SUM, "", 0)
    plan = records.plan(PRISMA, made, judged(PRISMA, marked, MORE_DONE))
    assert plan.records == (
        records.Record("public.20240101000000.init", "public", INIT.name, AT, SUM, False, "it was not run"),
        records.Record("public.20240102000000.more", "public", MORE.name, LATEST, MORE_SUM, True),
    )
    assert plan.pending == ()
    plan = records.plan(PRISMA, made, judged(PRISMA, MORE_DONE))
    assert (plan.pending, plan.out_of_order) == (("public.20240101000000.init",), ("public.20240101000000.init",))
    with pytest.raises(errors.MigrationError, match="the ledger leaves 1 question"):
        records.plan(PRISMA, made, judged(PRISMA, DONE, FAILED))


EVENTS = st.lists(st.sampled_from(["runs", "fails", "dies", "marked", "set aside"]), max_size=8)


@given(EVENTS)
def test_prismas_rows_are_judged_as_they_came_about(events: list[str]) -> None:
    """Whatever Prisma's commands did to one migration, in the order that it allows: the answer is what is so.

    A run needs that nothing is applied and nothing failed; `resolve --rolled-back` sets the failed one aside, and
    `resolve --applied` does so too and adds a row without steps.
    """
    table: list[list[str | int | None]] = []
    state = "pending"
    for minute, event in enumerate(events):
        at = f"2024-01-01T00:{minute:02}:00.000000Z"
        if event in ("runs", "fails", "dies") and state in ("pending", "rolled back"):
            done, log = (at, None) if event == "runs" else (None, "ERROR" if event == "fails" else None)
            table.append([MORE.name, at, done, None, MORE_SUM, log, 1 if done else 0])
            state = {"runs": "applied", "fails": "stops", "dies": "stops"}[event]
        elif event in ("set aside", "marked") and state != "applied" and state != "not run":
            if event == "set aside" and state != "stops":
                continue
            for row in table:
                if row[2] is None and row[3] is None:
                    row[3] = at
            if event == "marked":
                table.append([MORE.name, at, at, None, MORE_SUM, "", 0])
            state = "not run" if event == "marked" else "rolled back"
    verdict = judged(PRISMA, DONE, *table).verdicts[1]
    assert verdict.answer == state
    if state in ("applied", "not run"):
        assert verdict.at == next(row[2] for row in reversed(table) if row[2])
