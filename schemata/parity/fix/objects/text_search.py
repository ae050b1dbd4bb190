"""Text search parsers, templates, dictionaries and configurations."""

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import names
from schemata.snapshot import model


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates a text search object."""
    facts = item.facts
    head = f"CREATE {item.kind.upper()} {names.address(item)}"
    if item.kind == "text search configuration":
        sql = [f"{head} (PARSER = {facts['parser']});"]
        sql += [_mapping(item, "ADD", token, words) for token, words in _mappings(item).items()]
        return [steps.Step(tuple(sql))]
    if item.kind == "text search dictionary":
        options = f", {facts['initialization']}" if facts.get("initialization") else ""
        return [steps.Step((f"{head} (TEMPLATE = {facts['template']}{options});",))]
    return [steps.Step((f"{head} ({facts['definition']});",))]


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what changes a text search object: options and mappings; the rest makes another one."""
    if changed & {"definition", "template", "parser"}:
        return [steps.Replace(changed)]
    if "initialization" in changed:
        after, before = _options(new), _options(old)
        words = [text for name, text in after.items() if before.get(name) != text]
        words += [name for name in before if name not in after]
        text = f"ALTER TEXT SEARCH DICTIONARY {names.address(new)} ({', '.join(words)});"
        return [steps.Step((text,), frozenset(("initialization",)))]
    if "mappings" in changed:
        to, was = _mappings(new), _mappings(old)
        sql = [
            f"ALTER TEXT SEARCH CONFIGURATION {names.address(new)} DROP MAPPING IF EXISTS FOR {names.quoted(token)};"
            for token in was
            if token not in to
        ]
        for token, dictionaries in to.items():
            if was.get(token) != dictionaries:
                sql.append(_mapping(new, "ALTER" if token in was else "ADD", token, dictionaries))
        return [steps.Step(tuple(sql), frozenset(("mappings",)))]
    return []


def _options(item: model.Item) -> dict[str, str]:
    listed = names.listed(item.facts.get("initialization", ""))
    return {text.partition(" = ")[0]: text for text in listed}


def _mappings(item: model.Item) -> dict[str, str]:
    lines = item.facts.get("mappings", "")
    return dict(line.split(": ", 1) for line in lines.split("\n") if line)


def _mapping(item: model.Item, how: str, token: str, dictionaries: str) -> str:
    return (
        f"ALTER TEXT SEARCH CONFIGURATION {names.address(item)} {how} MAPPING FOR {names.quoted(token)}"
        f" WITH {dictionaries};"
    )
