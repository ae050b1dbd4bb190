"""What became of a service: the row that dev-up prints of it, wherever it runs."""

import dataclasses

READY = "ready"
STARTING = "starting"
UNREADY = "unready"
STOPPED = "stopped"
FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class State:
    """A service as it was last seen.

    :param state: one of the words above.
    :param url: where it is reached from this machine; empty when it serves nothing.
    :param revision: the database's revision as the service sees it.
    :param ready_after: seconds from its start to its readiness; None while it is not ready, or when it was before.
    :param was_running: nothing was done for it.
    :param detail: why it is not ready, in one line.
    """

    name: str
    state: str
    url: str = ""
    revision: str = ""
    ready_after: float | None = None
    was_running: bool = False
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether it takes traffic."""
        return self.state == READY
