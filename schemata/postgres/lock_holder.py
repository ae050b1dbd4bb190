"""Who holds the deploy lock, how long to wait, how to say it. Pure: no clock, no dice of its own."""

import dataclasses
from collections.abc import Callable

# One deployer at a time per database: a constant, so that projects which share a database also
# wait for each other. The eight letters of "schemata" read as a number.
KEY = int.from_bytes(b"schemata", "big")
# What `prisma migrate` takes (schema-engine, flavour/postgres.rs): the same for every project.
PRISMA_KEY = 72707369

_NAME_LIMIT = 63  # bytes of application_name that PostgreSQL keeps (NAMEDATALEN - 1)


def application_name(host: str, pid: int, started: str, doing: str = "") -> str:
    """Return what other sessions see of a deployer: the only thing an unprivileged role can read.

    >>> application_name("ci-7", 42, "20250814T221815Z")
    'schemata ci-7 42 20250814T221815Z'
    """
    base = f"schemata {host[:24] or '?'} {pid} {started}"
    whole = f"{base} {doing}" if doing else base
    if len(whole.encode()) <= _NAME_LIMIT:
        return whole
    return base.encode()[:_NAME_LIMIT].decode(errors="ignore")


@dataclasses.dataclass(frozen=True)
class Holder:
    """The session that holds a lock. An empty field is unknown to our role, not blank in truth."""

    pid: int
    user: str = ""
    application: str = ""
    client: str = ""
    since: str = ""
    state: str = ""
    query: str = ""

    def describe(self) -> str:
        """Return one line for people; say what cannot be seen.

        >>> Holder(7, application="schemata ci-7 42 20250814T221815Z").describe()
        'backend 7: deployer on ci-7, pid 42, since 20250814T221815Z (its query is hidden from this role)'
        """
        words = self.application.split(" ")
        if words[0] == "schemata" and len(words) >= 4:
            who = f"deployer on {words[1]}, pid {words[2]}, since {words[3]}"
            if len(words) > 4:
                who += f", applying {words[4]}"
        else:
            who = f"{self.application or 'application unknown'}"
            if self.user:
                who += f", user {self.user}"
            if self.client:
                who += f", from {self.client}"
            if self.since:
                who += f", since {self.since}"
        if self.state:
            who += f", {self.state}"
        # Of a deployer's message the file is what tells something, not what we send before it.
        query = self.query.partition(";\n")[2] or self.query if self.query.startswith("BEGIN; ") else self.query
        shown = f": {' '.join(query.split())[:80]}" if query else " (its query is hidden from this role)"
        return f"backend {self.pid}: {who}{shown}"


def backoff(attempt: int, base: float, cap: float, random: Callable[[], float]) -> float:
    """Return seconds to sleep before the next try: exponential with full jitter.

    `attempt` counts from 1; `random` gives numbers in [0, 1).

    >>> backoff(3, 0.25, 10, lambda: 1.0)
    1.0
    """
    ceiling = min(cap, base * 2 ** min(attempt - 1, 30))
    return float(ceiling * random())
