"""What was prepared is run: in which mode each file runs, what it expects to be there, which down files fail."""

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.adoption import conversion, preparing
from schemata.adoption.execution import downs, trial
from schemata.migrations import files
from schemata.parity import expected
from schemata.parity import scratch as temporary
from schemata.report import progress

_NO_SCHEMA = re.compile(r'schema "([^"]+)" does not exist')
_NO_RELATION = re.compile(r'relation "([^"]+)" does not exist')
_NO_COLLATION = re.compile(r'collation "([^"]+)" for encoding "[^"]+" does not exist|ICU is not supported')


def tried(
    settings: config.Config, prepared: preparing.Prepared, scratch: Path, *, major: int = 0, reporter: progress.Reporter
) -> preparing.Prepared:
    """Return what was prepared with the modes in which the new files ran, in an empty database of a temporary server.

    What the project has already runs as it says, in its place. An extension that the files expect is made by a
    migration before the first of them; a down file that fails is left out.

    :param scratch: an empty folder. Raises NotRunnable where one runs in no mode, NotAvailable without such a server.
    """
    new = set(prepared.new)
    while True:
        stage(settings, prepared, scratch)
        items = files.read(scratch, settings.schemas)
        what = "a migration" if len(items) == 1 else f"{len(items)} migrations"
        reporter.info(f"Trying {what} in a temporary server.")
        # With their own folder, of which the server has the extensions.
        there = dataclasses.replace(settings, migrations=scratch)
        fixed = {item.id for item in items} - new
        found = trial.in_scratch(there, items, fixed=fixed, major=major, reporter=reporter)
        if not found.extension or found.extension in prepared.expected:
            break
        prepared = dataclasses.replace(prepared, expected=(*prepared.expected, found.extension))
    if found.failed:
        raise _not_runnable(prepared, found, scratch)
    modes = {one.id: one.mode for one in found.tried}
    migrations = tuple(
        conversion.in_mode(one, modes[one.id]) if one.id in new else one for one in prepared.converted.migrations
    )
    because = {one.id: one.because for one in found.tried if one.because}
    prepared = dataclasses.replace(
        prepared,
        converted=dataclasses.replace(prepared.converted, migrations=migrations),
        because=because,
        roles=tuple(sorted({*prepared.roles, *found.roles})),
        tried=True,
    )
    return _with_downs_tried(there, prepared, found.roles, major, reporter)


def with_roles(
    settings: config.Config, prepared: preparing.Prepared, reporter: progress.Reporter
) -> preparing.Prepared:
    """Return what was prepared with every role that the migrations need, as a run in a temporary server tells it."""
    items = files.read(settings.migrations, settings.schemas)
    with expected.replayed(settings, items, 0, reporter) as (_, missing):
        return dataclasses.replace(prepared, roles=tuple(sorted({*prepared.roles, *missing})))


def stage(settings: config.Config, prepared: preparing.Prepared, folder: Path) -> None:
    """Write what the project has, and what is new, into a folder that is nobody's but ours."""
    shutil.rmtree(folder, ignore_errors=True)
    if settings.migrations.is_dir():
        shutil.copytree(settings.migrations, folder)
    write(folder, prepared.texts)


def _not_runnable(prepared: preparing.Prepared, found: trial.Trial, scratch: Path) -> preparing.NotRunnable:
    error = found.error.replace(f"{scratch}/", "")
    failed = next((one for one in prepared.converted.migrations if one.id == found.failed), None)
    if failed is None and found.failed in prepared.all_preludes:
        named = ", ".join(prepared.expected)
        return preparing.NotRunnable(
            f"the files expect extensions that none of them makes ({named}), and they cannot be made here: {error}",
            "Install what the server lacks where this runs; `inv doctor` says which server that is. Nothing was "
            "written.",
        )
    if failed is None:
        return preparing.NotRunnable(
            f"{found.failed}, which the project has already, does not run on an empty database with the imported "
            f"migrations around it: {error}",
            "Files run by their times. Correct it, or take it out of the folder until the others are adopted. Nothing "
            "was written.",
        )
    return preparing.NotRunnable(
        f"{preparing.path_of(prepared.history, failed.script)} does not run on an empty database after the "
        f"{len(found.tried)} before it: {error}",
        f"{_what_helps(prepared, found, failed)} Nothing was written.",
    )


def _what_helps(prepared: preparing.Prepared, found: trial.Trial, failed: conversion.Converted) -> str:
    """Return what a person can do about a file that does not run: what surely helps, else all that may."""
    relation = _NO_RELATION.search(found.error)
    if relation and relation[1].rpartition(".")[2] in {name.rpartition(".")[2] for name in prepared.without}:
        return (
            f"{relation[1]} is the tool's own table, and the statements that make it are left out. Here a file needs "
            "it, so let the files make it: --keep-ledger."
        )
    leave_out = f"leave it out: --skip {failed.script.name} --reason TEXT."
    if _NO_COLLATION.search(found.error):
        return (
            "The programs of the temporary server were built without ICU, or their ICU lacks that locale. Name a "
            f"folder of programs that have it, such as a system's: SCHEMATA_PG_BIN=DIRECTORY. Or {leave_out}"
        )
    elsewhere = ""
    if "It exists as" in found.hint:
        elsewhere = (
            f" {found.hint[found.hint.index('It exists as') :].splitlines()[0]} Or let names be looked for there, as "
            'the tool\'s connection does: search_path = ["{schema}", "public", "pg_catalog"] in the settings.'
        )
    missing = _NO_SCHEMA.search(found.error)
    if missing:
        elsewhere = f" Something else makes the schema {missing[1]}: add it to `schemas` of the settings."
    return (
        f"If the tool's names without a schema are in another one, say so: --schema NAME.{elsewhere} Or correct "
        f"the file where it is, or {leave_out}{_ledger_hint(prepared)}"
    )


def _with_downs_tried(
    settings: config.Config, prepared: preparing.Prepared, roles: Sequence[str], major: int, reporter: progress.Reporter
) -> preparing.Prepared:
    """Return what was prepared without the down files that fail; `settings` are of the folder where all of it is."""
    new = [one.id for one in prepared.converted.migrations if one.id in prepared.new and one.rollback is not None]
    if not new:
        return prepared
    write(settings.migrations, prepared.texts)
    items = files.with_rollbacks(files.read(settings.migrations, settings.schemas))

    @contextlib.contextmanager
    def database() -> Iterator[str]:
        with temporary.database(settings, major, reporter) as url:
            for role in roles:
                with contextlib.suppress(errors.NotAvailable):  # there already, where the server is not of one run
                    expected.create_role(url, role)
            yield url

    failed = downs.failing(settings, items, database=database, chosen=new, reporter=reporter)
    migrations = tuple(
        conversion.without_rollback(one, failed[one.id]) if one.id in failed else one
        for one in prepared.converted.migrations
    )
    names = {one.id: one.script.name for one in migrations}
    notes = tuple(f"{names[id_]}: it has no rollback: its down file fails: {why}" for id_, why in failed.items())
    return dataclasses.replace(
        prepared,
        converted=dataclasses.replace(prepared.converted, migrations=migrations),
        notes=(*prepared.notes, *notes),
    )


def _ledger_hint(prepared: preparing.Prepared) -> str:
    if not prepared.without:
        return ""
    return f" If it needs {', '.join(prepared.without)}, which is left out, let the files make it: --keep-ledger."


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into a folder that is nobody's but ours."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
