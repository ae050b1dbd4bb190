"""Two columns that a trigger keeps the same: the files of a rename, a change of type, a split."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

from schemata.changes.authoring import draft, expressions, names, table
from schemata.changes.authoring.families import privileges, sync
from schemata.lint.rules import indexes

#: Types that lint warns of; a column that gets another name keeps its own.
_DISCOURAGED = re.compile(r"json|money|time(\(\d+\))? with time zone|character(\(\d+\))?")
NOT_VALID_AGAIN = "Nothing is read: the rows from before count as not looked at again."
_FINISHED = "the contract set it aside, and no release asks for it"


@dataclasses.dataclass(frozen=True)
class Carried:
    """A constraint of the old column, over the new one: under which name, what it says, what the old one is."""

    name: str
    definition: str
    old: table.Constraint


@dataclasses.dataclass(frozen=True)
class Dual:
    """A change with two columns.

    :param renamed: the new name of each column in constraints and indexes that are carried over; none are without it.
    """

    request: draft.Request
    pair: sync.Pair
    title: str
    using: str
    verify: str = ""
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def table(self) -> table.Table:
        """Return the table."""
        return self.request.table

    @property
    def not_null(self) -> str:
        """Return the new column that is to be NOT NULL as the old one is; empty for none."""
        return self.pair.parts[0].name if self.pair.old.not_null and self.renamed else ""

    @property
    def not_null_name(self) -> str:
        """Return the name of the constraint that proves it, as the server itself would call it."""
        return names.made(f"{self.table.name}_{self.not_null}", "_not_null", self.table.constraint_names)

    @property
    def is_proved_by_check(self) -> bool:
        """Return whether the server knows no NOT NULL that is not valid yet (before PostgreSQL 18)."""
        return self.request.major < 18


def files(change: Dual) -> draft.Draft:
    """Return the files of a change with two columns."""
    made = [
        _expand(change),
        *_indexes(change),
        _backfill(change),
        *_late(change),
        *_validate(change),
        *_unique(change),
        _contract(change),
        _finish(change),
    ]
    return draft.Draft(tuple(made), "dual", notes=tuple(_notes(change)))


def not_null_constraint(change: Dual) -> str:
    """Return the definition of the constraint that proves the new column NOT NULL, without NOT VALID."""
    column = names.quoted(change.not_null)
    what = f"CHECK ({column} IS NOT NULL)" if change.is_proved_by_check else f"NOT NULL {column}"
    return f"CONSTRAINT {names.quoted(change.not_null_name)} {what}"


def _carried(change: Dual, *kinds: str) -> tuple[Carried, ...]:
    taken = set(change.table.constraint_names | change.table.relations)
    found = []
    for one in change.table.constraints:
        if change.renamed and one.kind in kinds and change.pair.old.name in one.columns:
            name = new_name(one.name, change.renamed, taken)
            taken.add(name)
            found.append(Carried(name, expressions.constraint(one.definition, change.renamed), one))
    return tuple(found)


def new_name(name: str, renamed: Mapping[str, str], taken: set[str]) -> str:
    """Return the name of what is made again over the new column: with its name in it, where the old one's was."""
    (old, new), *_ = renamed.items()
    stem, found, rest = name.rpartition(old)
    return names.made(f"{stem}{new}{rest}" if found else f"{name}_{new}", "", taken)


def _expand(change: Dual) -> draft.File:
    request, pair = change.request, change.pair
    adds = [f"ADD COLUMN {names.quoted(part.name)} {part.type}{_collation(change)}" for part in pair.parts]
    if change.not_null and pair.strict:
        adds.append(f"ADD {not_null_constraint(change)} NOT VALID")
    adds += [
        f"ADD CONSTRAINT {names.quoted(one.name)} {one.definition} NOT VALID" for one in _carried(change, "c", "f")
    ]
    add = alter(change.table, adds)
    if pair.is_copy and _DISCOURAGED.fullmatch(pair.old.type):
        add = f"-- lint: allow discouraged-type: it is that of the old column\n{add}"
    statements = [add, *_properties(change), *sync.create(request, pair)]
    new = ", ".join(names.quoted(part.name) for part in pair.parts)
    drops = [f"DROP COLUMN {names.quoted(part.name)}" for part in pair.parts]
    why = [
        f"The release before goes on with {pair.old.sql}, the next one uses {new}; nothing of this stops either.",
        sync.RULE,
    ]
    if not pair.old.not_null and pair.old.default:
        why.append(
            f"As long as both are there, an INSERT that writes NULL into {new} is taken for one that leaves it out."
        )
    return draft.File(
        "expand",
        change.title,
        tuple(why),
        tuple(statements),
        (*sync.drop(request), alter(change.table, drops)),
        (f"Whatever was written into {new} is in {pair.old.sql} as well.",),
    )


