"""Read a snapshot: a few catalog queries in one read-only transaction, so that all of it is of one moment."""

import collections
import functools
import gc
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemata.postgres import queries
from schemata.snapshot import definitions, facts, fingerprints, model, moment

_FOLDER = os.path.join(os.path.dirname(__file__), "queries")
_QUERIES = {
    name: text
    for file in ("relations", "objects", "database", "annotations")
    for name, text in queries.load(file, _FOLDER).items()
}
_ONE_BY_ONE = _QUERIES["one_by_one"]

#: Catalog, oid and number of the column; JSON has oids as text.
_Key = tuple[str, str, int]
# The oids of the catalogs are the same in every server (src/include/catalog).
_CLASS, _TYPE, _DEFAULT_ACL, _CONSTRAINT = "1259", "1247", "826", "2606"
# The first oid of what people make.
_FIRST = 16384
#: What is printed once for all that are alike: the query, the catalog, the query of the definitions.
_PRINTED = (
    ("constraints", _CONSTRAINT, "constraint_definitions"),
    ("indexes", _CLASS, "index_definitions"),
)
#: The queries of the other kinds of objects.
_OBJECTS = {
    "schemas": "2615",
    "types": _TYPE,
    "functions": "1255",
    "aggregates": "1255",
    "operators": "2617",
    "operator_families": "2753",
    "operator_classes": "2616",
    "collations": "3456",
    "conversions": "2607",
    "rules": "2618",
    "policies": "3256",
    "statistics": "3381",
    "extensions": "3079",
    "attributes": _CLASS,
    "triggers": "2620",
}
_OTHERS = ("owned", "text_search", "others", "default_privileges", "settings", "not_nulls")
_ANNOTATIONS = ("grants", "labels", "extensions_needed", "comments")
_DEPENDENCIES = ("stand_ins", "dependencies")
#: Those of which the query `present` tells whether there is anything to read.
_RARE = (
    "types", "attributes", "not_nulls", "aggregates", "operators", "operator_families", "operator_classes",
    "collations", "conversions", "rules", "policies", "statistics", "text_search", "others",
)  # fmt: skip
_TEXT_SEARCH = {
    "text search parser": "3601",
    "text search template": "3764",
    "text search dictionary": "3600",
    "text search configuration": "3602",
}
#: What is said of schema public in every new database.
_PUBLIC = "standard public schema"
#: A definition that was printed while its object went away: the catalog was read at another moment than the printer.
_MOVED = ("XX000", "42P01", "42704", "42703", "42883")
_TRIES = 3
#: Pages of pg_class, each of some twenty relations, from which on a second session is worth its start.
_LARGE = 100
_item = functools.partial(tuple.__new__, model.Item)


def read(
    ask: queries.Ask,
    schemas: Sequence[str] | None = None,
    *,
    history: str = "schemata",
    deployer: str = "",
    lock_wait: float = 5.0,
    dependencies: bool = False,
    second: moment.Second | None = None,
) -> model.Snapshot:
    """Return the structure of the schemas, and of what belongs to the database as a whole.

    `ask` must not be in a transaction. Without `schemas` every schema is read that is not the system's or the
    history's. `deployer` is the role that deploys where there is no history yet, whose owner it will be; without it
    that is the database's owner. With `dependencies` also which item needs which. With `second` two sessions share the
    work where there is much of it. Changes nothing, works for any role, on a standby too.

    Printing a definition may take a lock that running DDL refuses: after `lock_wait` seconds the server's error 55P03
    is the caller's. DDL that commits while we read is seen whole or not at all, or the read is done again.
    """
    # Everything that is made here stays: to look for garbage in it again and again takes as long as to make it.
    collects = gc.isenabled()
    gc.disable()
    try:
        for left in reversed(range(_TRIES)):
            try:
                return _Reading(ask, schemas, history, deployer, lock_wait).snapshot(dependencies, second)
            except Exception as failure:
                # Both drivers' refusals carry an SQLSTATE.
                if not (left and getattr(failure, "sqlstate", "") in _MOVED):
                    raise
                second = None
    finally:
        if collects:
            gc.enable()
    raise AssertionError("the last try returns or raises")


