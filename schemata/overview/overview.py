"""`inv report`: everything that is known of a project and a database of its, as one HTML page."""

import dataclasses
import functools
import re
import time
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path

from schemata import config, errors, targets
from schemata.advice import advise
from schemata.attestations import stored
from schemata.deploy.preview import locks
from schemata.history import recorded, status, tables
from schemata.migrations import files, migration
from schemata.overview import coldstarts, diagram, entities, page, timeline
from schemata.pages import outcome, verdicts
from schemata.parity import parity
from schemata.parity.reports import page as parity_page
from schemata.report import document, markup, progress, results
from schemata.slow_queries import slow_queries
from schemata.snapshot import model, taking

_DEFAULT = "report.html"
_CREATE = r"(?i)\bcreate\s+table\s+(if\s+not\s+exists\s+)?"


@dataclasses.dataclass(frozen=True)
class _Subject:
    """What the sections are about. The database is read by the first section that asks, which then has the error."""

    settings: config.Config
    url: str
    choice: targets.Choice
    sources: tuple[migration.Migration, ...]
    reporter: progress.Reporter

    @functools.cached_property
    def records(self) -> Mapping[str, recorded.Record]:
        """The records of the history by their migrations."""
        with targets.named(self.choice), targets.connect(self.choice) as connection:
            found = tables.History(self.settings.history_schema).read(connection.query)
        return {record.id: record for record in found.records}

    @functools.cached_property
    def snapshot(self) -> model.Snapshot:
        """The structure of the schemas."""
        with targets.named(self.choice), targets.connect(self.choice) as connection:
            schemas = self.settings.schemas
            return taking.take(self.settings, self.choice, connection, schemas, alone=True, reporter=self.reporter)


