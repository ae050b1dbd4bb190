"""The report of parity: counts, exit codes, metrics, and that what a database holds cannot break the page."""

import dataclasses
import datetime
import html.parser
import io
import re
from typing import Any

import pytest

from schemata.config import declared
from schemata.parity import diff, ignoring, renames
from schemata.parity.reports import metrics, outcome, page, report
from schemata.report import render
from schemata.snapshot import kinds, model
from tests.unit import cases

HOSTILE = "<script>alert('x')</script>&\"\n\x1b[2J"


def changed(schema: str, fact: str, kind: str = "table", name: str = "users") -> diff.Difference:
    """Return that one fact of a table differs."""
    item = model.Item(kind, schema, name, "", {fact: "a"})
    severity = kinds.severity(kind, fact)
    return diff.Difference("changed", severity, item, item, (diff.Change(fact, "a", "b", severity),))


def asked(name: str, *differences: diff.Difference, schemas: tuple[str, ...] = ("app",)) -> outcome.Outcome:
    """Return the outcome of a target that was asked."""
    return outcome.Outcome(name, f"postgresql://h/{name}", "the other side", schemas, differences=differences)


def away(name: str) -> outcome.Outcome:
    """Return the outcome of a target that was not."""
    return outcome.Outcome(name, name, "the other side", problem="it is not there", hint="Start it.")


def made(*outcomes: outcome.Outcome, counted: tuple[str, ...] = kinds.SEVERITIES, **more: Any) -> report.Report:
    """Return a report."""
    return report.Report(outcomes, counted, more.pop("rules", ()), 1_700_000_000, several=len(outcomes) > 1, **more)


DEFAULT, COMMENT = changed("app", "persistence"), changed("app", "comment")


@cases.named(
    ("outcomes", "counted", "code"),
    [
        ("parity", [asked("a")], kinds.SEVERITIES, 0),
        ("a difference", [asked("a", COMMENT)], kinds.SEVERITIES, 1),
        ("a difference that does not count", [asked("a", COMMENT)], ("structure", "access"), 0),
        ("one that counts beside it", [asked("a", COMMENT, DEFAULT)], ("structure", "access"), 1),
        ("not asked", [away("a")], kinds.SEVERITIES, 3),
        ("not asked is worse than a difference", [asked("a", DEFAULT), away("b")], kinds.SEVERITIES, 3),
        ("not asked, and parity elsewhere", [asked("a"), away("b")], ("structure",), 3),
    ],
)
def test_the_exit_code(outcomes: list[outcome.Outcome], counted: tuple[str, ...], code: int) -> None:
    """0 parity, 1 differences that count, 3 a target that could not be asked."""
    result = made(*outcomes, counted=counted)
    assert result.exit_code == code
    assert result.ok is (code == 0)
    assert result.as_dict()["exit_code"] == code


def test_the_matrix_counts_by_target_schema_and_class() -> None:
    """A row for each target and schema, with parity too; what was not asked has no counts."""
    database = changed("", "option", "extension", "citext")
    result = made(asked("a", DEFAULT, COMMENT, database, schemas=("app", "audit")), asked("b"), away("c"))
    assert result.rows() == [
        ("a", "(database)", 1, 0, 0, 0, 0, "differs"),
        ("a", "app", 1, 0, 0, 1, 0, "differs"),
        ("a", "audit", 0, 0, 0, 0, 0, "parity"),
        ("b", "(database)", 0, 0, 0, 0, 0, "parity"),
        ("b", "app", 0, 0, 0, 0, 0, "parity"),
        ("c", None, None, None, None, None, None, "not asked"),
    ]
    assert [tuple(row.values()) for row in result.as_dict()["matrix"]] == result.rows()


def test_what_does_not_count_is_no_parity() -> None:
    """A schema that differs in nothing that counts is not called equal."""
    assert made(asked("a", COMMENT), counted=("structure",)).rows()[1][-1] == "not counted"


def _samples(text: str) -> dict[str, int]:
    """Return the samples of Prometheus' text format, checked line by line against its grammar."""
    name, label = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
    found: dict[str, int] = {}
    typed: set[str] = set()
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        if match := re.fullmatch(rf"# (HELP|TYPE) ({name}) (.+)", line):
            if match[1] == "TYPE":
                assert match[2] not in typed, "a metric is told in one piece"
                assert match[3] == "gauge"
                typed.add(match[2])
            continue
        match = re.fullmatch(rf"({name})(\{{{label}(?:,{label})*\}}) (-?\d+)", line)
        assert match, line
        assert match[1] in typed, "its type comes before it"
        assert match[1] + match[2] not in found
        found[match[1] + match[2]] = int(match[3])
    return found


