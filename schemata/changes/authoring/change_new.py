"""`inv change-new`: writes the files of a change from what the development database says of the table."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.changes.authoring import checks, choosing, draft, expressions, names, reading, rows, table, usage, writing
from schemata.changes.authoring.families import columns, constraints, dropping, not_null, same_name, version_views
from schemata.history import tables
from schemata.migrations import authoring, files, leading_comment, precheck
from schemata.migrations.groups import changes
from schemata.postgres import libpq
from schemata.report import results


class ChangeRefused(errors.Error):
    """The change cannot be made this way; nothing was written."""


def new(
    settings: config.Config,
    words: Sequence[str],
    given: Mapping[str, str],
    *,
    id_: str = "",
    url: str = "",
) -> results.Message:
    """Write the files of a change, with rollbacks, ready to be read and edited. Runs nothing.

    :param given: the flags by name, as `draft.Options` has them. Raises ConfigError for words that are wrong,
    ChangeRefused where the table does not allow it, NotAvailable without a database to ask; then nothing is written.
    """
    options = draft.Options(**given)
    kind = usage.checked(words, options)
    for flag in ("using", "back", "default"):
        if text := getattr(options, flag):
            options = dataclasses.replace(options, **{flag: expressions.checked(text, f"--{flag}")})
    schema, name = names.table(words[1])
    if schema not in settings.schemas:
        raise errors.ConfigError(
            f"the schema {schema} is not one of [tool.schemata] schemas ({', '.join(settings.schemas)})",
            "Its migrations would have no folder: add it to `schemas`, or name a table of those.",
        )
    sources = files.read(settings.migrations, settings.schemas) if settings.migrations.is_dir() else ()
    known = changes.of(sources)
    choice = targets.choose(settings, url)
    try:
        with targets.named(choice), targets.connect(choice) as connection:
            recorded = tables.History(settings.history_schema).read(connection.query).ids()
            with reading.undone(connection):
                changed = reading.read(connection, schema, name)
                request = _request(settings, kind, changed, words[2:], options, id_, connection)
                checks.open_change(request, known, recorded)
                checks.changeable(request)
                request, written = _drafted(request, connection, settings)
    except draft.Refused as refused:
        raise ChangeRefused(f"{words[0]}: {refused.message}", refused.hint) from refused
    # What made the table stands before the change, wherever their times are.
    stamps = _stamps(authoring.after(sources), len(written.files))
    texts = writing.files(written, request, stamps)
    _write(settings.migrations / schema, texts)
    return _message(settings, request, written, texts)


def _request(
    settings: config.Config,
    kind: str,
    changed: table.Table,
    rest: Sequence[str],
    options: draft.Options,
    id_: str,
    connection: libpq.Connection,
) -> draft.Request:
    major, user = reading.server(connection)
    path = [names.quoted(part.format(schema=changed.schema)) for part in settings.search_path]
    path += [part for part in ("pg_catalog", "pg_temp") if part not in path]
    verb, *_ = kind.split("-")
    default = names.slug(*kind.split("-")[:1], changed.name, *_named(kind, rest))
    if id_ and not leading_comment.is_change(id_):
        raise errors.ConfigError(
            f"--id {id_} is not a name for a change", "Lower-case letters, digits and _, 60 at most."
        )
    request = draft.Request(
        id=id_ or (default if default[0].isalpha() else f"{verb}_{default}"),
        kind=kind,
        table=changed,
        words=tuple(rest),
        options=options,
        major=major,
        user=user,
        index_name=settings.lint.index_name,
        search_path=", ".join(path),
    )
    if kind == "add-foreign-key":
        (to_schema, to_name), _ = constraints.reference(rest[1], changed.schema)
        request = dataclasses.replace(request, referred=reading.read(connection, to_schema, to_name))
    if kind in choosing.CHOICES:
        request = dataclasses.replace(
            request,
            versions=reading.versions(connection, changed),
            schemas=reading.schemas(connection),
            statements=reading.statements(connection, changed.name),
        )
    return request


def _named(kind: str, rest: Sequence[str]) -> tuple[str, ...]:
    """Return what of the words is in the name of a change."""
    if kind in ("change-type", "add-column-not-null"):
        return tuple(rest[:1])
    return ("not_null", *rest) if kind == "set-not-null" else tuple(rest[:1])


def _stamps(first: str, count: int) -> list[str]:
    stamps = [first]
    while len(stamps) < count:
        stamps.append(authoring.next_second(stamps[-1]))
    return stamps


def _drafted(
    request: draft.Request, connection: libpq.Connection, settings: config.Config
) -> tuple[draft.Request, draft.Draft]:
    """Return the files of the change, and the request with what was asked about it besides."""
    probe = reading.Probe(connection, request.table, request.search_path)
    if request.kind in ("rename-column", "rename-table"):
        return request, _renamed(request)
    if request.options.default:
        _check_default(request, probe)
        request = dataclasses.replace(request, volatile=reading.is_volatile(connection, request.options.default))
    match request.kind:
        case "change-type":
            written = _retyped(request, probe)
        case "split-column":
            written = _split(request, probe)
        case "set-not-null":
            written = not_null.set_not_null(request)
        case "add-column-not-null":
            written = not_null.add_column(request)
        case "drop-column":
            written = dropping.column(request)
        case "drop-table":
            written = dropping.whole(request)
        case "add-unique":
            written = constraints.unique(request)
        case "add-check":
            written = constraints.check(request)
            probe.types([f"NOT ({expressions.checked(request.words[1], 'the condition')})"], "the condition")
        case _:
            written = constraints.foreign_key(request)
    rows.refused(request, probe.any)
    return request, written


def _renamed(request: draft.Request) -> draft.Draft:
    chosen, why = choosing.strategy(request)
    if request.kind == "rename-column":
        checks.column(request, request.words[0])
        new_name = checks.new_column(request, request.words[1])
        make = {"dual": columns.rename, "samename": same_name.rename_column, "view": version_views.rename}[chosen]
    else:
        new_name = checks.new_relation(request, names.single(request.words[0], "the new name"))
        make = {"samename": same_name.rename_table, "view": version_views.rename}[chosen]
    return dataclasses.replace(make(request, new_name), why=why)


def _check_default(request: draft.Request, probe: reading.Probe) -> None:
    if request.kind == "add-column-not-null":
        type_ = probe.type(expressions.type_checked(request.words[1], "the type"))
    else:
        type_ = checks.column(request, request.words[0]).type
    probe.assigns(request.options.default, request.table.sql, type_, "--default")


def _retyped(request: draft.Request, probe: reading.Probe) -> draft.Draft:
    old = checks.column(request, request.words[0])
    type_ = probe.type(expressions.type_checked(request.words[1], "the type"))
    new_name = columns.target_column(request)
    quoted = names.quoted(new_name)
    there = request.options.using or f"{old.sql}::{type_}"
    back = request.options.back or f"{quoted}::{old.type}"
    probe.assigns(there, request.table.sql, type_, _flag("using", request.options.using, there))
    source = f"(SELECT t.*, NULL::{type_} AS {quoted} FROM {request.table.sql} t) AS written"
    probe.assigns(back, source, old.type, _flag("back", request.options.back, back))
    request = dataclasses.replace(request, unfit=probe.unfit(columns.retyped(request, type_)))
    return columns.change_type(request, type_)


def _flag(name: str, given: str, expression: str) -> str:
    return f"--{name}" if given else f"{expression}, which is meant where --{name} EXPR says nothing else,"


def _split(request: draft.Request, probe: reading.Probe) -> draft.Draft:
    old = checks.column(request, request.words[0])
    parts = columns.parse_into(request.options.into)
    types = probe.types([expression for _, expression in parts], "--into")
    added = ", ".join(f"NULL::{type_} AS {names.quoted(name)}" for (name, _), type_ in zip(parts, types, strict=True))
    source = f"(SELECT t.*, {added} FROM {request.table.sql} t) AS written"
    for name, _ in parts:
        checks.new_column(request, names.quoted(name))
    probe.assigns(request.options.back, source, old.type, "--back")
    return columns.split(request, types)


def _write(folder: Path, texts: dict[str, str]) -> None:
    """Write the files, all or none."""
    for name, text in texts.items():
        # What the engine would refuse is a fault of ours, and not to be found in a file.
        mode = leading_comment.parse_directives(text, name).mode
        precheck.check_script(name, text, mode=mode)
    done: list[Path] = []
    try:
        for name, text in texts.items():
            files.write_new(folder / name, text)
            done.append(folder / name)
    except OSError as error:
        for path in done:
            path.unlink()
        raise errors.ConfigError(f"{folder} cannot be written: {error.strerror}", "Check its permissions.") from error


def _message(
    settings: config.Config, request: draft.Request, written: draft.Draft, texts: dict[str, str]
) -> results.Message:
    folder = settings.migrations / request.table.schema
    shown = [files.shown(folder / name, settings.root) for name in texts]
    lines = [f"Wrote the change {request.id}:", *(f"  {path}" for path in shown)]
    if written.strategy and written.why:
        lines.append(f"Strategy {written.strategy}, {draft.STRATEGIES[written.strategy]}: {written.why}.")
        others = [one for one in choosing.CHOICES.get(request.kind, ()) if one != written.strategy]
        lines.append(f"Another one: --strategy {' or '.join(others)}")
    lines += written.notes
    lines.append("Read them, then: inv lint; inv migrate")
    return results.Message(
        "\n".join(lines),
        facts={
            "change": request.id,
            "strategy": written.strategy,
            "files": shown,
            "notes": list(written.notes),
        },
    )
