"""Smoke's questions about the structure: is each schema what the migrations make, and if not, what differs."""

import dataclasses
from collections.abc import Iterator, Sequence

from schemata import config, errors
from schemata.history import recorded
from schemata.history.drift import expectation, findings
from schemata.history.squashed import recognition
from schemata.migrations import migration
from schemata.parity import diff, expected
from schemata.postgres import libpq, queries
from schemata.report import progress
from schemata.snapshot import facts, fingerprints, model, reading

_SHOWN = 160


@dataclasses.dataclass(frozen=True)
class Answer:
    """The structure of one schema, or of one object that differs; `problem` is empty when all is well."""

    group: str
    name: str
    problem: str


def ask(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    history: recorded.Recorded,
    connection: libpq.Connection,
    reporter: progress.Reporter,
) -> Iterator[Answer]:
    """Give an answer for each schema that is as the migrations make it, and one for each object that is not.

    What they make is read from the lock file; where that does not know it, or where something differs, the migrations
    are run in a temporary server. Where there is none, the measure is what the last migrate left. What somebody
    accepted is no problem.
    """
    actual = reading.read(connection.query, settings.schemas, history=settings.history_schema)
    now = fingerprints.of(actual)
    known = expectation.of_applied(settings, sources, history, actual.major)
    differing = fingerprints.differing(known, now)
    accepted = {row.schema for row in history.drift if row.accepted_by and row.actual == now.get(row.schema)}
    if known is None or set(differing) - accepted:
        wanted = _replayed(settings, sources, history, actual.major, reporter)
        if wanted is not None:
            yield from _compared(wanted, actual, accepted)
            return
    if known is None:
        problems = {one.schema: one.text for one in findings.compare(history, now, None) if one.exit_code}
    else:
        problems = {
            schema: f"is not what the migrations make ({', '.join(classes)}); where a server can be started, "
            "`inv parity` names what differs"
            for schema, classes in differing.items()
            if schema not in accepted
        }
    for schema in _schemas(actual):
        yield Answer("structure", schema or "database", problems.get(schema, ""))


def _replayed(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    history: recorded.Recorded,
    major: int,
    reporter: progress.Reporter,
) -> model.Snapshot | None:
    """Return what the applied migrations make; None where nobody can say."""
    applied = recognition.recognise(sources, history).history.ids()
    if not applied <= {item.id for item in sources}:
        return None  # a newer release applied more than these files
    try:
        return expected.expected(settings, major, ids=applied, reporter=reporter)
    except (errors.NotAvailable, expected.ReplayFailed) as error:
        reporter.info(f"what the migrations make is not known here: {error.message}")
        return None


def _compared(wanted: model.Snapshot, actual: model.Snapshot, accepted: set[str]) -> Iterator[Answer]:
    differences = [
        one for one in diff.diff(wanted, actual) if one.item.schema not in accepted and not _only_grants_more(one)
    ]
    wrong = {one.item.schema for one in differences}
    for schema in _schemas(actual):
        if schema not in wrong:
            yield Answer("structure", schema or "database", "")
    for difference in differences:
        if difference.item.kind == "schema" and difference.change == "missing":
            continue  # asked for by itself
        for item in (difference.item, *difference.parts):
            yield Answer(item.kind, diff.subject(item).removeprefix(f"{item.kind} "), _problem(difference, item))


def _only_grants_more(difference: diff.Difference) -> bool:
    """Tell whether roles by name may do more than the migrations say, and nobody less: as a role that monitors may.

    More for PUBLIC is another matter: nobody in particular asked for it.
    """
    if difference.item.kind == "grant" and difference.change == "extra":
        return _grants_more(None, difference.item.facts["grants"])
    return difference.change == "changed" and all(
        change.fact == "grants" and _grants_more(change.expected, change.actual) for change in difference.changes
    )


def _grants_more(expected_: str | None, actual: str | None) -> bool:
    wanted, held = _privileges(expected_), _privileges(actual)
    more = {grantee for grantee, _ in held - wanted if grantee == "PUBLIC" or grantee.startswith(facts.REVOKED)}
    less = {grantee for grantee, _ in wanted - held if not grantee.startswith(facts.REVOKED)}
    return not more and not less


def _privileges(grants: str | None) -> set[tuple[str, str]]:
    lines = [line.partition(": ") for line in (grants or "").splitlines()]
    return {(grantee, privilege) for grantee, _, listed in lines for privilege in listed.split(", ")}


def _schemas(actual: model.Snapshot) -> list[str]:
    return [*actual.schemas, ""]


def _problem(difference: diff.Difference, item: model.Item) -> str:
    if difference.change == "missing":
        return "does not exist, although the migrations make it"
    if difference.change == "extra":
        return "exists, although no migration makes it"
    if any(change.fact == "valid" for change in difference.changes) and item.kind == "index":
        return (
            f"is INVALID: REINDEX INDEX CONCURRENTLY {queries.identifier(item.schema)}.{queries.identifier(item.name)};"
        )
    return "; ".join(
        f"its {change.fact} is {_short(change.actual)}, not {_short(change.expected)}" for change in difference.changes
    )


def _short(value: str | None) -> str:
    if value is None:
        return "not set"
    line = " ".join(value.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
