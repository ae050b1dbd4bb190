"""`inv parity`: whether databases have the structure that is expected of them, and what differs."""

import dataclasses
import datetime
import functools
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemata import config, errors, lazy, targets
from schemata.config import declared, values
from schemata.parity import answers, diff, ignoring, renames
from schemata.parity.reports import outcome, report
from schemata.report import document, progress
from schemata.snapshot import kinds, listing, model, taking

# Loaded when they are used: a replay needs all of a deploy, which takes longer to load than two databases to compare.
if TYPE_CHECKING:
    from schemata.history.drift import expectation
    from schemata.migrations import files, migration
    from schemata.parity import expected
    from schemata.parity.reports import metrics as exposition
    from schemata.parity.reports import page
else:
    expectation = lazy.Module("schemata.history.drift.expectation")
    files = lazy.Module("schemata.migrations.files")
    expected = lazy.Module("schemata.parity.expected")
    exposition = lazy.Module("schemata.parity.reports.metrics")
    page = lazy.Module("schemata.parity.reports.page")


def parity(
    settings: config.Config,
    *,
    url: str = "",
    against: str = "",
    names: str = "",
    schemas: str = "",
    all_schemas: bool = False,
    severity: str = "",
    ignore: Sequence[str] = (),
    full: bool = False,
    html: str = "",
    metrics: str = "",
    lock_wait: float | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> report.Report:
    """Return how databases differ from what the migrations make of an empty one, or from another side.

    :param against: the other side: the name of a target, the URL of a database, or a snapshot file (.json).
    :param names: the targets to look at, separated by commas; without it the one database that `url` gives.
    :param severity: the classes that decide the exit code, separated by commas; without it all of them.
    :param ignore: rules "kind:schema.name" besides those of the settings.

    All databases are read at the same time; one that cannot be asked does not keep the others from being shown.
    Changes nothing but the files `html` and `metrics`, which are written whole or not at all.
    """
    if url and names:
        raise errors.ConfigError("--url and --targets exclude each other", "Leave one of them out.")
    scope = taking.scope(settings, schemas, all_schemas)
    counted = values.list_of(values.one_of(*kinds.SEVERITIES))(severity, "--severity") or kinds.SEVERITIES
    rules = (*settings.ignore, *map(ignoring.parse, ignore))
    check_kinds(rules)
    chosen: tuple[str, ...] = values.list_of(values.text_of)(names, "--targets")
    for name in chosen:
        targets.check_name(settings, name)
    sources = None if against else files.read(settings.migrations, settings.schemas)
    ask = functools.partial(
        answers.of_database,
        settings,
        schemas=scope,
        lock_wait=taking.LOCK_WAIT if lock_wait is None else lock_wait,
        reporter=reporter,
    )
    jobs: list[answers.Job] = [
        functools.partial(ask, name, functools.partial(targets.by_name, settings, name), sources=sources)
        for name in chosen
    ]
    if not jobs:
        jobs.append(functools.partial(ask, "", functools.partial(targets.choose, settings, url), sources=sources))
    if against:
        jobs.append(other_side(settings, against, ask))
    found = answers.all_of(jobs)
    sides = Replays(settings, sources, reporter) if sources is not None else Other(found.pop())
    today = datetime.date.today()
    outcomes = tuple(_outcome(answer, sides, scope, rules, today) for answer in found)
    _refuse_unknown(settings, schemas, [one for one in outcomes if one.asked])
    made = report.Report(
        outcomes,
        tuple(counted),
        _uses(rules, outcomes, today),
        checked_at=int(time.time()),
        several=len(chosen) > 1,
        full=full,
        to_fix=_to_fix(url, against, chosen),
    )
    return _written(made, html, metrics)


def _refuse_unknown(settings: config.Config, schemas: str, asked: Sequence[outcome.Outcome]) -> None:
    """Refuse a schema that no side of any target has; where none could be asked, nobody knows."""
    nowhere = set.intersection(*(set(one.nowhere) for one in asked)) if asked else set()
    there = {name for one in asked for name in (*one.schemas, *one.not_read)}
    taking.refuse_unknown(settings, schemas, nowhere, there, "what is compared, on either side")


def check_kinds(rules: Sequence[declared.Ignore]) -> None:
    """Refuse a rule for a kind that no object has: it would never hide anything, silently."""
    for rule in rules:
        if rule.kind and rule.kind not in kinds.KINDS:
            raise errors.ConfigError(
                f"a rule of what to ignore is for the kind {rule.kind!r}, and there is none",
                values.suggest(rule.kind, kinds.KINDS),
            )


def other_side(settings: config.Config, against: str, ask: Callable[..., answers.Answer]) -> answers.Job:
    """Return how to ask the other side: a name of the settings, a file, a URL, whichever of them fits first."""
    if not any(target.name == against for target in settings.targets):
        if against.endswith(".json") or Path(against).is_file():
            stored = answers.of_file(against)
            return lambda: stored
        if "://" in against or "=" in against:
            choice = dataclasses.replace(targets.choose(settings, against), chosen_by="--against")
            return functools.partial(ask, "", lambda: choice, sources=None)
        targets.check_name(settings, against)
    return functools.partial(ask, against, functools.partial(targets.by_name, settings, against), sources=None)


@dataclasses.dataclass(frozen=True)
class Other:
    """The other side where it is a database or a file: the same for every target."""

    answer: answers.Answer

    def expected_of(self, answer: answers.Answer) -> answers.Answer:
        """Return what is expected of a database."""
        return self.answer


@dataclasses.dataclass
class Replays:
    """The other side where it is the migrations: run once for each version of the server and set of migrations."""

    settings: config.Config
    sources: "tuple[migration.Migration, ...]"
    reporter: progress.Reporter
    known: dict[tuple[int, frozenset[str] | None, str], answers.Answer] = dataclasses.field(default_factory=dict)

    def expected_of(self, answer: answers.Answer) -> answers.Answer:
        """Return what the migrations make that the database says it has, deployed by the role that deploys there."""
        found = answer.snapshot
        assert found is not None
        key = (found.major, self._ids(answer, found), expectation.role_of(found.deployer, self.sources))
        if key not in self.known:
            self.known[key] = self._replay(*key)
        made = self.known[key]
        if made.snapshot is None:
            return made
        # A replay starts from nothing: a schema that it has not is one that no migration makes.
        schemas = tuple(dict.fromkeys([*made.snapshot.schemas, *found.schemas]))
        return dataclasses.replace(made, snapshot=dataclasses.replace(made.snapshot, schemas=schemas))

    def _ids(self, answer: answers.Answer, found: model.Snapshot) -> frozenset[str] | None:
        # Of a database that is full and has no history everything is expected; of an empty one nothing yet.
        holds = any(item.schema in self.settings.schemas and item.kind != "schema" for item in found.items)
        return answer.ids if answer.recorded or not holds else None

    def _replay(self, major: int, ids: frozenset[str] | None, role: str) -> answers.Answer:
        count = len(self.sources) if ids is None else len(ids)
        which = f"{'all' if ids is None and count != 1 else 'the'} {document.number(count, 'migration')}"
        which += "" if ids is None else " that it has applied"
        where = f" where {role} deploys" if role else ""
        made = "makes" if count == 1 else "make"
        title = f"what {which} {made} of an empty database of PostgreSQL {major}{where}"
        notes = []
        if ids is not None:
            pending = document.number(len(self.sources) - len(ids), "migration")
            notes.append(f"{pending} pending there and not expected yet: inv migrate")
        try:
            found = _replayed(self.settings, major, ids, role, self.reporter)
        except errors.Error as error:
            return answers.Answer("migrations", title, error=error)
        return answers.Answer("migrations", title, found, notes=tuple(notes))


def _replayed(
    settings: config.Config, major: int, ids: Collection[str] | None, role: str, reporter: progress.Reporter
) -> model.Snapshot:
    # All of it: which schemas are compared is the caller's choice.
    return expected.whole(settings, major, ids=ids, deployer=role, reporter=reporter).structure


def _outcome(
    answer: answers.Answer,
    sides: Other | Replays,
    scope: Sequence[str] | None,
    rules: Sequence[declared.Ignore],
    today: datetime.date,
) -> outcome.Outcome:
    if answer.snapshot is None:
        title = sides.answer.title if isinstance(sides, Other) else "what the migrations make"
        return _not_asked(answer, title, answer)
    other = sides.expected_of(answer)
    if other.snapshot is None:
        return _not_asked(answer, other.title, other)
    left, right = (only(one, scope) for one in (other.snapshot, answer.snapshot))
    schemas = diff.comparable(left, right)
    shown, ignored = ignoring.apply((*rules, *answer.accepted), answer.name, diff.diff(left, right), today)
    unread = {name for one in (left, right) for name in one.left_out}
    nowhere = tuple(schema for schema in listing.absent(left) if schema in listing.absent(right))
    return outcome.Outcome(
        answer.name,
        answer.title,
        other.title,
        schemas=schemas,
        not_read=tuple(sorted(unread)),
        nowhere=nowhere,
        differences=shown,
        ignored=ignored,
        renamed=renames.suggest(shown),
        notes=(*answer.notes, *other.notes, *_notes(left, right, other.name, nowhere), *_audited(answer, shown)),
    )


def _not_asked(answer: answers.Answer, expected_title: str, failed: answers.Answer) -> outcome.Outcome:
    error = failed.error
    assert error is not None
    problem = error.message if failed is answer else f"what it is compared with is not known: {error.message}"
    return outcome.Outcome(answer.name, answer.title, expected_title, problem=problem, hint=error.hint)


def only(snapshot: model.Snapshot, scope: Sequence[str] | None) -> model.Snapshot:
    """Return a snapshot without the schemas that were not asked for: a file and a replay may hold more."""
    return snapshot if scope is None else snapshot.only(scope)


def _audited(answer: answers.Answer, shown: Sequence[diff.Difference]) -> list[str]:
    """Return who changed schemas that differ without a deploy, as far as the audit of DDL has noted it."""
    found = []
    for schema in dict.fromkeys(one.item.schema for one in shown):
        what = f"schema {schema}" if schema else "the database as a whole"
        found += [f"Noted by the audit, {what}: {entry.describe()}" for entry in answer.audit.get(schema, ())]
    return found


def _notes(left: model.Snapshot, right: model.Snapshot, name: str, nowhere: Sequence[str]) -> list[str]:
    notes = [f"Not seen, because the role may not: {what}" for what in dict.fromkeys((*left.blind, *right.blind))]
    if nowhere:
        notes.append(f"On neither side there is a schema {', '.join(nowhere)}")
    if left.major != right.major:
        notes.append(
            f"PostgreSQL {left.major} ({name}) is compared with {right.major}: some definitions are printed in "
            "another way"
        )
    return notes


def _uses(
    rules: Sequence[declared.Ignore], outcomes: Sequence[outcome.Outcome], today: datetime.date
) -> tuple[ignoring.Use, ...]:
    hidden = [one for found in outcomes for one in found.ignored]
    # What somebody accepted is told like a rule, where it is the reason that something is not shown.
    rules = [
        *rules,
        *{id(one.rule): one.rule for one in hidden if all(one.rule is not rule for rule in rules)}.values(),
    ]
    left = [(found.name, difference) for found in outcomes for difference in found.differences]
    return ignoring.uses(rules, hidden, left, [found.name for found in outcomes if found.asked], today)


def _to_fix(url: str, against: str, names: Sequence[str]) -> str:
    """Return the command that writes the migration; of a URL, which may hold a password, only that there is one."""
    parts = ["inv parity"]
    if url:
        parts.append("--url URL")
    if names:
        parts.append(f"--targets {names[0] if len(names) == 1 else 'NAME'}")
    if against:
        parts.append(f"--against {'URL' if '://' in against or '=' in against else against}")
    return " ".join([*parts, "--fix"])


def _written(made: report.Report, html: str, metrics: str) -> report.Report:
    made = dataclasses.replace(made, written=tuple(path for path in (html, metrics) if path))
    if html:
        files.write_output(html, page.render(made), "--html")
    if metrics:
        files.write_output(metrics, exposition.text(made), "--metrics")
    return made
