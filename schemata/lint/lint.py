"""Judges migrations by their text: reads them, asks the rules and squawk, compares with a base branch."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path

from schemata import config, errors
from schemata.lint import base_branch as branch
from schemata.lint import fixing, judging, model, outcome, sizes, sources, squawk, squawk_rules
from schemata.migrations import files, migration
from schemata.report import progress
from schemata.scale import scale_file
from schemata.sql import statement


def lint(
    settings: config.Config,
    paths: Sequence[str] = (),
    *,
    base: str = "",
    scale: str = "",
    strict: bool = False,
    fix: bool = False,
    yes: bool = False,
    form: str = "text",
    ask_squawk: bool = True,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Outcome:
    """Return what is wrong or dangerous in migrations, told from their text; no server is asked.

    Without `paths` all migrations are judged, or with `base` those that the base branch does not have as they are. What
    earlier files make is read in any case. Where there is a scale file, or another one is given as `scale`, it says how
    long a lock lasts. With `fix` the changes that are certain are shown, with `yes` also written.
    Raises ConfigError for a wrong setting, name or
    scale file, NotAvailable where squawk is not there.
    """
    if form not in outcome.FORMATS:
        raise errors.ConfigError(f"--format {form} is none of {', '.join(outcome.FORMATS)}", "")
    if yes and not fix:
        raise errors.ConfigError("--yes is about --fix, which was not given", "Add --fix, or leave --yes out.")
    options = _options(settings, scale)
    read = sources.read(settings, settings.lint.since)
    named = sources.named(paths, settings)
    compared = branch.read(settings.migrations, base) if base else None
    remarks, notes = _chosen(settings, read, named, compared)
    judged = [script for script in (*read.scripts, *read.rollbacks.values()) if script.judged and not script.accepted]
    if ask_squawk:
        _ask(settings, judged, options, remarks)
    verdict = judging.judge(read.scripts, read.rollbacks, options, datetime.date.today(), remarks)
    fixes = _fixes(settings, verdict, judged, yes=yes) if fix else {}
    count = len(named) if named and compared is None else sum(script.judged for script in read.scripts)
    return outcome.Outcome(
        verdict.findings,
        verdict.allowed,
        count,
        verdict.accepted,
        strict,
        form,
        ask_squawk,
        fixes,
        yes,
        fix,
        notes,
    )


def _options(settings: config.Config, scale: str) -> model.Options:
    known = judging.known_rules()
    levels: dict[str, model.Severity] = {}
    for name, level in settings.lint.levels:
        if name not in known:
            near = judging.nearest(name)
            raise errors.ConfigError(
                f"[tool.schemata.lint] levels: there is no rule {name}",
                f"Did you mean {near}?" if near else "docs/lint-rules.md lists the rules.",
            )
        levels[name] = next(word for word in model.LEVELS if word == level)
    pages = []
    for page in settings.pages:
        schema, _, table = page.table.partition(".")
        columns = (*page.filter, *(item.split()[0] for item in page.order))
        pages.append((page.name, (schema, table), columns, page.index))
    return model.Options(
        levels=levels,
        index_name=settings.lint.index_name,
        if_not_exists=settings.lint.if_not_exists,
        max_statements=settings.lint.max_statements,
        schemas=settings.schemas,
        search_path=settings.search_path,
        history_schema=settings.history_schema,
        pages=tuple(pages),
        since=settings.lint.since,
        sizes=_sizes(settings, scale),
    )


def _sizes(settings: config.Config, file: str) -> sizes.Sizes:
    """Return the rows that a scale file says, the project's own unless another one is named; none without any."""
    large = settings.rehearsal.large_rows
    if not file and not scale_file.exists(settings):
        return sizes.Sizes(large=large)
    read = scale_file.read(settings, file)
    rows = {}
    for name, table in read.tables.items():
        schema, _, relation = name.partition(".")
        rows[schema, relation] = table.rows
    return sizes.Sizes(rows, large, read.source)


def _chosen(
    settings: config.Config, read: sources.Read, named: dict[str, Path], compared: branch.Base | None
) -> tuple[dict[str, list[judging.Remark]], tuple[str, ...]]:
    """Mark which files are judged and which are new; return what is said of them."""
    folder = files.shown(settings.migrations, settings.root)
    known = {script.path for script in (*read.scripts, *read.rollbacks.values())} | set(read.remarks)
    wanted: set[str] | None = {path for path in named if path in known} if named else None
    new: set[str] = set()
    if compared is not None:
        new, changed = _compare(read, compared, folder)
        wanted = new | changed if wanted is None else wanted

    def mark(script: model.Script) -> model.Script:
        return dataclasses.replace(
            script, judged=wanted is None or script.path in wanted, is_new=script.path in new and not script.is_rollback
        )

    read.scripts = [mark(script) for script in read.scripts]
    read.rollbacks = {path: mark(script) for path, script in read.rollbacks.items()}
    remarks = {
        path: items for path, items in read.remarks.items() if wanted is None or path in wanted or path.endswith("/")
    }
    for path, file in named.items():
        if path not in known:
            script, problems = sources.single(file, path)
            remarks.setdefault(path, []).extend(problems)
            if script is not None:
                read.scripts.append(script)
    if not named and compared is None:
        _locked(settings, read, remarks)
    for script in (*read.scripts, *read.rollbacks.values()):
        if script.judged and not remarks.get(script.path):
            remarks.setdefault(script.path, []).extend(judging.refusals(script))
    return remarks, ()


