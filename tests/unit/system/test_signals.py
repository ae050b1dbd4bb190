"""Signals that come while something is shown: handled after it, and a second one at once."""

import os
import signal

import pytest

from schemata.system import signals


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, signals.Terminated)]
)
def test_a_signal_is_handled_after_the_block(number: signal.Signals, expected: type[BaseException]) -> None:
    """The block ends as it would have without."""
    done = []

    def show() -> None:
        with signals.deferred():
            os.kill(os.getpid(), number)
            done.append("whole")
        done.append("not reached")

    with signals.raised(), pytest.raises(expected):
        show()
    assert done == ["whole"]


def test_a_second_signal_is_handled_at_once() -> None:
    """Somebody who insists is not kept waiting, by a reader that does not read, for example."""
    done = []

    def show() -> None:
        with signals.deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            done.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        show()
    assert done == []


def test_the_handlers_are_those_of_before() -> None:
    """Nothing is left behind."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with signals.deferred():
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
