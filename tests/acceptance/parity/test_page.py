"""The page of inv parity in a browser: what is on it, how it looks, and that it asks nobody for anything."""

from pathlib import Path

import pytest

from tests import browsing
from tests.acceptance.conftest import CommandLine
from tests.acceptance.parity.conftest import SECRET, Pair
from tests.conftest import Project

CHANGE = """
    ALTER TABLE app.users ALTER COLUMN name TYPE character varying(120), ALTER COLUMN name SET DEFAULT '<b>&';
    ALTER TABLE app.users ADD COLUMN nick text;
    ALTER TABLE app.orders RENAME COLUMN note TO remark;
    ALTER TABLE app.orders DROP CONSTRAINT orders_user_id_fkey;
    ALTER TABLE app.orders ADD CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES app.users (id)
        ON DELETE CASCADE;
    CREATE OR REPLACE VIEW app.totals AS SELECT user_id, sum(total) AS total, count(*) AS number FROM app.orders
        WHERE total > 1 GROUP BY user_id;
    CREATE OR REPLACE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.created_at := clock_timestamp();
        RETURN NEW;
    END $$;
    ALTER TABLE app.users DISABLE TRIGGER touch;
    CREATE TABLE app.tmp_import (id int PRIMARY KEY, line text NOT NULL);
    GRANT SELECT ON app.users TO PUBLIC;
    DROP INDEX app.idx_users_created_at;
    CREATE INDEX idx_users_created_at ON app.users (created_at, id);
    COMMENT ON TABLE app.users IS 'Persons';
"""
RULES = """
[[tool.schemata.ignore]]
kind = "table"
name = "tmp_*"
reason = "left by the nightly import"
"""


@pytest.fixture(scope="session")
def browser() -> str:
    """Return the browser."""
    return browsing.found()


@pytest.mark.slow
def test_the_page(
    browser: str, schemata: CommandLine, project: Project, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matrix, definitions, marks, notes, rules, what was not compared: in light and in dark, kept as pictures."""
    settings = project.root / "pyproject.toml"
    settings.write_text(settings.read_text() + RULES)
    pair.change(pair.prod, CHANGE)
    page = tmp_path / "parity.html"
    flags = ("parity", "--targets", "staging,prod,away", "--against", "staging", "--html", str(page))
    found = schemata.json(*flags, code=3)
    assert SECRET not in page.read_text()

    monkeypatch.setenv("HOME", str(tmp_path))
    dom = browsing.browse(browser, tmp_path / "profile", page, "--dump-dom")
    text = browsing.words(dom)
    for outcome in found["targets"]:
        for difference in outcome.get("differences", ()):
            assert difference["subject"] in text
            for change in difference["changes"]:
                assert change["fact"] in text
    for row in found["not_compared"]:
        assert row["what"] in text
    told = ("could not be asked", "left by the nightly import", "renamed?", "✓ parity", "'&lt;b&gt;&amp;'::character")
    for part in told:
        assert part in text, part
    for tag, word in (("del", "100"), ("ins", "120"), ("del", "now"), ("ins", "clock_timestamp")):
        assert f"<{tag}>{word}</{tag}>" in dom

    browsing.BUILD.mkdir(exist_ok=True)
    for scheme, background in (("light", b"\xff\xff\xff"), ("dark", b"\x14\x17\x1c")):
        picture = browsing.BUILD / f"parity-{scheme}.png"
        picture.unlink(missing_ok=True)
        dark = ("--blink-settings=preferredColorScheme=0",) if scheme == "dark" else ()
        browsing.browse(browser, tmp_path / "profile", page, f"--screenshot={picture}", *dark)
        seen = browsing.colours(picture)
        assert background in seen
        assert len(seen) > 50, "there is something to see"