def _collation(change: Dual) -> str:
    return f" COLLATE {change.pair.old.collation}" if change.pair.is_copy and change.pair.old.collation else ""


def _properties(change: Dual) -> Iterator[str]:
    """Give the statements that carry over what ADD COLUMN does not say."""
    old = change.pair.old
    storages = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
    for part in change.pair.parts:
        column = names.quoted(part.name)
        if change.pair.is_copy and old.storage:
            yield alter(change.table, [f"ALTER COLUMN {column} SET STORAGE {storages[old.storage]}"])
        if change.pair.is_copy and old.statistics is not None:
            yield alter(change.table, [f"ALTER COLUMN {column} SET STATISTICS {old.statistics}"])
        if change.renamed and old.comment:
            yield f"COMMENT ON COLUMN {change.table.sql}.{column} IS {privileges.literal(old.comment)};"
        yield from privileges.columns(change.table.sql, [(part.name, old.grants)])


def alter(changed: table.Table, actions: Sequence[str]) -> str:
    """Return an ALTER TABLE, an action a line where they are several."""
    if len(actions) == 1:
        return f"ALTER TABLE {changed.sql} {actions[0]};"
    return f"ALTER TABLE {changed.sql}\n    " + ",\n    ".join(actions) + ";"


@dataclasses.dataclass(frozen=True)
class _Again:
    """An index that is built again: its name, the statement, the constraint that takes it over (None: none does)."""

    name: str
    statement: str
    constraint: Carried | None


def _built_again(change: Dual) -> tuple[_Again, ...]:
    constraints = {one.old.name: one for one in _carried(change, "u")}
    taken = set(change.table.relations) | {one.name for one in constraints.values()}
    found = []
    for index in change.table.indexes:
        if not change.renamed or change.pair.old.name not in index.columns or index.primary:
            continue
        constraint = constraints.get(index.constraint)
        name = constraint.name if constraint else new_name(index.name, change.renamed, taken)
        taken.add(name)
        found.append(_Again(name, f"{expressions.index(index.definition, name, change.renamed)};", constraint))
    return tuple(found)


def _indexes(change: Dual) -> Iterator[draft.File]:
    again = _built_again(change)
    if not again:
        return
    new = names.quoted(change.pair.parts[0].name)
    yield draft.File(
        "expand",
        f"Build the indexes of {change.table.sql}.{change.pair.old.sql} again, over {new}.",
        ("Each is built beside reads and writes; they are there before the next release asks for them.",),
        tuple(_called(change, one) for one in again),
        tuple(
            f"DROP INDEX CONCURRENTLY IF EXISTS {names.quoted(change.table.schema, one.name)};"
            for one in reversed(again)
        ),
        part="indexes",
        mode="statements",
        undo_mode="statements",
    )


def _called(change: Dual, again: _Again) -> str:
    return statement_of(change.request, again.name, again.statement)


def statement_of(request: draft.Request, name: str, build: str) -> str:
    """Return the statement that builds an index, allowed to have a name that is not as the settings want it."""
    columns = expressions.named_columns(build)
    if not request.index_name or indexes.fits(name, request.index_name, request.table.name, columns):
        return build
    return f"-- lint: allow index-name: it is called as what it takes the place of, or becomes a constraint\n{build}"


def _backfill(change: Dual) -> draft.File:
    old, parts = change.pair.old, change.pair.parts
    sets = ", ".join(f"{names.quoted(part.name)} = {part.there or old.sql}" for part in parts)
    why = ["In batches, each a transaction of its own: inv change-backfill. A row that is done is not touched again."]
    if change.table.triggers:
        fired = ", ".join(name for name, _ in change.table.triggers)
        why.append(f"The table's own triggers fire for each row, as for any UPDATE: {fired}.")
    if not change.pair.strict:
        why.append(
            "A value that cannot be converted stops it with the server's message: correct the row, run it again."
        )
    return draft.File(
        "backfill",
        f"Fill {', '.join(names.quoted(part.name) for part in parts)} of the rows from before.",
        tuple(why),
        (f"UPDATE {change.table.sql}\nSET {sets}\nWHERE {_left(change)};",),
        verify=change.verify,
    )