def observe(
    ask: queries.Ask,
    schemas: Sequence[str],
    history: str,
    *,
    patience: float = 5.0,
    second: moment.Second | None = None,
) -> dict[str, str]:
    """Return the fingerprints of the schemas as they are stored, with their form; as `read` otherwise."""
    return fingerprints.of(read(ask, schemas, history=history, lock_wait=patience, second=second))


class _Reading:
    """One read. Items are found by the address of what they are about: catalog, oid, number of the column."""

    def __init__(
        self, ask: queries.Ask, schemas: Sequence[str] | None, history: str, deployer: str, lock_wait: float
    ) -> None:
        self._moment = moment.Moment(
            ask,
            "SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off; SET LOCAL jit = off;"
            f" SET LOCAL work_mem = '64MB'; SET LOCAL lock_timeout = {max(1, round(lock_wait * 1000))}",
        )
        self._history = history
        self._deployer = deployer
        self._schemas = schemas
        self._found: dict[_Key, model.Item] = {}
        self._loose: list[model.Item] = []
        self._told: dict[_Key, dict[str, str]] = collections.defaultdict(dict)
        self._fill: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._doubtful: dict[str, str] = {}
        self._columns: definitions.Columns = {}
        self._alike: dict[str, list[definitions.Alike]] = {}
        # Questions that are already asked, by name, and what was answered.
        self._answers: dict[str, Any] = {}

    def snapshot(self, dependencies: bool, second: moment.Second | None) -> model.Snapshot:
        """Read everything and put it together."""
        with self._moment:
            meta = self._begin()
            large = meta["pages"] >= _LARGE
            steps = (
                moment.Step(frozenset({"present"}), self._present),
                moment.Step(frozenset({"relations", "columns"}), self._relations),
                # Constraints and indexes are told by their columns' names which of them are alike.
                moment.Step(frozenset({"columns", "constraints", "indexes"}), self._definitions),
                moment.Step(frozenset({"owned", *_ANNOTATIONS}), self._annotations),
            )
            questions = self._questions(dependencies)
            self._answers = self._moment.answers(questions, second if large else None, steps)
        self._objects()
        self._orders()
        self._merge()
        self._comment_on_public()
        return model.Snapshot(
            database=meta["database"],
            version=meta["version"].split(" ")[0],
            major=self._major,
            schemas=tuple(self._chosen),
            items=model.ordered(itertools.chain(self._found.values(), self._loose)),
            deployer=meta["deployer_name"],
            left_out=tuple(name for name in meta["schemas"] if name not in set(self._chosen)),
            dependencies=tuple(self._dependencies()) if dependencies else (),
        )

    def _begin(self) -> dict[str, Any]:
        meta: dict[str, Any] = self._moment.answer(
            _QUERIES["meta"].format(history=queries.literal(self._history), deployer=queries.literal(self._deployer))
        )
        self._major = meta["number"] // 10000
        self._chosen: list[str] = list(dict.fromkeys(meta["schemas"] if self._schemas is None else self._schemas))
        names = ", ".join(map(queries.literal, self._chosen)) or "NULL"
        namespaces: dict[str, str] = {
            name: meta["namespaces"][name] for name in self._chosen if name in meta["namespaces"]
        }
        self._names = {oid: name for name, oid in namespaces.items()}
        self._fill = {
            "chosen": f"n.nspname IN ({names})",
            "namespaces": ", ".join(namespaces.values()) or "NULL",
            "index_definition": _QUERIES["index_definition"],
            "deployer": str(meta["deployer"]),
            "history": queries.literal(self._history),
            "subscription": meta["subscription"],
            "publication_schemas": _QUERIES["publication_schemas"] if self._major >= 15 else "NULL",
            "nulls_not_distinct": "i.indnullsnotdistinct" if self._major >= 15 else "false",
            "publication_filters": _QUERIES["publication_filters"] if self._major >= 15 else "",
        }
        return meta

    def _questions(self, dependencies: bool) -> dict[str, str]:
        """Return the queries by name: those that take longest come first and last, where each session begins."""
        others = [*_OBJECTS, *_OTHERS, *_ANNOTATIONS, *(_DEPENDENCIES if dependencies else ())]
        names = ["relations", "columns", *others, "indexes", "constraints"]
        asked = {name: _ONE_BY_ONE.format(query=_QUERIES[name].format(**self._fill)) for name in names}
        # What is in the system's own schemas is older than any database.
        if any(name != "public" and int(oid) < _FIRST for oid, name in self._names.items()):
            return asked
        self._doubtful = {name: asked.pop(name) for name in _RARE}
        return {"present": _QUERIES["present"].format(), **asked}

    def _present(self, answers: Mapping[str, Any]) -> dict[str, str]:
        """Return the queries of the rare kinds of which there are any."""
        return {name: text for name, text in self._doubtful.items() if answers["present"][name]}

    def _definitions(self, answers: Mapping[str, Any]) -> dict[str, str]:
        """Return the queries of the definitions that are still to be printed."""
        self._columns = definitions.columns(answers["columns"])
        asked = {}
        for name, _, query in _PRINTED:
            self._alike[name] = list(definitions.alike(answers[name], self._columns))
            if oids := definitions.to_print(self._alike[name]):
                text = _QUERIES[query].format(**{**self._fill, "oids": ", ".join(oids)})
                asked[query] = _ONE_BY_ONE.format(query=text)
        return asked

    def _add(self, catalog: str, row: Sequence[Any]) -> None:
        kind, oid, subid, schema, of, name, told = row[:7]
        self._found[catalog, oid, subid] = model.Item(kind, schema, name, of, facts.texts(told))

    def _tell(self, key: _Key, fact: str, text: str) -> None:
        """Note a fact of an item that may not be there; `_merge` adds what was noted."""
        self._told[key][fact] = text

    def _merge(self) -> None:
        """Add what was noted to the items; the other facts of one may be those of other items too."""
        found = self._found
        for key, told in self._told.items():
            item = found.get(key)
            if item is not None:
                kind, schema, name, of, usual = item
                found[key] = model.Item(kind, schema, name, of, {**usual, **told})

    def _put(
        self,
        catalog: str,
        oids: Sequence[str],
        numbers: Iterable[int],
        kind: str,
        schema: str,
        names: Sequence[str],
        ofs: Iterable[str],
        told: Mapping[str, str],
    ) -> None:
        """Add items that have all their facts in common; `schema` is the oid of theirs."""
        each = itertools.repeat
        items = map(_item, zip(each(kind), each(self._names[schema]), names, ofs, each(told), strict=False))
        self._found.update(zip(zip(each(catalog), oids, numbers, strict=False), items, strict=True))

    def _relations(self, answers: Mapping[str, Any]) -> dict[str, str]:
        """Add the relations and their columns; ask for nothing more."""
        each, owners = itertools.repeat, self._owners
        for kind, schema, told, oids, names in answers["relations"]:
            owners.update(zip(oids, names, strict=True))
            self._put(_CLASS, oids, each(0), kind, schema, names, each(""), facts.texts(told))
        for kind, schema, told, oids, numbers, names in answers["columns"]:
            self._put(_CLASS, oids, numbers, kind, schema, names, map(owners.__getitem__, oids), facts.texts(told))
        return {}

    def _objects(self) -> None:
        each, owners = itertools.repeat, self._owners
        for row in self._answers.get("types", ()):
            owners[row[1]] = row[5]
        for name, catalog, query in _PRINTED:
            printed = dict(self._answers.get(query, ()))
            for one in self._alike[name]:
                told = facts.texts({**one.facts, "definition": one.definition or printed[one.printed]})
                ofs = map(owners.__getitem__, one.owners)
                self._put(catalog, one.oids, each(0), one.kind, one.schema, one.names, ofs, told)
        for query, catalog in _OBJECTS.items():
            for row in self._answers.get(query, ()):
                self._add(catalog, row)
        for row in self._answers.get("text_search", ()):
            self._add(_TEXT_SEARCH[row[0]], row)
        for row in self._answers.get("others", ()):
            self._add(row[7], row)
        for oid, schema, name in self._answers["default_privileges"]:
            self._add(_DEFAULT_ACL, ("default privileges", oid, 0, schema, "", name, {}))
        settings: dict[str, dict[str, str]] = {}
        for name, values in self._answers["settings"]:
            settings[name or "everywhere"] = dict(str(value).split("=", 1) for value in values)
        self._loose += [model.Item("setting", "", name, "", told) for name, told in settings.items()]
        for catalog, oid, name in self._answers.get("not_nulls", ()):
            if name:
                self._tell((catalog, oid, 0), "not null constraint", name)

    def _orders(self) -> None:
        """Tell the order of columns and attributes with the table or type that they are of."""
        for oid, columns in self._columns.items():
            relation = self._found.get((_CLASS, oid, 0))
            if relation is not None and relation.kind in ("table", "foreign table"):
                names = [columns[number][0] for number in sorted(columns)]
                self._tell((_CLASS, oid, 0), "column order", facts.names(names))
        attributes: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
        for row in self._answers.get("attributes", ()):
            attributes[row[3], row[4]].append(row[5])
        for row in self._answers.get("types", ()):
            if row[0] == "composite type":
                self._tell((_TYPE, row[1], row[2]), "attribute order", facts.names(attributes[row[3], row[5]]))

    def _annotations(self, answers: Mapping[str, Any]) -> dict[str, str]:
        """Note comments, grants and the like; ask for nothing more."""
        for oid, text, instead in answers["owned"]:
            told = {fact: value for fact, value in (instead or {}).items() if value is not None}
            self._told[_CLASS, oid, 0].update({"owned by": text, **told})
        for catalog, oid, subid, fact, text in answers["comments"]:
            self._tell((catalog, oid, subid), fact, text)
        for query, fact in (("labels", "security labels"), ("extensions_needed", "depends on extension")):
            for catalog, oid, subid, text in answers[query]:
                self._tell((catalog, oid, subid), fact, text)
        for keys, foreign, entries in answers["grants"]:
            text = facts.privileges(entries, self._major)
            if text:
                for catalog, oid, subid in keys or ():
                    self._tell((catalog, oid, subid), "grants", text)
                self._loose += [model.Item("grant", "", name, "", {"grants": text}) for name in foreign or ()]
        return {}

    def _comment_on_public(self) -> None:
        """Leave out the comment that schema public has from its birth; that it has none is told as an empty one."""
        for row in self._answers["schemas"]:
            if row[5] == "public":
                key = (_OBJECTS["schemas"], row[1], row[2])
                item = self._found[key]
                told = {"comment": "", **item.facts}
                if told["comment"] == _PUBLIC:
                    del told["comment"]
                self._found[key] = item._replace(facts=told)

    def _dependencies(self) -> Iterable[model.Dependency]:
        stands_for: dict[_Key, _Key] = {}
        for one in self._answers["stand_ins"]:
            stands_for[one[0], one[1], one[2]] = (one[3], one[4], one[5])
        seen: dict[model.Dependency, None] = {}
        for row in self._answers["dependencies"]:
            item, needs = (self._known((row[at], row[at + 1], row[at + 2]), stands_for) for at in (0, 3))
            if item and needs and item != needs:
                seen[model.Dependency(item, needs)] = None
        return seen

    def _known(self, key: _Key, stands_for: dict[_Key, _Key]) -> tuple[str, str, str, str] | None:
        """Return the key of the item at an address: its own, that of what it stands for, or of the whole relation."""
        for address in (key, stands_for.get(key), stands_for.get((key[0], key[1], 0)), (key[0], key[1], 0)):
            found = self._found.get(address) if address else None
            if found is not None:
                return found.key
        return None
