"""squawk as a program: found, asked, and read. Its one home.

What it does that one has to know: lines count from 0 and columns are bytes; one file that it cannot read ends it before
it tells anything of the others, with the exit code of a finding; a key of its settings that it does not know is passed
over. So it gets copies that are known to be readable, settings of ours, and nothing of the working folder.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from schemata import errors
from schemata.lint import model
from schemata.system import processes

PROGRAM = "squawk"
_INSTALL = "Install it: pip install 'pgschemata[lint]'"
_LEAST, _BELOW = (2, 70), (3, 0)
_PATIENCE = 60.0  # seconds; it reads a thousand files in one


class SquawkFailed(errors.NotAvailable):
    """squawk ended without an answer that can be read, so nobody may take its silence for "clean"."""


@dataclasses.dataclass(frozen=True)
class Violation:
    """A finding of squawk's: its rule, the offset in the text in characters, what it says, and what it advises."""

    rule: str
    offset: int
    message: str
    help: str


def program() -> Path:
    """Return squawk's program: that of this Python first. Raises NotAvailable where there is none."""
    beside = Path(sys.executable).parent / PROGRAM
    for candidate in (beside, beside.with_suffix(".exe")):
        if candidate.is_file():
            return candidate
    named = shutil.which(PROGRAM)
    if named is None:
        raise errors.NotAvailable(
            "squawk is not installed, and without it lint would say too little",
            f"{_INSTALL}, or --no-squawk to do without.",
        )
    return Path(named)


def ask(scripts: Sequence[model.Script], *, major: str, include: Sequence[str]) -> dict[str, list[Violation]]:
    """Return what squawk says of each file, by its path.

    Raises NotAvailable where it is not there or of another release, SquawkFailed where its answer cannot be read.
    """
    found: dict[str, list[Violation]] = {script.path: [] for script in scripts}
    squawk = program()
    with tempfile.TemporaryDirectory(prefix="schemata-lint-") as folder:
        settings = Path(folder) / "settings.toml"
        settings.write_text("", encoding="utf-8")
        common: list[str | Path] = [squawk, "--config", settings, "--reporter", "json", "--pg-version", f"{major}.0"]
        if include:
            common += ["--include", ",".join(include)]
        groups = []
        for flag, in_transaction in (("--assume-in-transaction", True), ("--no-assume-in-transaction", False)):
            names = {}
            for number, script in enumerate(scripts):
                if (script.mode == "transaction") is in_transaction:
                    path = Path(folder) / f"{number:06d}.sql"
                    path.write_text(script.sql, encoding="utf-8", newline="\n")
                    names[str(path)] = script
            if names:
                groups.append(([*common, flag, *names], names))
        with processes.begun([squawk, "--version"], cwd=folder) as version:
            answers = [(_run(command, folder), names) for command, names in groups]
            _check(version.finish("", _PATIENCE).output)
    for answer, names in answers:
        for item in answer:
            script = names[str(item["file"])]
            found[script.path].append(_violation(item, script.sql))
    return found


def _run(command: Sequence[str | Path], folder: str) -> list[dict[str, Any]]:
    done = processes.run(command, cwd=folder, timeout=_PATIENCE)
    try:
        answer = json.loads(done.output)
        if done.code in (0, 1) and isinstance(answer, list):
            return answer
    except ValueError:
        pass
    told = (done.complaint or done.output).strip().partition("\n")[0]
    raise SquawkFailed(f"squawk ended with exit code {done.code} and no answer: {told}", _remedy(told))


def _remedy(told: str) -> str:
    if "unknown" in told.lower() or "invalid value" in told.lower():
        return "Correct the rule in [tool.schemata.lint] levels; docs/lint-rules.md lists them."
    return f"{_INSTALL.replace('Install it', 'Install it again')}, or --no-squawk to do without."


def _check(told: str) -> None:
    """Refuse a release whose rules and output are not those that were looked at."""
    match = re.search(r"(\d+)\.(\d+)", told)
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    if not _LEAST <= release < _BELOW:
        raise errors.NotAvailable(
            f"{told.strip() or 'squawk'} is another release than lint is made for (at least 2.70, below 3)", _INSTALL
        )


def _violation(item: dict[str, Any], sql: str) -> Violation:
    line, column = int(item["line"]), int(item["column"])
    start = _line_start(sql, line)
    text = sql[start : sql.find("\n", start) if "\n" in sql[start:] else len(sql)]
    before = text.encode()[:column].decode(errors="ignore")
    return Violation(
        str(item["rule_name"]), start + len(before), str(item["message"]).strip(), str(item.get("help") or "").strip()
    )


def _line_start(sql: str, line: int) -> int:
    at = 0
    for _ in range(line):
        at = sql.find("\n", at) + 1
        if not at:
            return len(sql)
    return at


def paths(scripts: Iterable[model.Script]) -> tuple[model.Script, ...]:
    """Return the files that squawk is asked about: those that parse and are not too large for it."""
    return tuple(script for script in scripts if script.judged and script.statements and script.is_plain)
