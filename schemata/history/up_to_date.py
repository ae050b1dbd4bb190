"""The up-to-date check: the one question that tells whether there is anything to do.

Every container start asks it, so nothing is imported that the answer does not need: no dataclasses, no re, no json,
no psycopg. `migrations.builds` says what this build has.
"""

from schemata.migrations import builds
from schemata.postgres import libpq

_QUESTION = (
    'SELECT h.digest, (h.applied = (SELECT count(*) FROM "{0}"._yoyo_migration))::text, h.last_id,'
    " (h.structure IS NOT NULL)::text, pg_is_in_recovery()::text, h.structure::text,"
    " (SELECT pg_get_userbyid(nspowner)::text FROM pg_namespace WHERE nspname = '{1}'), h.compatible"
    ' FROM "{0}".head h'
)
# No table, no schema; no column, or one of another type: a history that a migrate repairs.
NO_HISTORY = ("42P01", "3F000", "42703", "42883")


class Answer:
    """What the database has, the role that deploys there, and what the release before runs with."""

    __slots__ = ("compatible", "deployer", "digest", "last", "settled", "standby", "structure")

    def __init__(
        self,
        digest: str,
        last: str,
        settled: bool,
        standby: bool,
        structure: str,
        deployer: str = "",
        compatible: str = "",
    ) -> None:
        self.compatible = compatible
        self.deployer = deployer
        self.digest = digest
        self.last = last
        self.settled = settled
        self.standby = standby
        self.structure = structure


def question(history: str) -> str:
    """Return the one question as SQL: one row, or none, or an error where there is no history yet."""
    return _QUESTION.format(history, history.replace("'", "''"))


def answered(row: "tuple[str | None, ...]") -> Answer:
    """Return the row that the question gave, as what it means."""
    digest, agrees, last, settled, standby, structure, deployer, compatible = row
    return Answer(
        digest if digest and agrees == "true" else "",
        last or "",
        settled == "true",
        standby == "true",
        structure or "",
        deployer or "",
        compatible or "",
    )


def ask(connection: libpq.Connection, history: str, late: "libpq.Late | None" = None) -> "Answer | None":
    """Return what the database has; None where there is no history yet.

    Reads two tables of the history's schema and writes nothing; works on a standby. `late` is called when the
    answer takes longer than its seconds.
    """
    try:
        rows = connection.query(question(history), timeout=30, late=late)
    except libpq.QueryFailed as error:
        if error.sqlstate in NO_HISTORY:
            return None
        raise
    return answered(rows[0]) if rows else None


def up_to_date(answer: "Answer | None", build_: builds.Build) -> bool:
    """Tell whether the database has exactly what the build has, also where it is from before a squash."""
    return answer is not None and build_.fits(answer.digest) and answer.settled


def differing(answer: Answer, build_: builds.Build) -> "list[str]":
    """Return the schemas whose recorded structure is not what a sealed build expects; nothing of the structure is read.

    Nothing is known, and returned, where the seal expects nothing of this major version or the database has other
    migrations.
    """
    if not build_.is_whole(answer.digest):
        return []
    # Neither a schema's name nor a fingerprint can hold a quote.
    words = answer.structure.split('"')[1::2]
    recorded = dict(zip(words[::2], words[1::2], strict=False))
    expected: dict[str, str] = {}
    for line in build_.expected.splitlines():
        form, major, schema, fingerprint, *_ = line.split(" ")
        role = line.partition(" as ")[2]
        # What is another where this role deploys comes after what is so in general.
        if recorded.get("(form)") == f"{form} {major}" and role in ("", answer.deployer):
            expected["" if schema == "-" else schema] = fingerprint
    wrong = [name for name, fingerprint in expected.items() if recorded.get(name) != fingerprint]
    return [name or "the database's own objects" for name in wrong]
