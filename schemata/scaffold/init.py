"""`schemata init`: a folder becomes a project of this engine. What is there is kept."""

import datetime
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemata import config, errors
from schemata.adoption import adopt
from schemata.adoption import outcome as adopting
from schemata.config import values
from schemata.migrations import files as migration_files
from schemata.parity import locking
from schemata.report import progress
from schemata.scaffold import baseline, contents, files, live, outcome
from schemata.system import directories

_DEFAULT = ("app",)
_OF_TOOLS = ("public",)


def init(
    root: Path,
    *,
    schemas: str = "",
    name: str = "",
    from_database: str = "",
    from_tool: str = "",
    from_folder: str = "",
    compose: bool = False,
    dockerfile: bool = False,
    dry_run: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Initialised:
    """Write what a repository needs: settings, tasks.py, folders for migrations, a CI workflow, hooks, ignored files.

    A file that is there is kept, and the result says what it lacks; a second run writes nothing. With `from_database`
    the first migrations are written from the structure of that database, after it was proved in a temporary server that
    they make it; they are put in place in one step, so that a run that was killed is repeated. A failure before that
    leaves what was written. With `from_tool` they are those of another tool's folder, as `inv adopt` writes them: that
    comes first, so that a refusal leaves nothing.
    """
    if from_database and from_tool:
        raise errors.ConfigError(
            "--from-database and --from-tool exclude each other: each writes the first migrations",
            "Take --from-tool; `inv adopt … --url URL` then compares the database with them.",
        )
    wanted: tuple[str, ...] = values.list_of(values.schema_of)(schemas, "--schemas")
    present = files.read(root / config.FILE)
    document = _document(root, present)
    table = _table(root, document)
    found = None
    has_migrations = migration_files.holds_any(root / _folder(table))
    if from_database and not has_migrations:
        found = live.read(from_database, wanted or tuple(table.get("schemas", ())), reporter)
    if not table:
        table = {
            "name": name or _name(root, document),
            "schemas": list((found.schemas if found else wanted) or (_OF_TOOLS if from_tool else _DEFAULT)),
        }
        config.parse(table, root.absolute(), {})
    elif wanted and list(wanted) != list(table.get("schemas", ())):
        raise errors.ConfigError(
            f"{root / config.FILE} has schemas {table.get('schemas')} and --schemas says {list(wanted)}",
            "Change the file, or leave --schemas out. Nothing was written.",
        )
    steps = [_settings(present, document, table), *_steps(root, table, compose, dockerfile)]
    notes: tuple[str, ...] = ()
    texts: dict[str, str] = {}
    adopted = None
    if from_tool:
        adopted = _adopt(root, table, from_tool, from_folder, dry_run, reporter)
        notes = adopted.summary()
        steps = [step for step in steps if not step.path.startswith(f"{_folder(table)}/")]
    last = ""
    if found is not None:
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d%H%M%S")
        texts, notes, last = baseline.write(found, table, root.absolute(), stamp, reporter)
        filled = {path.partition("/")[0] for path in texts}
        steps = [step for step in steps if step.path not in {f"{_folder(table)}/{one}/.gitkeep" for one in filled}]
    if from_database and has_migrations:
        notes = (f"{_folder(table)} has migrations already, so the database was not read",)
    notes += tuple(_strays(root / _folder(table)))
    if not dry_run:
        files.do(root, tuple(steps))
        if texts:
            directories.put(root / _folder(table), texts)
            locking.lock(config.load(root, {}), postgres=str(found.snapshot.major) if found else "", reporter=reporter)
    written = [files.Step(f"{_folder(table)}/{path}", "create", text) for path, text in texts.items()]
    return outcome.Initialised(
        str(root),
        (*steps, *written, *([files.Step(f"{_folder(table)}/manifest", "create")] if written else [])),
        notes,
        _next_of_tool(from_tool, from_folder) if adopted else _next(last, table),
        source=found.target if found else "",
        dry_run=dry_run,
    )


def _adopt(
    root: Path, table: dict[str, Any], tool: str, folder: str, dry_run: bool, reporter: progress.Reporter
) -> adopting.Adopted:
    """Write the migrations of another tool's folder, before there are settings: a refusal leaves nothing."""
    settings = config.parse(table, root.absolute(), {})
    path = folder or str(root)
    try:
        return adopt.adopt(settings, tool, path, schema=settings.schemas[0], plan=dry_run, reporter=reporter)
    except errors.Error as error:
        error.hint += (
            "\nFlags are those of `inv adopt`: begin with `schemata init --schemas "
            f"{','.join(settings.schemas)}`, then type: inv adopt {tool} {folder or '.'}"
        )
        raise


def _next_of_tool(tool: str, folder: str) -> tuple[str, ...]:
    return (
        "inv dev-up                       # a database of your own, made by these migrations",
        f"inv adopt {tool} {folder or '.'} --url URL   # a database that has them: what ran there is recorded",
    )


def _document(root: Path, present: str | None) -> dict[str, Any]:
    """Return what pyproject.toml says; empty where there is none. Raises ConfigError where it cannot be read."""
    try:
        return tomllib.loads(present or "")
    except tomllib.TOMLDecodeError as error:
        raise errors.ConfigError(
            f"{root / config.FILE} is not TOML: {error}", "Correct that line. Nothing was written."
        ) from error


def _table(root: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that are there; empty where there are none. Raises ConfigError where they are not valid."""
    tool = document.get("tool", {})
    table = tool.get("schemata", {}) if isinstance(tool, dict) else {}
    if table:
        config.parse(table, root.absolute(), {})
    return dict(table)


def _folder(table: dict[str, Any]) -> str:
    return str(table.get("migrations", "migrations"))


def _name(root: Path, document: dict[str, Any]) -> str:
    """Return the project's name: of its package, else of the folder."""
    project = document.get("project", {})
    if isinstance(project, dict) and isinstance(project.get("name"), str):
        return str(project["name"])
    return re.sub(r"[^a-z0-9-]+", "-", root.absolute().name.lower()).strip("-") or "app"


def _steps(root: Path, table: dict[str, Any], compose: bool, dockerfile: bool) -> "list[files.Step]":
    steps = [_tasks(root)]
    for schema in table["schemas"]:
        folder = f"{_folder(table)}/{schema}"
        is_there = (root / folder).is_dir()
        steps.append(files.Step(folder, "there") if is_there else files.Step(f"{folder}/.gitkeep", "create"))
    steps += [
        _ignored(root),
        _workflow(root),
        _hooks(root, _folder(table)),
    ]
    if compose:
        database = config.parse(table, root.absolute(), {}).database
        text = contents.compose(database)
        steps.append(files.create(root, "compose.yaml", text, note=text))
    if dockerfile:
        steps.append(files.create(root, "Dockerfile", contents.DOCKERFILE, note=contents.DOCKERFILE))
    return steps


def _settings(present: str | None, document: dict[str, Any], table: dict[str, Any]) -> files.Step:
    if "schemata" in document.get("tool", {}):
        return files.Step(config.FILE, "there")
    text = contents.settings(table["name"], table["schemas"])
    if present is None:
        return files.Step(config.FILE, "create", text)
    more = ("" if not present or present.endswith("\n") else "\n") + ("\n" if present.strip() else "") + text
    try:
        tomllib.loads(present + more)
    except tomllib.TOMLDecodeError:  # such as an inline table: tool = {…}
        return files.Step(config.FILE, "kept", note=text)
    return files.Step(config.FILE, "append", more)


def _tasks(root: Path) -> files.Step:
    present = files.read(root / "tasks.py")
    if present is not None and "schemata.tasks" in present:
        return files.Step("tasks.py", "there")
    return files.create(root, "tasks.py", contents.TASKS, note=contents.TASKS_LINES)


def _ignored(root: Path) -> files.Step:
    present = files.read(root / ".gitignore")
    wanted = contents.with_lines(present or "", contents.IGNORED)
    if present is None:
        return files.Step(".gitignore", "create", wanted)
    if wanted == present:
        return files.Step(".gitignore", "there")
    return files.Step(".gitignore", "append", wanted[len(present) :])


def _workflow(root: Path) -> files.Step:
    name = ".github/workflows/schemata.yml"
    present = files.read(root / name)
    if present is not None and re.search(r"\b(inv|invoke|schemata) check\b", present):
        return files.Step(name, "there")
    return files.create(root, name, contents.WORKFLOW, note=contents.WORKFLOW_LINES)


def _hooks(root: Path, folder: str) -> files.Step:
    name = ".pre-commit-config.yaml"
    lacking = contents.hooks(folder, files.read(root / name) or "")
    return files.create(root, name, f"repos:\n{lacking}", note=lacking) if lacking else files.Step(name, "there")


def _strays(folder: Path) -> Iterator[str]:
    """Say which files stand where no migration of this engine does."""
    strays = sorted(path.name for pattern in ("*.sql", "*.py") for path in folder.glob(pattern))
    if strays:
        more = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
        yield (
            f"{folder.name}/{strays[0]}{more} will not be applied: a migration is "
            f"{folder.name}/SCHEMA/SCHEMA.YYYYMMDDHHMMSS.NAME.sql (inv migrate-new). A database that has them already: "
            "schemata init --from-database URL"
        )


def _next(baseline_id: str, table: dict[str, Any]) -> tuple[str, ...]:
    if baseline_id:
        return (
            "inv dev-up   # a database of your own with this structure",
            "# The database it is from: what it has is recorded, nothing is run.",
            f"inv migrate-baseline --through {baseline_id} --url URL",
        )
    schemas = table["schemas"]
    schema = f" --schema {schemas[0]}" if len(schemas) > 1 else ""
    return (f"inv migrate-new{schema} --name create_something", "inv dev-up", "inv lock")
