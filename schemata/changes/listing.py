"""`inv changes`: each change with its phase, what holds it up, and what to type next."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from schemata import config, errors, targets
from schemata.changes import named, progress_rows
from schemata.history import status, tables
from schemata.history.held import old_sessions
from schemata.migrations import files
from schemata.report import document, results


@dataclasses.dataclass(frozen=True)
class Listed:
    """One change as it is shown."""

    id: str
    tables: tuple[str, ...]
    phase: str
    migrations: tuple[tuple[str, str, str], ...]
    old_sessions: tuple[str, ...] = ()
    kept_until: str = ""
    rows_done: int | None = None
    fraction: float | None = None
    next: str = ""

    @property
    def shown_phase(self) -> str:
        """Return the phase, and how much of a backfill is done that is under way."""
        if self.fraction is None:
            return self.phase
        return f"{self.phase}, {self.fraction * 100:.0f} % filled"


@dataclasses.dataclass(frozen=True)
class Changes:
    """The answer of `inv changes`."""

    target: results.Target
    changes: tuple[Listed, ...]
    whole: bool = False
    ok: bool = True
    exit_code: int = errors.DONE

    def blocks(self) -> list[document.Block]:
        """Return a line for each change; with one of them alone also its migrations."""
        shown: list[document.Block] = [document.Text(f"Target: {self.target.describe()}"), document.Gap()]
        if not self.changes:
            return [*shown, document.Text("There is no change: no migration here has `-- change:`.")]
        rows = tuple((one.id, one.shown_phase, ", ".join(one.tables), one.next or "-") for one in self.changes)
        shown.append(document.Grid(("change", "phase", "tables", "next"), rows))
        for one in self.changes:
            if self.whole:
                shown += [document.Gap(), document.Grid(("migration", "phase", "state"), one.migrations)]
            if one.old_sessions:
                text = f"{one.id}: the contract waits for sessions of the old version:"
                shown += [document.Gap(), document.Text(text, "yellow")]
                shown += [document.Text(f"  {line}") for line in one.old_sessions]
            if one.kept_until:
                text = (
                    f"{one.id}: what the contract has set aside is kept until {one.kept_until}; "
                    f"inv change-undo {one.id} brings the old version back."
                )
                shown += [document.Gap(), document.Text(text)]
        return shown

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "target": dataclasses.asdict(self.target),
            "changes": [
                {
                    **dataclasses.asdict(one),
                    "migrations": [{"id": id_, "phase": phase, "state": state} for id_, phase, state in one.migrations],
                }
                for one in self.changes
            ],
        }


def changes(
    settings: config.Config,
    *,
    change: str = "",
    url: str = "",
    open_only: bool = False,
) -> Changes:
    """Return every change, or one, with how far it is in the database. Reads only, takes no lock."""
    sources = files.read(settings.migrations, settings.schemas)
    only = named.find(sources, change).id if change else ""
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        compared = status.compare(settings, sources, connection.query, full=False)
        standings = named.all_of(sources, tables.History(settings.history_schema).read(connection.query).ids())
        progress = progress_rows.read(connection.query, settings.history_schema)
        states = {row.id: row.state for row in compared.rows}
        remedies = {finding.subject: finding.remedy for finding in compared.findings}
        found = []
        for id_, standing in standings.items():
            if (only and id_ != only) or (open_only and standing.phase == "complete"):
                continue
            waiting: Sequence[old_sessions.Session] = ()
            if standing.is_breaking and standing.phase in ("expanded", "backfilled"):
                of_settings = (settings.changes.old_applications, settings.changes.old_roles)
                waiting = old_sessions.old(connection.query, standing.change.since, *of_settings)
            row = progress.get(id_) if standing.phase == "expanded" else None
            left = standing.left("expand", "backfill", "contract", "finish")
            found.append(
                Listed(
                    id_,
                    standing.change.tables,
                    standing.phase,
                    tuple((item.id, item.directives.phase, states[item.id]) for item in standing.change.files),
                    tuple(one.describe() for one in waiting),
                    compared.kept.get(id_, "") if standing.phase == "contracted" else "",
                    row.rows if row else None,
                    row.fraction if row else None,
                    remedies.get(left[0].id, "") if left else "",
                )
            )
    return Changes(target, tuple(found), whole=bool(only))
