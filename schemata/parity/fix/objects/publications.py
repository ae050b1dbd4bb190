"""Publications."""

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names
from schemata.snapshot import model

_GENERATED = {"s": "stored", "n": "none", "true": "stored"}


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a publication."""
    objects = _objects(item)
    what = " FOR ALL TABLES" if "for" in item.facts else (f" FOR {', '.join(objects)}" if objects else "")
    return [steps.Step((f"CREATE PUBLICATION {names.address(item)}{what} WITH ({_parameters(item)});",))]


def _objects(item: model.Item) -> list[str]:
    """Return what is published, as FOR has it."""
    found: list[str] = []
    for line in item.facts.get("tables", "").split("\n"):
        table, where, condition = line.partition(" where ")
        if table:
            # TABLE stands once: PostgreSQL 14 knows no other form.
            head = "ONLY" if found else "TABLE ONLY"
            found.append(f"{head} {table}" + (f" WHERE ({condition})" if where else ""))
    schemas = item.facts.get("schemas", "")
    return [*found, *(f"TABLES IN SCHEMA {schema}" for schema in names.listed(schemas))]


def _parameters(item: model.Item) -> str:
    facts = item.facts
    words = [f"publish = {names.literal(facts.get('publishes', ''))}"]
    if "via root" in facts:
        words.append("publish_via_partition_root = true")
    if "generated columns" in facts:
        words.append(f"publish_generated_columns = {_GENERATED.get(facts['generated columns'], 'stored')}")
    return ", ".join(words)


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a publication."""
    alter = f"ALTER PUBLICATION {names.address(new)}"
    if "for" in changed:
        return [steps.Replace(changed)]
    made: list[steps.Outcome] = []
    own = changed & {"publishes", "via root", "generated columns"}
    if own:
        words = [_parameters(new)]
        if "via root" in own and "via root" not in new.facts:
            words.append("publish_via_partition_root = false")
        if "generated columns" in own and "generated columns" not in new.facts:
            words.append("publish_generated_columns = none")
        made.append(steps.Step((f"{alter} SET ({', '.join(words)});",), own, late=True))
    objects = changed & {"tables", "schemas"}
    if objects:
        after = _objects(new)
        if after:
            text = f"{alter} SET {', '.join(after)};"
        else:
            gone = [part.partition(" (")[0].partition(" WHERE ")[0] for part in _objects(old)]
            text = f"{alter} DROP {', '.join(gone)};"
        made.append(steps.Step((text,), objects, late=True))
    return made
