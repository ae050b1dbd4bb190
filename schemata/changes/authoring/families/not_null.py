"""NOT NULL for a column that is there, or for one that is added: proved beside reads and writes, then set."""

from schemata import errors
from schemata.changes.authoring import checks, draft, expressions, names, table
from schemata.changes.authoring.families import altering, sync


def set_not_null(request: draft.Request) -> draft.Draft:
    """Return the files that make a column NOT NULL; with --default they fill what is NULL before."""
    column = checks.column(request, request.words[0])
    if column.not_null:
        raise draft.Refused(f"{request.table.sql}.{column.sql} is NOT NULL already", "There is nothing to do.")
    if column.generated:
        raise draft.Refused(
            f"{request.table.sql}.{column.sql} is generated from other columns: nobody can fill it",
            "Make what it is generated from NOT NULL.",
        )
    if request.options.default:
        return _filled(request, column, ())
    constraint = _Constraint(request, column.name)
    expand = draft.File(
        "expand",
        f"Let {request.table.sql}.{column.sql} be NULL no more in rows that are written.",
        (
            "The rows from before are not looked at yet. No release that runs may write NULL into it, and an UPDATE of "
            "a row that has NULL fails from here on: where that may be, write the change with --default.",
        ),
        (constraint.add,),
        (constraint.drop,),
    )
    return draft.Draft((expand, *constraint.proved(())))


def add_column(request: draft.Request) -> draft.Draft:
    """Return the files that add a column which is NOT NULL, with a default for the rows that are there."""
    if not request.options.default:
        raise errors.ConfigError(
            "add-column-not-null needs a value for the rows that are there", "Give it: --default EXPR"
        )
    name = checks.new_column(request, request.words[0])
    type_ = expressions.type_checked(request.words[1], "the type")
    default = request.options.default
    if expressions.columns(default):
        raise errors.ConfigError(
            f"--default {default!r} reads a column, which the default of a column cannot do",
            "Add the column with a constant; or split it off another one: inv change-new split-column",
        )
    sql = names.quoted(name)
    if not request.volatile:
        expand = draft.File(
            "expand",
            f"Add {request.table.sql}.{sql}, NOT NULL.",
            (
                "The default is the same for every row, so that the server keeps it once and writes no row. A release "
                "that does not know the column leaves it out of its INSERT and gets the default. There is nothing to "
                "fill and nothing to take away: the change is complete with this file.",
            ),
            (altering.alter(request.table, [f"ADD COLUMN {sql} {type_} NOT NULL DEFAULT {default}"]),),
            (altering.alter(request.table, [f"DROP COLUMN {sql}"]),),
        )
        return draft.Draft((expand,))
    adds = (
        altering.alter(request.table, [f"ADD COLUMN {sql} {type_}"]),
        "-- In a statement of its own: the rows from before keep NULL, and no row is written.\n"
        + altering.alter(request.table, [f"ALTER COLUMN {sql} SET DEFAULT {default}"]),
    )
    return _filled(request, table.Column(name, type_), adds)


class _Constraint:
    """The constraint that proves a column NOT NULL, as the version of the server has it."""

    def __init__(self, request: draft.Request, column: str) -> None:
        self.request = request
        self.column = names.quoted(column)
        name = names.made(f"{request.table.name}_{column}", "_not_null", request.table.constraint_names)
        self.name = names.quoted(name)
        self.by_check = request.major < 18
        what = f"CHECK ({self.column} IS NOT NULL)" if self.by_check else f"NOT NULL {self.column}"
        self.action = f"ADD CONSTRAINT {self.name} {what} NOT VALID"

    @property
    def add(self) -> str:
        """Return the statement that adds it for rows that are written."""
        return altering.alter(self.request.table, [self.action])

    @property
    def drop(self) -> str:
        """Return the statement that removes it."""
        return altering.alter(self.request.table, [f"DROP CONSTRAINT {self.name}"])

    def proved(self, last: tuple[str, ...], undo: tuple[str, ...] = (), breaking: str = "") -> tuple[draft.File, ...]:
        """Return the files that look at every row and set NOT NULL, with more statements in the last of them."""
        changed = self.request.table
        validate = draft.File(
            "contract",
            f"Validate that {changed.sql}.{self.column} has no NULL.",
            ("Reads every row, beside reads and writes.",),
            (altering.alter(changed, [f"VALIDATE CONSTRAINT {self.name}"]),),
            (altering.alter(changed, [f"DROP CONSTRAINT {self.name}", self.action]),),
            (altering.NOT_VALID_AGAIN,),
            part="validate" if self.by_check or last else "",
        )
        do: tuple[str, ...] = last
        back: tuple[str, ...] = undo
        if self.by_check:
            do = (altering.alter(changed, [f"ALTER COLUMN {self.column} SET NOT NULL"]), self.drop, *last)
            back = (
                *undo,
                altering.alter(changed, [f"ALTER COLUMN {self.column} DROP NOT NULL", self.action]),
            )
        if not do:
            return (validate,)
        why = ["The validated constraint proves it: no row is read."] if self.by_check else []
        if last:
            why.append("Nobody leaves NULL any more, so that nothing has to be filled.")
        final = draft.File(
            "contract",
            f"Make {changed.sql}.{self.column} NOT NULL for good.",
            tuple(why),
            do,
            back,
            breaking=breaking,
        )
        return validate, final


def _filled(request: draft.Request, column: table.Column, before: tuple[str, ...]) -> draft.Draft:
    """Return the files where a trigger fills what is left NULL, and a backfill what is NULL already."""
    checks.keyed(request)
    default = request.options.default
    constraint = _Constraint(request, column.name)
    what = f"{request.table.sql}.{column.sql}"
    trigger = sync.fill(request, column.name, sync.value(default))
    breaking = f"a release that writes NULL into {what} fails"
    expand = draft.File(
        "expand",
        f"Fill {what} where a release leaves it NULL." if not before else f"Add {what}, and fill it.",
        (
            "A trigger writes the default in the place of NULL, in INSERT and in UPDATE, so that the release before "
            "goes on: also with rows that have NULL still.",
        ),
        (*before, *trigger, constraint.add),
        (constraint.drop, *sync.drop(request)) if not before else (*sync.drop(request), _dropped(request, column)),
    )
    backfill = draft.File(
        "backfill",
        f"Fill {what} of the rows from before.",
        ("In batches, each a transaction of its own: inv change-backfill.",),
        (f"UPDATE {request.table.sql}\nSET {column.sql} = {default}\nWHERE {column.sql} IS NULL;",),
    )
    last = constraint.proved(sync.drop(request), sync.again(trigger), breaking)
    return draft.Draft((expand, backfill, *last))


def _dropped(request: draft.Request, column: table.Column) -> str:
    return altering.alter(request.table, [f"DROP COLUMN {column.sql}"])
