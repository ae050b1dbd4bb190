"""The folder of another tool becomes migrations that are known to run: read, classified, tried, converted."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from schemata import config, errors
from schemata.adoption import conversion, model, sources
from schemata.adoption.execution import classification, templates, trial
from schemata.adoption.readers import reading
from schemata.migrations import files, migration
from schemata.report import progress

_SHOWN = 20
_MODE = "-- mode: "


class NotRunnable(errors.MigrationError):
    """Files that nobody but their tool can run; nothing was written."""


class Asked(NamedTuple):
    """What a person says about the files.

    :param values: of templated names. :param skip: names of what is left out, and why. :param ledger: the table of the
        tool's own records, where it has another name than usual. :param keep_ledger: whether the statements on that
        table are run.
    """

    values: Mapping[str, str] = {}
    skip: Mapping[str, str] = {}
    ledger: str = ""
    keep_ledger: bool = False


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A history as migrations of ours.

    :param history: with the texts as they are run. :param because: by a migration's id, why it has its mode.
    :param roles: that the files name and do not make. :param extensions: that they make. :param made: schemas that they
        make. :param without: tables of the tool itself, of which the statements are left out.
    :param tried: whether all of it ran in an empty database.
    """

    history: model.History
    converted: conversion.Conversion
    because: Mapping[str, str]
    roles: tuple[str, ...]
    extensions: tuple[str, ...]
    made: tuple[str, ...]
    notes: tuple[str, ...]
    without: tuple[str, ...] = ()
    tried: bool = False


class _Classified(NamedTuple):
    """What the texts say of themselves, by a script's name."""

    modes: dict[str, str]
    down_modes: dict[str, str]
    outside: dict[str, str]
    failed: dict[str, str]
    because: dict[str, str]


def folder(tool: str, path: Path) -> Path:
    """Return the folder that holds a tool's migrations: the one that is named, or the usual one below a repository."""
    usual = sources.usual(tool, path)
    if usual is None or tool == "folder":
        return path
    if usual.parent != path:
        return usual  # so deep that the one that is named is a repository
    try:
        if reading.of_tree(tool, sources.load(path)).scripts:
            return path
    except model.UnreadHistory:
        pass  # what is wrong is said by who reads the folder that is chosen
    return usual


def read(settings: config.Config, tool: str, path: Path, asked: Asked, *, schema: str, now: str) -> Prepared:
    """Return a tool's migrations as ours, each in the mode that its text asks for. Changes nothing.

    :param schema: that of names without one. :param now: a time YYYYMMDDHHMMSS.

    Raises what `readers.reading.read` raises; NotRunnable with every line that cannot be run, and ConfigError for names
    without a value.
    """
    found = reading.read(tool, folder(tool, path), asked.skip)
    history = dataclasses.replace(found, scripts=tuple(_with_values(one, asked.values) for one in found.scripts))
    told = _Classified({}, {}, {}, {}, {})
    scripts, refused, wanted, notes = [], [], {}, []
    roles: dict[str, None] = {}
    extensions: dict[str, None] = {}
    without: dict[str, None] = {}
    ledgers = [asked.ledger.rpartition(".")[2]] if asked.ledger else []
    for script in history.scripts:
        seen = classification.classify(script.up, ledgers)
        wanted.update({name: script for name in seen.variables if name not in wanted})
        where = path_of(history, script)
        refused += [f"  {where}:{one.line}: {one.text}. {one.remedy}" for one in seen.refusals]
        if asked.keep_ledger and seen.left_out:
            seen = classification.with_ledger(seen)
        notes += [f"{script.name}: line {one.line}: {one.text}" for one in seen.notes]
        roles.update(dict.fromkeys(seen.roles))
        extensions.update(dict.fromkeys(seen.extensions))
        _note(told, script, seen)
        if seen.left_out:
            without.update(dict.fromkeys(one.table for one in seen.left_out))
            script = dataclasses.replace(script, up=classification.without_ledger(script.up, seen))
        scripts.append(script)
    if wanted:
        raise errors.ConfigError(
            "names in the files have no value: "
            + ", ".join(f"{name} (in {path_of(history, script)})" for name, script in wanted.items()),
            "Give each the value that the tool puts in: " + " ".join(f"--set {name}=VALUE" for name in wanted),
        )
    if refused:
        more = [f"  … and {len(refused) - _SHOWN} more"] if len(refused) > _SHOWN else []
        raise NotRunnable(
            "\n".join(["these lines can be run by no migration:", *refused[:_SHOWN], *more]),
            "Change them as their lines say, or leave a file out: --skip NAME --reason TEXT. Nothing was written.",
        )
    history = dataclasses.replace(history, scripts=tuple(scripts))
    made = conversion.made_schemas(script.up for script in scripts)
    converted = _convert(settings, history, told, schema=schema, now=now, made=made)
    because = {converted.id_of(name): why for name, why in told.because.items()}
    of_files = (f"{one.script.name}: {note}" for one in converted.migrations for note in one.notes)
    notes = [*converted.notes, *of_files, *notes]
    return Prepared(
        history, converted, because, tuple(sorted(roles)), tuple(extensions), made, tuple(notes), tuple(without)
    )


