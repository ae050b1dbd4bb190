"""`inv adopt`: another tool's folder becomes our migrations, and what it recorded in a database our history there."""

import dataclasses
import datetime
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.adoption import model, outcome, preparing, recording, side_by_side
from schemata.adoption.execution import proving, roles
from schemata.adoption.ledgers import judgement
from schemata.migrations import files, migration
from schemata.parity import locking
from schemata.report import progress
from schemata.system import directories


def adopt(
    settings: config.Config,
    tool: str,
    path: str,
    *,
    url: str = "",
    plan: bool = False,
    schema: str = "public",
    values: Sequence[str] = (),
    skip: Sequence[str] = (),
    reason: str = "",
    ledger: str = "",
    keep_ledger: bool = False,
    project: str = "",
    resolve: Sequence[str] = (),
    accept_edited: Sequence[str] = (),
    accept_gone: Sequence[str] = (),
    through: str = "",
    accept: Sequence[str] = (),
    by: str = "",
    mirror: bool = False,
    hold_lock: bool = False,
    create_roles: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Adopted:
    """Write the migrations of another tool's folder as ours; with `url` record there what its ledger calls applied.

    Every file is tried in a temporary server first, so that each says in which mode it runs; all are put in their
    folder in one step, with the lock file. Where they are there already nothing is written. The database is compared
    with what exactly the recorded ones make; then they are recorded in one transaction, with the times and checksums of
    the ledger, which is only read. A run that was killed is repeated. With `plan` nothing is changed.

    :param schema: that of names without one: where the tool's search_path leads.
    :param mirror: and :param hold_lock: the settings then say, for the time in which the tool still runs, that its
        ledger is kept true and its lock taken.
    :param create_roles: roles that the files expect are made, without login, on the project's own dev server.
    :param values: NAME=VALUE of templated names. :param skip: names of what is left out, for the reason. The other
        parameters are a person's answers to what `judgement` asks and `verification` refuses.
    """
    _check(settings, tool, schema, skip, accept, reason, url, (resolve, accept_edited, accept_gone, through, accept))
    added = side_by_side.addition(settings, tool, ledger, mirror=mirror, hold_lock=hold_lock)
    dev = roles.of_dev_server(settings) if create_roles else None
    asked = preparing.Asked(_pairs("--set", values), dict.fromkeys(skip, reason.strip()), ledger, keep_ledger)
    decisions = judgement.Decisions(_pairs("--resolve", resolve), tuple(accept_edited), tuple(accept_gone), through)
    of_database = recording.Asked(decisions, ledger, project, tuple(accept), reason if accept else "", by)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d%H%M%S")
    present = _present(settings)
    prepared = preparing.read(settings, tool, Path(path), asked, schema=schema, now=now, present=present)
    _check_schemas(settings, prepared)
    choice = targets.choose(settings, url) if url else None
    look = recording.look(settings, choice, prepared, of_database) if choice else None
    if look and not plan:
        look.plan(prepared)  # refuses what a person has to decide
    command = f"inv adopt {tool} {path}"
    with tempfile.TemporaryDirectory(prefix="schemata-adopt-") as scratch:
        staged = settings
        if prepared.new:
            major = look.major if look else 0
            staged = dataclasses.replace(settings, migrations=Path(scratch, "migrations"))
            prepared = proving.tried(settings, prepared, staged.migrations, major=major, reporter=reporter)
            proving.stage(settings, prepared, staged.migrations)
            if choice or not plan:  # a plan alone needs no replay, nor the folder in which one is kept
                locking.lock(staged, postgres=str(major or ""), reporter=reporter)
        new: tuple[str, ...] = ()
        accepted: tuple[str, ...] = ()
        if choice and look and look.judged.ok:
            proof = _recording(staged, choice, prepared, look, of_database, command, reporter)
            new = tuple(one.id for one in proof.new)
            accepted = proof.compare() if new else ()
        if added and not plan:
            side_by_side.write(settings.root, added)
        if prepared.new and not plan:
            manifest = (staged.migrations / files.MANIFEST).read_text(encoding="utf-8")
            directories.put(settings.migrations, {**prepared.texts, files.MANIFEST: manifest})
    if choice and look and new and not plan:
        written = _recording(settings, choice, prepared, look, of_database, command, reporter).write()
        new, accepted = written.ids, written.accepted
    created: tuple[str, ...] = ()
    if dev and not plan:
        created = roles.create(dev, prepared.roles)
        if not prepared.tried:  # a role that only a statement in a block names is known by a run
            prepared = proving.with_roles(settings, prepared, reporter)
            created += roles.create(dev, prepared.roles)
    return outcome.Adopted(
        prepared,
        str(settings.migrations),
        written=len(prepared.texts),
        look=look,
        recorded=new,
        accepted=accepted,
        plan=plan,
        settings=added,
        created=created,
    )


def _recording(
    settings: config.Config,
    choice: targets.Choice,
    prepared: preparing.Prepared,
    look: recording.Look,
    asked: recording.Asked,
    command: str,
    reporter: progress.Reporter,
) -> recording.Recording:
    sources = files.read(settings.migrations, settings.schemas)
    return recording.Recording(settings, choice, prepared, sources, look, asked, command, reporter)


def _check(
    settings: config.Config,
    tool: str,
    schema: str,
    skip: Sequence[str],
    accept: Sequence[str],
    reason: str,
    url: str,
    answers: Sequence[object],
) -> None:
    """Refuse flags that make no sense together."""
    if tool not in model.TOOLS:
        raise errors.ConfigError(f"there is no tool {tool!r}", f"Known are: {', '.join(model.TOOLS)}.")
    if schema not in settings.schemas:
        listed = ", ".join(f'"{name}"' for name in dict.fromkeys([schema, *settings.schemas]))
        raise errors.ConfigError(
            f"names without a schema are in {schema} for {tool}, and the settings do not list that schema",
            f"Add it in pyproject.toml: schemas = [{listed}]\nOr name the schema that the tool's connection has first "
            "in its search_path: --schema NAME",
        )
    if (skip or accept) and not reason.strip():
        flag = "--skip" if skip else "--accept"
        raise errors.ConfigError(f"{flag} is for a reason, and none is given", 'Say why: --reason "…"')
    if reason and not (skip or accept):
        raise errors.ConfigError(
            "--reason says why a file is left out or a difference accepted, and neither is asked for", "Leave it out."
        )
    if any(answers) and not url:
        raise errors.ConfigError(
            "--resolve, --accept-edited, --accept-gone, --through and --accept are about a database, and none is named",
            "Name it: --url URL",
        )


def _pairs(flag: str, texts: Sequence[str]) -> Mapping[str, str]:
    found = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise errors.ConfigError(f"{flag} {text} is not NAME=VALUE", f"Write {flag} NAME=VALUE; it may come again.")
        found[name] = value
    return found


def _check_schemas(settings: config.Config, prepared: preparing.Prepared) -> None:
    """Refuse settings of which the engine would make a schema before the file that makes it."""
    if both := [name for name in prepared.made if name in settings.schemas and name != "public"]:
        left = ", ".join(f'"{name}"' for name in settings.schemas if name not in both)
        raise errors.ConfigError(
            f"the files make the schema{'s' if len(both) > 1 else ''} {', '.join(both)}, which the settings list: it "
            "would be there before the file that makes it",
            f"Take it out in pyproject.toml: schemas = [{left}]. What the files make is compared all the same.",
        )


def _present(settings: config.Config) -> tuple[migration.Migration, ...]:
    return files.read(settings.migrations, settings.schemas) if files.holds_any(settings.migrations) else ()
