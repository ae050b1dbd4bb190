"""Settings of a time in which another tool and ours migrate the same database."""

import dataclasses

from schemata.config import values

#: Tools in whose ledger one row, of which a file tells everything, is one migration.
MIRRORED = (
    "prisma", "flyway", "dbmate", "goose", "golang-migrate", "diesel", "sqlx", "node-pg-migrate", "supabase",
)  # fmt: skip
#: Tools that take an advisory lock while they migrate, all of them the same one for a database.
LOCKED = ("prisma", "flyway", "goose", "golang-migrate", "sqlx", "node-pg-migrate", "sqitch")


@dataclasses.dataclass(frozen=True)
class Adoption:
    """How ours and another tool, whose migrations were adopted, run side by side for a while.

    :param tool: as `inv adopt` writes it. :param ledger: SCHEMA.TABLE of its records, where it is not the usual one.
    :param mirror: whether its ledger is kept true: it gets the row of each of its migrations that ours applies.
    :param hold_lock: whether ours takes the lock that the tool takes.
    """

    tool: str = ""
    ledger: str = ""
    mirror: bool = False
    hold_lock: bool = False


NONE = Adoption()
#: How each setting is read.
KEYS: dict[str, values.Converter] = {
    "tool": values.one_of(*dict.fromkeys((*MIRRORED, *LOCKED))),
    "ledger": values.table,
    "mirror": values.flag,
    "hold_lock": values.flag,
}


def check(adoption: Adoption) -> None:
    """Refuse what the tool does not have: a ledger of which one row is one migration, a lock."""
    where = "[tool.schemata.adoption]"
    if (adoption.mirror or adoption.hold_lock or adoption.ledger) and not adoption.tool:
        raise values.InvalidSetting(f"{where} tool", "the other tool is not named", 'tool = "prisma"')
    if adoption.mirror and adoption.tool not in MIRRORED:
        what = f"the records of {adoption.tool} cannot be kept by another program"
        raise values.InvalidSetting(f"{where} mirror", what, f"Possible for: {', '.join(MIRRORED)}.")
    if adoption.hold_lock and adoption.tool not in LOCKED:
        what = f"{adoption.tool} takes no lock while it migrates"
        raise values.InvalidSetting(f"{where} hold_lock", what, f"Possible for: {', '.join(LOCKED)}.")
