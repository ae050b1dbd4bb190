"""The truth about a database, asked without psycopg and without the SQL parser: status must be quick."""

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from schemata import config, errors, targets
from schemata.history import comparison, damage, existing, inventory, recorded, tables
from schemata.history.drift import audit, expectation, findings
from schemata.history.held import looking
from schemata.history.squashed import findings as squash_findings
from schemata.history.squashed import recognition
from schemata.migrations import files, leading_comment, lookup, migration, revision
from schemata.postgres import catalog, libpq, queries
from schemata.report import document, results
from schemata.snapshot import fingerprints, moment, reading, taking

_LOCK_NOT_AVAILABLE = "55P03"


_SERIOUS = (errors.NEEDS_PERSON, errors.WRONG_SETTINGS, errors.NOT_AVAILABLE)
_PROBLEMS = (*_SERIOUS, errors.BUSY)


@dataclasses.dataclass(frozen=True)
class Status:
    """The answer of `migrate-status`."""

    target: results.Target
    compared: comparison.Comparison
    schemas: tuple[str, ...]
    checked: bool = False

    @property
    def exit_code(self) -> int:
        """Return the worst of the findings; pending counts only when it was asked for."""
        codes = [finding.exit_code for finding in self.compared.findings]
        return errors.worst([code for code in codes if self.checked or code != errors.PENDING])

    @property
    def ok(self) -> bool:
        """Tell whether nobody has to do anything, pending migrations included."""
        return all(finding.exit_code == errors.DONE for finding in self.compared.findings)

    def blocks(self) -> list[document.Block]:
        """Return the target, a line for each schema, what is not applied, the findings and the verdict."""
        compared = self.compared
        shown: list[document.Block] = [document.Text(f"Target: {self.target.describe()}"), document.Gap()]
        columns = ("schema", "applied", "pending", "problems", "last applied")
        shown.append(document.Grid(columns, tuple(self._summary(schema) for schema in self.schemas)))
        rows = tuple((row.id, row.state, row.title) for row in compared.rows if row.state != "applied")
        if rows:
            shown += [document.Gap(), document.Grid(("migration", "state", "title"), rows)]
        for finding in compared.findings:
            if finding.code != "pending":
                colour: document.Colour = "red" if finding.exit_code in _SERIOUS else "yellow"
                shown += [
                    document.Gap(),
                    document.Finding(
                        finding.code, finding.subject, finding.text, finding.remedy, finding.detail, colour
                    ),
                ]
        return [*shown, document.Gap(), self._verdict()]

    def _summary(self, schema: str) -> tuple[str, int, int, int, str]:
        applied = [row for row in self.compared.rows if row.schema == schema and row.applied_at]
        pending = [item for item in self.compared.pending if item.schema == schema]
        problems = [f for f in self.compared.findings if f.schema == schema and f.exit_code in _PROBLEMS]
        last = max(applied, key=lambda row: revision.time_of(row.id), default=None)
        return schema, len(applied), len(pending), len(problems), last.id.partition(".")[2] if last else "-"

    def _verdict(self) -> document.Text:
        persons = [f for f in self.compared.findings if f.exit_code == errors.NEEDS_PERSON]
        if persons:
            return document.Text(f"{len(persons)} finding(s) need action by a person.", "red")
        if self.compared.pending:
            return document.Text(f"{len(self.compared.pending)} pending; apply with: inv migrate", "yellow")
        if self.compared.held:
            count = len(self.compared.held)
            at = self.compared.database_revision
            return document.Text(f"Up to date at {at}, and {count} held; what is next: inv changes", "green")
        return document.Text(f"Up to date at {self.compared.database_revision or 'no revision'}.", "green")

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "target": dataclasses.asdict(self.target),
            "revision": self.compared.revision,
            "database_revision": self.compared.database_revision,
            "migrations": [dataclasses.asdict(row) for row in self.compared.rows],
            "findings": [dataclasses.asdict(finding) for finding in self.compared.findings],
        }


def status_of(
    settings: config.Config, *, url: str = "", schema: str = "", check: bool = False, drift: bool = True
) -> Status:
    """Return everything that is so about the database and the files. Reads only, takes no lock, never waits.

    `schema` limits what is shown, never what is compared. Without `drift` the structure is not looked at.
    """
    sources = files.read(settings.migrations, settings.schemas)
    lookup.check_schema(settings, schema)
    choice = targets.choose(settings, url)
    another = functools.partial(taking.another, choice)
    with targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        lock = files.lock(settings.migrations)
        compared = compare(settings, sources, connection.query, full=True, drift=drift, second=another, lock=lock)
        compared = dataclasses.replace(compared, findings=(*compared.findings, *_lock_file(lock, sources)))
    if schema:
        compared = dataclasses.replace(
            compared,
            rows=tuple(row for row in compared.rows if row.schema == schema),
            findings=tuple(finding for finding in compared.findings if finding.schema in ("", schema)),
        )
    return Status(target, compared, (schema,) if schema else settings.schemas, checked=check)


