"""`inv parity --fix`: the two structures that a fix lies between, and the files that it becomes."""

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from schemata import config, errors, targets
from schemata.migrations import files
from schemata.parity import answers, diff, expected, ignoring, parity
from schemata.parity.fix import declared, scripts, writing
from schemata.report import progress, results
from schemata.server import programs
from schemata.snapshot import model, taking


def fix(
    settings: config.Config,
    *,
    url: str = "",
    target: str = "",
    against: str = "",
    declaration: str = "",
    adopt: bool = False,
    name: str = "",
    schemas: str = "",
    ignore: Sequence[str] = (),
    lock_wait: float | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> results.Message:
    """Write the migrations that make a database what is expected of it; run none of them.

    What is expected is what its applied migrations make, or the other side `against`. With `declaration`, a file of
    SQL, it is what that file makes, and the migrations lead there from what all of them make together: no database is
    asked. With `adopt` they lead the other way: what was changed by hand becomes a part of the migrations, and the
    database that has it already runs them without an effect.

    A drift that was taken back is not to be brought back: those files have no rollbacks. Of what is adopted they drop
    nothing with data, and pass over what is not there: a database may have had it before.

    What a rule ignores, and drift that somebody accepted, stays as it is. What would lose data is not done: it stands
    in the files as a comment, and makes the exit code 1.
    """
    rules = (*settings.ignore, *map(ignoring.parse, ignore))
    parity.check_kinds(rules)
    if adopt and (declaration or against):
        raise errors.ConfigError(
            "--adopt makes what differs from the migrations a part of them, and the other side is something else",
            "Leave --against and --from out.",
        )
    if declaration:
        for flag, given in (("--url", url), ("--targets", target), ("--against", against)):
            if given:
                raise errors.ConfigError(
                    f"--from {declaration} is compared with the migrations, and {flag} names a database",
                    f"Leave {flag} out.",
                )
        major = programs.find(settings, reporter).major
        here = expected.expected(settings, major, reporter=reporter).only(settings.schemas)
        wanted = declared.declared(settings, Path(declaration), major, reporter)
        answer, applied = answers.Answer("migrations", "what the migrations make", here), None
    else:
        scope = taking.scope(settings, schemas)
        answer, wanted, applied = _sides(settings, url, target, against, scope, lock_wait, reporter)
        assert answer.snapshot is not None
        here, wanted = parity.only(answer.snapshot, scope), parity.only(wanted, scope)
    today = datetime.date.today()
    _, hidden = ignoring.apply((*rules, *answer.accepted), answer.name, diff.diff(wanted, here), today)
    wanted = _keeping(wanted, [one.difference for one in hidden])
    if adopt:
        wanted, here = here, wanted
    purpose = scripts.DECLARED if declaration else scripts.ADOPT if adopt else scripts.FIX
    return writing.write(
        settings,
        wanted,
        here,
        name=name or ("declared" if declaration else "parity"),
        purpose=purpose,
        applied=applied,
    )


def check_flags(*, fix: bool, adopt: bool, declaration: str, others: Mapping[str, object]) -> None:
    """Refuse what excludes each other: one way at a time, and no flag that only a report has.

    :param others: what was given of the report's flags, by flag.
    """
    ways = [flag for flag, given in (("--fix", fix), ("--adopt", adopt), ("--from", declaration)) if given]
    if len(ways) > 1:
        raise errors.ConfigError(
            f"{' and '.join(ways)} exclude each other: each writes migrations that lead another way",
            "Leave all but one of them out.",
        )
    for flag, given in others.items():
        if given:
            raise errors.ConfigError(
                f"{flag} is for the report of what differs, and {ways[0]} writes migrations instead of one",
                f"Leave {flag} or {ways[0]} out.",
            )


def _sides(
    settings: config.Config,
    url: str,
    target: str,
    against: str,
    scope: Sequence[str] | None,
    lock_wait: float | None,
    reporter: progress.Reporter,
) -> tuple[answers.Answer, model.Snapshot, frozenset[str]]:
    """Return the database and what is expected of it, both with what needs what, and the migrations that it has."""
    if url and target:
        raise errors.ConfigError("--url and --targets exclude each other", "Leave one of them out.")
    if "," in target:
        raise errors.ConfigError(
            f"--targets {target} names several databases, and a fix is for one", "Name one: --targets NAME --fix"
        )
    # Beside another side they only tell which of them are pending.
    there = not against or settings.migrations.is_dir()
    sources = files.read(settings.migrations, settings.schemas) if there else ()
    ask = functools.partial(
        answers.of_database,
        settings,
        schemas=scope,
        lock_wait=taking.LOCK_WAIT if lock_wait is None else lock_wait,
        reporter=reporter,
        dependencies=True,
    )
    choose = (
        functools.partial(targets.by_name, settings, target)
        if target
        else functools.partial(targets.choose, settings, url)
    )
    jobs: list[answers.Job] = [functools.partial(ask, target, choose, sources=sources)]
    if against:
        jobs.append(parity.other_side(settings, against, ask))
    found = answers.all_of(jobs)
    for answer in found:
        if answer.error is not None:
            raise answer.error
    other = found[1] if against else parity.Replays(settings, sources, reporter).expected_of(found[0])
    if other.error is not None:
        raise other.error
    assert other.snapshot is not None
    if other.snapshot.items and not other.snapshot.dependencies:
        raise errors.ConfigError(
            f"{against} does not say what needs what, so nobody knows in which order it could be made",
            "Write it again: inv snapshot --out FILE.json",
        )
    applied = found[0].ids
    if applied is None:
        applied = frozenset(one.id for one in sources)
    # What was accepted is accepted beside the migrations, not beside another side.
    answer = dataclasses.replace(found[0], accepted=()) if against else found[0]
    return answer, other.snapshot, applied


def _keeping(wanted: model.Snapshot, differences: Iterable[diff.Difference]) -> model.Snapshot:
    """Return what is wanted with these differences left as they are."""
    items = {item.key: item for item in wanted.items}
    for difference in differences:
        if difference.change == "missing":
            for item in (difference.item, *difference.parts):
                items.pop(item.key, None)
        elif difference.change == "extra":
            items |= {item.key: item for item in (difference.item, *difference.parts)}
        else:
            key = difference.item.key
            facts = dict(items[key].facts)
            for change in difference.changes:
                facts.pop(change.fact, None)
                if change.actual is not None:
                    facts[change.fact] = change.actual
            items[key] = items[key]._replace(facts=facts)
    return dataclasses.replace(wanted, items=model.ordered(items.values()))
