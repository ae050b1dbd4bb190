"""The lines of the checklist, and how each is asked."""

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemata import config, errors
from schemata.checklist import documented, outcome
from schemata.client import generate
from schemata.migrations import files
from schemata.parity import expected, locking
from schemata.report import document, progress
from schemata.server import programs
from schemata.smoke import smoke

_PAGE = "page"


class Situation:
    """What the lines ask about: the project, and a fresh database in which its migrations ran."""

    def __init__(self, settings: config.Config, reporter: progress.Reporter, stack: contextlib.ExitStack) -> None:
        self.settings = settings
        self.reporter = reporter
        self._stack = stack
        self._failed: errors.Error | None = None

    @functools.cached_property
    def major(self) -> int:
        """Return the major version of PostgreSQL that the project is developed on."""
        return programs.chosen(self.settings, self.reporter).major

    @functools.cached_property
    def fresh(self) -> str:
        """Return the URL of a database that the migrations made; it is gone after the checklist."""
        sources = files.read(self.settings.migrations, self.settings.schemas)
        url, _ = self._stack.enter_context(expected.replayed(self.settings, sources, self.major, self.reporter))
        return url

    @functools.cached_property
    def answers(self) -> list[Mapping[str, Any]]:
        """Return what smoke asked of the fresh database."""
        found: list[Mapping[str, Any]] = smoke.smoke(self.settings, url=self.fresh).as_dict()["checks"]
        return found


class Step(NamedTuple):
    """A line that is to be asked.

    :param needs: the name of a line without which this one has nothing to ask.
    """

    name: str
    title: str
    ask: Callable[[Situation], outcome.Answer]
    needs: str = ""


def _lock_file(situation: Situation) -> outcome.Answer:
    found = locking.lock(situation.settings, check=True, reporter=situation.reporter)
    first, *rest = found.text.splitlines()
    return outcome.Answer(first, found.exit_code, _texts(rest) if found.exit_code else ())


def _fresh(situation: Situation) -> outcome.Answer:
    url = situation.fresh
    count = len(files.read(situation.settings.migrations, situation.settings.schemas))
    told = document.number(count, "migration")
    return outcome.Answer(f"{told} ran in an empty database" if url else "")


def _smoke(situation: Situation) -> outcome.Answer:
    return _asked([one for one in situation.answers if one["group"] != _PAGE])


def _pages(situation: Situation) -> outcome.Answer:
    if not situation.settings.pages:
        return outcome.Answer("no page is declared ([[tool.schemata.pages]])", asked=False)
    return _asked([one for one in situation.answers if one["group"] == _PAGE])


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
    found = generate.generate(situation.settings, url=situation.fresh, check=True)
    first, *rest = found.text.splitlines()
    return outcome.Answer(first, found.exit_code, _texts(rest) if found.exit_code else ())


def _texts(lines: list[str]) -> tuple[document.Block, ...]:
    return tuple(document.Text(line) for line in lines)


STEPS = (
    Step("lock-file", "The lock file is up to date", _lock_file),
    Step("fresh-database", "Tested on a fresh database", _fresh),
    Step("smoke", "Smoke covers what they make", _smoke, "fresh-database"),
    Step("query-plans", "Pages use their indexes (EXPLAIN)", _pages, "fresh-database"),
    Step("documents", "The documents mention each table", _documents, "fresh-database"),
    Step("client", "The typed client is up to date", _client, "fresh-database"),
)
