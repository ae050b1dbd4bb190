"""The settings of what looks at a running database: which statements are slow, which indexes are missing."""

import dataclasses

from schemata.config import values


@dataclasses.dataclass(frozen=True)
class SlowQueries:
    """What `inv slow-queries` shows.

    :param top: how many statements. :param above: seconds a call from which on one is too slow; None: nothing is.
    """

    top: int = 10
    above: float | None = None


@dataclasses.dataclass(frozen=True)
class Report:
    """What `inv report` also shows: the folder, below the root, with the files of the last cold starts."""

    coldstart: str = ""


@dataclasses.dataclass(frozen=True)
class Advice:
    """What `inv advise` looks at.

    :param top: how many statements. :param min_calls: of so many calls at least. :param max_new: indexes at most.
    :param unused_days: how long reads must be counted before an index without one is called unused.
    """

    top: int = 50
    min_calls: int = 20
    max_new: int = 10
    unused_days: int = 7


SLOW_QUERIES: dict[str, values.Converter] = {"top": values.count(1, 1000), "above": values.seconds}
ADVICE: dict[str, values.Converter] = {
    "top": values.count(1, 1000),
    "min_calls": values.count(0, 10**9),
    "max_new": values.count(1, 100),
    "unused_days": values.count(0, 3650),
}
REPORT: dict[str, values.Converter] = {"coldstart": values.text_of}
