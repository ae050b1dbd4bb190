"""What each side says of its structure: databases, all of them at the same time, and snapshot files."""

import dataclasses
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemata import config, errors, lazy, targets
from schemata.config import declared
from schemata.history.drift import audit, noted
from schemata.postgres import libpq, urls
from schemata.report import progress
from schemata.snapshot import fingerprints, listing, model, taking

# Loaded when they are used: not where two databases are compared with each other.
if TYPE_CHECKING:
    from schemata.history import recorded as stored
    from schemata.history import status, tables
    from schemata.migrations import migration
else:
    status = lazy.Module("schemata.history.status")
    tables = lazy.Module("schemata.history.tables")


@dataclasses.dataclass(frozen=True)
class Answer:
    """One side: its structure, or why there is none.

    :param ids: the migrations that make what is expected of it; None for all of them.
    :param recorded: whether any migration is recorded as applied there.
    :param accepted: as rules, the drift that somebody accepted, in schemas that are still as they were then.
    :param audit: who changed what without a deploy, by schema, where that is noted.
    """

    name: str
    title: str
    snapshot: model.Snapshot | None = None
    ids: frozenset[str] | None = None
    recorded: bool = True
    notes: tuple[str, ...] = ()
    accepted: tuple[declared.Ignore, ...] = ()
    error: errors.Error | None = None
    audit: Mapping[str, tuple[noted.Entry, ...]] = dataclasses.field(default_factory=dict)


#: A target of which not even the database's name is known.
_NAMELESS = "database"

Job = Callable[[], Answer]


def all_of(jobs: Sequence[Job]) -> list[Answer]:
    """Return the answers of all jobs, which run at the same time, in the order of the jobs.

    What a job raises that is no expected error is raised here. An interrupt ends the wait at once; what still runs
    ends with the process.
    """
    done: queue.SimpleQueue[tuple[int, Answer | BaseException]] = queue.SimpleQueue()
    # Loaded here: two threads would load it twice.
    libpq.load()
    for number, job in enumerate(jobs):
        threading.Thread(target=_run, args=(number, job, done), name="schemata-parity", daemon=True).start()
    found: dict[int, Answer] = {}
    while len(found) < len(jobs):
        number, answer = done.get()
        if isinstance(answer, BaseException):
            raise answer
        found[number] = answer
    return [found[number] for number in range(len(jobs))]


def _run(number: int, job: Job, done: "queue.SimpleQueue[tuple[int, Answer | BaseException]]") -> None:
    try:
        done.put((number, job()))
    except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
        done.put((number, error))


def of_database(
    settings: config.Config,
    name: str,
    choose: Callable[[], targets.Choice],
    schemas: Sequence[str] | None,
    *,
    sources: "tuple[migration.Migration, ...] | None",
    lock_wait: float,
    reporter: progress.Reporter = progress.SILENT,
    dependencies: bool = False,
) -> Answer:
    """Return the structure of a database, and with `sources` which of these migrations it says it has. Reads only.

    Raises ConfigError for a URL that is none: only that of a target by name is an answer, beside those of the others.
    """
    title = f"target {name}" if name else ""
    try:
        choice = choose()
    except errors.Error as error:
        if isinstance(error, errors.ConfigError) and not name:
            raise
        return Answer(name or _NAMELESS, title, error=error)
    try:
        title = f"{urls.redact(choice.url)} ({choice.chosen_by})"
        # The same also where nobody answers, so that metrics and rules know it again.
        name = name or (declared.DEV if choice.is_dev else urls.database_of(choice.url) or _NAMELESS)
        with targets.named(choice), targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
            title = target.describe()
            answer = Answer(name, title, notes=choice.notes)
            drift: tuple[stored.Drift, ...] = ()
            if sources is not None:
                answer, drift = _with_history(settings, sources, connection, answer)
            found = taking.take(
                settings,
                choice,
                connection,
                schemas,
                lock_wait=lock_wait,
                alone=True,
                reporter=reporter,
                dependencies=dependencies,
            )
            known = audit.others(connection.query, settings.history_schema, ["", *found.schemas])
    except errors.Error as error:
        return Answer(name or _NAMELESS, title, error=error)
    return dataclasses.replace(answer, snapshot=found, accepted=_accepted(drift, found), audit=known)


def _with_history(
    settings: config.Config,
    sources: "tuple[migration.Migration, ...]",
    connection: libpq.Connection,
    answer: Answer,
) -> "tuple[Answer, tuple[stored.Drift, ...]]":
    """Return the answer with which migrations are applied and what else the history tells; and the drift in it."""
    try:
        drift = tables.History(settings.history_schema).read(connection.query).drift
        compared = status.compare(settings, sources, connection.query, full=False)
    except errors.Error as error:
        note = f"Compared with what all migrations make, because {error.message}"
        return dataclasses.replace(answer, notes=(*answer.notes, note)), ()
    notes = list(answer.notes)
    others: dict[str, int] = {}
    for finding in compared.findings:
        if finding.exit_code not in (errors.DONE, errors.PENDING) or finding.code == "ahead":
            others[finding.code] = others.get(finding.code, 0) + 1
    if others:
        told = ", ".join(f"{count} {code}" for code, count in others.items())
        notes.append(f"Its history needs a look ({told}): inv migrate-status")
    pending = {item.id for item in (*compared.pending, *compared.held)}
    applied = frozenset(item.id for item in sources if item.id not in pending)
    made = dataclasses.replace(
        answer, ids=applied if pending else None, recorded=bool(applied or not pending), notes=tuple(notes)
    )
    return made, drift


def _accepted(drift: "Sequence[stored.Drift]", found: model.Snapshot) -> tuple[declared.Ignore, ...]:
    now = fingerprints.of(found)
    return tuple(
        declared.Ignore(
            schema=row.schema or listing.DATABASE,
            reason=f"drift that {row.accepted_by} accepted at {row.accepted_at}: {row.reason}",
        )
        for row in drift
        if row.accepted_by and row.actual == now.get(row.schema)
    )


def of_file(path: str) -> Answer:
    """Return the snapshot that a file holds. Raises ConfigError where it holds none."""
    try:
        found = model.from_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise errors.ConfigError(
            f"{path} cannot be compared with: {why}", "Write a snapshot with: inv snapshot --out FILE.json"
        ) from error
    return Answer(path, f"{path} (database {found.database}, PostgreSQL {found.version})", found)
