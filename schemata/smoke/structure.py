"""Smoke's questions about the structure: is each schema what the migrations make, and if not, what differs."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from schemata import config, errors
from schemata.history import recorded
from schemata.history.drift import expectation, findings
from schemata.history.squashed import recognition
from schemata.migrations import files, migration
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
    exit_code: int = errors.NEEDS_PERSON


def ask(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    history: recorded.Recorded,
    connection: libpq.Connection,
    reporter: progress.Reporter,
) -> Iterator[Answer]:
    """Give an answer for each schema that is as the migrations make it, and one for each object that is not.

    What they make is read from the lock file; where that does not know it, or where something differs, the migrations
    are run in a temporary server, with programs that are here. What somebody accepted is no problem. Where nobody can
    say what they make, the measure is what the last migrate left, and one more answer says so.
    """

    def read(schemas: Sequence[str]) -> model.Snapshot:
        return reading.read(connection.query, schemas, history=settings.history_schema)

    actual = read(settings.schemas)
    known = expectation.of_applied(settings, sources, history, actual.major, actual.deployer, whole=True)
    if known and (more := set(known) - {"", fingerprints.FORM, *actual.schemas}):
        actual = read((*actual.schemas, *sorted(more)))
    now = fingerprints.of(actual)
    differing = fingerprints.differing(known, now)
    accepted = {row.schema for row in history.drift if row.accepted_by and row.actual == now.get(row.schema)}
    why: errors.Error | None = None
    if known is None or set(differing) - accepted:
        try:
            wanted = _replayed(settings, sources, history, actual, reporter)
        except (errors.NotAvailable, expected.ReplayFailed) as error:
            wanted, why = None, error
        if wanted is not None:
            if more := set(wanted.schemas) - set(actual.schemas):
                actual = read((*actual.schemas, *sorted(more)))
            yield from _locked(settings, known, wanted)
            yield from _compared(wanted, actual, accepted, settings.schemas)
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
    if known is None and why is not None:
        problem = (
            "is in no lock file and cannot be found out here, so the structure was compared with what the last migrate "
            f"left: {why.message}"
        )
        hint = why.hint
        if isinstance(why, errors.NotAvailable):
            hint = f"Write the lock file where PostgreSQL {actual.major} is: inv lock --postgres {actual.major}"
        yield Answer("structure", "what the migrations make", f"{problem}\n{hint}", why.exit_code)


def _locked(settings: config.Config, known: Mapping[str, str] | None, wanted: model.Snapshot) -> Iterator[Answer]:
    """Give an answer where the lock file says another structure than the migrations make."""
    wrong = fingerprints.differing(known, fingerprints.of(wanted))
    if wrong:
        what = ", ".join(fingerprints.describe(*one) for one in wrong.items())
        problem = f"says something else of {what} than the migrations make; write it again: inv lock"
        yield Answer("lock file", str(settings.migrations / files.MANIFEST), problem)


def _replayed(
    settings: config.Config,
    sources: Sequence[migration.Migration],
    history: recorded.Recorded,
    actual: model.Snapshot,
    reporter: progress.Reporter,
) -> model.Snapshot | None:
    """Return what the applied migrations make; None where a newer release applied more than these files are.

    Raises NotAvailable or ReplayFailed where they cannot be run here.
    """
    applied = recognition.recognise(sources, history).history.ids()
    if not applied <= {item.id for item in sources}:
        return None
    # A check of a database is no occasion for a download: where it runs may be an image.
    return expected.expected(
        settings, actual.major, ids=applied, deployer=actual.deployer, download=False, reporter=reporter
    )


def _compared(
    wanted: model.Snapshot, actual: model.Snapshot, accepted: set[str], asked: Sequence[str]
) -> Iterator[Answer]:
    """Give the answers where what the migrations make is known. The schemas in `asked` have a check of their own."""
    differences = [
        one for one in diff.diff(wanted, actual) if one.item.schema not in accepted and not _only_grants_more(one)
    ]
    wrong = {one.item.schema for one in differences}
    for schema in _schemas(actual):
        if schema not in wrong:
            yield Answer("structure", schema or "database", "")
    for difference in differences:
        if difference.item.kind == "schema" and difference.change == "missing" and difference.item.name in asked:
            continue
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
        f"its {change.fact} is {_short(change.actual)}, {_instead(change)}" for change in difference.changes
    )


def _instead(change: diff.Change) -> str:
    if change.expected is None:
        return "and should not be set"
    return f"and should be {_short(change.expected)}" if change.actual is None else f"not {_short(change.expected)}"


def _short(value: str | None) -> str:
    if value is None:
        return "not set"
    line = " ".join(value.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
