"""`inv report`: one page of a migrated platform, in a browser."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests import browsing
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

SECTIONS = ("status", "entities", "migrations", "parity", "slow-queries", "advice")
TABLES = """-- People and what they buy.
CREATE TABLE app.people (id bigint PRIMARY KEY, name text NOT NULL, chief_id bigint REFERENCES app.people (id));
CREATE TABLE app.purchases (id bigint PRIMARY KEY, at timestamptz,
    person_id bigint NOT NULL REFERENCES app.people (id));
COMMENT ON TABLE app.people IS '</details><script>alert("x")</script>';
CREATE VIEW app.lately AS SELECT id, at FROM app.purchases WHERE at > '2026-01-01';
"""


@pytest.mark.slow
def test_the_page(schemata: CommandLine, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each section is there, one without an answer says why; nothing is loaded, run, or wider than the window."""
    project.write("app.20260101000000.people", TABLES, "SELECT 1;\n")
    project.write("app.20260102000000.later", "-- Later.\nALTER TABLE app.people ADD COLUMN note text;\n")
    assert schemata("migrate", "--to", "app.20260101000000.people").returncode == 0
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE app.people ADD COLUMN by_hand int")
    page = tmp_path / "out" / "report.html"
    done = schemata("report", "--out", str(page), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["sections"] == list(SECTIONS)
    text = page.read_text()
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["'](?!#)""", text), "nothing outside of the page"

    monkeypatch.setenv("HOME", str(tmp_path))
    dom = browsing.browse(browsing.found(), tmp_path / "profile", page, "--dump-dom", "--enable-logging=stderr")
    shown = browsing.words(dom)
    for part in ("1 pending", "people", "app.20260102000000.later", "by_hand", "shared_preload_libraries", "lately"):
        assert part in shown, part
    assert "&lt;script&gt;" in dom, "a comment of the database is text"
    browsing.BUILD.mkdir(exist_ok=True)
    for scheme, background in (("light", b"\xff\xff\xff"), ("dark", b"\x14\x17\x1c")):
        for width in (1280, 400):
            picture = browsing.BUILD / f"report-{scheme}-{width}.png"
            picture.unlink(missing_ok=True)
            dark = ("--blink-settings=preferredColorScheme=0",) if scheme == "dark" else ()
            size = f"--window-size={width},2000"
            browsing.browse(browsing.found(), tmp_path / "profile", page, size, f"--screenshot={picture}", *dark)
            seen = browsing.colours(picture)
            assert background in seen
            assert len(seen) > 30, "there is something to see"


def test_a_role_that_may_not_read_the_history(
    schemata: CommandLine, project: Project, make_role: Callable[..., str]
) -> None:
    """The sections about it say why they have no answer; the diagram is there."""
    project.write("app.20260101000000.people", TABLES, "DROP TABLE app.people;\n")
    assert schemata("migrate").returncode == 0
    done = schemata("report", "--url", make_role(project.url), "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["sections"] == list(SECTIONS)
    text = Path(facts["file"]).read_text()
    assert "permission denied" in text
    assert 'aria-label="Diagram of schema app"' in text
    assert "purchases" in text


def test_a_file_that_cannot_be_written(schemata: CommandLine, project: Project) -> None:
    """Refused with the reason; nothing is lost."""
    (project.root / "taken").write_text("mine")
    assert schemata("migrate").returncode == 0
    text = schemata.refused("report", "--out", "taken/report.html", code=2, says=("taken", "--out"))
    assert "Traceback" not in text
    assert (project.root / "taken").read_text() == "mine"


def test_the_last_cold_starts(schemata: CommandLine, project: Project) -> None:
    """The grid of the files in the folder that the settings name; a damaged one is left out."""
    project.configure('[tool.schemata.report]\ncoldstart = "grid"\n')
    folder = project.root / "grid"
    folder.mkdir()
    cells = [
        {"column": "pg18", "state": "empty database", "case": "", "outcome": "passed", "seconds": 1.25},
        {"column": "pg18", "state": "behind", "case": "3", "outcome": "failed", "seconds": 2.0},
    ]
    (folder / "coldstart-pg18.json").write_text(json.dumps({"format": 1, "cells": cells}))
    (folder / "coldstart-pg17.json").write_text("{")
    assert schemata("migrate").returncode == 0
    assert schemata("report").returncode == 0
    text = (project.root / ".schemata" / "report.html").read_text()
    assert "1 of 2 green" in text
    assert "<td>1.2 s</td>" in text
    assert '<td class="bad">failed</td>' in text
