"""Sqitch: a plan file in order, and for each change a script in `deploy/`, `revert/` and `verify/`.

Of a change that is reworked later, the earlier one's scripts are named `<change>@<tag>.sql`, by the first tag between
the two for which there is a file (App::Sqitch::Plan::Change, `path_segments`). The identity in the ledger is the
change's id, which is computed from its line of the plan and the change before; `script_hash` is the SHA-1 of the
deploy script. The scripts are run by psql, so each holds its own BEGIN and COMMIT, or none.
"""

import dataclasses
import re

from schemata.adoption import model
from schemata.adoption.formats import digests, scripts, sqitch_plan, texts

_SETTING = re.compile(
    r"^\s*(?P<name>plan_file|top_dir|deploy_dir|revert_dir|verify_dir|extension)\s*=\s*(?P<value>\S+)"
)
_SECTION = re.compile(r"^\s*\[(?P<name>[^\]]*)\]")


def read(tree: model.Tree) -> model.History:
    """Return what the folder of a Sqitch project holds."""
    settings = _settings(tree.files.get("sqitch.conf", b"").decode("utf-8", "replace"))
    top = settings.get("top_dir", ".").strip("/")
    top = "" if top in (".", "") else f"{top.removeprefix('./')}/"
    plan_file = settings.get("plan_file", f"{top}sqitch.plan").removeprefix("./")
    if plan_file not in tree.files:
        raise scripts.nothing("Sqitch", tree, f"there is no {plan_file}")
    try:
        plan = sqitch_plan.parse(texts.decoded(tree.files[plan_file])[0])
    except ValueError as error:
        raise model.UnreadHistory(
            f"{tree.named(plan_file)}: {error}", "Bring the plan into the form that `sqitch plan` accepts."
        ) from error
    folders = {
        way: settings.get(f"{way}_dir", f"{top}{way}").removeprefix("./").rstrip("/")
        for way in ("deploy", "revert", "verify")
    }
    ending = settings.get("extension", "sql")
    found = scripts.Collected()
    for change in plan.changes:
        found.add(_script(tree, plan, change, folders, ending))
    named = {script.path for script in found.scripts}
    deploy = [path for path in tree.below(f".{ending}") if path.startswith(f"{folders['deploy']}/")]
    found.notes += [f"{path} is left out: the plan does not name it" for path in deploy if path not in named]
    return dataclasses.replace(found.history("sqitch", tree), project=plan.project)


def _settings(text: str) -> dict[str, str]:
    """Return the settings that say where files are: of the core, or of PostgreSQL's engine, which win."""
    known: dict[str, str] = {}
    section = ""
    for line in text.split("\n"):
        if match := _SECTION.match(line):
            section = match["name"].replace('"', "").strip()
        elif (match := _SETTING.match(line)) and section in ("core", "engine pg", "core pg"):
            known[match["name"]] = match["value"].strip('"')
    return known


def _script(
    tree: model.Tree, plan: sqitch_plan.Plan, change: sqitch_plan.Change, folders: dict[str, str], ending: str
) -> model.Script | model.Unreadable:
    suffix = next(
        (tag for tag in change.tags if f"{folders['deploy']}/{change.name}{tag}.{ending}" in tree.files),
        change.tags[0] if change.tags else "",
    )
    name = f"{change.name}{suffix}"
    paths = {way: f"{folder}/{name}.{ending}" for way, folder in folders.items()}
    if paths["deploy"] not in tree.files:
        return model.Unreadable(name, change.id, paths["deploy"], "the plan names it, but there is no such file")
    made = scripts.make(
        tree,
        "sqitch",
        name,
        paths["deploy"],
        version=change.id,
        title=" ".join([change.note.split("\n")[0] or scripts.readable(change.name), *change.tagged]),
        down_path=paths["revert"] if paths["revert"] in tree.files else "",
        checksums=(digests.sha1(tree.files[paths["deploy"]]),),
    )
    if isinstance(made, model.Unreadable):
        return made
    outside = [need for need in change.requires if ":" in need and need.partition(":")[0] != plan.project]
    notes = [f"it requires {need} of another project" for need in outside]
    return dataclasses.replace(
        made,
        time="",
        rest=name,
        verify_path=paths["verify"] if paths["verify"] in tree.files else "",
        notes=(*made.notes, *notes),
    )