def test_metrics() -> None:
    """Counts by target, schema and class, zero too; whether it could be asked, and when."""
    found = _samples(metrics.text(made(asked("a", DEFAULT), away("b"))))
    assert found['schemata_parity_differences{target="a",schema="app",severity="structure"}'] == 1
    assert found['schemata_parity_differences{target="a",schema="app",severity="access"}'] == 0
    assert found['schemata_parity_differences{target="a",schema="(database)",severity="structure"}'] == 0
    assert found['schemata_parity_asked{target="a"}'] == 1
    assert found['schemata_parity_asked{target="b"}'] == 0
    assert found['schemata_parity_checked_timestamp_seconds{target="b"}'] == 1_700_000_000
    assert not [name for name in found if name.startswith("schemata_parity_diff") and 'target="b"' in name]


def test_metrics_of_a_hostile_name() -> None:
    """A schema may be called anything."""
    found = _samples(metrics.text(made(asked("a", schemas=('ap"p\\\n',)))))
    assert 'schemata_parity_ignored{target="a",schema="ap\\"p\\\\\\n"}' in found


class Page(html.parser.HTMLParser):
    """The tags and the text of a page, and whether each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "col", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def _hostile() -> report.Report:
    item = model.Item("view", HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE})
    change = diff.Change(HOSTILE, HOSTILE, f"{HOSTILE} more", "structure")
    part = model.Item("column", HOSTILE, HOSTILE, HOSTILE, {"type": HOSTILE})
    differences = (
        diff.Difference("changed", "structure", item, item, (change,)),
        diff.Difference("extra", "access", None, item, parts=(part,)),
        diff.Difference("missing", "cosmetic", item, None),
    )
    rule = declared.Ignore(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, datetime.date(2026, 1, 1))
    one = outcome.Outcome(
        HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), (HOSTILE,), differences,
        ignored=(ignoring.Ignored(rule, differences[0]),), renamed=(renames.Rename(item, item),), notes=(HOSTILE,),
    )  # fmt: skip
    other = outcome.Outcome(HOSTILE + "2", HOSTILE, HOSTILE, problem=HOSTILE, hint=HOSTILE)
    return made(one, other, rules=(ignoring.Use(rule, "in use", 1),))


def test_the_page_escapes_everything() -> None:
    """Names, values, notes, errors and rules make no tag, in no place, and every tag is closed."""
    found = Page(page.render(_hostile()))
    assert not found.open
    assert not [tag for tag, _ in found.tags if tag == "script"]
    assert found.words.count("<script>alert('x')</script>&\"") > 20
    assert not [attributes for _, attributes in found.tags if any(name.startswith("on") for name in attributes)]


def test_the_page_loads_nothing() -> None:
    """It has no address of anything but its own parts."""
    text = page.render(_hostile())
    found = Page(text)
    for tag, attributes in found.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed")
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in text
    assert "@import" not in text


def test_each_address_on_the_page_is_there() -> None:
    """A count leads to its differences; two targets or schemas never share an address."""
    found = Page(page.render(_hostile()))
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in found.tags:
        if attributes.get("href"):
            assert str(attributes["href"])[1:] in ids


@pytest.mark.parametrize("full", [True, False])
def test_a_terminal_gets_no_command_from_a_database(full: bool) -> None:
    """No name, value, note or error moves the cursor or changes a colour."""
    text = render.render(dataclasses.replace(_hostile(), full=full), render.Paint(io.StringIO(), {}))
    assert not [line for line in text.split("\n") if not line.isprintable()]
    assert text.count("alert('x')") > 10


@pytest.mark.parametrize("several", [True, False])
def test_no_problem_is_parity(several: bool) -> None:
    """A target that could not be asked is told as such in the text, and nothing says parity of it."""
    result = made(away("a"), away("b")) if several else made(away("a"))
    told = "\n".join(getattr(block, "text", "") for block in result.blocks())
    assert "could not be asked: it is not there" in told
    assert "Parity: no difference" not in told
    assert "Start it." in told
