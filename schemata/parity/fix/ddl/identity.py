"""Identity columns: made so, or no longer; a serial column becomes one and keeps its position."""

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names, sequences
from schemata.snapshot import model


def definition(item: model.Item, world: steps.World) -> str:
    """Return GENERATED … AS IDENTITY with the parameters of its sequence."""
    sequence = world.identity_sequence(item)
    words = f"GENERATED {item.facts['identity'].upper()} AS IDENTITY"
    if sequence is None:
        return words
    facts = {fact: text for fact, text in sequence.facts.items() if fact != "type"}
    return f"{words} (SEQUENCE NAME {names.address(sequence)} {sequences.options(facts)})"


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what makes a column an identity column, changes how it is one, or makes it none."""
    facts = changed & {"identity", "default"}
    before, after = old.facts.get("identity"), new.facts.get("identity")
    if before and after:
        sql = (names.alter_column(new, f"SET GENERATED {after.upper()}"),)
        return [steps.Step(sql, frozenset(("identity",)))]
    if names.inherited(new, world.whole(new)):
        return [steps.Step((), facts)]
    if after:
        return [_add_identity(new, old, facts, world)]
    return [_drop_identity(new, old, facts, world)]


def _add_identity(new: model.Item, old: model.Item, facts: frozenset[str], world: steps.World) -> steps.Step:
    sequence = world.identity_sequence(new)
    sql = [names.alter_column(new, "DROP DEFAULT")] if "default" in old.facts else []
    makes: tuple[steps.Key, ...] = ()
    earlier = world.actual.get(sequence.key) if sequence is not None else None
    if sequence is not None and earlier is not None:
        # A serial column: its sequence gives way to one of the same name and position.
        address, aside = names.address(earlier), f"{earlier.name}_before"[-63:]
        moved = names.qualified(earlier.schema, aside)
        sql += [
            f"ALTER SEQUENCE {address} OWNED BY NONE;",
            f"ALTER SEQUENCE {address} RENAME TO {names.quoted(aside)};",
            names.alter_column(new, f"ADD {definition(new, world)}"),
            f"PERFORM pg_catalog.setval({names.literal(address)}, last_value, is_called) FROM {moved};",
            f"DROP SEQUENCE {moved};",
        ]
        sql = [_while(new, "=", sql)]
    else:
        sql.append(names.alter_column(new, f"ADD {definition(new, world)}"))
        if sequence is not None:
            sql.append(sequences.position(sequence, new))
            makes = (sequence.key,)
    return steps.Step(tuple(sql), facts, makes=makes)


def _drop_identity(new: model.Item, old: model.Item, facts: frozenset[str], world: steps.World) -> steps.Step:
    sequence = world.identity_sequence(old, actual=True)
    expected = world.expected.get(sequence.key) if sequence is not None else None
    if sequence is None or expected is None:
        sql = [names.alter_column(new, "DROP IDENTITY IF EXISTS")]
        if "default" in new.facts:
            sql.append(names.alter_column(new, f"SET DEFAULT {new.facts['default']}"))
        return steps.Step(tuple(sql), facts, removes=(sequence.key,) if sequence is not None else ())
    # It becomes a serial column: a sequence of the same name and position, of its own.
    address, aside = names.address(sequence), f"{sequence.name}_after"[-63:]
    moved = names.qualified(sequence.schema, aside)
    sql = [
        f"CREATE SEQUENCE {moved} {sequences.options(expected.facts)};",
        f"PERFORM pg_catalog.setval({names.literal(moved)}, last_value, is_called) FROM {address};",
        names.alter_column(new, "DROP IDENTITY"),
        f"ALTER SEQUENCE {moved} RENAME TO {names.quoted(sequence.name)};",
    ]
    if "owned by" in expected.facts:
        sql.append(f"ALTER SEQUENCE {address} OWNED BY {expected.facts['owned by']};")
    if "default" in new.facts:
        sql.append(names.alter_column(new, f"SET DEFAULT {new.facts['default']}"))
    return steps.Step((_while(new, "<>", sql),), facts)


def _while(column: model.Item, compared: str, sql: list[str]) -> str:
    """Return a block that runs statements while a column is no identity (`=`) or is one (`<>`): both have the names."""
    lines = "\n".join(f"        {line}" for text in sql for line in text.split("\n"))
    return (
        "DO $fix$ BEGIN\n    IF EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid ="
        f" {names.literal(names.relation(column))}::pg_catalog.regclass\n"
        f"            AND attname = {names.literal(column.name)} AND attidentity {compared} '') THEN\n"
        f"{lines}\n    END IF;\nEND $fix$;"
    )
