"""Reads what is to be judged, one file after the other: what is wrong with one does not hide the others."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.lint import judging, model
from schemata.migrations import files, leading_comment, migration, psql, python_files
from schemata.sql import lexer, statement

#: With which words the statements begin that a large file is searched for: those that do more than to write rows.
_WORDS = frozenset(
    (
        "alter", "analyze", "begin", "call", "checkpoint", "cluster", "comment", "commit", "copy", "create", "do",
        "drop", "end", "execute", "explain", "grant", "import", "lock", "reassign", "refresh", "reindex", "reset",
        "revoke", "rollback", "security", "select", "set", "start", "truncate", "vacuum", "with",
    )
)  # fmt: skip
_ANY = re.compile("")


@dataclasses.dataclass
class Read:
    """What was read: the migrations in order, their rollbacks by the path of the migration, and what is wrong."""

    scripts: list[model.Script]
    rollbacks: dict[str, model.Script]
    remarks: dict[str, list[judging.Remark]]


def read(settings: config.Config, since: str) -> Read:
    """Return every migration of a project in its order, whatever is wrong with one of them."""
    found = Read([], {}, {})
    items: list[migration.Migration] = []
    if not settings.migrations.is_dir():
        raise errors.ConfigError(
            f"there is no folder {settings.migrations}",
            "Set `migrations` in [tool.schemata]; `inv migrate-new` makes it.",
        )
    for schema in settings.schemas:
        for path in _listed(settings.migrations / schema):
            shown = _shown(settings, path)
            try:
                items.append(_migration(path, schema))
            except errors.Error as problem:
                _note(found, shown, problem)
                script = _unnamed(path, shown, schema)
                if script is not None:
                    found.scripts.append(script)
    for item in _ordered(items, found, settings):
        made, remarks = _script(item, settings, since)
        found.scripts.append(made)
        found.remarks.setdefault(made.path, []).extend(remarks)
        if item.rollback_path and not item.is_python:
            rollback, remarks = _rollback(item, settings, since)
            if rollback is not None:
                found.rollbacks[made.path] = rollback
            found.remarks.setdefault(_shown(settings, Path(item.rollback_path)), []).extend(remarks)
    if not any(found.remarks.values()):
        _whole(settings, found)
    return found


def _listed(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
    return [
        folder / name
        for name in names
        if (name.endswith(".sql") and not name.endswith(files.ROLLBACK)) or (name.endswith(".py") and name[:2] != "__")
    ]


def _migration(path: Path, schema: str) -> migration.Migration:
    named, timestamp, slug = migration.parse_id(path.stem, str(path))
    if named != schema:
        raise migration.InvalidMigration(
            str(path), 0, f"its name says schema {named}, its folder {schema}", "Rename it."
        )
    rollback = path.with_name(f"{path.stem}{files.ROLLBACK}")
    there = str(rollback) if path.suffix == ".sql" and rollback.is_file() else ""
    return files.made_of(str(path), path.stem, schema, timestamp, slug, there)


def _ordered(items: list[migration.Migration], found: Read, settings: config.Config) -> Sequence[migration.Migration]:
    try:
        return migration.order(items)
    except errors.Error as problem:
        path = getattr(problem, "path", "") or (items[0].path if items else str(settings.migrations))
        _note(found, _shown(settings, Path(path)), problem)
        return sorted(items, key=lambda item: (item.timestamp, item.id))


def _whole(settings: config.Config, found: Read) -> None:
    """Note what only the folder as a whole shows: a rollback without its migration, a file in no schema's folder."""
    try:
        files.read(settings.migrations, settings.schemas)
    except errors.Error as problem:
        path = getattr(problem, "path", "") or str(settings.migrations)
        _note(found, _shown(settings, Path(path)), problem)


def _note(found: Read, shown: str, problem: errors.Error) -> None:
    line = getattr(problem, "line", 0)
    text = problem.message
    for prefix in (getattr(problem, "path", ""), shown):
        text = text.removeprefix(f"{prefix}:{line}: ").removeprefix(f"{prefix}: ") if prefix else text
    is_encoding = "is not UTF-8" in text or "NUL character" in text
    where = f"Line {line}: " if line else ""
    remarks = judging.Remark("encoding" if is_encoding else "migration-file", None, f"{where}{text}", problem.hint)
    found.remarks.setdefault(shown, []).append(remarks)


def _unnamed(path: Path, shown: str, schema: str) -> model.Script | None:
    """Return a file whose name or directives are wrong as far as it can be read: its SQL is judged all the same."""
    try:
        text = files.text_of(str(path))
    except errors.Error:
        return None
    if path.suffix == ".py":
        return model.Script(shown, "", schema, path.stem, is_python=True, in_project=True, rollback_path="unknown")
    statements, _ = _split(text)
    return model.Script(
        shown, text, schema, path.stem, statements=statements, in_project=True, rollback_path="unknown",
        mode="statements" if re.search(r"^--\s*transactional\s*:\s*false", text, re.M) else "transaction",
    )  # fmt: skip