def report(
    settings: config.Config,
    *,
    url: str = "",
    out: str = "",
    browse: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Message:
    """Write the page to the file `out` (default: report.html in the state directory) and return where it is.

    Reads only. A section whose question cannot be answered says why; the others are there. With `browse` a browser
    shows it.
    """
    choice = targets.choose(settings, url)
    sources = files.read(settings.migrations, settings.schemas)
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
    subject = _Subject(settings, url, choice, sources, reporter)
    sections = [made for made in (_section(subject, *one) for one in _SECTIONS) if made is not None]
    text = page.render(f"{settings.name}: database report", target.describe(), int(time.time()), sections)
    path = Path(out) if out else settings.state_dir / _DEFAULT
    files.write_output(str(path), text, "--out")
    if browse:
        webbrowser.open(path.absolute().as_uri())
    told = ", ".join(f"{one.title.lower()}{f' ({one.summary})' if one.summary else ''}" for one in sections)
    return results.Message(
        f"Wrote {path}: {told}.", facts={"file": str(path), "sections": [one.name for one in sections]}
    )


def _section(
    subject: _Subject, name: str, title: str, make: Callable[[_Subject], page.Section | None]
) -> page.Section | None:
    """Return a section; one whose question has no answer says so, and what to type."""
    subject.reporter.info(f"Report: {title}.")
    try:
        made = make(subject)
    except errors.Error as error:
        told = markup.blocks([document.Text(error.message), document.Text(error.hint, "dim")])
        return page.Section(name, title, told, "no answer", "", is_open=False)
    return None if made is None else dataclasses.replace(made, name=name, title=title)


def _status(subject: _Subject) -> page.Section:
    found = status.status_of(subject.settings, url=subject.url)
    pending = sum(row.state == "pending" for row in found.compared.rows)
    summary = "up to date" if found.ok else f"{pending} pending" if pending else "findings"
    return page.Section("", "", markup.blocks(found.blocks()), summary, "good" if found.ok else "bad")


def _entities(subject: _Subject) -> page.Section:
    of_schema = entities.of(subject.snapshot)
    parts = [
        f"<h3>{markup.text(schema)}</h3>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Diagram of schema {markup.text(schema)}">'
        f"{diagram.svg(schema, found)}</div>"
        for schema, found in of_schema.items()
    ]
    count = sum(len(found) for found in of_schema.values())
    return page.Section("", "", "\n".join(parts), document.number(count, "table"))


def _timeline(subject: _Subject) -> page.Section:
    rows = status.status_of(subject.settings, url=subject.url, drift=False).compared.rows
    blocked = {item.id: _blocked(item) for item in subject.sources if not item.is_python}
    found = timeline.joined(rows, subject.records, blocked)
    seconds = sum(one.milliseconds for one in found) / 1000
    return page.Section("", "", timeline.table(found), f"{len(found)}, {seconds:.1f} s", is_open=len(found) <= 60)


def _blocked(item: migration.Migration) -> tuple[str, ...]:
    """Return the locks on tables that were there before, each once: nobody waits for a table that is being made."""
    found = dict.fromkeys(
        f"{lock.mode} on {lock.table}"
        for lock in locks.locks_of(item)
        if lock.blocks and not re.search(rf"{_CREATE}{re.escape(lock.table)}\b", item.sql)
    )
    return tuple(found)


def _parity(subject: _Subject) -> page.Section:
    made = parity.parity(subject.settings, url=subject.url, reporter=subject.reporter)
    content = f"{parity_page.matrix(made)}\n{markup.blocks(made.blocks())}"
    return page.Section("", "", content, "parity" if made.ok else "differs", _state(made.ok))


def _pages(subject: _Subject) -> page.Section | None:
    if not (subject.settings.pages or subject.settings.page_files):
        return None
    made = verdicts.pages_of(subject.settings, url=subject.url, reporter=subject.reporter)
    trees = [
        f"<details><summary>{markup.text(verdict.page.name)}, on {markup.text(outcome.PLACES[one.place])}</summary>"
        f'<pre tabindex="0">{markup.text(chr(10).join(one.trees))}</pre></details>'
        for verdict in made.verdicts
        for one in verdict.judged
        if one.trees
    ]
    plans = ["<h3>Plans</h3>", *trees] if trees else []
    content = "\n".join([markup.blocks(made.blocks()), *plans])
    return page.Section("", "", content, "served" if made.ok else "problems", _state(made.ok))


def _slow_queries(subject: _Subject) -> page.Section:
    made = slow_queries.slow_queries(subject.settings, url=subject.url, whole=True, reporter=subject.reporter)
    summary = document.number(len(made.statements), "statement")
    return page.Section("", "", markup.blocks(made.blocks()), summary, "" if made.ok else "bad")


def _advice(subject: _Subject) -> page.Section:
    made = advise.advise(subject.settings, url=subject.url, reporter=subject.reporter)
    summary = document.number(len(made.proposals), "proposal")
    return page.Section("", "", markup.blocks(made.blocks()), summary, is_open=bool(made.proposals))


def _proofs(subject: _Subject) -> page.Section | None:
    known = stored.read(subject.settings.migrations)
    if not known:
        return None
    rows = [
        (
            one.id,
            one.major,
            *(one.slots.get(slot, "") for slot in ("lint", "rehearsal", "rollback")),
            one.at,
            one.reason,
        )
        for one in known.values()
    ]
    columns = ("migration", "PostgreSQL", "lint", "rehearsal", "rollback", "when", "accepted, because")
    return page.Section("", "", markup.table(columns, rows), document.number(len(rows), "migration"), is_open=False)


def _coldstarts(subject: _Subject) -> page.Section | None:
    folder = subject.settings.report.coldstart
    cells = coldstarts.read(subject.settings.root / folder) if folder else []
    if not cells:
        return None
    summary, state = coldstarts.summary(cells)
    return page.Section("", "", coldstarts.table(cells), summary, state, is_open=False)


def _state(ok: bool) -> str:
    return "good" if ok else "bad"


_SECTIONS: tuple[tuple[str, str, Callable[[_Subject], page.Section | None]], ...] = (
    ("status", "Status", _status),
    ("entities", "Entities", _entities),
    ("migrations", "Migrations", _timeline),
    ("parity", "Parity", _parity),
    ("pages", "Pages", _pages),
    ("slow-queries", "Slow queries", _slow_queries),
    ("advice", "Index advice", _advice),
    ("proofs", "Rehearsed and proved", _proofs),
    ("cold-starts", "Cold starts", _coldstarts),
)
