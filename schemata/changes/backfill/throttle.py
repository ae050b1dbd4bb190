"""Between two batches: a pause, and patience with replicas that are behind and a server that has much to do."""

import time
from collections.abc import Callable

from schemata.changes.backfill import exclusion, work
from schemata.postgres import queries

# Seconds: between two questions to the server, and between two sentences while it waits.
_EVERY = 1.0
_TOLD = 30.0


class Throttle:
    """What one run waits for between its batches.

    :param pause: seconds of rest after each batch. :param max_lag: seconds that a replica may be behind. :param
        max_load: other sessions that may be active; None for any number. :param renew: gives a sign of life, so that a
        long wait is not taken for a dead run.
    """

    def __init__(
        self,
        ask: queries.Ask,
        pause: float,
        max_lag: float,
        max_load: int | None,
        info: Callable[[str], None],
        renew: Callable[[], None],
    ) -> None:
        self._ask, self._pause, self._max_lag, self._max_load = ask, pause, max_lag, max_load
        self._info, self._renew = info, renew
        self._asked = 0.0
        self._renewed = time.monotonic()
        self._blind: set[str] = set()
        #: Seconds that were waited for the server, the pauses left aside.
        self.waited = 0.0

    def wait(self) -> None:
        """Rest, then return as soon as replicas and server can take the next batch."""
        self._renewed = time.monotonic()  # the batch itself was a sign of life
        self._rest(self._pause)
        began = time.monotonic()
        if began - self._asked < _EVERY:
            return
        told = 0.0
        while reason := self._reason():
            now = time.monotonic()
            if not told or now - told > _TOLD:
                self._info(f"waiting: {reason}")
                told = now
            self._rest(_EVERY)
        self._asked = time.monotonic()
        if told:
            self.waited += self._asked - began
            self._info(f"going on after {self._asked - began:.0f} s")

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, exclusion.RENEWAL))
            if time.monotonic() - self._renewed >= exclusion.RENEWAL:
                self._renew()
                self._renewed = time.monotonic()

    def _reason(self) -> str:
        """Return why the next batch has to wait; "" where it need not."""
        rows = self._ask(work.SQL["lag"].format(seconds=queries.literal(self._max_lag)))
        behind = [(name, float(str(lag))) for name, lag, hidden in rows if hidden != "true" and lag is not None]
        if any(hidden == "true" for _, _, hidden in rows):
            self._is_blind("how far replicas are behind")
        if behind:
            name, lag = behind[0]
            return f"the replica {name or '(without a name)'} is {lag:.1f} s behind, above {self._max_lag:g} s"
        if self._max_load is None:
            return ""
        active, hidden = (int(str(value)) for value in self._ask(work.SQL["load"])[0])
        if hidden:
            self._is_blind("what other sessions do")
        return f"{active} other sessions are active, more than {self._max_load}" if active > self._max_load else ""

    def _is_blind(self, what: str) -> None:
        if what not in self._blind:
            self._blind.add(what)
            self._info(f"this role may not see {what}, which is therefore not heeded: GRANT pg_monitor TO it")
