"""The classes of a typed client and how they refer to each other: names first, because everything needs them.

The rules for names are those of sqlacodegen, which wrote the first clients: code that uses them goes on working.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemata.client import typed_catalog, typed_columns, typed_scope

_ID = re.compile(r"_id(?=_|$)")


@dataclasses.dataclass(eq=False)
class Model:
    """What is written for a relation.

    :param name: its class; of a relation without one, its Table.
    :param table: the name of its Table, where there is one.
    :param mapped: whether rows become objects of a class.
    """

    relation: typed_catalog.Relation
    module: str
    name: str
    table: str
    mapped: bool
    attributes: dict[str, str] = dataclasses.field(default_factory=dict)
    relationships: "list[Relationship]" = dataclasses.field(default_factory=list)


@dataclasses.dataclass(eq=False)
class Relationship:
    """One direction of a foreign key, or of an association table.

    :param forward: whether `source` is the one with the foreign key.
    :param many: whether there may be more than one on the other side.
    :param secondary: the association table, with its key to the source and its key to the target.
    :param ambiguous: whether more than one foreign key joins the two tables.
    """

    source: Model
    target: Model
    reference: typed_catalog.Reference
    forward: bool
    many: bool
    secondary: Model | None = None
    to_source: typed_catalog.Reference | None = None
    ambiguous: bool = False
    reverse: "Relationship | None" = None
    name: str = ""
    overlaps: list["Relationship"] = dataclasses.field(default_factory=list)

    @property
    def optional(self) -> bool:
        """Tell whether there may be none on the other side, as far as the source's own columns say."""
        if not self.forward:
            return True
        required = {column.name for column in self.source.relation.columns if column.required}
        return not required.issuperset(self.reference.columns)


def plan(catalog: typed_catalog.Catalog, modules: Mapping[str, str]) -> list[Model]:
    """Return the model of each relation, in an order in which what is referred to comes first.

    References to what the client does not have are left out.
    """
    known = {relation.id for relation in catalog.relations if not relation.is_view}
    models: dict[tuple[str, str], Model] = {}
    taken: dict[str, set[str]] = {module: {"Base", "View", "TYPE_CHECKING"} for module in modules.values()}
    associations = []
    for relation in _ordered(catalog.relations):
        kept = tuple(reference for reference in relation.references if reference.table in known)
        relation = dataclasses.replace(relation, references=kept)
        mapped = relation.is_view or _has_identity(catalog, relation)
        if mapped and _is_association(relation):
            mapped = False
            associations.append(relation.id)
        models[relation.id] = _named(relation, modules[relation.schema], mapped, taken[modules[relation.schema]])
    for model in models.values():
        if model.mapped and not model.relation.is_view:
            _relate(model, models, [models[key] for key in associations])
    for model in models.values():
        _name_attributes(model, taken[model.module])
    _find_overlaps(models.values())
    return list(models.values())


def _ordered(relations: Sequence[typed_catalog.Relation]) -> Iterator[typed_catalog.Relation]:
    left = {relation.id: relation for relation in relations}
    while left:
        ready = [
            relation
            for relation in left.values()
            if not any(other.table in left and other.table != relation.id for other in relation.references)
        ]
        for relation in ready or list(left.values()):  # what refers to each other in a circle comes last
            yield left.pop(relation.id)


def _has_identity(catalog: typed_catalog.Catalog, relation: typed_catalog.Relation) -> bool:
    if relation.primary is None:
        return False
    kinds = {column.name: column.type for column in relation.columns}
    return all(typed_columns.hashable(catalog, kinds[name]) for name in relation.primary.columns)


def _is_association(relation: typed_catalog.Relation) -> bool:
    """Tell whether a table is nothing but pairs of rows of two others."""
    columns = {name for reference in relation.references for name in reference.columns}
    return len(relation.references) == 2 and columns == {column.name for column in relation.columns}


