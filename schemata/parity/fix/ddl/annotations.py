"""What is said about an item of any kind: its owner, its grants, its comment, its security labels."""

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names, privileges
from schemata.snapshot import model

FACTS = frozenset(
    ("owner", "grants", "comment", "index comment", "not null comment", "security labels", "depends on extension")
)


def of_new(item: model.Item, world: steps.World) -> list[steps.Step]:
    """Return the steps that say about a created item what is expected."""
    # A schema called public that is made again is like any other: its creator owns it, and it has no comment.
    public = item.kind == "schema" and item.name == "public"
    born = item._replace(facts={"owner": model.DEPLOYER, "comment": ""} if public else {})
    held = privileges.when_created(item, world)
    return [step for step in _all(item, born, held, world) if isinstance(step, steps.Step)]


def changes(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return the steps that bring those of the changed facts that are annotations."""
    if not changed & FACTS:
        return []
    usual = privileges.usual(old.kind, old.name, privileges.owner(old, world.major), world.major)
    held = privileges.parsed(old.facts.get("grants"), usual)
    return _all(new, old, held, world)


def _all(new: model.Item, old: model.Item, held: privileges.Held, world: steps.World) -> list[steps.Outcome]:
    made: list[steps.Outcome] = []
    facts, before = new.facts, old.facts
    whose, was = privileges.owner(new, world.major), privileges.owner(old, world.major)
    if whose != was:
        # The sequence of a column follows its table, and has no other way to change its owner.
        follows = new.kind == "sequence" and "owned by" in new.facts
        made.append(_step([] if follows else [owner(new, whose)], "owner"))
    after = privileges.parsed(facts.get("grants"), privileges.usual(new.kind, new.name, whose, world.major))
    if new.kind != "default privileges":
        column = new.name if new.kind == "column" else ""
        granted = privileges.statements(privileges.on(new), privileges.moved(held, was, whose), after, column=column)
        if granted and _has_grants(new):
            made.append(_step([*granted, *_of_columns(new, granted, world)], "grants"))
    subjects = {"comment": names.target(new), "index comment": _index(new), "not null comment": _not_null(new)}
    for fact, subject in subjects.items():
        if facts.get(fact) != before.get(fact):
            made.append(_step([f"COMMENT ON {subject} IS {_comment(facts.get(fact), new)};"], fact))
    if facts.get("security labels") != before.get("security labels"):
        made.append(_step(_labels(new, facts.get("security labels"), before.get("security labels")), "security labels"))
    before_it, after_it = (set(names.listed(item.facts.get("depends on extension", ""))) for item in (old, new))
    if before_it != after_it:
        kind = names.target(new)
        sql = [f"ALTER {kind} NO DEPENDS ON EXTENSION {names.quoted(name)};" for name in sorted(before_it - after_it)]
        sql += [f"ALTER {kind} DEPENDS ON EXTENSION {names.quoted(name)};" for name in sorted(after_it - before_it)]
        made.append(_step(sql, "depends on extension"))
    return made


def _not_null(item: model.Item) -> str:
    """Return the constraint behind a NOT NULL as COMMENT ON names it."""
    name = item.facts.get("not null constraint")
    if item.kind == "domain":
        return f"CONSTRAINT {name or names.quoted(f'{item.name}_not_null')} ON DOMAIN {names.address(item)}"
    return f"CONSTRAINT {name or names.quoted(f'{item.of}_{item.name}_not_null')} ON {names.relation(item)}"


def _of_columns(table: model.Item, granted: list[str], world: steps.World) -> list[str]:
    """Return the grants on columns that a REVOKE on their table takes away as well."""
    revoked = " ".join(text for text in granted if "REVOKE" in text)
    sql: list[str] = []
    if not revoked or table.key not in world.actual:
        return sql
    for column in world.expected.values():
        if column.kind == "column" and (column.schema, column.of) == (table.schema, table.name):
            held = privileges.parsed(column.facts.get("grants"), {})
            again = {who: what for who, what in held.items() if f" FROM {names.role(who[0])};" in revoked}
            sql += privileges.statements(privileges.on(column), {}, again, column=column.name)
    return sql


def _step(sql: list[str], fact: str) -> steps.Step:
    return steps.Step(tuple(sql), frozenset((fact,)), late=True)


def _has_grants(item: model.Item) -> bool:
    if item.kind in ("table", "foreign table", "view", "materialized view", "sequence", "column", "schema", "domain"):
        return True
    return item.kind in (
        "function", "procedure", "aggregate", "enum", "composite type", "range type", "base type", "language",
        "foreign data wrapper", "server",
    )  # fmt: skip


def owner(item: model.Item, whose: str) -> str:
    """Return the statement that gives an item to a role."""
    kind = names.word(item)
    return f"ALTER {kind} {names.address(item)} OWNER TO {names.role(whose)};"


def _index(item: model.Item) -> str:
    return f"INDEX {names.qualified(item.schema, item.name)}"


def _comment(text: str | None, item: model.Item) -> str:
    if item.kind == "schema" and item.name == "public":
        # Its comment from birth is told as none, and no comment as an empty one.
        text = "standard public schema" if text is None else text or None
    return names.literal(text)


def _labels(item: model.Item, new: str | None, old: str | None) -> list[str]:
    after, before = _by_provider(new), _by_provider(old)
    return [
        f"SECURITY LABEL FOR {names.quoted(provider)} ON {names.target(item)} IS {names.literal(after.get(provider))};"
        for provider in sorted({*after, *before})
        if after.get(provider) != before.get(provider)
    ]


def _by_provider(text: str | None) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in (text or "").split("\n") if ": " in line)
