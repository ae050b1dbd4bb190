"""`inv pages`: each declared page, judged on an empty database, at the committed scale, or on a live target."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from schemata import config, errors, targets
from schemata.ghost import ghost
from schemata.migrations import files
from schemata.pages import declarations, outcome, pages, planner, plans
from schemata.parity import expected
from schemata.postgres import catalog, libpq, waiting
from schemata.report import progress
from schemata.scale import scale, scale_file
from schemata.server import programs

# By statement_timeout, or by somebody.
_CANCELLED = "57014"


def pages_of(
    settings: config.Config,
    *,
    names: str = "",
    url: str = "",
    at_scale: bool = False,
    empty: bool = False,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Pages:
    """Return the verdict on the declared pages, or on those of these names, separated by commas.

    Without a flag they are judged on an empty database and, where there is a scale file, at its scale; `at_scale` and
    `empty` ask for one of these alone, `url` for a live database, which is only read. Raises ConfigError for a name
    that is no page, InvalidScale for a scale file that lacks one of their tables.
    """
    given = [flag for flag, value in (("--url", url), ("--scale", at_scale), ("--empty", empty)) if value]
    if len(given) > 1:
        raise errors.ConfigError(f"{' and '.join(given)} exclude each other", "Give one of them.")
    chosen = declarations.named(settings, tuple(filter(None, (name.strip() for name in names.split(",")))))
    if not chosen:
        raise errors.ConfigError(
            "no page is declared", "Declare one in [[tool.schemata.pages]]: name, table, filter, order, index."
        )
    if url:
        found = _on_target(settings, url, chosen)
    else:
        wanted = scale_file.read(settings) if at_scale or (scale_file.exists(settings) and not empty) else None
        found = on_scratch(settings, chosen, wanted, is_judged_empty=not at_scale, reporter=reporter)
    return dataclasses.replace(found, details=bool(names))


def on_scratch(
    settings: config.Config,
    chosen: Sequence[pages.Page],
    wanted: scale.Scale | None,
    *,
    is_judged_empty: bool = True,
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Pages:
    """Return the verdict on temporary databases: an empty one, one of a scale, or both."""
    sources = files.read(settings.migrations, settings.schemas)
    judged: dict[str, list[outcome.Judged]] = {page.name: [] for page in chosen}
    where: list[str] = []
    if wanted is not None:
        wanted.check_has([(page.table, f"page {page.name}") for page in chosen if page.table])
    with contextlib.ExitStack() as stack:
        server = None if wanted is None else stack.enter_context(ghost.server(settings, sources, reporter))
        if is_judged_empty:
            # What an index can serve differs between versions; the statistics below are for the newest only.
            major = programs.chosen(settings, reporter).major
            if server is not None and major >= ghost.LEAST:
                url = server.database(scale.Scale({}))
            else:
                url, _ = stack.enter_context(expected.replayed(settings, sources, major, reporter))
            for page, one in _each(settings, url, chosen, "empty"):
                judged[page.name].append(one)
            where.append(f"an empty PostgreSQL {major}")
        if server is not None and wanted is not None:
            for page, one in _each(settings, server.database(wanted), chosen, "scale", wanted):
                judged[page.name].append(one)
            where.append(f"one without rows that plans as at the scale of {wanted.source}")
    return outcome.Pages(
        tuple(outcome.Verdict(page, tuple(judged[page.name])) for page in chosen),
        f"Judged on {' and on '.join(where)}.",
        facts={"scale": wanted.source if wanted else None},
    )


def _on_target(settings: config.Config, url: str, chosen: Sequence[pages.Page]) -> outcome.Pages:
    choice = targets.choose(settings, url)
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        verdicts = [outcome.Verdict(page, (one,)) for page, one in judge(settings, connection, chosen, "live")]
    unseen = sorted({one.page.table for one in verdicts if one.judged[0].first is None and one.page.table})
    notes = (f"Nothing was measured where there is no row: {', '.join(unseen)}.",) if unseen else ()
    return outcome.Pages(
        tuple(verdicts), f"Target: {target.describe()}", notes, facts={"target": dataclasses.asdict(target)}
    )


def _each(
    settings: config.Config,
    url: str,
    chosen: Sequence[pages.Page],
    place: str,
    wanted: scale.Scale | None = None,
) -> Iterator[tuple[pages.Page, outcome.Judged]]:
    with waiting.connect(url, application_name="schemata pages") as connection:
        yield from judge(settings, connection, chosen, place, wanted)


def judge(
    settings: config.Config,
    connection: libpq.Connection,
    chosen: Sequence[pages.Page],
    place: str,
    wanted: scale.Scale | None = None,
) -> Iterator[tuple[pages.Page, outcome.Judged]]:
    """Give each page with what is found of it on a database: see outcome.PLACES for `place`."""
    parents = catalog.index_parents(connection.query, settings.schemas)
    sizes = planner.sizes(connection, settings.schemas)
    for page in chosen:
        problems = planner.serves(connection, page, parents)
        if place == "empty":  # what is planned for no rows tells nothing
            yield page, outcome.Judged(place, tuple(problems), indexes=() if problems else (page.index,))
            continue
        try:
            yield page, _planned(connection, page, place, problems, sizes, parents, wanted)
        except libpq.QueryFailed as failure:
            told = _refusal(failure)
            # What the server refuses to plan, it has refused before, in the same words.
            yield page, outcome.Judged(place, tuple(problems) if told in problems else (*problems, told))


def _planned(
    connection: libpq.Connection,
    page: pages.Page,
    place: str,
    problems: Sequence[str],
    sizes: planner.Sizes,
    parents: Mapping[str, str],
    wanted: scale.Scale | None,
) -> outcome.Judged:
    found: list[plans.Facts] = []
    words: list[str] = []
    trees: list[str] = []
    is_small = True
    for keyset in page.forms:
        plan = planner.plan(connection, page, keyset)
        if wanted is not None:
            tables = dict.fromkeys(sizes.roots.get(name, name) for name in plans.relations(plan))
            wanted.check_has([(name, f"page {page.name}") for name in tables])
        facts = plans.facts(plan, sizes.rows, lambda node: planner.estimate(connection, node), parents)
        found.append(facts)
        trees.append(plans.tree(plan))
        is_small = is_small and plans.is_small(plan, sizes.rows)
        form = "" if page.pieces else f"{'next' if keyset else 'first'} page: "
        words += [f"{form}{problem}" for problem in plans.problems(plan, facts, page, sizes.rows)]
    worst = max(found, key=lambda facts: facts.rows)
    judged = outcome.Judged(place, (*problems, *words), worst.scan, worst.indexes, worst.rows, trees=tuple(trees))
    if place != "live":
        return judged
    first, deep = planner.measure(connection, page)
    if not is_small:
        words += [told for one in (first, deep) if one for told in exceeded(page, one)]
    return dataclasses.replace(judged, problems=(*problems, *dict.fromkeys(words)), first=first, deep=deep)


def _refusal(failure: libpq.QueryFailed) -> str:
    if failure.sqlstate == _CANCELLED:
        return f"a page of its rows was not read within {planner.PATIENCE:g} s"
    return str(failure).strip()


def exceeded(page: pages.Page, measured: planner.Measured) -> list[str]:
    """Return which bounds of a page what was read for it exceeds, in words."""
    words = []
    # From less than a block for each row of the page: a filter's most frequent values lie so close in the order of the
    # page that the planner rightly walks it and discards, whatever index they have.
    if measured.rows > page.rows_allowed and measured.buffers > pages.LIMIT:
        words.append(
            f"{measured.rows:,.0f} rows were read for a page of {pages.LIMIT}, at most {page.rows_allowed} may be"
        )
    if measured.buffers > page.max_buffers:
        words.append(f"{measured.buffers:,} buffers were read for a page, at most {page.max_buffers:,} may be")
    return words
