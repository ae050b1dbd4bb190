"""What a ledger says of each script: the tool's own rule, row by row."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from schemata.adoption import model
from schemata.adoption.formats import versions
from schemata.adoption.ledgers import entries

_ABSENT = entries.Standing("absent")
_DONE = ("applied", "marked")


def of(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """Return, by the name of each script, what the ledger says of it; `absent` where it says nothing."""
    rule = _RULES.get(history.tool, _by_rows)
    return rule(history, ledger)


def unknown(history: model.History, ledger: entries.Ledger) -> list[entries.Row]:
    """Return the rows that say that something is applied, or failed, of which there is no file."""
    known = {_key(history.tool, script.version) for script in (*history.scripts, *history.replaced)}
    known |= {_key(history.tool, item.version) for item in history.skipped}
    if history.tool == "sqitch":
        named = {script.name.partition("@")[0] for script in history.scripts}
        known |= {row.version for row in ledger.rows if row.name in named}
    if history.tool == "drizzle":
        hashes = {checksum for script in history.scripts for checksum in (script.checksum, *script.accepted)}
        known |= {row.version for row in ledger.rows if row.checksum in hashes}
    last: dict[str, entries.Row] = {}
    for row in ledger.rows:
        last[_key(history.tool, row.version)] = row
    return [
        row
        for key, row in last.items()
        if key not in known and row.state not in ("rolled back", "deleted") and row.kind != "BASELINE"
    ]


def _key(tool: str, version: str) -> str:
    """Return a version as it is compared: Flyway's and numbers do without zeros in front."""
    if tool == "flyway":
        return ".".join(map(str, _dotted(version))) or version
    if tool in ("goose", "golang-migrate", "sqlx") and version.isdigit():
        return str(int(version))
    return version


