"""`inv slow-queries`: which statements took the server's time since the last look, and why."""

import dataclasses
import re

from schemata import config, targets
from schemata.migrations import files
from schemata.pages import declarations, pages
from schemata.postgres import libpq
from schemata.report import progress
from schemata.slow_queries import counts, marks, outcome, plans, reading, statement_text

_CATALOGS = ("pg_catalog", "information_schema", "pg_temp")
# What made-up rows are made by: the text need not parse, as the server writes `$1` where only a literal may stand.
_SEEDING = re.compile(r"/\* inv seed \*/|\bpg_temp\.seed_")


def slow_queries(
    settings: config.Config,
    *,
    url: str = "",
    top: int = 0,
    above: float | None = None,
    everything: bool = False,
    whole: bool = False,
    install: bool = False,
    metrics: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.SlowQueries:
    """Return the statements that took most time since the last look, each with the worst node of its plan.

    The look is remembered in the state directory, and the next one counts from there; with `whole` everything since
    the counts were reset is shown, and nothing is remembered. Executes none of the statements. `above` (seconds a call;
    else that of the settings) makes the exit code 1 where one is slower. With `metrics` also writes that file, for
    Prometheus. `install` makes the extension in the database postgres where it lacks. Raises reading.NotCollected where
    the server counts nothing, which says what to type.
    """
    wanted = settings.slow_queries
    limit = wanted.above if above is None else above
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        reporter.info(f"Reading what was counted for {target.database}.")
        found = reading.read(choice, connection, target.database, install=install)
        before = None if whole else marks.last(settings.state_dir, choice)
        entries = counts.since(found.look, before)
        statements = outcome.grouped(entries, found.applications, pages_by_fingerprint(settings))
        chosen = statements if everything else [one for one in statements if is_about_rows(settings, one.text)]
        left_out = [one for one in statements if one not in chosen] if len(chosen) < len(statements) else []
        shown = [
            dataclasses.replace(
                one,
                plan=_plan(connection, one.text),
                too_slow=limit is not None and one.counts.mean >= 1000 * limit,
            )
            for one in _most(chosen, top or wanted.top, limit)
        ]
    problem = "" if whole else marks.keep(settings.state_dir, choice, counts.mark(found.look))
    result = outcome.SlowQueries(
        target,
        moment(before.at) if before is not None else f"{moment(found.look.reset)} (the last reset)",
        moment(found.look.at),
        tuple(shown),
        len(chosen) - len(shown),
        (len(left_out), sum(one.share for one in left_out)),
        counts.total(entries),
        limit,
        (*notes_of(found), *filter(None, [problem])),
    )
    if metrics:
        files.write_output(metrics, outcome.metrics(result), "--metrics")
    return result


def _most(statements: list[outcome.Statement], top: int, limit: float | None) -> list[outcome.Statement]:
    """Return the first ones, and whatever else is above the threshold."""
    slow = [one for one in statements[top:] if limit is not None and one.counts.mean >= 1000 * limit]
    return [*statements[:top], *slow]


def _plan(connection: libpq.Connection, text: str) -> str:
    return plans.worst_node(connection, text) if statement_text.reads_or_writes_rows(text) else ""


def is_about_rows(settings: config.Config, text: str) -> bool:
    """Tell whether a statement is the applications': about rows, not only of catalogs and the history, nor seeding."""
    if not statement_text.reads_or_writes_rows(text) or _SEEDING.search(text):
        return False
    names = statement_text.names(statement_text.explicable(text))
    own = {*_CATALOGS, settings.history_schema}
    return names is None or any(schema not in own and not name.startswith("pg_") for schema, name in names)


def pages_by_fingerprint(settings: config.Config) -> dict[str, str]:
    """Return the names of the declared pages by the fingerprints of their queries."""
    return {
        statement_text.fingerprint(query): page.name
        for page in declarations.read(settings)
        for query in pages.queries(page)
    }


def moment(text: str) -> str:
    """Return a time of the server's to the second, with its offset."""
    return f"{text[:10]} {text[11:19]} {text[-6:]}".replace(" +00:00", " UTC")


def notes_of(counted: reading.Counted) -> tuple[str, ...]:
    """Return what a person has to know of a look: what is hidden, what was thrown out."""
    notes = []
    if counted.hidden:
        notes.append(
            f"{counted.hidden} statements of other roles are hidden from this one: GRANT pg_read_all_stats TO it."
        )
    if counted.look.evicted:
        notes.append(
            f"The server threw rows out {counted.look.evicted} times for want of room: raise pg_stat_statements.max."
        )
    if counted.plans_logged_from is not None and counted.plans_logged_from >= 0:
        notes.append(f"auto_explain logs the plans of statements above {counted.plans_logged_from} ms: inv logs.")
    return tuple(notes)
