"""The baselines of a squash as values, from the plan and the contents of the dump; and the files that they are."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from schemata import errors
from schemata.migrations import migration
from schemata.sql import statement
from schemata.squash import baseline, contents, plan

Left = Collection[tuple[str, int]]


@dataclasses.dataclass(frozen=True)
class Source:
    """What the baselines are made of besides the files.

    :param statements: the structure, by schema. :param refreshed: materialized views to fill, with their schemas.
    :param version: of the server that it is from. :param rows: those that were left, by table, where the statements
        hold them.
    """

    layout: contents.Layout
    statements: Mapping[str, tuple[str, ...]]
    refreshed: tuple[tuple[str, str], ...]
    version: str
    rows: Mapping[str, int] | None = None


@dataclasses.dataclass(frozen=True)
class Draft:
    """The new files by their path in the folder, in the order of the baselines.

    :param changed: the files of migrations that stay, of which only `-- depends:` is another.
    :param rows: statements about rows that are repeated; :param left: those that are not, because they do not fit the
        structure that is left in the end.
    """

    ids: tuple[str, ...]
    texts: Mapping[str, str]
    changed: tuple[str, ...]
    rows: tuple[str, ...]
    left: tuple[str, ...]


def baselines(todo: plan.Plan, source: Source, name: str, accepted: str, left: Left = ()) -> list[baseline.Baseline]:
    """Return the baselines in their order; a schema of which nothing is left has none. Raises where none has any."""
    groups = todo.of("rows", left) if source.rows is None else ()
    server = todo.of("server")
    filled = {group.schema for group in groups if group.schema in source.layout.parts}
    order = [schema for schema in source.layout.parts if source.statements[schema] or schema in filled]
    if not order and server:
        order = list(source.layout.parts)[:1]
    if not order:
        raise errors.MigrationError(
            f"the migrations through {todo.through} leave nothing, so there is nothing to put in their place",
            "Delete their files once every database has them, or squash through a later migration.",
        )
    first, last = order[0], order[-1]
    refreshed = source.refreshed if source.rows is None else ()
    ids = {schema: f"{schema}.{todo.timestamp}.{name}" for schema in order}
    files_of: dict[str, str] = {item.id: item.schema if item.schema in ids else first for item in todo.replaced}
    changed = plan.rewritten(todo, {id_: ids[schema] for id_, schema in files_of.items()}, ids[last])
    rewritten = plan.notes_of_rewritten(todo, changed)
    found = []
    for number, schema in enumerate(order):
        items = [item for item in todo.replaced if files_of[item.id] == schema] or [todo.replaced[-1]]
        own = [item for item in items if files_of[item.id] == schema]
        needs = [ids[other] for other in source.layout.needs[schema] if other in ids]
        before = [ids[order[number - 1]]] if number else []
        what = schema if len(order) > 1 else ", ".join(dict.fromkeys(item.schema for item in todo.replaced))
        found.append(
            baseline.Baseline(
                id=ids[schema],
                schema=schema,
                title=f"Baseline of {what}: what {len(own)} migrations of it made, of {len(todo.replaced)} through "
                f"{todo.through}.",
                source=f"from what they left on PostgreSQL {source.version}",
                depends=tuple(dict.fromkeys([*needs, *before])),
                replaces=tuple(part for item in items for part in baseline.replaces(item)),
                rewritten=tuple(rewritten) if schema == first else (),
                server=server if schema == first else (),
                statements=source.statements[schema],
                rows=tuple(group for group in groups if (group.schema if group.schema in ids else last) == schema),
                refreshed=tuple(view for of, view in refreshed if (of if of in ids else last) == schema),
                accepted=accepted,
            )
        )
    return found


def files(
    todo: plan.Plan, made: Sequence[baseline.Baseline], search_path: str, left: Left, rows: Mapping[str, int] | None
) -> Draft:
    """Return the files of these baselines, and those of the migrations whose `-- depends:` lines name them."""
    texts = {f"{one.schema}/{one.id}.sql": baseline.text(one, search_path) for one in made}
    of_id = {part.id: one.id for one in made for part in one.replaces if not part.within}
    changed = {}
    for item, text in plan.rewritten(todo, of_id, made[-1].id):
        changed[f"{item.schema}/{item.id}{'.py' if item.is_python else '.sql'}"] = text
    ids, changed_ = tuple(one.id for one in made), tuple(changed)
    if rows is not None:
        told_rows = tuple(f"{table}: {count} as they were left" for table, count in rows.items() if count > 0)
        return Draft(ids, {**texts, **changed}, changed_, told_rows, ())
    listed = [(id_, part) for id_, part in todo.listed("rows")]
    told = [(f"{id_}: {brief(part.statement)}", (id_, part.statement.offset) in left) for id_, part in listed]
    told += [(f"{id_}: {brief(part.statement)}", True) for id_, part in todo.listed("made")]
    return Draft(
        ids,
        {**texts, **changed},
        changed_,
        tuple(line for line, out in told if not out),
        tuple(line for line, out in told if out),
    )


def brief(item: statement.Statement) -> str:
    """Return a statement on one line, with the line of its file."""
    return f"line {item.line}: {statement.excerpt(item.sql, item, 80)}"


def order_of(made: Sequence[migration.Migration], ids: Sequence[str]) -> str:
    """Return a migration that would run before a baseline; empty where all run after them."""
    first = [item.id for item in made[: len(ids)]]
    return next((id_ for id_ in first if id_ not in ids), "")
