"""Whether a service may take traffic: is the database at a revision that this build accepts?

For the /ready endpoint of a program that starts through the boot. It asks with the connection that it has:

    build = readiness.build()
    rows = connection.execute(readiness.question(build)).fetchall()
    verdict = readiness.judge(build, rows[0] if rows else None)

No answer to the question (an SQLSTATE of NO_HISTORY: no history yet, or a damaged one) is `judge(build, None)`.
"""

import dataclasses
import os

from schemata.history import up_to_date
from schemata.history.held import compatible
from schemata.migrations import builds, checkout
from schemata.migrations import revision as revisions

NO_HISTORY = up_to_date.NO_HISTORY


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the service may take traffic; if not, why.

    :param revision: the last migration that the database has; empty without a history.
    """

    ready: bool
    reason: str
    revision: str
    wanted: str


def build(root: str = "") -> builds.Build:
    """Return what this build has, from the project at `root` (default: SCHEMATA_ROOT, else around the working folder).

    Reads the manifest of a sealed build, else the migration files. Raises errors.Error for a broken project.
    """
    folder = root or builds.project_root()
    return builds.known(folder) or checkout.survey(folder).build


def question(build_: builds.Build) -> str:
    """Return the SQL to ask; it needs SELECT on two tables of the history and works on a standby."""
    return up_to_date.question(build_.settings["history"])


def judge(build_: builds.Build, row: "tuple[str | None, ...] | None") -> Verdict:
    """Return whether the database that gave this row suits the build.

    A newer revision does where every migration that the build lacks is recorded as compatible with the release before
    it, or where it is within `accepts`: an old release goes on while a new one migrates.
    """
    answer = up_to_date.answered(row) if row is not None else None
    revision = answer.last if answer is not None else ""

    def verdict(reason: str = "") -> Verdict:
        return Verdict(not reason, reason, revision, build_.last)

    if answer is None or not revision:
        return verdict("no migration is recorded in the database; this build needs " + build_.last)
    if build_.fits(answer.digest) or compatible.suits(answer.compatible, answer.digest, build_.fits):
        return verdict()
    if not answer.digest:
        return verdict("the history was changed by something else; `inv migrate-status` shows how")
    accepts = os.environ.get("SCHEMATA_ACCEPTS") or build_.settings.get("accepts", "")
    there, own = revisions.time_of(revision), revisions.time_of(build_.last)
    if there > own:
        if revisions.within(revision, accepts):
            return verdict()
        range_ = f"accepts {accepts}" if accepts else "accepts no other revision"
        return verdict(f"the database is at {revision}, after this build's {build_.last}, which {range_}")
    if there < own:
        return verdict(f"the database is at {revision}; this build needs {build_.last}")
    return verdict(f"the migrations before {revision} are not the ones of this build; `inv migrate-status` shows how")
