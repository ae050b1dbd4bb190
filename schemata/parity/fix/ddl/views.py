"""Views, materialized views, triggers, rules and policies."""

import re

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names, tables
from schemata.snapshot import model
from schemata.sql import replaceable

_ENABLE = {None: "ENABLE", "no": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a view, or a materialized one with its rows."""
    facts = item.facts
    text = f"CREATE {item.kind.upper()} {names.address(item)}"
    if item.kind == "materialized view" and "access method" in facts:
        text += f" USING {names.quoted(facts['access method'])}"
    options = tables.storage_parameters(item)
    text += f" WITH ({options})" if options else ""
    if "tablespace" in facts:
        text += f" TABLESPACE {names.quoted(facts['tablespace'])}"
    end = "\nWITH DATA" if item.kind == "materialized view" else ""
    return [steps.Step((f"{text} AS\n{_query(item)}{end};",))]


def _query(item: model.Item) -> str:
    return item.facts["definition"].rstrip().removesuffix(";")


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a view: replaced where it surely keeps its columns, else made again."""
    facts = changed & {"definition", "access method", "tablespace"}
    made = tables.options(new, changed)
    if "definition" in changed and new.kind == "view" and replaceable.view(_query(old), _query(new)):
        options = tables.storage_parameters(new)
        text = (
            f"CREATE OR REPLACE VIEW {names.address(new)}{f' WITH ({options})' if options else ''} AS\n{_query(new)};"
        )
        return [steps.Step((text,), frozenset(("definition",))), *made]
    if facts:
        return [steps.Replace(changed)]
    return made


def create_trigger(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a trigger, or sets the state of one that a partition has from its parent."""
    if cloned(item, world):
        return [steps.Step((_state(item, "TRIGGER"),))]
    constraint = "CONSTRAINT " if "constraint" in item.facts else ""
    sql = [f"CREATE {constraint}TRIGGER {names.quoted(item.name)} {item.facts['definition']};"]
    if "enabled" in item.facts:
        sql.append(_state(item, "TRIGGER"))
    return [steps.Step(tuple(sql))]


def cloned(item: model.Item, world: steps.World) -> bool:
    """Tell whether a trigger is its parent table's, and told of only because its state is another."""
    relation = world.whole(item) or world.whole(item, actual=True)
    if relation is None or "partition of" not in relation.facts:
        return False
    schema, name = names.parents(relation)[0]
    parent = (schema, "trigger", name, item.name)
    upper = (schema, "table", "", name)
    known = parent in world.expected or parent in world.actual
    above = world.expected.get(upper) or world.actual.get(upper)
    return known or (above is not None and "partition of" in above.facts and cloned(item._replace(of=name), world))


def _state(item: model.Item, what: str) -> str:
    return f"ALTER TABLE {names.relation(item)} {_ENABLE[item.facts.get('enabled')]} {what} {names.quoted(item.name)};"


def drop_part(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops a trigger, rule or policy."""
    if item.kind == "trigger" and cloned(item, world):
        return steps.Step((_state(steps.nothing(item), "TRIGGER"),))
    return steps.Step((f"DROP {names.target(item)};",))


def change_trigger(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes a trigger."""
    if changed & {"definition", "constraint"}:
        return [steps.Replace(changed)]
    return [steps.Step((_state(new, "TRIGGER"),), frozenset(("enabled",)))] if "enabled" in changed else []


def create_rule(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a rule."""
    sql = [f"CREATE RULE {names.quoted(item.name)} AS{item.facts['definition'].rstrip().removesuffix(';')};"]
    if "enabled" in item.facts:
        sql.append(_state(item, "RULE"))
    return [steps.Step(tuple(sql))]


def change_rule(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a rule."""
    made: list[steps.Outcome] = []
    if "definition" in changed:
        create = create_rule(steps.nothing(new)._replace(facts={"definition": new.facts["definition"]}), world)[0]
        assert isinstance(create, steps.Step)
        text = create.sql[0].replace("CREATE RULE", "CREATE OR REPLACE RULE", 1)
        made.append(steps.Step((text,), frozenset(("definition",))))
    if "enabled" in changed:
        made.append(steps.Step((_state(new, "RULE"),), frozenset(("enabled",))))
    return made


_ROLES = re.compile(r", ")


def create_policy(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a policy."""
    facts = item.facts
    text = f"CREATE POLICY {names.quoted(item.name)} ON {names.relation(item)}"
    text += "\n    AS RESTRICTIVE" if "restrictive" in facts else ""
    text += f"\n    FOR {facts['command'].upper()}" if "command" in facts else ""
    text += f"\n    TO {_roles(item)}" if "roles" in facts else ""
    return [steps.Step((f"{text}{_conditions(item)};",))]


def _roles(item: model.Item) -> str:
    return ", ".join(names.role(role) for role in _ROLES.split(item.facts.get("roles", "PUBLIC")))


def _conditions(item: model.Item) -> str:
    text = f"\n    USING ({item.facts['using']})" if "using" in item.facts else ""
    return text + (f"\n    WITH CHECK ({item.facts['with check']})" if "with check" in item.facts else "")


def change_policy(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a policy: altered where ALTER POLICY can, else made again."""
    own = changed & {"command", "restrictive", "roles", "using", "with check"}
    if not own:
        return []
    if own & {"command", "restrictive"} or any(fact not in new.facts for fact in own & {"using", "with check"}):
        return [steps.Replace(changed)]
    roles = f"\n    TO {_roles(new)}" if "roles" in own else ""
    text = f"ALTER POLICY {names.quoted(new.name)} ON {names.relation(new)}{roles}{_conditions(new)};"
    return [steps.Step((text,), own)]