def _compare(read: sources.Read, compared: branch.Base, folder: str) -> tuple[set[str], set[str]]:
    """Note what a base branch has and these files do not keep; return the paths of new and of changed files."""
    there = {path: f"{folder}/{path}" for path in {*compared.tip, *compared.fork} if path.endswith((".sql", ".py"))}
    own = {script.path: script for script in (*read.scripts, *read.rollbacks.values())}
    new = {path for path in own if path not in there.values()}
    changed: set[str] = set()
    of_base = sorted(
        stem.split(".")[1] for path in compared.tip if len((stem := Path(path).stem).split(".")) == 3 and "." in stem
    )
    last = of_base[-1] if of_base else ""
    for path in sorted(new):
        parts = Path(path).stem.split(".")
        script = own[path]
        if not script.is_rollback and len(parts) == 3 and parts[1] < last and not script.directives.replaces:
            text = f"{compared.ref} has a migration of {last}; this one is of {parts[1]}, and would be out of order."
            read.remarks.setdefault(path, []).append(
                judging.Remark("non-linear", None, text, f"inv migrate-restamp {Path(path).stem}")
            )
    replaced = {one.id for script in read.scripts for one in script.directives.replaces}
    for path, shown in there.items():
        if path not in compared.fork or path.endswith("__init__.py"):
            continue
        if shown not in own:
            if (
                shown not in read.remarks
                and path in compared.tip
                and Path(path).stem.removesuffix(".rollback") not in replaced
            ):
                read.remarks.setdefault(shown, []).append(
                    judging.Remark(
                        "removed",
                        None,
                        f"{compared.ref} has it, and it is gone here.",
                        f"git checkout {compared.ref} -- {shown}",
                    )
                )
                changed.add(shown)
            continue
        before = compared.text(path)
        if not _same(before, own[shown], read):
            changed.add(shown)
            if not own[shown].is_rollback:
                text = f"{compared.ref} has it with another meaning: a database that applied it stops at `changed`."
                read.remarks.setdefault(shown, []).append(judging.Remark("edited", None, text))
    return new, changed


def _same(before: str, script: model.Script, read: sources.Read) -> bool:
    if script.is_python:
        return True  # its text is not kept; status compares it
    return before == script.sql or statement.same_meaning(before, script.sql)


def _locked(settings: config.Config, read: sources.Read, remarks: dict[str, list[judging.Remark]]) -> None:
    """Note that the lock file is not of these migrations: smoke would not look for what the new ones make."""
    if any(remarks.values()):
        return
    try:
        items: tuple[migration.Migration, ...] = files.read(settings.migrations, settings.schemas)
    except errors.Error:
        return
    problem = files.lock_problem(settings.migrations, items)
    if problem:
        path = files.shown(settings.migrations / files.MANIFEST, settings.root)
        text = "It is not of these migrations: smoke and status do not know the tables and indexes of the new ones."
        remarks.setdefault(path, []).append(judging.Remark("not-in-lock-file", None, text, "Write it again: inv lock"))


def _ask(
    settings: config.Config,
    judged: Sequence[model.Script],
    options: model.Options,
    remarks: dict[str, list[judging.Remark]],
) -> None:
    levels = dict(options.levels)
    major = min(settings.postgres, key=int) if all(map(str.isdecimal, settings.postgres)) else settings.postgres[0]
    found = squawk.ask(squawk.paths(judged), major=major, include=squawk_rules.included(levels))
    for path, violations in found.items():
        for one in violations:
            if one.rule == "syntax-error":
                text = f"squawk cannot read the file, and its rules did not look at it: {one.message}"
                remarks.setdefault(path, []).append(judging.Remark("squawk-syntax", one.offset, text))
            else:
                remarks.setdefault(path, []).append(judging.Remark(one.rule, one.offset, one.message, one.help))


def _fixes(
    settings: config.Config, verdict: judging.Verdict, judged: Sequence[model.Script], *, yes: bool
) -> dict[str, str]:
    """Return the changes by file, and write them where that was asked for."""
    texts = {script.path: script.sql for script in judged if not script.is_python}
    changes = fixing.plan(verdict.findings, texts)
    for path, text in changes.items() if yes else ():
        files.replace(settings.root / path, text)
    return {path: fixing.difference(path, texts[path], text) for path, text in changes.items()}
