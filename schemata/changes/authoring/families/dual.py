"""Two columns that a trigger keeps the same: the files of a rename, a change of type, a split."""

import re
from collections.abc import Iterator

from schemata.changes.authoring import draft, names
from schemata.changes.authoring.families import altering, pairing, privileges, sync

#: Types that lint warns of; a column that gets another name keeps its own.
_DISCOURAGED = re.compile(r"json|money|time(\(\d+\))? with time zone|character(\(\d+\))?")


_FINISHED = "the contract set it aside, and no release asks for it"


def files(change: pairing.Dual) -> draft.Draft:
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


def _expand(change: pairing.Dual) -> draft.File:
    request, pair = change.request, change.pair
    adds = [f"ADD COLUMN {names.quoted(part.name)} {part.type}{_collation(change)}" for part in pair.parts]
    if change.not_null and pair.strict:
        adds.append(f"ADD {pairing.not_null_constraint(change)} NOT VALID")
    adds += [
        f"ADD CONSTRAINT {names.quoted(one.name)} {one.definition} NOT VALID"
        for one in pairing.carried(change, "c", "f")
    ]
    add = altering.alter(change.table, adds)
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
        (*sync.drop(request), altering.alter(change.table, drops)),
        (f"Whatever was written into {new} is in {pair.old.sql} as well.",),
    )


def _collation(change: pairing.Dual) -> str:
    return f" COLLATE {change.pair.old.collation}" if change.pair.is_copy and change.pair.old.collation else ""


def _properties(change: pairing.Dual) -> Iterator[str]:
    """Give the statements that carry over what ADD COLUMN does not say."""
    old = change.pair.old
    storages = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
    for part in change.pair.parts:
        column = names.quoted(part.name)
        if change.pair.is_copy and old.storage:
            yield altering.alter(change.table, [f"ALTER COLUMN {column} SET STORAGE {storages[old.storage]}"])
        if change.pair.is_copy and old.statistics is not None:
            yield altering.alter(change.table, [f"ALTER COLUMN {column} SET STATISTICS {old.statistics}"])
        if change.renamed and old.comment:
            yield f"COMMENT ON COLUMN {change.table.sql}.{column} IS {privileges.literal(old.comment)};"
        yield from privileges.columns(change.table.sql, [(part.name, old.grants)])


def _indexes(change: pairing.Dual) -> Iterator[draft.File]:
    again = pairing.built_again(change)
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


def _called(change: pairing.Dual, again: pairing.Again) -> str:
    return altering.statement_of(change.request, again.name, again.statement)


def _backfill(change: pairing.Dual) -> draft.File:
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
        (f"UPDATE {change.table.sql}\nSET {sets}\nWHERE {pairing.left(change.pair)};",),
        verify=change.verify,
    )


def _late(change: pairing.Dual) -> Iterator[draft.File]:
    """Give the file that asks for NOT NULL where a value may fail to be converted: only once all are."""
    if change.not_null and not change.pair.strict:
        yield draft.File(
            "contract",
            f"Let {names.quoted(change.not_null)} be NULL no more in rows that are written.",
            ("Not before the backfill: as long as a value could not be converted, its row had to stay writable.",),
            (altering.alter(change.table, [f"ADD {pairing.not_null_constraint(change)} NOT VALID"]),),
            (altering.alter(change.table, [f"DROP CONSTRAINT {names.quoted(change.not_null_name)}"]),),
            part="not_null",
        )


def _validate(change: pairing.Dual) -> Iterator[draft.File]:
    constraints = {change.not_null_name: pairing.not_null_constraint(change)} if change.not_null else {}
    for one in pairing.carried(change, "c", "f"):
        if one.old.valid:
            constraints[one.name] = f"CONSTRAINT {names.quoted(one.name)} {one.definition}"
    if constraints:
        yield draft.File(
            "contract",
            f"Validate what {names.quoted(change.pair.parts[0].name)} must be.",
            ("Reads every row, beside reads and writes.",),
            tuple(altering.alter(change.table, [f"VALIDATE CONSTRAINT {names.quoted(name)}"]) for name in constraints),
            tuple(altering.not_valid_again(change.table, name, text) for name, text in constraints.items()),
            (altering.NOT_VALID_AGAIN,),
            part="validate",
        )