def _script(
    item: migration.Migration, settings: config.Config, since: str
) -> tuple[model.Script, list[judging.Remark]]:
    sql = _python_sql(item) if item.is_python else item.sql
    statements, remarks = _split(sql)
    if item.is_python:
        called = [s.apply.name for s in python_files.steps(item.sql, item.path) if s.apply.sql is None]
        remarks += [
            judging.Remark("opaque-python", None, f"What {name} locks, writes or removes is not in its SQL.")
            for name in called
        ]
        # Comments of the Python around it count as well.
        sql = sql if statements else item.sql
    made = model.Script(
        _shown(settings, Path(item.path)),
        sql,
        item.schema,
        item.id,
        item.directives.mode,
        item.directives,
        () if item.directives.outside else statements,
        is_python=item.is_python,
        in_project=True,
        rollback_path=item.rollback_path,
        accepted=bool(since) and item.timestamp <= since,
    )
    return made, remarks


def _python_sql(item: migration.Migration) -> str:
    """Return the SQL that the steps of a file in Python have as plain text, on the lines on which it stands."""
    text = ""
    for step in python_files.steps(item.sql, item.path):
        if step.apply.sql and step.apply.sql.strip():
            text += "\n" * max(0, step.apply.line - 1 - text.count("\n")) + step.apply.sql.rstrip().rstrip(";") + "\n;"
    return text


def _rollback(
    item: migration.Migration, settings: config.Config, since: str
) -> tuple[model.Script | None, list[judging.Remark]]:
    shown = _shown(settings, Path(item.rollback_path))
    found = Read([], {}, {})
    try:
        text = files.text_of(item.rollback_path)
        directives = leading_comment.parse_directives(text, item.rollback_path)
    except errors.Error as problem:
        _note(found, shown, problem)
        return None, found.remarks[shown]
    statements, remarks = _split(text)
    made = model.Script(
        shown,
        text,
        item.schema,
        item.id,
        directives.mode,
        dataclasses.replace(directives, imported_from=item.directives.imported_from),
        statements,
        is_rollback=True,
        in_project=True,
        accepted=bool(since) and item.timestamp <= since,
    )
    return (None if remarks else made), remarks


def _split(sql: str) -> tuple[tuple[statement.Statement, ...], list[judging.Remark]]:
    try:
        if len(sql) > lexer.LARGE:
            return tuple(statement.find(sql, _WORDS, _ANY)), []
        return statement.split(sql), []
    except statement.SyntaxProblem as problem:
        at = sum(len(line) + 1 for line in sql.split("\n")[: problem.line - 1]) + problem.column - 1
        hint = psql.advice(sql, problem) or "Correct the line; every server would refuse it."
        return (), [judging.Remark("syntax", min(at, max(len(sql) - 1, 0)), f"{problem.message}.", hint)]


def single(path: Path, shown: str) -> tuple[model.Script | None, list[judging.Remark]]:
    """Return a file that is no migration of the project, as psql would run it: it may begin transactions itself."""
    found = Read([], {}, {})
    try:
        text = files.text_of(str(path))
    except errors.Error as problem:
        if isinstance(problem, errors.ConfigError):
            raise
        _note(found, shown, problem)
        return None, found.remarks[shown]
    try:
        directives = leading_comment.parse_directives(text, shown)
    except migration.InvalidMigration as problem:
        _note(found, shown, problem)
        directives = migration.Directives()
    statements, remarks = _split(text)
    mode = directives.mode
    if mode == "transaction":
        if any(statement.opens_or_ends_transaction(item) for item in statements):
            mode = "own-transaction"
        elif any(map(statement.needs_no_transaction, statements)):
            mode = "statements"
    made = model.Script(shown, text, "", path.stem, mode, directives, statements, is_rollback=False)
    return (made if not remarks else None), [*found.remarks.get(shown, []), *remarks]


def _shown(settings: config.Config, path: Path) -> str:
    return files.shown(path, settings.root)


def shown(settings: config.Config, path: Path) -> str:
    """Return a path as findings show it: from the root of the project, with slashes."""
    return _shown(settings, path.absolute())


def named(paths: Iterable[str], settings: config.Config) -> dict[str, Path]:
    """Return the files that were named, by the path that is shown; folders stand for what is in them."""
    found: dict[str, Path] = {}
    for text in paths:
        path = Path(text)
        if path.is_dir():
            inside = [
                p for p in sorted(path.rglob("*")) if p.suffix == ".sql" or (p.suffix == ".py" and p.name[:2] != "__")
            ]
            found |= {shown(settings, each): each for each in inside}
        elif path.is_file():
            found[shown(settings, path)] = path
        else:
            raise errors.ConfigError(
                f"{text}: no such file", "Correct the name; without names all migrations are judged."
            )
    return found
