"""Smoke: what a migrated database must be able to answer, asked of the database itself."""

import dataclasses
import time
from collections.abc import Iterator

from schemata import config, errors, targets
from schemata.history import status, tables
from schemata.history.drift import findings
from schemata.migrations import files, migration
from schemata.pages import declarations, planner
from schemata.postgres import catalog, libpq
from schemata.report import junit_xml, progress, results
from schemata.smoke import structure


@dataclasses.dataclass(frozen=True)
class Check:
    """One question and its answer; `problem` is empty when all is well."""

    group: str
    name: str
    problem: str
    seconds: float
    exit_code: int = errors.NEEDS_PERSON


def smoke(
    settings: config.Config, *, url: str = "", junit: str = "", reporter: progress.Reporter = progress.SILENT
) -> results.Table:
    """Return whether schemas, history, structure and pages are what the applied migrations make. Reads only.

    Pending migrations are a finding of their own.
    With `junit` the answers are also written to that file, as JUnit XML.
    """
    sources = files.read(settings.migrations, settings.schemas)
    choice = targets.choose(settings, url)
    with targets.named(choice):
        with targets.connect(choice) as connection:
            target = targets.describe(choice, connection)
            checks = list(_checks(settings, sources, connection, reporter))
        if junit:
            _write_junit(junit, checks)
        failed = [check for check in checks if check.problem]
        groups: dict[str, list[Check]] = {}
        for check in checks:
            groups.setdefault(check.group, []).append(check)
        rows: list[tuple[object, ...]] = [
            (
                group,
                len(items),
                len([item for item in items if item.problem]),
                "FAILED" if any(i.problem for i in items) else "ok",
            )
            for group, items in groups.items()
        ]
        notes = [f"{check.group} {check.name}: {check.problem}" for check in failed]
        if settings.ignore and any(check.group not in _NO_STRUCTURE for check in failed):
            notes.append(f"Note: {findings.NO_RULES} inv drift-accept")
        if problem := files.lock_problem(settings.migrations, sources):
            notes.append(f"Note: {problem}: what they make is not known from it. Write it again: inv lock")
        verdict = f"{len(failed)} of {len(checks)} checks failed." if failed else f"All {len(checks)} checks passed."
        return results.Table(
            f"Target: {target.describe()}\n",
            ("check", "asked", "failed", "result"),
            tuple(rows),
            notes=("", *notes, verdict),
            ok=not failed,
            exit_code=errors.worst([check.exit_code for check in failed]),
            facts={
                "target": dataclasses.asdict(target),
                "checks": [_document(check) for check in checks],
            },
        )


def _document(check: Check) -> dict[str, object]:
    found = dataclasses.asdict(check)
    return {**found, "exit_code": check.exit_code if check.problem else errors.DONE, "ok": not check.problem}


def _checks(
    settings: config.Config,
    sources: tuple[migration.Migration, ...],
    connection: libpq.Connection,
    reporter: progress.Reporter,
) -> Iterator[Check]:
    missing = set(catalog.missing_schemas(connection.query, settings.schemas))
    for schema in settings.schemas:
        yield Check("schema", schema, "does not exist" if schema in missing else "", 0.0)
    began = time.monotonic()
    compared = status.compare(settings, sources, connection.query, full=False)
    for row in compared.rows:
        yield Check("history", row.id, "" if row.state in _SETTLED else f"is {row.state}", 0.0)
    history = tables.History(settings.history_schema).read(connection.query)
    if history.records:
        for answer in structure.ask(settings, sources, history, connection, reporter):
            yield Check(answer.group, answer.name, answer.problem, time.monotonic() - began, answer.exit_code)
    yield from _pages(settings, connection)


_NO_STRUCTURE = ("schema", "history", "page", "lock file")
_SETTLED = ("applied", "baselined", "resolved", "reformatted", "unverified", "ahead")


def _pages(settings: config.Config, connection: libpq.Connection) -> Iterator[Check]:
    declared = declarations.read(settings)
    if not declared:
        return
    parents = catalog.index_parents(connection.query, settings.schemas)
    for page in declared:
        began = time.monotonic()
        problem = "; ".join(planner.serves(connection, page, parents))
        if problem and page.index not in problem:
            problem = f"{problem} (its index: {page.index})"
        yield Check("page", page.name, problem, time.monotonic() - began)


def _write_junit(path: str, checks: list[Check]) -> None:
    cases = [junit_xml.Case(check.group, check.name, check.seconds, check.problem) for check in checks]
    files.write_output(path, junit_xml.document("smoke", cases), "--junit")
