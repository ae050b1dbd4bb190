"""`inv snapshot`: the structure of a database, as counts for people and whole for programs."""

import dataclasses
from typing import Any

from schemata import config, errors, targets
from schemata.report import document, progress, results
from schemata.snapshot import kinds, listing, model, taking


@dataclasses.dataclass(frozen=True)
class Taken:
    """A snapshot, the database that it is of, and the file that it was written to, if any."""

    target: results.Target
    snapshot: model.Snapshot
    file: str = ""
    ok: bool = True
    exit_code: int = errors.DONE

    def blocks(self) -> list[document.Block]:
        """Return the counts by schema and kind, the fingerprints, and what is not in it."""
        found = self.snapshot
        counts = listing.counts(found)
        prints = found.fingerprints()
        kind_rows = tuple(
            (schema or listing.DATABASE, kinds.KINDS[kind].plural, number)
            for schema, of_schema in counts.items()
            for kind, number in sorted(of_schema.items(), key=lambda pair: kinds.ORDER[pair[0]])
        )
        print_rows = tuple(
            (schema or listing.DATABASE, sum(of_schema.values()), *prints[schema].split("."))
            for schema, of_schema in counts.items()
        )
        shown: list[document.Block] = [document.Text(f"Target: {self.target.describe()}"), document.Gap()]
        if kind_rows:
            shown += [document.Grid(("schema", "kind", "count"), kind_rows), document.Gap()]
        shown += [document.Text("Fingerprints by severity class:"), document.Gap()]
        shown += [document.Grid(("schema", "items", *kinds.SEVERITIES), print_rows), document.Gap()]
        if missing := listing.absent(found):
            shown.append(document.Text(f"There is no schema {', '.join(missing)}.", "yellow"))
        shown += [document.Text(f"Not seen, because this role may not: {what}.", "yellow") for what in found.blind]
        shown += listing.not_read(found.left_out)
        shown.append(listing.not_compared("snapshot --json"))
        if self.file:
            shown.append(document.Text(f"Wrote {self.file}; compare with it: inv parity --against {self.file}"))
        return shown

    def as_dict(self) -> dict[str, Any]:
        """Return what `--json` prints: the snapshot as a file holds it, and the counts."""
        return {**self._before(), **self.snapshot.as_dict()}

    def as_json(self) -> str:
        """Return the same as text, as a file has it: an item a line."""
        return model.to_json(self.snapshot, **self._before())

    def _before(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "exit_code": self.exit_code,
            "target": dataclasses.asdict(self.target),
            "counts": listing.counts(self.snapshot),
            "file": self.file,
        }


def snapshot(
    settings: config.Config,
    *,
    url: str = "",
    target: str = "",
    schemas: str = "",
    all_schemas: bool = False,
    out: str = "",
    lock_wait: float | None = None,
    reporter: progress.Reporter = progress.SILENT,
) -> Taken:
    """Return the structure of a database, and write it to the file `out` if one is given. Changes nothing else.

    Without `schemas` it is of those in the settings. A failure leaves the file as it was.
    """
    if url and target:
        raise errors.ConfigError("--url and --target exclude each other", "Leave one of them out.")
    chosen = taking.scope(settings, schemas, all_schemas)
    choice = targets.by_name(settings, target) if target else targets.choose(settings, url)
    wait = taking.LOCK_WAIT if lock_wait is None else lock_wait
    with targets.named(choice), targets.connect(choice) as connection:
        described = targets.describe(choice, connection)
        # A file may become one side of a fix, which has to know what needs what.
        found = taking.take(
            settings, choice, connection, chosen, lock_wait=wait, reporter=reporter, dependencies=bool(out)
        )
    taking.refuse_unknown(
        settings, schemas, listing.absent(found), (*found.schemas, *found.left_out), f"database {described.database}"
    )
    if out:
        # Imported here: it takes longer to load than a small database to read.
        from schemata.migrations import files

        files.write_output(out, model.to_json(found), "--out")
    return Taken(described, found, out)
