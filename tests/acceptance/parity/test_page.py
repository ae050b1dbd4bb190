"""The page of inv parity in a browser: what is on it, how it looks, and that it asks nobody for anything."""

import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.acceptance.conftest import CommandLine
from tests.acceptance.parity.conftest import SECRET, Pair
from tests.conftest import REPOSITORY, Project

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
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BUILD = REPOSITORY / "build"


@pytest.fixture(scope="session")
def browser() -> str:
    """Return the program; in CI there has to be one."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have Chromium or Chrome")
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is on PATH")
    return found


def browse(browser: str, profile: Path, page: Path, *flags: str) -> str:
    """Open a page in the browser without a screen; return what it printed."""
    ended = subprocess.run(
        [
            browser, "--headless", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
            # Its sandbox refuses root, which containers run as; the page is our own and runs nothing.
            "--no-sandbox", f"--user-data-dir={profile}", "--window-size=1280,2600", *flags, page.as_uri(),
        ],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def colours(path: Path, rows: int = 200) -> set[bytes]:
    """Return the colours of a PNG's first rows. A browser's has eight bits and no interlace; no library is needed."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, packed, width, size = 8, b"", 0, 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            width, size = int.from_bytes(body[:4], "big"), {2: 3, 6: 4}[body[9]]
        packed += body if kind == b"IDAT" else b""
        position += length + 12
    raw, stride = zlib.decompress(packed), width * size + 1
    found: set[bytes] = set()
    above = bytes(stride - 1)
    for start in range(0, min(len(raw), rows * stride), stride):
        line = bytearray(raw[start + 1 : start + stride])
        _unfilter(raw[start], line, above, size)
        found.update(bytes(line[at : at + 3]) for at in range(0, len(line), size * 7))
        above = bytes(line)
    return found


def _unfilter(kind: int, line: bytearray, above: bytes, size: int) -> None:
    for at in range(len(line)):
        left, corner = (line[at - size], above[at - size]) if at >= size else (0, 0)
        up = above[at]
        if kind == 4:
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
            line[at] = (line[at] + near[2]) % 256
        else:
            line[at] = (line[at] + (0, left, up, (left + up) // 2)[kind]) % 256


def words(dom: str) -> str:
    """Return the text of a page's document as the browser has it."""
    body = dom.partition("</style>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body))


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
    dom = browse(browser, tmp_path / "profile", page, "--dump-dom")
    text = words(dom)
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

    BUILD.mkdir(exist_ok=True)
    for scheme, background in (("light", b"\xff\xff\xff"), ("dark", b"\x14\x17\x1c")):
        picture = BUILD / f"parity-{scheme}.png"
        picture.unlink(missing_ok=True)
        dark = ("--blink-settings=preferredColorScheme=0",) if scheme == "dark" else ()
        browse(browser, tmp_path / "profile", page, f"--screenshot={picture}", *dark)
        seen = colours(picture)
        assert background in seen
        assert len(seen) > 50, "there is something to see"
