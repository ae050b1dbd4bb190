"""Whether a service may take traffic: every relation between what a build has and what a database has."""

import pytest

from schemata import readiness
from schemata.migrations import builds

OLD = "app.20250101000001.old"
BUILT = "app.20250102000002.built"
NEW = "app.20250103000003.new"
# What of the question's row is no matter here: settled, standby, structure, deployer, compatible.
REST = ("true", "false", '{"app" : "a1"}', "schemata", None)


def build(accepts: str = "") -> builds.Build:
    """Return a build whose last migration is BUILT."""
    return builds.Build("d1", BUILT, {"history": "schemata", "accepts": accepts}, True)


@pytest.mark.parametrize(
    ("row", "accepts", "reason"),
    [
        (("d1", "true", BUILT, *REST), "", ""),
        (("d1", "true", BUILT, "false", "true", None, None, None), "", ""),
        (None, "", "no migration is recorded in the database; this build needs " + BUILT),
        (("d0", "true", None, *REST), "", "no migration is recorded"),
        (("d0", "true", OLD, *REST), "", f"the database is at {OLD}; this build needs {BUILT}"),
        (("d0", "true", OLD, *REST), "..20259999999999", f"the database is at {OLD}; this build needs {BUILT}"),
        (
            ("d2", "true", NEW, *REST),
            "",
            f"the database is at {NEW}, after this build's {BUILT}, which accepts no other",
        ),
        (("d2", "true", NEW, *REST), "20250102000002..20250103000003", ""),
        (("d2", "true", NEW, *REST), "..20250103000003", ""),
        (("d2", "true", NEW, *REST), "20250102000002..20250102999999", "which accepts 20250102000002..20250102999999"),
        (("d3", "true", BUILT, *REST), "", f"the migrations before {BUILT} are not the ones of this build"),
        (("d1", "false", BUILT, *REST), "", "the history was changed by something else"),
    ],
    ids=[
        "the same",
        "the same, on a standby",
        "no history",
        "an empty history",
        "behind",
        "behind is never accepted",
        "ahead",
        "ahead, within the range",
        "ahead, within an open range",
        "ahead, after the range",
        "other migrations",
        "rows that the summary does not count",
    ],
)
def test_a_verdict_says_why(row: tuple[str | None, ...] | None, accepts: str, reason: str) -> None:
    """Ready exactly where the reason is empty; the verdict names both revisions."""
    verdict = readiness.judge(build(accepts), row)
    assert verdict.ready is (not reason)
    assert verdict.reason.startswith(reason) or reason in verdict.reason
    assert bool(verdict.reason) is bool(reason)
    assert verdict.wanted == BUILT
    assert verdict.revision == ((row[2] or "") if row else "")


def test_the_environment_may_accept_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """SCHEMATA_ACCEPTS wins over what the build was sealed with, as for the boot."""
    row = ("d2", "true", NEW, *REST)
    assert not readiness.judge(build(), row).ready
    monkeypatch.setenv("SCHEMATA_ACCEPTS", "20250102000002..20250103000003")
    assert readiness.judge(build(), row).ready


def test_the_question_names_the_history() -> None:
    """The question reads the history of the build's settings and no other."""
    asked = readiness.question(builds.Build("d", BUILT, {"history": "elsewhere"}, True))
    assert '"elsewhere".head' in asked
    assert "schemata" not in asked


def test_a_database_from_before_a_squash_is_ready() -> None:
    """It has what the baselines stand for; another digest is not taken for it, nor is none."""
    squashed = builds.Build("d1", BUILT, {"history": "schemata", "accepts": "", "also": "d0 d00"}, True)
    assert [readiness.judge(squashed, (digest, "true", BUILT, *REST)).ready for digest in ("d1", "d0", "d00")] == [
        True
    ] * 3
    assert not readiness.judge(squashed, ("d", "true", BUILT, *REST)).ready
    assert not readiness.judge(squashed, ("", "true", BUILT, *REST)).ready
