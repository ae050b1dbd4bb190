"""Where a service's typed client lies, and whether it fits the database.

Light: every start of a service with a client reads its stamp.
"""

import os

from schemata.client import stamps
from schemata.history import up_to_date
from schemata.migrations import builds, revision

#: With this code the process that generates says that the client went into the second of its folders.
BESIDE = 75


class Locations:
    """The folders that may hold the client: the build's own, and the one for what a start generates.

    The latter may be shared by replicas with different UIDs, in a sticky folder as /tmp is one: there nobody
    can replace what another one left. So it may hold one more, of this UID's own: `beside`.
    """

    __slots__ = ("beside", "fallback", "own", "package", "schemas")

    def __init__(self, root: str, settings: "dict[str, str]") -> None:
        def setting(name: str) -> str:
            return os.environ.get(f"SCHEMATA_CLIENT_{name.upper()}") or settings.get(f"client_{name}", "")

        self.package = setting("package")
        self.schemas = (setting("schemas") or settings["schemas"]).split(",")
        self.own = os.path.join(root, setting("folder"))
        self.fallback = os.environ.get("SCHEMATA_CLIENT_DIR", "")
        self.beside = os.path.join(os.path.abspath(self.fallback), f"uid-{os.geteuid()}") if self.fallback else ""

    @property
    def targets(self) -> "list[str]":
        """Return where a start generates: the folder, and another one for when somebody else's client is there."""
        return [os.path.abspath(self.fallback), self.beside] if self.fallback else [os.path.abspath(self.own)]

    def choose(self, answer: up_to_date.Answer, build: builds.Build, major: int) -> "tuple[str, str]":
        """Return the folder whose client is to be used and why it is stale; the reason is empty when it fits.

        A database that is ahead of this build keeps the build's own client: the build was tested with that
        one, and says by `accepts` that it can work with the newer structure.
        """
        own = self._stamp(self.own)
        if own is not None and revision.time_of(answer.last) > revision.time_of(build.last):
            return self.own, ""
        structure = stamps.structure(answer.structure)
        why = ""
        for folder in filter(None, (self.beside, self.fallback, self.own)):
            stamp = own if folder == self.own else self._stamp(folder)
            stale = stamps.stale(stamp, major, answer.digest, structure, self.schemas)
            if not stale:
                return folder, ""
            if stamp is not None or not why:
                why = stale
        return self.targets[0], why

    def _stamp(self, folder: str) -> "stamps.Stamp | None":
        try:
            with open(os.path.join(folder, self.package, stamps.FILE), encoding="utf-8") as file:
                return stamps.parse(file.read())
        except (OSError, ValueError):
            return None


def first_on_path(folder: str) -> None:
    """Let the command that comes after us find the package in this folder before any other."""
    folder = os.path.abspath(folder)
    others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part and part != folder]
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *others])
