"""How a command speaks while it works: sentences and steps, to wherever the caller sends them."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Reporter:
    """`say(text)` for a sentence, `step(done, total, what)` for progress; `verbose` where all of it is wanted."""

    info: Callable[[str], None]
    step: Callable[[int, int, str], None]
    verbose: bool = False


SILENT = Reporter(info=lambda text: None, step=lambda done, total, what: None)