def _named(relation: typed_catalog.Relation, module: str, mapped: bool, taken: set[str]) -> Model:
    table = name = ""
    if not mapped or relation.is_view:
        table = name = typed_scope.free(f"t_{typed_scope.identifier(relation.name)}", taken)
        taken.add(table)
    if mapped:
        name = typed_scope.free(typed_scope.class_name(relation.name), taken)
        taken.add(name)
    return Model(relation, module, name, table, mapped)


def _relate(source: Model, models: Mapping[tuple[str, str], Model], associations: Sequence[Model]) -> None:
    keys = [source.relation.primary, *source.relation.uniques]
    single = {frozenset(key.columns) for key in keys if key is not None}
    for reference in source.relation.references:
        target = models[reference.table]
        if not target.mapped:
            continue
        both = [(source, target)] if source is target else [(source, target), (target, source)]
        joins = sum(other.table == two.relation.id for one, two in both for other in one.relation.references)
        one_to_one = frozenset(reference.columns) in single
        _pair(
            Relationship(source, target, reference, True, False, ambiguous=joins > 1),
            Relationship(target, source, reference, False, not one_to_one, ambiguous=joins > 1),
        )
    for association in associations:
        first, second = association.relation.references
        if first.table == source.relation.id and models[second.table].mapped:
            target = models[second.table]
            _pair(
                Relationship(source, target, second, False, True, association, first),
                Relationship(target, source, first, False, True, association, second),
            )


def _pair(one: Relationship, other: Relationship) -> None:
    one.reverse, other.reverse = other, one
    one.source.relationships.append(one)
    other.source.relationships.append(other)


def _name_attributes(model: Model, globals_: set[str]) -> None:
    """Name columns, then relationships: no two alike, and none like a class that an annotation may mean."""
    taken = set(globals_)
    for column in model.relation.columns:
        name = typed_scope.free(typed_scope.attribute(column.name), taken)
        model.attributes[column.name] = name
        taken.add(name)
    for relationship in model.relationships:
        relationship.name = typed_scope.free(typed_scope.attribute(_preferred(relationship)), taken)
        taken.add(relationship.name)


def _preferred(relationship: Relationship) -> str:
    source, target = relationship.source, relationship.target
    columns = [_ID.sub("", name) for name in relationship.reference.columns]
    stripped = columns != list(relationship.reference.columns)
    if relationship.secondary is not None:
        return _preferred_by_association(relationship, columns, stripped)
    if not relationship.forward and source is target and relationship.reverse is not None:
        return f"{relationship.reverse.name}_reverse"
    if relationship.ambiguous and not relationship.forward:
        return f"{target.relation.name}_{'_'.join(columns)}"
    if relationship.forward and len(columns) == 1 and stripped:
        return columns[0]
    alike = [other for other in source.relationships if other.target is target and other.forward]
    if relationship.forward and len(columns) > 1 and len(alike) > 1:
        return "_".join(columns)
    return target.relation.name


def _preferred_by_association(relationship: Relationship, columns: list[str], stripped: bool) -> str:
    source, target = relationship.source, relationship.target
    alike = [other for other in source.relationships if other.target is target and other.secondary is not None]
    if len(alike) == 1:
        return columns[0] if len(columns) == 1 and stripped else target.relation.name
    if source is target or relationship.secondary is None:
        return "_".join(columns)
    return f"{target.relation.name}_{_ID.sub('', relationship.secondary.relation.name)}"


def _find_overlaps(models: Iterable[Model]) -> None:
    """Note which relationships write the same column: SQLAlchemy wants to be told that this is meant."""
    for model in models:
        forward = [one for one in model.relationships if one.forward]
        for one in forward:
            shared = [other for other in forward if set(other.reference.columns) & set(one.reference.columns)]
            if len(shared) > 1:
                group = [side for other in shared for side in (other, other.reverse) if side is not None]
                for side in filter(None, (one, one.reverse)):
                    side.overlaps = [other for other in group if other not in (one, one.reverse)]
