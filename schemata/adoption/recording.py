"""What another tool recorded in a database becomes our history there: looked at, compared, written in one step."""

import dataclasses
import re
from collections.abc import Sequence

from schemata import config, errors, targets
from schemata.adoption import baseline, preparing, records, verification
from schemata.adoption.ledgers import entries, judgement, reading
from schemata.deploy import deployment, repair
from schemata.history import damage, inventory, recorded, tables
from schemata.migrations import migration
from schemata.postgres import catalog, queries
from schemata.report import progress, results

_NUMBER = re.compile(r"\d+")


class LedgerMoved(errors.Busy):
    """The other tool wrote its ledger while it was taken over; nothing was recorded."""

    def __init__(self, ledger: str) -> None:
        super().__init__(
            f"{ledger} was written while it was taken over",
            "Nothing was recorded. Stop the other tool, and run it again.",
        )


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a person says about a database.

    :param ledger: `schema.table`, where there are several. :param project: of Sqitch. :param accept: differences that
        are taken as they are, for the reason. :param by: in whose name.
    """

    decisions: judgement.Decisions
    ledger: str = ""
    project: str = ""
    accept: tuple[str, ...] = ()
    reason: str = ""
    by: str = ""


@dataclasses.dataclass(frozen=True)
class Look:
    """What a database says: the tool's ledger, what follows from it, and what our own history has there already."""

    target: results.Target
    major: int
    ledger: entries.Ledger | None
    judged: judgement.Judgement
    known: frozenset[str]

    def plan(self, prepared: preparing.Prepared) -> records.Plan:
        """Return what is to be recorded. Raises MigrationError with every question that a person has to answer."""
        return records.plan(prepared.history, prepared.converted, self.judged, prepared.all_preludes)


@dataclasses.dataclass(frozen=True)
class Written:
    """What was recorded: ids, and differences that were accepted."""

    ids: tuple[str, ...]
    accepted: tuple[str, ...] = ()


def look(settings: config.Config, choice: targets.Choice, prepared: preparing.Prepared, asked: Asked) -> Look:
    """Return what follows from the ledger of a database for a history. Reads only.

    Raises ConfigError for a decision about what is not there, and where several ledgers fit.
    """
    with targets.named(choice), targets.connect(choice) as connection:
        target = targets.describe(choice, connection)
        ledger, judged = _judge(connection.query, settings, prepared, asked)
        known = tables.History(settings.history_schema).read(connection.query)
        major = int(_NUMBER.match(target.server_version)[0])  # type: ignore[index]
        return Look(target, major, ledger, judged, frozenset(known.ids()))


def _judge(
    ask: queries.Ask, settings: config.Config, prepared: preparing.Prepared, asked: Asked
) -> tuple[entries.Ledger | None, judgement.Judgement]:
    project = asked.project or prepared.history.project
    ledger = reading.read(ask, prepared.history.tool, asked.ledger, project)
    changed = (name for item in prepared.converted.migrations for name in item.schemas)
    schemas = tuple(dict.fromkeys([*settings.schemas, *prepared.made, *changed]))
    count = sum(one.count for one in inventory.look(ask, schemas, settings.history_schema).objects)
    own = 1 if ledger and ledger.schema in schemas else 0
    judged = judgement.judge(prepared.history, ledger, objects=count > own, decisions=asked.decisions)
    return ledger, judged


class Recording:
    """One adoption of a database: what it compares is compared once for the same state of the ledger.

    :param settings: whose migrations are those that were prepared.
    """

    def __init__(
        self,
        settings: config.Config,
        choice: targets.Choice,
        prepared: preparing.Prepared,
        sources: Sequence[migration.Migration],
        looked: Look,
        asked: Asked,
        command: str,
        reporter: progress.Reporter,
    ) -> None:
        self._settings, self._choice, self._prepared, self._sources = settings, choice, prepared, sources
        self._looked, self._asked, self._reporter = looked, asked, reporter
        self._plan = looked.plan(prepared)
        ids = {one.id for one in self._plan.records}
        self._chosen = tuple(item for item in sources if item.id in ids)
        ledger = looked.ledger
        self._apart = {(ledger.schema, ledger.table)} if ledger else set()
        count = len(self._chosen)
        of = f"the ledger {ledger.schema}.{ledger.table} calls" if ledger else "--through calls"
        what = "the one migration that" if count == 1 else f"the {count} migrations that"
        self._proof = verification.Verification(
            settings,
            sources,
            self._chosen,
            asked.accept,
            reporter,
            verification.Told(
                f"{what} {of} applied" if count else "no migration",
                "Bring the files back that ran",
                command,
                "An adoption is compared with a replay of exactly those. Where one that ran needs a file that did not, "
                "say what became of that: --resolve NAME=applied",
            ),
            self._apart,
        )

    @property
    def new(self) -> tuple[records.Record, ...]:
        """Return what is to be recorded and is not yet."""
        return tuple(one for one in self._plan.records if one.id not in self._looked.known)

    def compare(self) -> tuple[str, ...]:
        """Compare the database with what the recorded ones make; return what is accepted. Changes nothing.

        Raises verification.DatabaseDiffers and NotVerifiable.
        """
        with targets.named(self._choice), targets.connect(self._choice) as connection:
            found = tables.History(self._settings.history_schema).read(connection.query)
            self._check(found)
            verified = self._proof.verify(connection.query, found, catalog.target(connection.query)[1])
        return tuple(one.subject for one in verified.accepted)

    def _check(self, actual: recorded.Recorded) -> None:
        if refused := damage.unsettled(actual, self._chosen, self._settings.history_schema):
            raise refused

    def write(self) -> Written:
        """Record what the ledger calls applied, in one transaction under the deploy lock. The ledger is only read.

        Raises LedgerMoved where it is not what it was, and what `compare` raises: nothing is recorded then.
        """
        with targets.named(self._choice):
            with targets.connect(self._choice) as connection:
                deployer = catalog.target(connection.query)[1]
            with repair.locked(self._settings, self._choice, self._reporter) as deploy:
                return self._write(deploy, deployer)

    def _write(self, deploy: deployment.Deploy, deployer: str) -> Written:
        settings = self._settings
        ledger, judged = _judge(deploy.session.rows, settings, self._prepared, self._asked)
        if (ledger, judged) != (self._looked.ledger, self._looked.judged):
            raise LedgerMoved(f"{ledger.schema}.{ledger.table}" if ledger else "the ledger")
        verified = self._proof.verify(deploy.session.rows, deploy.read(), deployer)
        found = deploy.prepare(settings.locks.wait, accepted=True, check=self._check)
        told = {one.id: one for one in self._plan.records}
        done, head, parts = baseline.records(
            deploy, self._sources, self._chosen, found, lambda item: self._comment(told[item.id])
        )
        times = {item.id: told[item.id].at for item in done if item.id in told and told[item.id].at}
        if times:
            parts.append(deploy.history.dated(times))
        if done and verified.accepted:
            reason = self._asked.reason.strip() or f"{self._prepared.history.tool} keeps its own records there"
            parts += baseline.acceptances(deploy, found, verified, deploy.author(self._asked.by), reason)
        baseline.write(deploy, found, done, head, parts)
        return Written(tuple(one.id for one in done), tuple(one.subject for one in verified.accepted))

    def _comment(self, record: records.Record) -> str:
        """Return what yoyo's log says of one: the tool, the name and the checksum there, and what is to be known."""
        note = record.note or ("" if record.ran else "it was not run there")
        whole = f"adopted from {self._prepared.history.tool} {record.name} {record.checksum}".rstrip()
        return f"{whole}; {note}" if note else whole
