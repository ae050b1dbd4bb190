"""The operators' settings in public.system_settings that the services heed; a bad or missing one has its default."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

#: Setting -> its default, the least and the most that is accepted.
KNOWN: Final[Mapping[str, tuple[float, float, float]]] = {
    "pagination.page_size": (50, 1, 1_000),
    "pagination.page_size_max": (200, 1, 1_000),
    "jobs.heartbeat_seconds": (10, 0.1, 3_600),
    "jobs.lost_after_seconds": (60, 0.2, 86_400),
    "jobs.keep_finished_days": (14, 0, 36_500),
}
DEFAULTS: Final[Mapping[str, float]] = {key: default for key, (default, _, _) in KNOWN.items()}
#: The numbers as text: a database may hold one of more digits than Python reads.
QUERY: Final = """
SELECT key, value::text AS value FROM public.system_settings WHERE key = ANY(%s) AND jsonb_typeof(value) = 'number'
"""
#: Seconds for which they are remembered.
_REMEMBERED: Final = 5.0


def read(rows: Iterable[Mapping[str, str]]) -> Mapping[str, float]:
    """Return every setting: what the rows of `QUERY` say, within its bounds, else its default.

    >>> read([{"key": "pagination.page_size", "value": "20"}])["pagination.page_size"]
    20.0
    >>> read([{"key": "pagination.page_size", "value": "1e400"}])["pagination.page_size"]
    50
    """
    found = dict(DEFAULTS)
    for row in rows:
        _, least, most = KNOWN[row["key"]]
        if least <= float(row["value"]) <= most:
            found[row["key"]] = float(row["value"])
    return found


class Remembered:
    """The settings as they were some seconds ago at the most: not every request asks for them."""

    def __init__(self, ask: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]) -> None:
        """Ask by `ask`, which returns the rows of `QUERY`."""
        self._ask = ask
        self._found = DEFAULTS
        self._read_at = float("-inf")

    async def get(self) -> Mapping[str, float]:
        """Return them; raises what `ask` raises, and then asks again the next time."""
        if time.monotonic() - self._read_at > _REMEMBERED:
            self._found = read(await self._ask())
            self._read_at = time.monotonic()
        return self._found
