"""What `inv adopt` returns."""

import dataclasses
from typing import Any

from schemata.adoption import preparing, recording
from schemata.adoption.ledgers import judgement
from schemata.report import document

_SHOWN = 20
_FOLLOWS = {
    "applied": "recorded as applied",
    "not run": "recorded; nothing ran there",
    "pending": "pending",
    "rolled back": "pending: it runs again",
    "stops": "a person has to decide",
}


@dataclasses.dataclass(frozen=True)
class Adopted:
    """A history that was taken over, or, of a plan, that would be.

    :param folder: of the migrations. :param written: how many files were written; 0 where they were there. :param look:
        what the database said, if one was asked. :param recorded: ids that were recorded there, :param accepted:
        differences that were. :param settings: what pyproject.toml got.
        :param created: roles that were made on the dev server.
    """

    prepared: preparing.Prepared
    folder: str
    written: int = 0
    look: recording.Look | None = None
    recorded: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    plan: bool = False
    settings: str = ""
    created: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether nobody has to decide anything."""
        return self.look is None or self.look.judged.ok

    @property
    def exit_code(self) -> int:
        """Return 1 where a person has to decide."""
        return 0 if self.ok else 1

    @property
    def pending(self) -> tuple[str, ...]:
        """Return the ids that the next `inv migrate` applies there, in order; none where no database was asked."""
        return tuple(self.prepared.converted.id_of(item.script.name) for item in self._waiting())

    def _waiting(self) -> tuple[judgement.Verdict, ...]:
        known = self.look.known if self.look else ()
        verdicts = self.look.judged.pending if self.look else ()
        return tuple(one for one in verdicts if self.prepared.converted.id_of(one.script.name) not in known)

    @property
    def out_of_order(self) -> tuple[str, ...]:
        """Return those pending ones after which others have run."""
        return tuple(self.prepared.converted.id_of(one.script.name) for one in self._waiting() if one.hole)

    def summary(self) -> tuple[str, ...]:
        """Return what is to be known and what was done, in sentences."""
        return (*self._notes(), *self._done())

    def blocks(self) -> list[document.Block]:
        """Return the files, each with its mode; what the ledger says of each; what was done, and what to type next."""
        history = self.prepared.history
        shown: list[document.Block] = []
        if self.look:
            shown.append(document.Text(f"Target: {self.look.target.describe()}"))
        count = document.number(len(history.scripts), "migration")
        shown.append(document.Text(f"{history.tool}: {count} in {history.root}", "bold"))
        shown.append(document.Grid(("migration", "from", "mode", "rollback"), tuple(self._rows())))
        shown += [document.Text(text, "yellow") for text in self._notes()]
        if self.look:
            shown += self._ledger(self.look)
        shown += [document.Gap(), *map(document.Text, self._done())]
        if steps := self._next():
            shown += [document.Text("Next:"), document.Verbatim("\n".join(f"  {step}" for step in steps))]
        return shown

    def _rows(self) -> "list[tuple[str, str, str, str]]":
        found = []
        for item in self.prepared.converted.migrations:
            because = self.prepared.because.get(item.id, "")
            mode = item.mode or "transaction"
            found.append((item.id, item.script.name, f"{mode}: {because}" if because else mode, _rollback(item)))
        return found

    def _notes(self) -> list[str]:
        prepared = self.prepared
        found = [f"Note: {note}" for note in prepared.notes]
        found += [f"Left out: {one.name}: {one.reason}" for one in prepared.history.skipped]
        if prepared.roles and not self.created:
            found.append(
                f"A new server needs these roles before the first migration: {', '.join(prepared.roles)} "
                "(--create-roles makes them on the dev server)"
            )
        if prepared.extensions:
            found.append(f"The server needs these extensions: {', '.join(prepared.extensions)}")
        if prepared.expected:
            found.append(
                f"Nothing makes these extensions, so {prepared.all_preludes[-1]} does on an empty database: "
                f"{', '.join(prepared.expected)}"
            )
        if prepared.made:
            found.append(f"The files make these schemas, so the settings do not list them: {', '.join(prepared.made)}")
        return found

    def _ledger(self, look: recording.Look) -> list[document.Block]:
        tool = self.prepared.history.tool
        nowhere = "no records of a plain folder" if tool == "folder" else f"no ledger of {tool}"
        where = look.ledger.describe() if look.ledger else nowhere
        rows = tuple(
            (one.script.name, one.situation, one.at, _FOLLOWS[one.answer], one.why or one.note)
            for one in look.judged.verdicts
        )
        found: list[document.Block] = [document.Gap(), document.Text(f"The database has {where}.", "bold")]
        found.append(document.Grid(("name", "there", "at", "here", "note"), rows))
        found += [
            document.Text(f"{one.row.called}: {one.why or 'it has no file, and is left out'}", "yellow")
            for one in look.judged.gone
        ]
        if look.judged.stop:
            found.append(document.Text(": ".join(look.judged.stop[:2]), "red"))
        return found

    def _done(self) -> list[str]:
        count = len({**self.prepared.converted.files, **self.prepared.texts})
        there = f" {count - self.written} are there already." if 0 < self.written < count else ""
        if self.plan:
            new = f"{self.written} files would be written" if self.written else f"{count} files are there already"
            found = [f"Plan: {new} in {self.folder}; nothing was changed.{there}"]
        elif self.written:
            found = [f"Written: {self.written} files in {self.folder}, and its manifest. Commit them.{there}"]
        else:
            found = [f"The {count} files are there already in {self.folder}."]
        if self.look:
            word = "would be recorded" if self.plan else "recorded"
            found.append(f"{len(self.recorded)} {word} as applied, {len(self.pending)} pending.")
        found += [f"Accepted: {subject}." for subject in self.accepted]
        if self.created:
            found.append(f"Made on the dev server, without login: {', '.join(self.created)}.")
        if self.settings:
            word = "Would be added" if self.plan else "Added"
            lines = [line for line in self.settings.splitlines() if line]
            found.append("\n".join([f"{word} to pyproject.toml:", *(f"  {line}" for line in lines)]))
        return found

    def _next(self) -> list[str]:
        if not self.ok and self.look:
            judged = self.look.judged
            hints = [*(one.hint for one in judged.verdicts if one.hint), *(one.hint for one in judged.gone if one.hint)]
            return [*(judged.stop[2:] if judged.stop else ()), *hints[:_SHOWN]]
        if self.plan:
            return []
        if self.look is None:
            roles = [
                "inv dev-up                  # a server of your own; it stops where a role is missing",
                "inv adopt … --create-roles  # the roles, there",
            ]
            return [
                *(roles if self.prepared.roles and not self.created else ()),
                "inv dev-up                  # a database of your own, made by them",
                "inv adopt … --url URL       # the database that has them",
            ]
        if self.out_of_order:
            return ["inv migrate --allow-out-of-order --url URL   # some come before applied ones: read them first"]
        return ["inv migrate --url URL"] if self.pending else []

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        prepared = self.prepared
        return {
            "ok": self.ok,
            "plan": self.plan,
            "tool": prepared.history.tool,
            "root": prepared.history.root,
            "folder": self.folder,
            "written": self.written,
            "migrations": [
                {
                    "id": item.id,
                    "from": item.script.name,
                    "checksum": item.script.checksum,
                    "mode": item.mode or "transaction",
                    "because": prepared.because.get(item.id, ""),
                    "rollback": item.rollback is not None,
                    "irreversible": item.irreversible,
                }
                for item in prepared.converted.migrations
            ],
            "notes": list(prepared.notes),
            "skipped": [dataclasses.asdict(one) for one in prepared.history.skipped],
            "roles": list(prepared.roles),
            "extensions": list(prepared.extensions),
            "extensions_expected": list(prepared.expected),
            "new": list(prepared.new),
            "schemas_made": list(prepared.made),
            "settings": self.settings,
            "roles_created": list(self.created),
            **(self._told(self.look) if self.look else {}),
        }

    def _told(self, look: recording.Look) -> dict[str, Any]:
        return {
            "target": dataclasses.asdict(look.target),
            "ledger": f"{look.ledger.schema}.{look.ledger.table}" if look.ledger else "",
            "verdicts": [
                {
                    "name": one.script.name,
                    "answer": one.answer,
                    "situation": one.situation,
                    "at": one.at,
                    "checksum": one.checksum,
                    "why": one.why,
                    "hint": one.hint,
                    "out_of_order": one.hole,
                }
                for one in look.judged.verdicts
            ],
            "gone": [{"name": one.row.called, "accepted": one.accepted, "why": one.why} for one in look.judged.gone],
            "stop": list(look.judged.stop or ()),
            "recorded": list(self.recorded),
            "pending": list(self.pending),
            "out_of_order": list(self.out_of_order),
            "accepted": list(self.accepted),
        }


def _rollback(item: Any) -> str:
    return "yes" if item.rollback is not None else "no"
