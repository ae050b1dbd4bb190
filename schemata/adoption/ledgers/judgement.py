"""What follows from a ledger for each script: recorded as applied, pending, or a person has to decide. Pure."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Literal

from schemata import errors
from schemata.adoption import model
from schemata.adoption.ledgers import entries, standings

#: applied: it is recorded with the ledger's time. not run: somebody marked it there, nothing ran. pending: it will run.
#: rolled back: it was undone, so it will run again. stops: a person has to decide.
Answer = Literal["applied", "not run", "pending", "rolled back", "stops"]
_RUNS = ("pending", "rolled back")


@dataclasses.dataclass(frozen=True)
class Decisions:
    """What a person decided.

    :param resolved: by name, `applied` or `rolled-back`, of what failed or is unclear.
    :param edited: names of files that were changed after they ran, as everybody knows.
    :param gone: what the ledger has and no file, which is to be left out.
    :param through: the name of the last one that a database has which no ledger describes.
    """

    resolved: Mapping[str, str] = dataclasses.field(default_factory=dict)
    edited: Collection[str] = ()
    gone: Collection[str] = ()
    through: str = ""


_NONE = Decisions()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What follows for one script. `at` and `checksum` are the ledger's, empty where it has none.

    :param situation: what is so, in a few words that do not change.
    :param why: why it stops us, and :param hint: what to type; both empty where it does not.
    :param hole: it will run, although one after it has run.
    """

    script: model.Script
    answer: Answer
    situation: str
    at: str = ""
    checksum: str = ""
    why: str = ""
    hint: str = ""
    hole: bool = False
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Gone:
    """A row of which there is no file. `accepted` says that a person leaves it out."""

    row: entries.Row
    accepted: bool
    why: str = ""
    hint: str = ""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What follows from a ledger for a whole history, in its order. Nothing is to be recorded unless `ok`.

    :param stop: why the whole of it cannot be judged: three parts, as in `errors`.
    """

    tool: str
    verdicts: tuple[Verdict, ...]
    gone: tuple[Gone, ...] = ()
    stop: tuple[str, str, str] | None = None

    @property
    def ok(self) -> bool:
        """Tell whether nobody has to decide anything."""
        return (
            self.stop is None
            and all(item.answer != "stops" for item in self.verdicts)
            and all(item.accepted for item in self.gone)
        )

    @property
    def applied(self) -> tuple[Verdict, ...]:
        """Return those that are to be recorded as applied, with the ledger's times and checksums."""
        return tuple(item for item in self.verdicts if item.answer in ("applied", "not run"))

    @property
    def pending(self) -> tuple[Verdict, ...]:
        """Return those that the next `inv migrate` is to run."""
        return tuple(item for item in self.verdicts if item.answer in _RUNS)

    def raise_unless_ok(self) -> None:
        """Raise MigrationError with everything that a person has to decide."""
        if self.ok:
            return
        if self.stop:
            what, why, hint = self.stop
            raise errors.MigrationError(f"{what}: {why}", hint)
        lines = [
            f"  {item.script.name}: {item.situation}: {item.why}\n    {item.hint}"
            for item in self.verdicts
            if item.answer == "stops"
        ]
        lines += [f"  {item.row.called}: {item.why}\n    {item.hint}" for item in self.gone if not item.accepted]
        count = len(lines)
        raise errors.MigrationError(
            "\n".join(
                [f"the ledger leaves {count} question{'' if count == 1 else 's'}, and nothing was recorded:", *lines]
            ),
            "Answer each as its line says, and run the command again.",
        )


def judge(
    history: model.History, ledger: entries.Ledger | None, *, objects: bool, decisions: Decisions = _NONE
) -> Judgement:
    """Return what follows from a ledger, None where the database has none.

    :param objects: whether the database holds objects of its own besides ledgers.

    Raises ConfigError for a decision about what is not there.
    """
    _check(history, ledger, decisions)
    if ledger is None or not ledger.rows:
        return _without_rows(history, ledger, objects, decisions)
    standing = standings.of(history, ledger)
    verdicts = [_verdict(script, standing[script.name], decisions) for script in history.scripts]
    if decisions.through:
        verdicts = _through(verdicts, decisions.through)
    gone = tuple(_gone(history, row, decisions) for row in standings.unknown(history, ledger))
    return Judgement(history.tool, tuple(_with_holes(verdicts)), gone)


def _check(history: model.History, ledger: entries.Ledger | None, decisions: Decisions) -> None:
    names = {script.name for script in history.scripts}
    rows = {text for row in (ledger.rows if ledger else ()) for text in (row.version, row.name)}
    for flag, wanted, known in (
        ("--resolve", decisions.resolved, names),
        ("--accept-edited", decisions.edited, names),
        ("--accept-gone", decisions.gone, rows),
        ("--through", [decisions.through] if decisions.through else [], names),
    ):
        if unknown := sorted(set(wanted) - known):
            raise errors.ConfigError(
                f"{flag} names {', '.join(unknown)}, which is not there", "Names are the tool's own; --plan lists them."
            )
    for name, word in decisions.resolved.items():
        if word not in ("applied", "rolled-back"):
            raise errors.ConfigError(
                f"--resolve {name}={word} says neither applied nor rolled-back", f"Write --resolve {name}=applied"
            )


