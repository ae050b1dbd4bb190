"""Run a project's own program at the end of `inv dev-up`, and print its output: the setting `after_up`.

The program runs when the start changed something, or when what it was last run for has changed: its command, the
database, the migrations, the services' URLs. Its output is remembered, so that a start with nothing to do prints it
again and runs nothing.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from schemata import config, errors
from schemata.report import progress, results
from schemata.services import manage, outcome
from schemata.system import processes

PATIENCE = 60.0  # seconds that the program may take
#: In the project's state directory: the output of the last run, and anything that the program itself keeps there.
FOLDER = "after-up"
_OUTPUT = "output.json"
_LAST_LINES = 12
_CHANGED = ("made and started", "started")


def run(
    settings: config.Config,
    table: results.Table,
    url: str,
    build: str,
    *,
    own_server: bool,
    reporter: progress.Reporter,
) -> results.Table:
    """Return the report of a start, services included, with the output of the project's program at its end.

    After a start that failed nothing is run. A program that fails, or does not end in time, makes the report one of a
    failure: server and services go on, nothing is remembered, and the next `inv dev-up` runs it again.
    """
    if not settings.after_up or table.exit_code != errors.DONE:
        return table
    states = table.facts.get("services", [])
    urls = {f"{_variable(state['name'])}_URL": state["url"] for state in states if _is_up(state) and state["url"]}
    fingerprint = _fingerprint([*settings.after_up, url, build, *(f"{name}={value}" for name, value in urls.items())])
    path = settings.state_dir / FOLDER / _OUTPUT
    lines = None if _is_changed(table, states) else _remembered(path, fingerprint)
    if lines is None:
        environment = manage.environment(settings, url, os.environ, own_server=own_server)
        # The kind as a flag may have chosen it, so that commands of the program look at the same server.
        environment |= {"SCHEMATA_AFTER_UP_DIR": str(path.parent), "SCHEMATA_SERVER_KIND": settings.server.kind, **urls}
        # Imported here: with nothing to do there is nothing to explain about a disk.
        from schemata.server.embedded import state_directory

        with state_directory.plainly(settings.state_dir):
            # Others must not read what the program keeps there.
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (settings.state_dir / ".gitignore").exists():
                (settings.state_dir / ".gitignore").write_text("*\n", "utf-8")
            path.unlink(missing_ok=True)
            lines, complaint, code = _run(settings, environment, reporter)
            if complaint:
                return dataclasses.replace(
                    table,
                    ok=False,
                    exit_code=code,
                    notes=(*table.notes, "", complaint),
                    facts={
                        **table.facts,
                        "after_up": [],
                        "complaints": [*table.facts.get("complaints", []), complaint],
                    },
                )
            _write(path, {"fingerprint": fingerprint, "lines": lines})
    return dataclasses.replace(
        table, notes=(*table.notes, *(["", *lines] if lines else [])), facts={**table.facts, "after_up": lines}
    )


def forget(settings: config.Config) -> None:
    """Delete the output and what the program kept; the database that it is about is deleted too."""
    shutil.rmtree(settings.state_dir / FOLDER, ignore_errors=True)


def _run(
    settings: config.Config, environment: dict[str, str], reporter: progress.Reporter
) -> tuple[list[str], str, int]:
    """Run the program; return the lines of its output, and the complaint and exit code where it failed."""
    words = list(settings.after_up)
    if words[0] in ("python", "python3"):
        words[0] = sys.executable
    shown = " ".join(settings.after_up)
    hint = "Run it again: inv dev-up. The program is the setting after_up of [tool.schemata]."
    try:
        done = processes.run(words, env=environment, cwd=settings.root, timeout=PATIENCE)
    except errors.NotAvailable as error:
        return [], f"after_up: {error.message.rstrip('.')}; server and services go on. {hint}", error.exit_code
    complaint = done.complaint.splitlines()
    if done.code == 0:
        for line in complaint:
            reporter.info(line)
        return done.output.splitlines(), "", errors.DONE
    how = f"killed by signal {-done.code}" if done.code < 0 else f"exit code {done.code}"
    head = f"after_up: `{shown}` failed ({how}); server and services go on. The last lines that it wrote:"
    last = [f"  {line}" for line in (done.output.splitlines() + complaint)[-_LAST_LINES:]] or ["  (it wrote nothing)"]
    return [], "\n".join([head, *last, hint]), errors.NEEDS_PERSON


def _is_up(state: dict[str, Any]) -> bool:
    return bool(state["state"] == outcome.READY)


def _is_changed(table: results.Table, states: list[dict[str, Any]]) -> bool:
    """Tell whether this start did anything."""
    facts = table.facts
    return bool(facts["applied"]) or facts["server"] in _CHANGED or not all(state["was_running"] for state in states)


def _variable(name: str) -> str:
    return manage.variable(name).removesuffix("_PORT")


def _fingerprint(facts: list[str]) -> str:
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def _remembered(path: Path, fingerprint: str) -> list[str] | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        recorded = json.loads(path.read_text("utf-8"))
        if recorded["fingerprint"] == fingerprint:
            return [str(line) for line in recorded["lines"]]
    return None


def _write(path: Path, value: dict[str, Any]) -> None:
    making = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(value, file)
    making.replace(path)
