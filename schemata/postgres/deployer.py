"""Who deploys."""

import dataclasses

from schemata.postgres import lock_holder


@dataclasses.dataclass(frozen=True)
class Client:
    """Who we are, as the history records it."""

    host: str
    user: str
    pid: int
    started: str

    def application_name(self, doing: str = "") -> str:
        """Return the name that other sessions see."""
        return lock_holder.application_name(self.host, self.pid, self.started, doing)
