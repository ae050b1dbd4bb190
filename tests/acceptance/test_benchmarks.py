"""The benchmarks work, so that a table can be written at any time."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def test_the_benchmarks_measure_and_write_their_page(tmp_path: Path) -> None:
    """A quick run of few migrations measures ours against what is installed, and writes a table with the machine."""
    page = tmp_path / "benchmarks.md"
    run = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "run.py"), "noop", "services", "seed",
         "--quick", "--rounds", "1", "--sizes", "2,5", "--write", str(page)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    text = page.read_text(encoding="utf-8")
    for words in (
        "# Benchmarks",
        "Nothing to do, 5 applied",
        "| boot, sealed |",
        "| boot, working tree |",
        " cores (",
        "| financial-svc |",
        "| inv seed |",
    ):
        assert words in text
    assert str(REPOSITORY) not in text


def test_sections_are_put_into_a_page(tmp_path: Path) -> None:
    """Those that are measured stand once, with what they were measured on; the others are as they were."""
    page = tmp_path / "benchmarks.md"
    page.write_text("# Page\n\nHead.\n\n## Nothing to do, 2 applied\n\nold\n\n## Other\n\nkept\n", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "run.py"), "noop",
         "--quick", "--rounds", "1", "--sizes", "2,3", "--update", str(page)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Page\n\nHead.\n\n## Nothing to do, 2 applied\n\n| ")
    assert [line for line in text.splitlines() if line.startswith("## ")][:3] == [
        "## Nothing to do, 2 applied",
        "## Other",
        "## Nothing to do, 3 applied",
    ]
    assert "\n\n## Other\n\nkept\n\n## " in text
    assert "old" not in text
    assert text.count("Measured on ") == text.count("\n## ") - 1


def test_an_unknown_part_is_refused() -> None:
    """A part that does not exist is named, and nothing is started."""
    run = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "run.py"), "speed"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert "no such part: speed" in run.stderr
