"""The settings of what looks at a running database: which statements are slow."""

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


SLOW_QUERIES: dict[str, values.Converter] = {"top": values.count(1, 1000), "above": values.seconds}
REPORT: dict[str, values.Converter] = {"coldstart": values.text_of}
