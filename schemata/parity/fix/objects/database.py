"""What belongs to no schema: schemas, extensions, languages, foreign data, event triggers, publications, settings."""

import dataclasses
import re

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import columns, names, privileges
from schemata.snapshot import model

#: Extensions of which nothing holds rows: dropping one loses nothing, and fails while anything uses it.
_WITHOUT_ROWS = frozenset(
    (
        "amcheck", "autoinc", "bloom", "btree_gin", "btree_gist", "citext", "cube", "dblink", "dict_int", "dict_xsyn",
        "earthdistance", "file_fdw", "fuzzystrmatch", "hstore", "insert_username", "intagg", "intarray", "isn", "lo",
        "ltree", "moddatetime", "pageinspect", "pg_buffercache", "pg_freespacemap", "pg_prewarm", "pg_stat_statements",
        "pg_trgm", "pg_visibility", "pg_walinspect", "pgcrypto", "pgrowlocks", "pgstattuple", "plpgsql",
        "postgres_fdw", "refint", "seg", "sslinfo", "tablefunc", "tcn", "tsm_system_rows", "tsm_system_time",
        "unaccent", "uuid-ossp", "vector", "xml2",
    )
)  # fmt: skip
_STATES = {None: "ENABLE", "no": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}
_OBJECT = re.compile(
    r"(?P<kind>function|procedure|aggregate|table|view|materialized view|foreign table|sequence|schema|type|language)"
    r" (?P<name>.+)",
    re.DOTALL,
)


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates something that belongs to no schema."""
    facts, address = item.facts, names.address(item)
    options = columns.foreign_options(item)
    options = f" OPTIONS ({options})" if options else ""
    match item.kind:
        case "schema":
            # The engine makes the schemas of the settings before it runs the first file.
            text = f"CREATE SCHEMA IF NOT EXISTS {address};"
        case "extension":
            text = f"CREATE EXTENSION IF NOT EXISTS {address} WITH SCHEMA {names.quoted(facts['schema'])}"
            text += f" VERSION {names.literal(facts['version'])};"
        case "language":
            words = [
                f"{word} {names.without_arguments(facts[word.lower()])}"
                for word in ("HANDLER", "INLINE", "VALIDATOR")
                if word.lower() in facts
            ]
            trusted = "TRUSTED " if "trusted" in facts else ""
            text = f"CREATE {trusted}LANGUAGE {address} {' '.join(words)};"
        case "access method":
            text = f"CREATE ACCESS METHOD {address} TYPE {facts['type'].upper()} HANDLER {facts['handler']};"
        case "foreign data wrapper":
            words = [
                f" {word} {names.without_arguments(facts[word.lower()])}"
                for word in ("HANDLER", "VALIDATOR")
                if word.lower() in facts
            ]
            text = f"CREATE FOREIGN DATA WRAPPER {address}{''.join(words)}{options};"
        case _:
            text = f"CREATE SERVER {address}"
            for fact in ("type", "version"):
                text += f" {fact.upper()} {names.literal(facts[fact])}" if fact in facts else ""
            text += f" FOREIGN DATA WRAPPER {facts['wrapper']}{options};"
    return [steps.Step((text,))]


def drop(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops something that belongs to no schema: nothing that holds data, and nothing that is in use."""
    text = f"DROP {names.word(item)} {names.address(item)};"
    if item.kind == "extension" and item.name == "plpgsql":
        return steps.Refusal("the engine itself needs it", (text,))
    if item.kind == "extension" and item.name not in _WITHOUT_ROWS and not world.destructive:
        return steps.Refusal("the rows that the extension keeps would be lost", (text,))
    return steps.Step((text,))