def compare(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    ask: queries.Ask,
    *,
    full: bool,
    drift: bool = False,
    allow_out_of_order: bool = False,
    on_existing_objects: bool = False,
    second: moment.Second | None = None,
    lock: files.Lock | None = None,
) -> comparison.Comparison:
    """Return files against history; with `full` also what the catalog says, with `drift` the structure too.

    A large structure is read over two sessions where `second` gives another one. `lock` is the lock file, where it was
    read already.

    Objects in a database whose history is empty are looked for in any case: to migrate over them may destroy them.
    With `on_existing_objects` they are a note.
    """
    ledger = tables.History(settings.history_schema)
    found = ledger.read(ask)
    found, objects = _existing(settings, sources, ask, found)
    stands = _stands(sources, found, ledger, ask)
    recognised = recognition.recognise(sources, found, stands)
    others = [*damage.findings(found, settings.history_schema, sources)]
    others += squash_findings.findings(recognised)
    others += existing.finding(objects, found, accepted=on_existing_objects, sources=sources)
    seen = comparison.Observed(
        applied_sql=ledger.applied_sql(ask, comparison.edited(sources, recognised.history)),
        stands=stands,
        changes=looking.seen(
            ask, settings.history_schema, sources, recognised.history, has_objects=bool(objects.objects)
        ),
        others=tuple(others),
    )
    if full:
        holders = catalog.holders(ask)
        seen = dataclasses.replace(
            seen,
            invalid_indexes=catalog.invalid_indexes(ask, settings.schemas),
            unvalidated=catalog.unvalidated_constraints(ask, settings.schemas),
            holders=holders,
            others=(
                *seen.others,
                *(_drift(settings, sources, ask, recognised.history, second, lock) if drift and not holders else ()),
            ),
        )
    return comparison.compare(
        sources,
        found,
        accepts=settings.accepts,
        out_of_order="allow" if allow_out_of_order else settings.out_of_order,
        seen=seen,
        same_meaning=_same_meaning,
    )


def _existing(
    settings: config.Config, sources: Sequence[migration.Migration], ask: queries.Ask, found: recorded.Recorded
) -> tuple[recorded.Recorded, existing.Existing]:
    """Return the history, and what is there that it does not account for and that the files may destroy."""
    schemas = existing.schemas_to_look_at(found, sources, settings.schemas)
    if not schemas:
        return found, existing.Existing()
    outside = existing.Outside() if found.records else existing.destroyed_outside(sources, settings.schemas)
    objects = inventory.look(ask, schemas, settings.history_schema, outside)
    if not objects.objects:
        return found, objects
    # Another deployer may have made them between the two questions; then they are recorded by now.
    now = tables.History(settings.history_schema).read(ask)
    still = existing.schemas_to_look_at(now, sources, settings.schemas)
    return now, objects if still == schemas else objects.of(still)


def _lock_file(lock: files.Lock, sources: Sequence[migration.Migration]) -> list[comparison.Finding]:
    """Return that the lock file tells nothing, where it is so: a note, since a deploy does not need it."""
    problem = lock.problem(sources)
    if not problem:
        return []
    text = f"{problem}: what they make is not known from it"
    return [comparison.Finding("lock-file", "", files.MANIFEST, text, "Write it again: inv lock", errors.DONE)]


def _stands(
    sources: Sequence[migration.Migration], found: recorded.Recorded, ledger: tables.History, ask: queries.Ask
) -> dict[str, tuple[migration.Replaced, ...]]:
    """Return what records without a file stand for, where they are baselines of a newer build."""
    ids, applied = {item.id for item in sources}, found.ids()
    if applied <= ids or ids <= applied:
        return {}  # as nearly always: nothing is asked
    stands = {}
    for id_, text in ledger.applied_sql(ask, sorted(applied - ids)).items():
        with contextlib.suppress(migration.InvalidMigration):
            stands[id_] = leading_comment.parse_directives(text, id_).replaces
    return {id_: replaced for id_, replaced in stands.items() if replaced}


def _drift(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    ask: queries.Ask,
    found: recorded.Recorded,
    second: moment.Second | None,
    lock: files.Lock | None,
) -> list[comparison.Finding]:
    """Return where the structure is not what it should be; nothing where DDL that runs right now would make us wait."""
    actual = found.head.structure
    if actual is None:
        return []
    if catalog.structure_mark(ask, settings.schemas) != found.head.mark:
        try:
            actual = reading.observe(ask, settings.schemas, settings.history_schema, patience=0.5, second=second)
        except libpq.QueryFailed as failure:
            if failure.sqlstate != _LOCK_NOT_AVAILABLE:
                raise
            return []
    deployer = catalog.deployer(ask, settings.history_schema)
    major = fingerprints.major_of(actual)
    lock = lock or files.lock(settings.migrations)
    expected = expectation.of_applied(settings, sources, found, major, deployer, lock=lock)
    of_lock_file = expectation.locked(settings, found.head.digest, major, deployer, lock)
    by_lock_file = bool(expected) and of_lock_file is not None
    drifted = findings.compare(found, actual, expected, by_lock_file=by_lock_file)
    if settings.ignore:
        drifted = [
            dataclasses.replace(one, remedy=f"{one.remedy}\n{findings.NO_RULES}") if one.code == "drift" else one
            for one in drifted
        ]
    schemas = [finding.schema for finding in drifted if finding.code == "drift"]
    return findings.with_audit(drifted, audit.others(ask, settings.history_schema, schemas))


def _same_meaning(before: str, after: str) -> bool:
    # The parser takes longer to import than all the rest; only an edited file needs it.
    from schemata.sql import statement

    return statement.same_meaning(before, after)
