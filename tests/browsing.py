"""A browser without a screen: what it makes of a page, and how that looks."""

import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BUILD = REPOSITORY / "build"


def found() -> str:
    """Return the program; in CI there has to be one."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have Chromium or Chrome")
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is on PATH")
    return program


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
