"""Answers to many questions about one moment of a database, over one session or over two at the same time."""

import collections
import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from schemata.postgres import queries

#: Opens another session with the same database for the time of the block.
Second = Callable[[], contextlib.AbstractContextManager[queries.Ask]]

#: The name of a question with its answer; or with the question itself and why there is no answer.
_Told = tuple[str, Any, Exception | None]

_LOCK_NOT_AVAILABLE = "55P03"
# Seconds for a session that has answered to be closed: a caller may go on to drop the database.
_GOODBYE = 2.0


class Step(NamedTuple):
    """What is done, once, as soon as the questions that `after` names are answered: it may lead to more of them."""

    after: frozenset[str]
    do: Callable[[Mapping[str, Any]], Mapping[str, str]]


class Moment:
    """A read-only transaction: every answer is of the moment of the first.

    :param settings: statements that set what holds for the transaction.
    """

    def __init__(self, ask: queries.Ask, settings: str) -> None:
        self._ask = ask
        self._settings = settings

    def __enter__(self) -> "Moment":
        _begin(self._ask, self._settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._ask("COMMIT")
            return
        with contextlib.suppress(Exception):
            self._ask("ROLLBACK")

    def answer(self, question: str) -> Any:
        """Return the JSON document that a query of one row and column gives."""
        return _answer(self._ask, question)

    def answers(
        self, questions: Mapping[str, str], second: Second | None = None, steps: Iterable[Step] = ()
    ) -> dict[str, Any]:
        """Return the answer to each question, by its name, and to those that the steps lead to.

        A second session, where one can be had, is asked from the end of the list meanwhile; what it does not answer
        the first is asked. Only that it did not get a lock in time is raised at once: asking again would wait again.
        """
        left = collections.deque(questions.items())
        missing = len(left)
        found: dict[str, Any] = {}
        waiting = list(steps)
        helper = _Helper(second, self._shared(), self._settings, left) if second else None
        try:
            while len(found) < missing:
                try:
                    name, question = left.popleft()
                except IndexError:
                    assert helper is not None
                    self._take(helper.results.get(), found)
                else:
                    found[name] = self.answer(question)
                while helper is not None and not helper.results.empty():
                    self._take(helper.results.get(), found)
                for step in [one for one in waiting if one.after <= found.keys()]:
                    waiting.remove(step)
                    added = step.do(found)
                    missing += len(added)
                    left.extendleft(added.items())
        finally:
            left.clear()
            if helper is not None:
                helper.leave()
        return found

    def _take(self, told: "_Told", found: dict[str, Any]) -> None:
        """Note an answer of the second session; where it has none, ask in the first one."""
        name, answer, failure = told
        if failure is not None:
            if getattr(failure, "sqlstate", "") == _LOCK_NOT_AVAILABLE:
                raise failure
            answer = self.answer(answer)
        found[name] = answer

    def _shared(self) -> str:
        return str(self._ask("SELECT pg_export_snapshot()")[0][0])


class _Helper:
    """A thread with a session of its own, which takes questions from the end of the list."""

    def __init__(
        self, second: Second, snapshot: str, settings: str, left: "collections.deque[tuple[str, str]]"
    ) -> None:
        self.results: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        self._second = second
        self._settings = f"SET TRANSACTION SNAPSHOT {queries.literal(snapshot)}; {settings}"
        self._left = left
        self._connected = False
        self._thread = threading.Thread(target=self._run, name="schemata-second", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Wait until its session is closed; one that is not open yet closes by itself."""
        if self._connected:
            self._thread.join(_GOODBYE)

    def _run(self) -> None:
        # Whatever goes wrong with this session, the first one is asked instead.
        with contextlib.suppress(Exception), self._second() as ask:
            self._connected = True
            _begin(ask, self._settings)
            while self._left:
                # The other thread may have taken the last one in this moment: IndexError ends the block.
                name, question = self._left.pop()
                try:
                    self.results.put((name, _answer(ask, question), None))
                except Exception as failure:  # noqa: BLE001 - told to the thread that waits for it
                    self.results.put((name, question, failure))
                    return


def _begin(ask: queries.Ask, settings: str) -> None:
    ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    ask(settings)


def _answer(ask: queries.Ask, question: str) -> Any:
    return json.loads(str(ask(question)[0][0]))