def _by_rows(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """Return the standings of a tool that keeps rows for each migration: the last one decides."""
    by_version: dict[str, list[entries.Row]] = {}
    for row in ledger.rows:
        by_version.setdefault(_key(history.tool, row.version), []).append(row)
    shared = _shared(history)
    found = {}
    for script in history.scripts:
        rows = by_version.get(_key(history.tool, script.version), [])
        if script.version in shared and rows:
            named = [row for row in rows if row.name and row.name == script.rest]
            if not named and not any(row.name for row in rows):
                why = f"{shared[script.version]} files have the version {script.version}, and the ledger has no name"
                found[script.name] = entries.Standing("unclear", rows[-1], why)
                continue
            rows = named
        found[script.name] = _last(rows)
    return found


def _shared(history: model.History) -> dict[str, int]:
    counts: dict[str, int] = {}
    for script in history.scripts:
        counts[script.version] = counts.get(script.version, 0) + 1
    return {version: count for version, count in counts.items() if count > 1}


def _last(rows: Sequence[entries.Row]) -> entries.Standing:
    """Return what the rows of one migration say together."""
    # Flyway's `repair` notes that a file is gone: what its rows said before is over.
    gone = max((at for at, row in enumerate(rows) if row.state == "deleted"), default=-1)
    rows = rows[gone + 1 :]
    if not rows:
        return _ABSENT
    *before, row = rows
    if row.state in ("failed", "unfinished") and any(item.state == "rolled back" for item in before):
        return entries.Standing(row.state, row, "it was set aside as rolled back, tried again, and did not finish")
    if row.state in ("failed", "unfinished") and any(item.state in _DONE for item in before):
        return entries.Standing("unclear", row, "an earlier row says that it is applied, the last one that it is not")
    if row.state in _DONE and any(item.state == "rolled back" for item in before):
        return entries.Standing(row.state, row, "it was rolled back, and applied again")
    return entries.Standing(row.state, row)


def _prisma(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """As by rows; but a rolled back row never takes back an applied one, because only a failed one can be set aside."""
    found = _by_rows(history, ledger)
    for name, standing in found.items():
        done = [row for row in ledger.rows if row.version == name and row.state in _DONE]
        if standing.state == "rolled back" and done:
            why = "one row says that it is applied, and a later one was rolled back"
            found[name] = entries.Standing("unclear", done[-1], why)
    return found


def _flyway(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """As by rows; a BASELINE row stands for all versions up to its own, and so does the state before a `B` file."""
    found = _by_rows(history, ledger)
    done = (_dotted(row.version) for row in _latest(history, ledger) if row.state in _DONE)
    applied = [version for version in done if version]
    bases = [row for row in ledger.rows if row.kind == "BASELINE"]
    for script in history.scripts:
        standing = found[script.name]
        if script.repeatable:
            if standing.state == "applied" and standing.row and not script.matches(standing.row.checksum):
                why = "it was changed since Flyway last ran it: it is to run again"
                found[script.name] = entries.Standing("rolled back", standing.row, why)
            continue
        if script.baseline and standing.row and not standing.row.kind.endswith("_BASELINE"):
            standing = found[script.name] = _ABSENT  # the row is of the versioned file with that version
        own = versions.dotted(script.version)
        base = next((row for row in bases if _dotted(row.version) >= own), None)
        if base and standing.state in ("absent", "marked"):
            found[script.name] = entries.Standing("marked", base, f"Flyway's baseline {base.version} stands for it")
        elif script.baseline and standing.state == "absent" and applied:
            if max(applied) >= own:
                found[script.name] = entries.Standing("marked", None, "the versions that it stands for are applied")
            else:
                why = f"the database is at a version before {script.version}: let Flyway bring it there first"
                found[script.name] = entries.Standing("unclear", None, why)
    return found


def _dotted(version: str) -> tuple[int, ...]:
    """Return a version of Flyway as its numbers; none for the description of a repeatable one."""
    try:
        return versions.dotted(version)
    except ValueError:
        return ()


def _latest(history: model.History, ledger: entries.Ledger) -> Iterator[entries.Row]:
    """Give the last row of each version."""
    yield from {_key(history.tool, row.version): row for row in ledger.rows if row.state != "deleted"}.values()


def _sqitch(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """By the id of the change; where the plan's line was edited since, the id is another one, and the name helps."""
    found = _by_rows(history, ledger)
    ids = {script.version for script in history.scripts}
    for script in history.scripts:
        if found[script.name].state != "absent":
            continue
        name = script.name.partition("@")[0]
        alike = [row for row in ledger.rows if row.name == name and row.version not in ids and row.state == "applied"]
        instances = sum(item.name.partition("@")[0] == name for item in history.scripts)
        if len(alike) == 1 and instances == 1:
            why = "its line of the plan, or one before it, was edited after it was deployed"
            found[script.name] = entries.Standing("applied", alike[0], why)
    return found


def _golang_migrate(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """Up to the one version of the ledger everything is applied; a dirty one is not finished.

    Where it is another tool's, with a row for each of the same files, it is as by rows.
    """
    if not ledger.single:
        return _by_rows(history, ledger)
    if not ledger.rows or not ledger.rows[-1].version.isdigit():
        return {script.name: _ABSENT for script in history.scripts}
    row = ledger.rows[-1]
    found = {}
    for script in history.scripts:
        if int(script.version) == int(row.version):
            found[script.name] = entries.Standing(row.state, row)
        else:
            before = int(script.version) < int(row.version)
            found[script.name] = entries.Standing("applied") if before else _ABSENT
    return found


def _alembic(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """The revisions of the ledger and all that they come from are applied."""
    needs = {script.version: script.requires for script in history.scripts}
    done: set[str] = set()
    todo = [row.version for row in ledger.rows]
    while todo:
        version = todo.pop()
        if version not in done:
            done.add(version)
            todo += needs.get(version, ())
    rows = {row.version: row for row in ledger.rows}
    return {
        script.name: entries.Standing("applied", rows.get(script.version)) if script.version in done else _ABSENT
        for script in history.scripts
    }


def _drizzle(history: model.History, ledger: entries.Ledger) -> dict[str, entries.Standing]:
    """By the journal's time, else by the hash; what is before the last row and has none, Drizzle never runs."""
    by_time = {row.version: row for row in ledger.rows}
    last = max((int(row.version) for row in ledger.rows if row.version.isdigit()), default=-1)
    found = {}
    for script in history.scripts:
        row = by_time.get(script.version) or next((row for row in ledger.rows if script.matches(row.checksum)), None)
        if row:
            found[script.name] = entries.Standing(row.state, row)
        elif script.version.isdigit() and int(script.version) <= last:
            why = "its time is before that of the last row, so Drizzle takes it for applied, but it has no row"
            found[script.name] = entries.Standing("unclear", None, why)
        else:
            found[script.name] = _ABSENT
    return found


_RULES: Mapping[str, Callable[[model.History, entries.Ledger], dict[str, entries.Standing]]] = {
    "prisma": _prisma,
    "flyway": _flyway,
    "sqitch": _sqitch,
    "golang-migrate": _golang_migrate,
    "alembic-sql": _alembic,
    "drizzle": _drizzle,
}
