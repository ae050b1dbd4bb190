"""The lines of the checklist, and how each is asked."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemata import config, errors
from schemata.attestations import attestation, demand
from schemata.checklist import documented, outcome
from schemata.client import generate
from schemata.lint import lint
from schemata.migrations import files, migration
from schemata.pages import declarations, verdicts
from schemata.parity import expected, locking
from schemata.rehearsal import outcome as rehearsal_outcome
from schemata.rehearsal import rehearse
from schemata.report import document, progress, results
from schemata.scale import scale_file
from schemata.server import programs
from schemata.smoke import smoke

_PAGE = "page"


class Situation:
    """What the lines ask about: the project, a fresh database in which its migrations ran, and a rehearsal.

    :param again: whether migrations are rehearsed although an attestation proves them.
    :param base: lint judges what is not as in this commit; empty stands for everything.
    """

    def __init__(
        self,
        settings: config.Config,
        reporter: progress.Reporter,
        stack: contextlib.ExitStack,
        *,
        again: bool = False,
        base: str = "",
    ) -> None:
        self.base = base
        self.settings = settings
        self.reporter = reporter
        self._stack = stack
        self._again = again

    @functools.cached_property
    def sources(self) -> tuple[migration.Migration, ...]:
        """Return the migrations."""
        return files.read(self.settings.migrations, self.settings.schemas)

    @functools.cached_property
    def major(self) -> int:
        """Return the major version of PostgreSQL that the project is developed on."""
        return programs.chosen(self.settings, self.reporter).major

    @functools.cached_property
    def fresh(self) -> str:
        """Return the URL of a database that the migrations made; it is gone after the checklist."""
        replayed = expected.replayed(self.settings, self.sources, self.major, self.reporter)
        url, _ = self._stack.enter_context(replayed)
        return url

    @functools.cached_property
    def answers(self) -> list[Mapping[str, Any]]:
        """Return what smoke asked of the fresh database."""
        found: list[Mapping[str, Any]] = smoke.smoke(self.settings, url=self.fresh).as_dict()["checks"]
        return found

    @functools.cached_property
    def unproved(self) -> Mapping[str, list[str]]:
        """Return the migrations that no attestation proves, with what is missing."""
        return demand.lacking(self.settings.migrations, self.sources, self.major)

    @functools.cached_property
    def rehearsed(self) -> rehearsal_outcome.Rehearsed | None:
        """Return the rehearsal of what no attestation proves, or of everything; None where nothing is left to do."""
        ids = [item.id for item in self.sources if self._again or item.id in self.unproved]
        if not ids:
            return None
        everything = len(ids) == len(self.sources)
        return rehearse.rehearse(
            self.settings,
            () if everything else ids,
            everything=everything,
            rollbacks=True,
            reporter=self.reporter,
        )

    @functools.cached_property
    def accepted(self) -> frozenset[str]:
        """Return the migrations whose findings an attestation of these very files accepts, for a reason on record."""
        return demand.accepted(self.settings.migrations, self.sources, self.major)

    def attested(self) -> str:
        """Return how many migrations an attestation proves, in words; empty for none."""
        count = len(self.sources) - len(self.rehearsed.traces if self.rehearsed else ())
        return f"{document.number(count, 'migration')} attested" if count else ""


class Step(NamedTuple):
    """A line that is to be asked.

    :param needs: the name of a line without which this one has nothing to ask.
    """

    name: str
    title: str
    ask: Callable[[Situation], outcome.Answer]
    needs: str = ""


def _lint(situation: Situation) -> outcome.Answer:
    found = lint.lint(situation.settings, base=situation.base, reporter=situation.reporter)
    serious = tuple(block for block in found.blocks() if not _is_dim(block)) if found.exit_code else ()
    return outcome.Answer(found.verdict(), found.exit_code, serious)


def _is_dim(block: document.Block) -> bool:
    return isinstance(block, document.Text) and block.colour == "dim"


def _lock_file(situation: Situation) -> outcome.Answer:
    if not situation.sources and not (situation.settings.migrations / files.MANIFEST).exists():
        return outcome.Answer("there is no migration yet", asked=False)
    return _told(locking.lock(situation.settings, check=True, reporter=situation.reporter))


def _fresh(situation: Situation) -> outcome.Answer:
    told = document.number(len(situation.sources), "migration")
    return outcome.Answer(f"{told} ran in an empty database" if situation.fresh else "")


def _existing(situation: Situation) -> outcome.Answer:
    found = situation.rehearsed
    if found is None:
        return outcome.Answer(situation.attested())
    serious = [one for one in found.findings if one.severity == "error" and one.migration_id not in situation.accepted]
    counts = [
        document.number(len(some), name)
        for name in ("error", "warning")
        if (some := [one for one in found.findings if one.severity == name])
    ]
    accepted = len({one.migration_id for one in found.findings if one.severity == "error"} & situation.accepted)
    told = [
        f"{len(found.traces)} rehearsed: {', '.join(counts) or 'no finding'}",
        f"{document.number(accepted, 'migration')} accepted on record" if accepted else "",
        situation.attested(),
    ]
    details: list[document.Block] = [
        document.Finding(one.code, one.place, one.text, one.instead, one.sql, "red") for one in serious
    ]
    advice = "Where that is acceptable, say why, on record: inv rehearse --attest --accept REASON"
    blocks = (*details, document.Text(advice)) if serious else ()
    return outcome.Answer("; ".join(filter(None, told)), errors.NEEDS_PERSON if serious else errors.DONE, blocks)


def _rollbacks(situation: Situation) -> outcome.Answer:
    found = situation.rehearsed
    if found is None:
        return outcome.Answer(situation.attested())
    wrong = {one.migration_id: list(one.problems) for one in found.proofs if not one.ok}
    for item in situation.sources:
        if attestation.lacks_rollback(item):
            wrong.setdefault(item.id, []).append(attestation.NO_ROLLBACK)
    proved = sum(one.ok and not one.unproved for one in found.proofs)
    told = "; ".join(filter(None, (f"{document.number(proved, 'rollback')} proved", situation.attested())))
    if not wrong:
        return outcome.Answer(told)
    lines = [line for id_, problems in wrong.items() for line in (f"{id_}:", *(f"  {one}" for one in problems))]
    return outcome.Answer(f"{len(wrong)} wrong; {told}", errors.NEEDS_PERSON, _texts(lines))


def _smoke(situation: Situation) -> outcome.Answer:
    return _asked([one for one in situation.answers if one["group"] != _PAGE])


def _pages(situation: Situation) -> outcome.Answer:
    settings = situation.settings
    chosen = declarations.read(settings)
    if not chosen:
        return outcome.Answer("no page is declared ([[tool.schemata.pages]])", asked=False)
    answer = _asked([one for one in situation.answers if one["group"] == _PAGE])
    if not scale_file.exists(settings):
        return answer
    wanted = scale_file.read(settings)
    try:
        found = verdicts.on_scratch(settings, chosen, wanted, is_judged_empty=False, reporter=situation.reporter)
    except errors.NotAvailable as error:
        why = document.Text(f"Not asked at the scale of {wanted.source}: {error.message.splitlines()[0]}")
        text = f"{answer.text}, not at the committed scale"
        return dataclasses.replace(answer, text=text, details=(*answer.details, why))
    failed = [one for one in found.verdicts if not one.ok]
    if not failed:
        return dataclasses.replace(answer, text=f"{answer.text}, also at the committed scale")
    told = [f"{one.page.name}, at that scale: {problem}" for one in failed for problem in one.judged[0].problems]
    count = f"{len(failed)} of {document.number(len(chosen), 'page')} failed at the scale of {wanted.source}"
    text = f"{answer.text}; {count}" if answer.exit_code else count
    return outcome.Answer(text, errors.NEEDS_PERSON, (*answer.details, *_texts(told)))


def _asked(answers: list[Mapping[str, Any]]) -> outcome.Answer:
    failed = [one for one in answers if one["problem"]]
    if not failed:
        return outcome.Answer(f"{document.number(len(answers), 'question')} answered")
    code = errors.worst([int(one["exit_code"]) for one in failed])
    told = [f"{one['group']} {one['name']}: {one['problem']}" for one in failed]
    return outcome.Answer(f"{len(failed)} of {len(answers)} failed", code, _texts(told))


def _documents(situation: Situation) -> outcome.Answer:
    settings = situation.settings
    if not settings.check.documents:
        return outcome.Answer('none is named ([tool.schemata.check] documents = ["docs/schema.md"])', asked=False)
    texts = documented.read(settings)
    names = documented.to_mention(expected.expected(settings, situation.major, reporter=situation.reporter))
    if missing := documented.missing(names, texts.values()):
        told = f"{document.number(len(missing), 'relation')} not mentioned in {', '.join(texts)}"
        return outcome.Answer(told, errors.NEEDS_PERSON, _texts([*missing, "Say there what each is for."]))
    return outcome.Answer(f"{document.number(len(names), 'relation')} mentioned in {', '.join(texts)}")


def _client(situation: Situation) -> outcome.Answer:
    if not situation.settings.client.package:
        return outcome.Answer("no typed client is declared ([tool.schemata.client])", asked=False)
    return _told(generate.generate(situation.settings, url=situation.fresh, check=True))


def _told(found: results.Message) -> outcome.Answer:
    first, *rest = found.text.splitlines()
    return outcome.Answer(first, found.exit_code, _texts(rest) if found.exit_code else ())


def _texts(lines: list[str]) -> tuple[document.Block, ...]:
    return tuple(document.Text(line) for line in lines)


STEPS = (
    Step("lint", "Lint: names, locks, losses", _lint),
    Step("lock-file", "The lock file is up to date", _lock_file),
    Step("fresh-database", "Tested: fresh database", _fresh),
    Step("existing-database", "Tested: existing database", _existing, "fresh-database"),
    Step("rollbacks", "Rollbacks verified", _rollbacks, "fresh-database"),
    Step("smoke", "Smoke covers what they make", _smoke, "fresh-database"),
    Step("query-plans", "Query plans use the indexes", _pages, "fresh-database"),
    Step("documents", "Each table is documented", _documents, "fresh-database"),
    Step("client", "The typed client is up to date", _client, "fresh-database"),
)