def _unique(change: pairing.Dual) -> Iterator[draft.File]:
    for again in pairing.built_again(change):
        one = again.constraint
        if one is None:
            continue
        yield altering.unique_by_index(
            change.table,
            one.name,
            again.statement,
            one.definition.partition(")")[2].strip(),
            part=f"unique_{names.slug(one.name)[:30]}",
        )


def _contract(change: pairing.Dual) -> draft.File:
    request, pair, old = change.request, change.pair, change.pair.old
    kept = names.quoted(pair.kept)
    new = ", ".join(names.quoted(part.name) for part in pair.parts)
    do, undo = [], []
    if change.not_null and change.is_proved_by_check:
        do.append(f"ALTER COLUMN {new} SET NOT NULL")
        undo.append(f"ALTER COLUMN {new} DROP NOT NULL")
    if old.not_null:
        do.append(f"ALTER COLUMN {old.sql} DROP NOT NULL")
        undo.append(altering.restored_not_null(request, old))
    if old.default:
        do.append(f"ALTER COLUMN {old.sql} DROP DEFAULT")
        undo.append(f"ALTER COLUMN {old.sql} SET DEFAULT {old.default}")
        if default := pairing.new_default(change):
            do.append(f"ALTER COLUMN {new} SET DEFAULT {default}")
            undo.append(f"ALTER COLUMN {new} DROP DEFAULT")
    statements = [altering.alter(change.table, do)] if do else []
    statements += [
        f"ALTER TABLE {change.table.sql} RENAME COLUMN {old.sql} TO {kept};",
        sync.one_way(request, pair),
    ]
    undos = [f"ALTER TABLE {change.table.sql} RENAME COLUMN {kept} TO {old.sql};", sync.both(request, pair)]
    undos += [altering.alter(change.table, undo)] if undo else []
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
    )


def _finish(change: pairing.Dual) -> draft.File:
    statements = [*sync.drop(change.request)]
    drops = [f"DROP COLUMN {names.quoted(change.pair.kept)}"]
    if change.not_null and change.is_proved_by_check:
        drops.append(f"DROP CONSTRAINT {names.quoted(change.not_null_name)}")
    statements.append(altering.alter(change.table, drops))
    return draft.File(
        "finish",
        f"Drop what the contract kept of {change.table.sql}.{change.pair.old.sql}.",
        ("With it go the trigger that wrote it, and its indexes and constraints.",),
        tuple(statements),
        irreversible="the column and its values are gone; a backup has them",
        allow={"drop-column, drop-trigger, drop-object": _FINISHED},
    )


def _notes(change: pairing.Dual) -> Iterator[str]:
    """Give what a reader is to know that the files do not do."""
    old = change.pair.old.name
    for name, source in change.table.triggers:
        if old in source:
            yield f"The function of the trigger {name} names {old}: write it for the new column before the contract."
    if unfit := sorted(change.request.unfit):
        yield (
            f"Not made again, because the new type does not take what they say: {', '.join(unfit)}. Write them for the "
            "new type."
        )
    if change.pair.old.default and not pairing.new_default(change) and pairing.DEFAULT not in change.request.unfit:
        yield f"What takes the place of {old} does not get its default ({change.pair.old.default}): say which it is."
    if not change.renamed:
        if change.pair.old.not_null:
            for part in change.pair.parts:
                yield (
                    f"{names.quoted(part.name)} may be NULL; once the change is finished: "
                    f"inv change-new set-not-null {change.table.sql} {names.quoted(part.name)}"
                )
        left_out = [index.name for index in change.table.indexes if old in index.columns]
        left_out += [one.name for one in change.table.constraints if old in one.columns and one.kind in "cf"]
        if left_out:
            yield (
                f"Not made again over the new columns, because what they are to be is yours to say: "
                f"{', '.join(sorted(left_out))}. They go with {old}."
            )