def _left(change: Dual) -> str:
    """Return the condition of the rows that are not filled yet."""
    return left(change.pair)


def left(pair: sync.Pair) -> str:
    """Return the condition of the rows whose new columns are not filled yet."""
    if pair.is_copy:
        return table.distinct(names.quoted(pair.parts[0].name), pair.old.sql, pair.old.type)
    empty = " AND ".join(f"{names.quoted(part.name)} IS NULL" for part in pair.parts)
    has = " OR ".join(f"({part.there}) IS NOT NULL" for part in pair.parts)
    return f"{empty} AND ({has})" if len(pair.parts) > 1 else f"{empty} AND {has}"


def _late(change: Dual) -> Iterator[draft.File]:
    """Give the file that asks for NOT NULL where a value may fail to be converted: only once all are."""
    if change.not_null and not change.pair.strict:
        yield draft.File(
            "contract",
            f"Let {names.quoted(change.not_null)} be NULL no more in rows that are written.",
            ("Not before the backfill: as long as a value could not be converted, its row had to stay writable.",),
            (alter(change.table, [f"ADD {not_null_constraint(change)} NOT VALID"]),),
            (alter(change.table, [f"DROP CONSTRAINT {names.quoted(change.not_null_name)}"]),),
            part="not_null",
        )


def _validate(change: Dual) -> Iterator[draft.File]:
    constraints = {change.not_null_name: not_null_constraint(change)} if change.not_null else {}
    for one in _carried(change, "c", "f"):
        if one.old.valid:
            constraints[one.name] = f"CONSTRAINT {names.quoted(one.name)} {one.definition}"
    if constraints:
        yield draft.File(
            "contract",
            f"Validate what {names.quoted(change.pair.parts[0].name)} must be.",
            ("Reads every row, beside reads and writes.",),
            tuple(alter(change.table, [f"VALIDATE CONSTRAINT {names.quoted(name)}"]) for name in constraints),
            tuple(not_valid_again(change.table, name, text) for name, text in constraints.items()),
            (NOT_VALID_AGAIN,),
            part="validate",
        )


def not_valid_again(changed: table.Table, name: str, definition: str) -> str:
    """Return the statement that makes a constraint one that was never validated.

    :param definition: with the word CONSTRAINT and its name.
    """
    return alter(changed, [f"DROP CONSTRAINT {names.quoted(name)}", f"ADD {definition} NOT VALID"])


def _unique(change: Dual) -> Iterator[draft.File]:
    for again in _built_again(change):
        one = again.constraint
        if one is None:
            continue
        yield unique_by_index(
            change.table,
            one.name,
            again.statement,
            one.definition.partition(")")[2].strip(),
            part=f"unique_{names.slug(one.name)[:30]}",
        )


def unique_by_index(changed: table.Table, name: str, build: str, deferred: str = "", part: str = "") -> draft.File:
    """Return the file that makes a constraint of a unique index; its rollback leaves the index."""
    index = names.quoted(changed.schema, name)
    spare = names.made(name, "_again", changed.relations)
    first = build.split(" ON ", 1)
    other = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {names.quoted(spare)} ON {first[1]}"
    return draft.File(
        "contract",
        f"Make a constraint of the unique index {index}.",
        ("The index is there and is valid: this is a moment's work, and no row is read.",),
        (
            alter(
                changed,
                [f"ADD CONSTRAINT {names.quoted(name)} UNIQUE USING INDEX {names.quoted(name)} {deferred}".rstrip()],
            ),
        ),
        (
            other,
            alter(changed, [f"DROP CONSTRAINT IF EXISTS {names.quoted(name)}"]),
            f"ALTER INDEX IF EXISTS {names.quoted(changed.schema, spare)} RENAME TO {names.quoted(name)};",
        ),
        ("The index goes with its constraint: another one is built before, so that no duplicate gets in.",),
        part=part,
        undo_mode="statements",
    )