def _without_rows(
    history: model.History, ledger: entries.Ledger | None, objects: bool, decisions: Decisions
) -> Judgement:
    situation = "no ledger" if ledger is None else "empty ledger"
    verdicts = [Verdict(script, "pending", situation) for script in history.scripts]
    if decisions.through:
        return Judgement(history.tool, tuple(_through(verdicts, decisions.through)))
    if not objects:
        return Judgement(history.tool, tuple(verdicts))
    what = f"{ledger.describe()} records nothing" if ledger else f"the database has no ledger of {history.tool}"
    last = history.scripts[-1].name if history.scripts else "NAME"
    return Judgement(
        history.tool,
        tuple(verdicts),
        stop=(
            f"{what}, but the database holds objects",
            "every migration would run from the first one, over what is there",
            f"Name the last migration whose objects it has (the last one of all is {last}): --through NAME",
        ),
    )


def _through(verdicts: list[Verdict], last: str) -> list[Verdict]:
    """Return the verdicts with everything up to a name recorded as applied, although no row says so."""
    at = next(at for at, item in enumerate(verdicts) if item.script.name == last)
    return [
        dataclasses.replace(item, answer="not run", situation="named by --through", note="nobody recorded that it ran")
        if place <= at and item.answer in _RUNS
        else item
        for place, item in enumerate(verdicts)
    ]


def _verdict(script: model.Script, standing: entries.Standing, decisions: Decisions) -> Verdict:
    row = standing.row
    at, checksum = (row.at, row.checksum) if row else ("", "")
    decided = decisions.resolved.get(script.name)
    if decided and standing.state not in ("applied", "marked"):
        if decided == "applied":
            return Verdict(
                script, "applied", "resolved as applied", at, checksum, note=f"the ledger says {standing.state}"
            )
        return Verdict(script, "rolled back", "resolved as rolled back", note=f"the ledger says {standing.state}")
    match standing.state:
        case "absent" | "deleted":
            return Verdict(script, "pending", "not recorded")
        case "rolled back":
            return Verdict(script, "rolled back", "rolled back", note=standing.why or "it runs again")
        case "marked":
            made = Verdict(script, "not run", "marked as applied", at, checksum, note=standing.why or "it was not run")
            return _unless_edited(made, decisions)
        case "applied":
            again = "applied again" if "again" in standing.why else "applied"
            return _unless_edited(Verdict(script, "applied", again, at, checksum, note=standing.why), decisions)
        case _:
            return _stopped(script, standing)


def _unless_edited(made: Verdict, decisions: Decisions) -> Verdict:
    """Return a verdict, or that the file is not the one that ran."""
    if not made.checksum or made.script.matches(made.checksum) or made.checksum.partition(":")[2] == "":
        return made
    if made.script.name in decisions.edited:
        return dataclasses.replace(made, situation="edited, and accepted", note=f"the file is {made.script.checksum}")
    return dataclasses.replace(
        made,
        answer="stops",
        situation="edited",
        why=f"the file has the checksum {made.script.checksum}, but {made.checksum} ran",
        hint=f"Bring the file back as it was, or say that the difference is known: --accept-edited {made.script.name}",
    )


def _stopped(script: model.Script, standing: entries.Standing) -> Verdict:
    row = standing.row
    began = f" (began {row.at})" if row and row.at else ""
    answers = f"--resolve {script.name}=applied, or --resolve {script.name}=rolled-back if nothing of it is left"
    if standing.state == "failed":
        log = f": {' '.join(row.log.split())[:200]}" if row and row.log else ""
        why = f"{standing.why or 'it stopped with an error'}{began}{log}"
        hint = f"See what of it the database has, finish it or undo it, and say which: {answers}"
    elif standing.state == "unfinished":
        why = f"{standing.why or 'it began, and nobody knows how it ended'}{began}"
        hint = f"Make sure that it does not run now. See what of it the database has, and say: {answers}"
    else:
        why = standing.why or "the rows contradict each other"
        hint = f"See what of it the database has, and say: {answers}"
    at, checksum = (row.at, row.checksum) if row else ("", "")
    return Verdict(script, "stops", str(standing.state), at, checksum, why, hint)


def _gone(history: model.History, row: entries.Row, decisions: Decisions) -> Gone:
    accepted = row.version in decisions.gone or (bool(row.name) and row.name in decisions.gone)
    if accepted:
        return Gone(row, True)
    return Gone(
        row,
        False,
        f"the ledger says that it is {row.state}, but {history.root} has no such migration",
        f"Bring the file back from version control, or leave it out: --accept-gone {row.version}",
    )


def _with_holes(verdicts: list[Verdict]) -> list[Verdict]:
    """Return the verdicts, those that will run marked where one after them has run."""
    last = max((at for at, item in enumerate(verdicts) if item.answer not in _RUNS), default=-1)
    return [
        dataclasses.replace(item, hole=item.answer in _RUNS and at < last and not item.script.repeatable)
        for at, item in enumerate(verdicts)
    ]
