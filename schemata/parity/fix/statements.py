"""Which module writes the statements of which kind."""

from collections.abc import Callable, Iterable, Mapping

from schemata.parity.fix import steps
from schemata.parity.fix.ddl import annotations, columns, constraints, sequences, tables, views
from schemata.parity.fix.objects import data_types, database, publications, routines, text_search
from schemata.snapshot import model

Create = Callable[[model.Item, steps.World], list[steps.Outcome]]
Drop = Callable[[model.Item, steps.World], steps.Outcome]
Change = Callable[[model.Item, model.Item, frozenset[str], steps.World], list[steps.Outcome]]

_AGAIN = data_types.replace
_KINDS: Mapping[str, tuple[Create, Drop, Change]] = {
    "schema": (database.create, database.drop, _AGAIN),
    "extension": (database.create, database.drop, database.change_extension),
    "language": (database.create, database.drop, _AGAIN),
    "access method": (database.create, database.drop, _AGAIN),
    "collation": (data_types.create_collation, data_types.drop, _AGAIN),
    "shell type": (data_types.create, data_types.drop, _AGAIN),
    "base type": (data_types.create, data_types.drop, _AGAIN),
    "enum": (data_types.create, data_types.drop, data_types.change_enum),
    "domain": (data_types.create, data_types.drop, data_types.change_domain),
    "domain constraint": (
        data_types.create_domain_constraint,
        data_types.drop_domain_constraint,
        data_types.change_domain_constraint,
    ),
    "composite type": (data_types.create, data_types.drop, data_types.change_composite),
    "attribute": (data_types.create_attribute, data_types.drop_attribute, data_types.change_attribute),
    "range type": (data_types.create, data_types.drop, _AGAIN),
    "function": (routines.create, routines.drop, routines.change),
    "procedure": (routines.create, routines.drop, routines.change),
    "aggregate": (routines.create_aggregate, routines.drop, routines.change_aggregate),
    "operator": (routines.create_operator, routines.drop, routines.change_operator),
    "operator family": (routines.create_family, routines.drop, routines.change_family),
    "operator class": (routines.create_class, routines.drop, _AGAIN),
    "cast": (routines.create_cast, routines.drop, _AGAIN),
    "transform": (routines.create_transform, routines.drop, _AGAIN),
    "conversion": (routines.create_conversion, routines.drop, _AGAIN),
    "text search parser": (text_search.create, routines.drop, text_search.change),
    "text search template": (text_search.create, routines.drop, text_search.change),
    "text search dictionary": (text_search.create, routines.drop, text_search.change),
    "text search configuration": (text_search.create, routines.drop, text_search.change),
    "foreign data wrapper": (database.create, database.drop, database.change_foreign),
    "server": (database.create, database.drop, database.change_foreign),
    "user mapping": (database.create_mapping, database.drop, database.change_mapping),
    "sequence": (sequences.create, sequences.drop, sequences.change),
    "table": (tables.create, tables.drop, tables.change),
    "foreign table": (tables.create, tables.drop, tables.change),
    "column": (columns.create, columns.drop, columns.change),
    "constraint": (constraints.create_constraint, constraints.drop_constraint, constraints.change_constraint),
    "index": (constraints.create_index, constraints.drop_index, constraints.change_index),
    "statistics": (constraints.create_statistics, routines.drop, constraints.change_statistics),
    "view": (views.create, routines.drop, views.change),
    "materialized view": (views.create, routines.drop, views.change),
    "trigger": (views.create_trigger, views.drop_part, views.change_trigger),
    "rule": (views.create_rule, views.drop_part, views.change_rule),
    "policy": (views.create_policy, views.drop_part, views.change_policy),
    "event trigger": (database.create_event_trigger, database.drop, database.change_event_trigger),
    "publication": (publications.create, database.drop, publications.change),
    "subscription": (database.create_subscription, database.refuse_subscription, database.change_subscription),
    "default privileges": (database.create_defaults, database.drop_defaults, database.change_defaults),
    "grant": (database.create_grant, database.drop_grant, database.change_grant),
    "setting": (database.refuse_setting, database.drop_setting, database.change_setting),
}
#: What can be dropped and created again without losing anything but time.
AGAIN = frozenset(
    (
        "aggregate", "attribute", "cast", "collation", "composite type", "constraint", "conversion", "domain",
        "domain constraint", "enum", "event trigger", "foreign data wrapper", "foreign table", "function", "index",
        "language", "materialized view", "operator", "operator class", "operator family", "policy", "procedure",
        "publication", "range type", "rule", "server", "shell type", "statistics", "text search configuration",
        "text search dictionary", "text search parser", "text search template", "transform", "trigger", "view",
    )
)  # fmt: skip


#: A file is read with plain line ends, whatever it has: the text would come out as another one.
_LINE_ENDS = "its text holds a carriage return, which a migration's file does not keep"


def fits_a_file(item: model.Item) -> bool:
    """Tell whether a file keeps what an item says."""
    return not any("\r" in text for text in item.facts.values())


def _in_a_file(outcomes: Iterable[steps.Outcome]) -> list[steps.Outcome]:
    """Return outcomes, those refused that a file cannot hold."""
    return [
        steps.Refusal(_LINE_ENDS, (), outcome.facts)
        if isinstance(outcome, steps.Step) and any("\r" in text for text in outcome.sql)
        else outcome
        for outcome in outcomes
    ]


def create(item: model.Item, world: steps.World) -> list[steps.Outcome]:
    """Return what creates an item, and says about it what is expected."""
    made = _in_a_file(_KINDS[item.kind][0](item, world))
    if any(isinstance(outcome, steps.Refusal) and not outcome.facts for outcome in made):
        return made
    if item.kind == "default privileges":
        return made
    return [*made, *_in_a_file(annotations.of_new(item, world))]


def drop(item: model.Item, world: steps.World) -> steps.Outcome:
    """Return what drops an item, or why it is not dropped."""
    relation = world.whole(item, actual=True)
    if item.kind == "column" and relation is not None and relation.kind in ("view", "materialized view"):
        # Such a column is an item only while something is said about it.
        made = change(steps.nothing(item), item, frozenset(item.facts), world)
        return steps.Step(tuple(text for step in made if isinstance(step, steps.Step) for text in step.sql), late=True)
    return _KINDS[item.kind][1](item, world)


def change(new: model.Item, old: model.Item, changed: frozenset[str], world: steps.World) -> list[steps.Outcome]:
    """Return what brings the changed facts of an item; every one of them is in one of the outcomes."""
    own = changed - annotations.FACTS if new.kind not in ("default privileges", "grant", "setting") else changed
    made = _in_a_file(_KINDS[new.kind][2](new, old, own, world)) if own else []
    if any(isinstance(outcome, steps.Replace) for outcome in made):
        if not fits_a_file(new):
            return [steps.Refusal(_LINE_ENDS, (), changed)]
        return made
    if own == changed:
        return made
    return [*made, *_in_a_file(annotations.changes(new, old, changed, world))]