def change_extension(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what updates an extension and moves it."""
    made: list[steps.Outcome] = []
    address = names.address(new)
    if "schema" in changed:
        text = f"ALTER EXTENSION {address} SET SCHEMA {names.quoted(new.facts['schema'])};"
        made.append(steps.Step((text,), frozenset(("schema",))))
    if "version" in changed:
        text = f"ALTER EXTENSION {address} UPDATE TO {names.literal(new.facts['version'])};"
        if _numbers(new.facts["version"]) < _numbers(old.facts["version"]):
            made.append(
                steps.Refusal("extensions have no way back to an older version", (text,), frozenset(("version",)))
            )
            return made
        made.append(steps.Step((text,), frozenset(("version",))))
    return made


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def change_foreign(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes a foreign data wrapper or a server."""
    if changed & {"type", "wrapper"}:
        return [steps.Replace(changed)]
    words: list[str] = []
    facts: set[str] = set()
    for fact in sorted(changed & {"handler", "validator"}):
        if fact in changed:
            facts.add(fact)
            there = fact in new.facts
            words.append(
                f"{fact.upper()} {names.without_arguments(new.facts[fact])}" if there else f"NO {fact.upper()}"
            )
    if "version" in changed:
        facts.add("version")
        words.append(f"VERSION {names.literal(new.facts.get('version'))}")
    options = {fact for fact in changed if fact.startswith("foreign option ")}
    if options:
        facts |= options
        words.append(f"OPTIONS ({columns.changed_foreign_options(new, old)})")
    if not words:
        return []
    return [steps.Step((f"ALTER {names.word(new)} {names.address(new)} {' '.join(words)};",), frozenset(facts))]


def create_mapping(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a user mapping whose options are no secrets."""
    text = f"CREATE USER MAPPING {names.address(item)}"
    options = names.listed(item.facts.get("options", ""))
    if any("=hidden " in option for option in options):
        secret = f"{text} OPTIONS (…);"
        return [steps.Refusal("its options are secrets, of which only a hash is compared", (secret,))]
    pairs = [option.partition("=") for option in options]
    words = ", ".join(f"{names.quoted(key)} {names.literal(value)}" for key, _, value in pairs)
    return [steps.Step((f"{text} OPTIONS ({words});" if words else f"{text};",))]


def change_mapping(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes the options of a user mapping, as far as they are no secrets."""
    after, before = (
        dict(option.split("=", 1) for option in names.listed(item.facts.get("options", ""))) for item in (new, old)
    )
    words = [f"DROP {names.quoted(name)}" for name in before if name not in after]
    for name, value in after.items():
        if before.get(name) != value:
            if value.startswith("hidden "):
                text = f"ALTER USER MAPPING {names.address(new)} OPTIONS (SET {names.quoted(name)} …);"
                return [steps.Refusal("its options are secrets, of which only a hash is compared", (text,), changed)]
            words.append(f"{'SET' if name in before else 'ADD'} {names.quoted(name)} {names.literal(value)}")
    return [steps.Step((f"ALTER USER MAPPING {names.address(new)} OPTIONS ({', '.join(words)});",), changed)]


def create_event_trigger(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates an event trigger."""
    facts = item.facts
    tags = ", ".join(names.literal(tag) for tag in facts["tags"].split(", ")) if "tags" in facts else ""
    when = f" WHEN TAG IN ({tags})" if tags else ""
    sql = [
        f"CREATE EVENT TRIGGER {names.address(item)} ON {facts['event']}{when}"
        f" EXECUTE FUNCTION {names.without_arguments(facts['function'])}();"
    ]
    if "enabled" in facts:
        sql.append(_state(item))
    return [steps.Step(tuple(sql), late=True)]


def _state(item: model.Item) -> str:
    return f"ALTER EVENT TRIGGER {names.address(item)} {_STATES[item.facts.get('enabled')]};"


def change_event_trigger(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes an event trigger."""
    if changed & {"event", "tags", "function"}:
        return [steps.Replace(changed)]
    return [steps.Step((_state(new),), frozenset(("enabled",)), late=True)] if "enabled" in changed else []


def create_subscription(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return that a subscription is not created: its connection string is not compared."""
    text = (
        f"CREATE SUBSCRIPTION {names.address(item)} CONNECTION '…' PUBLICATION {item.facts.get('publications', '…')};"
    )
    return [steps.Refusal("its connection string is not compared, because it holds secrets", (text,))]


def refuse_subscription(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return that a subscription is not dropped: the other server's replication slot goes with it."""
    text = f"DROP SUBSCRIPTION {names.address(item)};"
    return steps.Refusal("the position of the replication would be lost, with its slot on the other server", (text,))


_PARAMETERS = {
    "binary": ("binary", "false"),
    "streaming": ("streaming", "off"),
    "synchronous commit": ("synchronous_commit", "off"),
    "disable on error": ("disable_on_error", "false"),
    "password required": ("password_required", "true"),
    "run as owner": ("run_as_owner", "false"),
    "origin": ("origin", "any"),
}
#: The first major version of which parallel is the default.
_STREAMS_IN_PARALLEL = 18
_STREAMING = {"t": "on", "true": "on", "p": "parallel"}


def change_subscription(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return what changes a subscription without asking its publisher; the rest needs that it is disabled."""
    made: list[steps.Outcome] = []
    alter = f"ALTER SUBSCRIPTION {names.address(new)}"
    own = changed & _PARAMETERS.keys()
    if own:
        words = []
        for fact in sorted(own):
            parameter, usual = _PARAMETERS[fact]
            if fact == "streaming" and world.major >= _STREAMS_IN_PARALLEL:
                usual = "parallel"
            value = new.facts.get(fact, usual)
            value = _STREAMING.get(value, value) if fact == "streaming" else "true" if value == "yes" else value
            words.append(f"{parameter} = {names.literal(value)}")
        made.append(steps.Step((f"{alter} SET ({', '.join(words)});",), own))
    if "publications" in changed:
        text = f"{alter} SET PUBLICATION {new.facts['publications']} WITH (refresh = false);"
        made.append(steps.Step((text,), frozenset(("publications",))))
    rest = changed - own - {"publications"}
    if rest:
        reason = "it is changed only while the subscription is disabled and its publisher answers"
        made.append(steps.Refusal(reason, (f"{alter} SET (…);",), rest))
    return made


def create_defaults(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return ALTER DEFAULT PRIVILEGES from the usual ones."""
    return [steps.Step(tuple(privileges.defaults(item, None, world.major)), late=True)]


def drop_defaults(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return ALTER DEFAULT PRIVILEGES back to the usual ones."""
    return steps.Step(tuple(privileges.defaults(None, item, world.major)), late=True)


def change_defaults(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return ALTER DEFAULT PRIVILEGES from some to others."""
    return [steps.Step(tuple(privileges.defaults(new, old, world.major)), changed, late=True)]


def create_grant(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return the grants on an object of the system or of an extension, beyond those that it has from its birth."""
    return [_granted(item, None, frozenset())]


def drop_grant(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return the statements that leave an object of the system with the grants from its birth."""
    return _granted(None, item, frozenset())


def change_grant(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return the statements between the grants on an object of the system or of an extension."""
    return [_granted(new, old, changed)]


def _granted(new: model.Item | None, old: model.Item | None, changed: frozenset[str]) -> steps.Outcome:
    item = new or old
    assert item is not None
    on = _system_object(item)
    if on is None:
        return steps.Refusal("GRANT has no form for it that can be told from its name", (f"GRANT … ON {item.name} …;",))
    return steps.Step(tuple(privileges.of_system(new, old, on)), changed, late=True)


def _system_object(item: model.Item) -> str | None:
    match = _OBJECT.fullmatch(item.name)
    if match is None:
        return None
    kind = {"view": "table", "materialized view": "table", "foreign table": "table", "aggregate": "function"}
    return f"{kind.get(match['kind'], match['kind']).upper()} {match['name']}"


def refuse_setting(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return how a setting of the database or a role is set: for a person, because it is not of one database."""
    return [_setting(item, frozenset(item.facts), gone=False)]


def drop_setting(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return how a setting of the database or a role is reset."""
    return _setting(item, frozenset(item.facts), gone=True)


def change_setting(
    new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World
) -> list[steps.Outcome]:
    """Return how settings of the database or a role are set and reset."""
    return [dataclasses.replace(_setting(new, changed, gone=False), facts=changed)]


def _setting(item: model.Item, facts: frozenset[str], *, gone: bool) -> steps.Refusal:
    role = item.name.removeprefix("role ").partition("in this database")[0]
    role = role.strip() if item.name.startswith("role ") else ""
    if item.name.startswith("role ") and not item.name.endswith("in this database"):
        who = f"ROLE {names.role(item.name.removeprefix('role '))}"
    elif role:
        who = f"ROLE {names.role(role)} IN DATABASE …"
    else:
        who = "DATABASE …" if item.name == "in this database" else "ROLE ALL"
    sql = [
        f"ALTER {who} RESET {fact};"
        if gone or fact not in item.facts
        else f"ALTER {who} SET {fact} = {names.literal(item.facts[fact])};"
        for fact in sorted(facts)
    ]
    reason = "settings of databases and roles are not a migration's: they belong to the server's administration"
    return steps.Refusal(reason, tuple(sql))
