"""`inv squash`: baselines in the place of old migrations, once it is proved that both make the same."""

import contextlib
import dataclasses
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from schemata import config, errors
from schemata.attestations import stored
from schemata.deploy import transactional
from schemata.migrations import authoring, files, lock_file, lookup, migration
from schemata.parity import expected, locking
from schemata.postgres import queries, waiting
from schemata.report import document, progress
from schemata.server import programs
from schemata.snapshot import fingerprints
from schemata.squash import archive, contents, draft, fitting, observing, outcome, plan, proof, staging, structure

_SLUG = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_NAME = "schemata squash"
_OF_SYSTEM = ("pg_catalog", "information_schema")


class NotEqual(errors.MigrationError):
    """The baselines do not make what the migrations made; no file was changed."""

    def __init__(self, what: str, lines: Sequence[str], hint: str) -> None:
        super().__init__(f"{what}:\n{proof.shown(tuple(lines))}", f"{hint}\nNo file was changed.")


class Unkept(errors.MigrationError):
    """Some of what the migrations do cannot be carried over, and nobody has said that it need not be."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(
            "a baseline cannot repeat these statements, because what they change cannot be told from the text:\n"
            + proof.shown(tuple(lines)),
            "Look at each. To write the rows that they leave into the baselines: inv squash … --rows. Where a new "
            'database needs nothing of them: --accept-data "why". Or squash through a migration before them.\n'
            "No file was changed.",
        )


def squash(
    settings: config.Config,
    *,
    through: str,
    name: str = "baseline",
    single: bool = False,
    rows: bool = False,
    dry_run: bool = False,
    accept_data: str = "",
    postgres: str = "",
    reporter: progress.Reporter = progress.SILENT,
) -> outcome.Squashed:
    """Replace the migrations through one of them by one baseline a schema, and the lock file by that of the new files.

    Before any file changes, both sets of files are run in temporary servers, one for each major version of `postgres`
    (else those of the lock file, else the development server's): the structure of every schema, the roles, the rows and
    the sequences have to be the same. Then the folder is replaced in one step, so that a failure or a kill leaves the
    old files or the new ones. With `dry_run` everything is done but that.

    :param single: one baseline for all schemas. :param rows: write the rows that the migrations leave, instead of
        repeating their statements. :param accept_data: why that need not be kept which cannot be.
    """
    if not through:
        raise errors.ConfigError(
            "no migration is named, so it is not known how far to squash", "inv squash --through ID"
        )
    if not _SLUG.fullmatch(name):
        raise errors.ConfigError(f"{name!r} is not a name for a migration", "Use lower-case words: --name baseline")
    sources = authoring.checked(settings, rollbacks=False)
    lookup.find(sources, through)
    return _Squash(settings, sources, through, name, single, rows, accept_data.strip(), reporter).run(postgres, dry_run)


class _Squash:
    """One squash: the files, and what replays of them left."""

    def __init__(
        self,
        settings: config.Config,
        sources: tuple[migration.Migration, ...],
        through: str,
        name: str,
        single: bool,
        rows: bool,
        accepted: str,
        reporter: progress.Reporter,
    ) -> None:
        self._settings, self._sources, self._through, self._name = settings, sources, through, name
        self._single, self._rows, self._accepted, self._reporter = single, rows, accepted, reporter
        self._plan = plan.make(sources, through, name)
        self._path = settings.migrations / files.MANIFEST
        self._old: dict[int, observing.Observed] = {}

    def run(self, postgres: str, dry_run: bool) -> outcome.Squashed:
        """Compose, prove, and put the files in place."""
        began = time.monotonic()
        under_git = self._check_committed()
        before = self._path.read_text(encoding="utf-8", errors="replace") if self._path.is_file() else ""
        majors = locking.versions(self._settings, postgres, before, self._reporter)
        failure: NotEqual | None = None
        for major in majors:
            # Of the oldest server first: its words are those that every newer one understands.
            made_of, review = self._draft(major)
            with staging.staged(self._settings.migrations, self._plan.replaced, made_of.texts) as copy:
                settings = dataclasses.replace(self._settings, migrations=copy)
                made = files.read(copy, settings.schemas)
                self._check_order(made, made_of)
                try:
                    proved = self._prove(settings, made, majors, made_of)
                except NotEqual as error:
                    failure = failure or error
                    continue
                if before:
                    files.replace(copy / files.MANIFEST, authoring.lock_text(made, proved.fingerprints))
                stored.keep(copy, [item.id for item in made])
                kept = ""
                if not dry_run:
                    staging.put(copy, self._settings.migrations)
                    kept = "" if under_git else self._keep(copy)
                return outcome.Squashed(
                    through=self._through,
                    replaced=tuple(item.id for item in self._plan.replaced),
                    written={name: text for name, text in made_of.texts.items() if name not in made_of.changed},
                    changed=made_of.changed,
                    rows=made_of.rows,
                    left=made_of.left,
                    review=review,
                    set_aside=tuple(proved.set_aside),
                    accepted=self._accepted,
                    unequal=tuple(proved.unequal),
                    majors=majors,
                    folder=str(self._settings.migrations),
                    kept=kept,
                    dry_run=dry_run,
                    seconds=round(time.monotonic() - began, 1),
                )
        assert failure is not None
        raise failure

    def _check_committed(self) -> bool:
        """Refuse to delete what git does not have; tell whether there is a git at all."""
        paths = [path for item in self._plan.replaced for path in (item.path, item.rollback_path) if path]
        paths += [item.path for item in self._plan.staying]
        changed = staging.uncommitted(self._settings.migrations, paths)
        if changed:
            raise errors.MigrationError(
                f"{changed[0]}{f' and {len(changed) - 1} more are' if len(changed) > 1 else ' is'} not committed as "
                "it is now, "
                "so git could not bring it back",
                "Commit the migrations first, or take the change back (git status). No file was changed.",
            )
        return changed is not None

    def _check_order(self, made: Sequence[migration.Migration], files_: draft.Draft) -> None:
        if late := draft.order_of(made, files_.ids):
            raise errors.MigrationError(
                f"{late} would sort before a baseline, although it came after {self._through}: it has the same time",
                f"Squash through that one as well: inv squash --through {late}. No file was changed.",
            )

    @contextlib.contextmanager
    def _database(
        self, chosen: Sequence[migration.Migration], major: int
    ) -> Iterator[tuple[queries.Ask, str, frozenset[str]]]:
        """Give a database in which these migrations ran: how to ask it, its URL, and the roles that had to be made."""
        self._reporter.info(f"Running {document.number(len(chosen), 'migration')} in a temporary PostgreSQL {major}.")
        with (
            expected.replayed(self._settings, tuple(chosen), major, self._reporter) as (url, roles),
            waiting.connect(url, application_name=_NAME) as connection,
        ):
            yield connection.query, url, roles

    def _draft(self, major: int) -> tuple[draft.Draft, tuple[str, ...]]:
        """Return the files that a replay on this version gives, and what is accepted without being kept."""
        old = self._plan.replaced
        with self._database(old, major) as (ask, url, roles), tempfile.TemporaryDirectory() as folder:
            seen = observing.observe(ask, self._settings, roles)
            if not self._plan.staying:
                self._old[major] = seen
            names = plan.functions(old)
            harmless = names - observing.volatile(ask, names)
            self._plan = plan.make(self._sources, self._through, self._name, harmless)
            review = () if self._rows else tuple(self._review())
            if review and not self._accepted:
                raise Unkept(review)
            dump = archive.take(
                programs.find(programs.of_version(self._settings, major), self._reporter),
                url,
                self._settings.history_schema,
                Path(folder) / "structure.dump",
                rows=self._rows,
            )
            source = self._source(dump, seen)
        path = transactional.search_path(self._settings.search_path)
        made = draft.baselines(self._plan, source, self._name, self._accepted)
        deployer = seen.structure.deployer
        left = fitting.unfit(self._settings, made, roles, path, major, deployer, self._reporter)
        if left:
            made = draft.baselines(self._plan, source, self._name, self._accepted, left)
        return draft.files(self._plan, made, path, left, source.rows), review

    def _review(self) -> Iterator[str]:
        for id_, part in self._plan.listed("review"):
            calls = f" (calls {', '.join(part.functions)})" if part.functions else ""
            yield f"{id_}: {draft.brief(part.statement)}{calls}"

    def _source(self, dump: archive.Archive, seen: observing.Observed) -> draft.Source:
        schemas, found = self._settings.schemas, seen.structure
        entries = dump.entries([*found.schemas, *_OF_SYSTEM])
        single = self._first_schema() if self._single else ""
        more = [] if self._rows else plan.needs_of_rows(self._plan)
        layout = contents.layout(entries, schemas, more, single=single)
        statements = {
            schema: tuple(structure.statements(dump.sql(part), found.deployer, schemas)) if part else ()
            for schema, part in layout.parts.items()
        }
        rows = {table: one.count for table, one in seen.tables.items()} if self._rows else None
        return draft.Source(layout, statements, seen.refreshed, found.version, rows)

    def _first_schema(self) -> str:
        present = {item.schema for item in self._plan.replaced}
        return next(name for name in self._settings.schemas if name in present)

    def _prove(
        self, settings: config.Config, made: Sequence[migration.Migration], majors: Sequence[int], files_: draft.Draft
    ) -> "_Proved":
        """Run old and new files on each version and compare what they leave. Raises NotEqual."""
        found = _Proved()
        for major in majors:
            if major not in self._old:
                with self._database(self._sources, major) as (ask, _, roles):
                    self._old[major] = observing.observe(ask, self._settings, roles)
            old = self._old[major]
            where = f"PostgreSQL {major}"
            try:
                with self._database(made, major) as (ask, _, roles):
                    new = observing.observe(ask, settings, roles)
                    if lines := proof.differences(old, new):
                        raise NotEqual(
                            f"the baselines do not make what the {len(self._plan.replaced)} migrations make on {where} "
                            "(migrations | baselines)",
                            lines,
                            "Squash through an earlier migration, or report the difference.",
                        )
                    aside, different = self._compare_rows(ask, old, new, major)
            except expected.ReplayFailed as error:
                raise NotEqual(
                    f"the baselines do not run on {where}",
                    error.message.split("\n"),
                    "Try --single, or an earlier migration.",
                ) from error
            different += proof.moved(old, new)
            if different and not self._accepted:
                raise NotEqual(
                    f"the rows are not the same on {where} after the baselines as after the migrations",
                    [*different, *(f"left out: {line}" for line in files_.left)],
                    ("" if self._rows else "To write the rows that the migrations leave into the baselines: --rows. ")
                    + 'Where a new database does not need them: --accept-data "why". Or squash through an earlier '
                    "migration.",
                )
            found.set_aside.update(dict.fromkeys(aside))
            found.unequal.update(dict.fromkeys(different))
            base = expected.compared(settings, new.structure).fingerprints()
            found.fingerprints |= {fingerprints.form(major): base, **self._variants(settings, major, base)}
        return found

    def _variants(self, settings: config.Config, major: int, base: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Return what the lock file has to say of roles that the migrations name. Raises NotEqual."""
        if not self._path.is_file():
            return {}
        old = expected.whole(self._settings, major, reporter=self._reporter)
        roles = locking.deployers_of(self._settings, old)
        before = locking.variants(self._settings, major, roles, base, self._reporter)
        after = locking.variants(settings, major, roles, base, self._reporter)
        lines = [lock_file.describe(form) for form in {**before, **after} if before.get(form) != after.get(form)]
        if lines:
            raise NotEqual(
                "the baselines do not make what the migrations make where a role deploys that these name",
                lines,
                "Squash through a migration before the one that names the role.",
            )
        return after

    def _compare_rows(
        self, ask: queries.Ask, old: observing.Observed, new: observing.Observed, major: int
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the columns that are another each time, and what differs besides."""
        unequal = proof.unequal(old, new)
        if not unequal:
            return (), ()
        aside, different = [], []
        with self._database(self._sources, major) as (again, _, roles):
            seen = observing.observe(again, self._settings, roles)
            for table, columns in unequal.items():
                one, other = old.tables[table], new.tables[table]
                moving = proof.differing(one, seen.tables[table]) if one.count == seen.tables[table].count else ()
                left = [name for name in one.columns if name not in moving]
                same = one.count == other.count and bool(moving)
                if same and observing.rows(again, table, left) == observing.rows(ask, table, left):
                    aside += [f"{table}.{queries.identifier(name)}" for name in moving]
                    continue
                counts = f"{one.count} rows | {other.count} rows"
                values = ", ".join(name for name in columns if name not in moving)
                different.append(
                    f"table {table}: {counts if one.count != other.count else f'other values in {values}'}"
                )
        return tuple(aside), tuple(different)

    def _keep(self, copy: Path) -> str:
        """Move what was there into the state directory, where no git can bring it back."""
        path = self._settings.state_dir / f"migrations-before-squash-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
        path.parent.mkdir(parents=True, exist_ok=True)
        copy.rename(path)
        return str(path)


@dataclasses.dataclass
class _Proved:
    fingerprints: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    set_aside: dict[str, None] = dataclasses.field(default_factory=dict)
    unequal: dict[str, None] = dataclasses.field(default_factory=dict)
