"""Answers to many questions about one moment of a database, over one session or over two at the same time."""

import collections
import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any

from schemata.postgres import queries

#: Opens another session with the same database for the time of the block.
Second = Callable[[], contextlib.AbstractContextManager[queries.Ask]]

_LOCK_NOT_AVAILABLE = "55P03"
# Seconds for a session that has answered to be closed: a caller may go on to drop the database.
_GOODBYE = 2.0


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

    def answers(self, questions: Iterable[str], second: Second | None = None) -> list[Any]:
        """Return the answer to each question.

        A second session, where one can be had, is asked from the end of the list meanwhile; what it does not answer
        the first is asked. Only that it did not get a lock in time is raised at once: asking again would wait again.
        """
        left = collections.deque(enumerate(questions))
        found: list[Any] = [None] * len(left)
        missing = len(left)
        helper = _Helper(second, self._shared(), self._settings, left) if second else None
        try:
            while missing:
                with contextlib.suppress(IndexError):
                    number, question = left.popleft()
                    found[number] = self.answer(question)
                    missing -= 1
                    continue
                assert helper is not None
                number, answer, failure = helper.results.get()
                if failure is not None:
                    if getattr(failure, "sqlstate", "") == _LOCK_NOT_AVAILABLE:
                        raise failure
                    answer = self.answer(answer)
                found[number] = answer
                missing -= 1
        finally:
            left.clear()
            if helper is not None:
                helper.leave()
        return found

    def _shared(self) -> str:
        return str(self._ask("SELECT pg_export_snapshot()")[0][0])


class _Helper:
    """A thread with a session of its own, which takes questions from the end of the list."""

    def __init__(
        self, second: Second, snapshot: str, settings: str, left: "collections.deque[tuple[int, str]]"
    ) -> None:
        #: The number of a question with its answer; or with the question itself and why there is no answer.
        self.results: queue.SimpleQueue[tuple[int, Any, Exception | None]] = queue.SimpleQueue()
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
                number, question = self._left.pop()
                try:
                    self.results.put((number, _answer(ask, question), None))
                except Exception as failure:  # noqa: BLE001 - told to the thread that waits for it
                    self.results.put((number, question, failure))
                    return


def _begin(ask: queries.Ask, settings: str) -> None:
    ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    ask(settings)


def _answer(ask: queries.Ask, question: str) -> Any:
    return json.loads(str(ask(question)[0][0]))