def restored_not_null(request: draft.Request, old: table.Column) -> str:
    """Return the action that makes a column NOT NULL again, under the name that the constraint had."""
    usual = names.made(f"{request.table.name}_{old.name}", "_not_null")
    for one in request.table.constraints:
        if one.kind == "n" and one.columns == (old.name,) and one.name != usual:
            return f"ADD CONSTRAINT {names.quoted(one.name)} NOT NULL {old.sql}"
    return f"ALTER COLUMN {old.sql} SET NOT NULL"


def _contract(change: Dual) -> draft.File:
    request, pair, old = change.request, change.pair, change.pair.old
    kept = names.quoted(pair.kept)
    new = ", ".join(names.quoted(part.name) for part in pair.parts)
    do, undo = [], []
    if change.not_null and change.is_proved_by_check:
        do.append(f"ALTER COLUMN {new} SET NOT NULL")
        undo.append(f"ALTER COLUMN {new} DROP NOT NULL")
    if old.not_null:
        do.append(f"ALTER COLUMN {old.sql} DROP NOT NULL")
        undo.append(restored_not_null(request, old))
    if old.default:
        do.append(f"ALTER COLUMN {old.sql} DROP DEFAULT")
        undo.append(f"ALTER COLUMN {old.sql} SET DEFAULT {old.default}")
        if change.renamed:
            default = f"CAST({old.default} AS {pair.parts[0].type})" if not pair.is_copy else old.default
            do.append(f"ALTER COLUMN {new} SET DEFAULT {default}")
            undo.append(f"ALTER COLUMN {new} DROP DEFAULT")
    statements = [alter(change.table, do)] if do else []
    statements += [
        f"ALTER TABLE {change.table.sql} RENAME COLUMN {old.sql} TO {kept};",
        sync.one_way(request, pair),
    ]
    undos = [f"ALTER TABLE {change.table.sql} RENAME COLUMN {kept} TO {old.sql};", sync.both(request, pair)]
    undos += [alter(change.table, undo)] if undo else []
    undo_why = [f"{kept} holds what was written into {new} meanwhile: nothing is lost."]
    if old.not_null:
        undo_why.append(f"That {old.sql} has no NULL is looked at row by row, under a lock that stops the table.")
    return draft.File(
        "contract",
        f"Set {change.table.sql}.{old.sql} aside, as {kept}.",
        (
            f"No release asks for {old.sql} any more. It is renamed, not dropped, and the trigger goes on writing it: "
            "`inv change-undo` brings it back as it would be now.",
        ),
        tuple(statements),
        tuple(undos),
        tuple(undo_why),
        breaking=f"a release that asks for {change.table.sql}.{old.sql} fails",
        undo_allow=_undo_allow(change),
    )


def _undo_allow(change: Dual) -> Mapping[str, str]:
    return {}


def _finish(change: Dual) -> draft.File:
    statements = [*sync.drop(change.request)]
    drops = [f"DROP COLUMN {names.quoted(change.pair.kept)}"]
    if change.not_null and change.is_proved_by_check:
        drops.append(f"DROP CONSTRAINT {names.quoted(change.not_null_name)}")
    statements.append(alter(change.table, drops))
    return draft.File(
        "finish",
        f"Drop what the contract kept of {change.table.sql}.{change.pair.old.sql}.",
        (f"With it go the trigger that wrote it, and its indexes and constraints. {change.using}".strip(),),
        tuple(statements),
        irreversible="the column and its values are gone; a backup has them",
        allow={"drop-column, drop-trigger, drop-object": _FINISHED},
    )


def _notes(change: Dual) -> Iterator[str]:
    """Give what a reader is to know that the files do not do."""
    old = change.pair.old.name
    for name, source in change.table.triggers:
        if old in source:
            yield f"The function of the trigger {name} names {old}: write it for the new column before the contract."
    if not change.renamed:
        left_out = [index.name for index in change.table.indexes if old in index.columns]
        left_out += [one.name for one in change.table.constraints if old in one.columns and one.kind in "cf"]
        if left_out:
            yield (
                f"Not made again over the new columns, because what they are to be is yours to say: "
                f"{', '.join(sorted(left_out))}. They go with {old}."
            )
