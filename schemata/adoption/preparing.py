"""The folder of another tool becomes migrations that are known to run: read, classified, tried, converted."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from schemata import config, errors
from schemata.adoption import conversion, model, sources
from schemata.adoption.execution import classification, prelude, templates
from schemata.adoption.readers import reading
from schemata.deploy.other_tool import origin
from schemata.migrations import files, leading_comment, migration

_SHOWN = 20


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
    :param new: ids of those that are not there yet. :param expected: extensions that they expect and do not make, for
        which a migration is written. :param preludes: ids of such migrations that are there.
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
    new: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    preludes: tuple[str, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """Return the texts of what is new, by path below the folder of migrations."""
        items = tuple(one for one in self.converted.migrations if one.id in self.new)
        found = dataclasses.replace(self.converted, migrations=items).files
        if self.expected:
            found[prelude.path(items)] = prelude.text(self.history.tool, self.expected)
        return found

    @property
    def all_preludes(self) -> tuple[str, ...]:
        """Return the ids of the migrations that make what others made beforehand."""
        items = [one for one in self.converted.migrations if one.id in self.new]
        return (*self.preludes, *([prelude.id_of(items)] if self.expected else []))


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


def read(
    settings: config.Config,
    tool: str,
    path: Path,
    asked: Asked,
    *,
    schema: str,
    now: str,
    present: Sequence[migration.Migration] = (),
) -> Prepared:
    """Return a tool's migrations as ours, each in the mode that its text asks for. Changes nothing.

    :param schema: that of names without one. :param now: a time YYYYMMDDHHMMSS.
    :param present: what the project has: those that were adopted from the tool keep their ids.

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
    converted = _convert(settings, history, told, schema=schema, now=now, made=made, present=present)
    because = {converted.id_of(name): why for name, why in told.because.items()}
    of_files = (f"{one.script.name}: {note}" for one in converted.migrations for note in one.notes)
    notes = [*converted.notes, *of_files, *notes]
    made_ready = Prepared(
        history, converted, because, tuple(sorted(roles)), tuple(extensions), made, tuple(notes), tuple(without)
    )
    return beside(made_ready, present)


def path_of(history: model.History, script: model.Script) -> str:
    """Return the path of a script as a person can open it."""
    return f"{history.root}/{script.path}" if history.root else script.path


def beside(prepared: Prepared, present: Sequence[migration.Migration]) -> Prepared:
    """Return what was prepared with the files that are there already as they are; the others are new.

    Raises MigrationError for one whose file in the tool's folder is another than the one that was adopted, or gone.
    """
    by_id = {item.id: item for item in files.with_rollbacks(present)}
    adopted = conversion.imported(present, prepared.history.tool)
    wanted = {one.script.name for one in prepared.converted.migrations}
    strange = [f"{name}: there is no such file any more" for name in adopted if name not in wanted]
    migrations, new = [], []
    for one in prepared.converted.migrations:
        item = by_id.get(one.id)
        if item is None:
            new.append(one.id)
        elif why := _edited(one, item):
            strange.append(f"{path_of(prepared.history, one.script)}: {why}")
        else:
            one = _as_there(one, item)
        migrations.append(one)
    if strange:
        raise _no_longer(prepared, strange)
    first = min((one.id.split(".")[1] for one in migrations), default="")
    earlier = [item.id for item in present if item.id not in {one.id for one in migrations} and item.timestamp < first]
    notes = list(prepared.notes)
    preludes = [id_ for id_ in earlier if prelude.is_one(by_id[id_].sql)]
    if others := [id_ for id_ in earlier if id_ not in preludes]:
        named = ", ".join(others[:_SHOWN])
        notes.append(
            f"the project's own {named} come before them by time: on an empty database they run first, and a database "
            "that has the imported ones needs --allow-out-of-order for them"
        )
    return dataclasses.replace(
        prepared,
        converted=dataclasses.replace(prepared.converted, migrations=tuple(migrations)),
        new=tuple(new),
        notes=tuple(notes),
        preludes=tuple(preludes),
    )


def _edited(one: conversion.Converted, item: migration.Migration) -> str:
    """Return in what way a file is another than the one that was adopted; empty where it is the same."""
    source = origin.of(item.sql)
    if source is None or source.name != one.script.name:
        return f"{item.id} is there, and did not come from it"
    if source.checksum != one.script.checksum:
        return "it was edited after it was adopted"
    if item.sql.partition("\n\n")[2] != one.text.partition("\n\n")[2]:
        return f"{item.id} was edited, or its names were given other values (--set)"
    return ""


def _as_there(one: conversion.Converted, item: migration.Migration) -> conversion.Converted:
    return dataclasses.replace(
        one,
        text=item.sql,
        mode="" if item.directives.mode == "transaction" else item.directives.mode,
        rollback=item.rollback_sql if item.rollback_path else None,
        irreversible=item.directives.irreversible,
    )


def _no_longer(prepared: Prepared, strange: Sequence[str]) -> errors.MigrationError:
    more = [f"  … and {len(strange) - _SHOWN} more"] if len(strange) > _SHOWN else []
    lines = [f"  {line}" for line in strange[:_SHOWN]]
    return errors.MigrationError(
        "\n".join([f"{prepared.history.root} is not what was adopted from it:", *lines, *more]),
        "Bring the files of both sides back as they were; what is to change is a migration of its own: inv "
        "migrate-new. Nothing was written.",
    )


def _with_values(script: model.Script, values: Mapping[str, str]) -> model.Script:
    if not values:
        return script
    down = None if script.down is None else templates.with_values(script.down, values)
    return dataclasses.replace(script, up=templates.with_values(script.up, values), down=down)


def _note(told: _Classified, script: model.Script, seen: classification.Classification) -> None:
    """Note how a script and its down file are run."""
    if seen.mode == classification.OUTSIDE:
        told.outside[script.name] = "; ".join(f"line {one.line}: {one.text}" for one in seen.reasons)
    elif seen.mode in leading_comment.MODES:
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
    elif down.mode in leading_comment.MODES:
        told.down_modes[script.name] = down.mode


def _convert(
    settings: config.Config,
    history: model.History,
    told: _Classified,
    *,
    schema: str,
    now: str,
    made: Iterable[str],
    present: Sequence[migration.Migration],
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
        known=conversion.imported(present, history.tool),
        modes=told.modes,
        outside=told.outside,
        failed_downs=told.failed,
        down_modes=told.down_modes,
        folders=folders,
    )