def path_of(history: model.History, script: model.Script) -> str:
    """Return the path of a script as a person can open it."""
    return f"{history.root}/{script.path}" if history.root else script.path


def tried(
    settings: config.Config, prepared: Prepared, scratch: Path, *, major: int = 0, reporter: progress.Reporter
) -> Prepared:
    """Return what was prepared with the modes in which the files ran, in an empty database of a temporary server.

    :param scratch: an empty folder. Raises NotRunnable where one runs in no mode, NotAvailable without such a server.
    """
    write(scratch, prepared.converted.files)
    items = files.read(scratch, settings.schemas)
    what = "a migration" if len(items) == 1 else f"{len(items)} migrations"
    reporter.info(f"Trying {what} in a temporary server.")
    # With their own folder, of which the server has the extensions.
    settings = dataclasses.replace(settings, migrations=scratch)
    found = trial.in_scratch(settings, items, major=major, reporter=reporter)
    if found.failed:
        failed = next(one for one in prepared.converted.migrations if one.id == found.failed)
        raise NotRunnable(
            f"{path_of(prepared.history, failed.script)} does not run on an empty database after the "
            f"{len(found.tried)} before it: {found.error.replace(f'{scratch}/', '')}",
            "If the tool's names without a schema are in another one, say so: --schema NAME. List a schema that "
            "something else makes before it in `schemas` of the settings. Or correct "
            f"the file where it is, or leave it out: --skip {failed.script.name} --reason TEXT."
            f"{_ledger_hint(prepared)} Nothing was written.",
        )
    modes = {one.id: one.mode for one in found.tried}
    migrations = tuple(conversion.in_mode(one, modes[one.id]) for one in prepared.converted.migrations)
    because = {one.id: one.because for one in found.tried if one.because}
    return dataclasses.replace(
        prepared,
        converted=dataclasses.replace(prepared.converted, migrations=migrations),
        because=because,
        roles=tuple(sorted({*prepared.roles, *found.roles})),
        tried=True,
    )


def _ledger_hint(prepared: Prepared) -> str:
    if not prepared.without:
        return ""
    return f" If it needs {', '.join(prepared.without)}, which is left out, let the files make it: --keep-ledger."


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files into a folder that is nobody's but ours."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def is_there(prepared: Prepared, present: Sequence[migration.Migration]) -> bool:
    """Tell whether migrations are there already, in whatever mode; what people wrote besides does not matter."""
    by_id = {item.id: item for item in present}
    ours = {item.id: item for item in prepared.converted.migrations}
    return all(
        id_ in by_id and _without_mode(by_id[id_].sql) == _without_mode(item.text) for id_, item in ours.items()
    ) and all(item.id in ours for item in present if item.directives.imported_from)


def as_there(prepared: Prepared, present: Sequence[migration.Migration]) -> Prepared:
    """Return what was prepared with the modes that the files have which are there already."""
    modes = {item.id: item.directives.mode for item in present}
    migrations = tuple(conversion.in_mode(one, modes[one.id]) for one in prepared.converted.migrations)
    return dataclasses.replace(prepared, converted=dataclasses.replace(prepared.converted, migrations=migrations))


def _without_mode(text: str) -> str:
    lines = text.split("\n")
    head = next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return "\n".join([*(line for line in lines[:head] if not line.startswith(_MODE)), *lines[head:]])


def _with_values(script: model.Script, values: Mapping[str, str]) -> model.Script:
    if not values:
        return script
    down = None if script.down is None else templates.with_values(script.down, values)
    return dataclasses.replace(script, up=templates.with_values(script.up, values), down=down)


def _note(told: _Classified, script: model.Script, seen: classification.Classification) -> None:
    """Note how a script and its down file are run."""
    if seen.mode == classification.OUTSIDE:
        told.outside[script.name] = "; ".join(f"line {one.line}: {one.text}" for one in seen.reasons)
    elif seen.mode in migration.MODES:
        told.modes[script.name] = seen.mode
        if seen.reasons:
            told.because[script.name] = "; ".join(f"line {one.line}: {one.text}" for one in seen.reasons)
    if script.down is None:
        return
    down = classification.classify(script.down)
    if down.refusals:
        told.failed[script.name] = f"line {down.refusals[0].line}: {down.refusals[0].text}"
    elif down.variables:
        told.failed[script.name] = f"the value of {down.variables[0]} is not given"
    elif down.mode in migration.MODES:
        told.down_modes[script.name] = down.mode


def _convert(
    settings: config.Config, history: model.History, told: _Classified, *, schema: str, now: str, made: Iterable[str]
) -> conversion.Conversion:
    """Return the conversion. Where the search_path is the folder's schema, all files are of the one of the tool.

    Names without a schema would else mean other tables than in the tool.
    """
    folders = {schema}
    if "{schema}" not in settings.search_path:
        folders |= {*settings.schemas} - {*made}
    return conversion.convert(
        history,
        default_schema=schema,
        now=now,
        modes=told.modes,
        outside=told.outside,
        failed_downs=told.failed,
        down_modes=told.down_modes,
        folders=folders,
    )
