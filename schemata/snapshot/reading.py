"""Read a snapshot: a few catalog queries in one read-only transaction, so that all of it is of one moment."""

import collections
import functools
import gc
import itertools
import json.encoder
import os
from collections.abc import Iterable, Sequence
from typing import Any

from schemata.postgres import queries
from schemata.snapshot import fingerprints, model, moment

_FOLDER = os.path.join(os.path.dirname(__file__), "queries")
_QUERIES = {
    name: text
    for file in ("relations", "objects", "database", "annotations")
    for name, text in queries.load(file, _FOLDER).items()
}
_IN_GROUPS, _ONE_BY_ONE = _QUERIES["in_groups"], _QUERIES["one_by_one"]

#: Catalog, oid and number of the column; JSON has oids as text.
_Key = tuple[str, str, int]
# The oids of the catalogs are the same in every server (src/include/catalog).
_CLASS, _TYPE, _DEFAULT_ACL, _CONSTRAINT = "1259", "1247", "826", "2606"
#: Queries of what there is most of, by the catalog that the rows are in: rows of equal facts come together.
_GROUPED = {
    "constraints": _CONSTRAINT,
    "indexes": _CLASS,
    "relations": _CLASS,
    "columns": _CLASS,
}
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
_TEXT_SEARCH = {
    "text search parser": "3601",
    "text search template": "3764",
    "text search dictionary": "3600",
    "text search configuration": "3602",
}
#: What is said of schema public in every new database.
_PUBLIC = "standard public schema"
#: How a line of grants begins that says what is not there of the usual.
REVOKED = "revoked from "
_ON_TABLES = frozenset({"DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"})
#: Facts that are lists of `name=value`, and the word before each name.
_LISTS = {"options": "option", "toast options": "toast option", "foreign options": "foreign option"}
_WITH_LISTS = frozenset((*_LISTS, "labels", "operators", "functions", "members"))
#: A definition that was printed while its object went away: the catalog was read at another moment than the printer.
_MOVED = ("XX000", "42P01", "42704", "42703", "42883")
_TRIES = 3
#: Pages of pg_class, each of some twenty relations, from which on a second session is worth its start.
_LARGE = 100
_item = functools.partial(tuple.__new__, model.Item)
_quoted = json.encoder.encode_basestring


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


def observe(ask: queries.Ask, schemas: Sequence[str], history: str, *, patience: float = 5.0) -> dict[str, str]:
    """Return the fingerprints of the schemas as they are stored, with their form; as `read` otherwise."""
    return fingerprints.of(read(ask, schemas, history=history, lock_wait=patience))


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
        self._fill: dict[str, str] = {}
        # Questions that are already asked, by name, and what was answered.
        self._answers: dict[str, Any] = {}

    def snapshot(self, dependencies: bool, second: moment.Second | None) -> model.Snapshot:
        """Read everything and put it together."""
        with self._moment:
            meta = self._begin()
            questions = self._questions(dependencies)
            large = meta["pages"] >= _LARGE
            self._answers = dict(
                zip(questions, self._moment.answers(questions.values(), second if large else None), strict=True)
            )
        self._objects()
        self._orders()
        self._annotations()
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
        self._fill = {
            "chosen": f"n.nspname IN ({names})",
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
        names = ["constraints", "indexes", *others, "relations", "columns"]
        return {
            name: (_IN_GROUPS if name == "relations" else _ONE_BY_ONE).format(query=_QUERIES[name].format(**self._fill))
            for name in names
        }

    def _add(self, catalog: str, row: Sequence[Any]) -> None:
        kind, oid, subid, schema, of, name, facts = row[:7]
        self._found[catalog, oid, subid] = model.Item(kind, schema, name, of, _texts(facts))

    def _tell(self, key: _Key, fact: str, text: str) -> None:
        """Add a fact to an item, if there is one; its other facts may be those of other items too."""
        item = self._found.get(key)
        if item is not None:
            self._found[key] = model.Item(item.kind, item.schema, item.name, item.of, {**item.facts, fact: text})

    def _objects(self) -> None:
        each = itertools.repeat
        for query, catalog in _GROUPED.items():
            for kind, schema, facts, oids, subids, ofs, names in self._answers[query]:
                told = each(_texts(facts))
                items = map(_item, zip(each(kind), each(schema), names, ofs, told, strict=False))
                self._found.update(zip(zip(each(catalog), oids, subids, strict=False), items, strict=True))
        for query, catalog in _OBJECTS.items():
            for row in self._answers[query]:
                self._add(catalog, row)
        for row in self._answers["text_search"]:
            self._add(_TEXT_SEARCH[row[0]], row)
        for row in self._answers["others"]:
            self._add(row[7], row)
        for oid, schema, name in self._answers["default_privileges"]:
            self._add(_DEFAULT_ACL, ("default privileges", oid, 0, schema, "", name, {}))
        settings: dict[str, dict[str, str]] = {}
        for name, values in self._answers["settings"]:
            settings[name or "everywhere"] = dict(str(value).split("=", 1) for value in values)
        self._loose += [model.Item("setting", "", name, "", facts) for name, facts in settings.items()]

    def _orders(self) -> None:
        """Tell the order of columns and attributes with the table or type that they are of."""
        columns: dict[str, list[tuple[int, str]]] = collections.defaultdict(list)
        for _, _, _, oids, subids, _, names in self._answers["columns"]:
            for oid, number, name in zip(oids, subids, names, strict=True):
                columns[oid].append((number, name))
        for oid, pairs in columns.items():
            relation = self._found.get((_CLASS, oid, 0))
            if relation is not None and relation.kind in ("table", "foreign table"):
                self._tell((_CLASS, oid, 0), "column order", _list(name for _, name in sorted(pairs)))
        attributes: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
        for row in self._answers["attributes"]:
            attributes[row[3], row[4]].append(row[5])
        for row in self._answers["types"]:
            if row[0] == "composite type":
                self._tell((_TYPE, row[1], row[2]), "attribute order", _list(attributes[row[3], row[5]]))

    def _annotations(self) -> None:
        for oid, text in self._answers["owned"]:
            self._tell((_CLASS, oid, 0), "owned by", text)
        for catalog, oid, name in self._answers["not_nulls"]:
            if name:
                self._tell((catalog, oid, 0), "not null constraint", name)
        for catalog, oid, subid, fact, text in self._answers["comments"]:
            self._tell((catalog, oid, subid), fact, text)
        self._comment_on_public()
        for query, fact in (("labels", "security labels"), ("extensions_needed", "depends on extension")):
            for catalog, oid, subid, text in self._answers[query]:
                self._tell((catalog, oid, subid), fact, text)
        for keys, foreign, entries in self._answers["grants"]:
            text = _privileges(entries, self._major)
            if text:
                for catalog, oid, subid in keys or ():
                    self._tell((catalog, oid, subid), "grants", text)
                self._loose += [model.Item("grant", "", name, "", {"grants": text}) for name in foreign or ()]

    def _comment_on_public(self) -> None:
        """Leave out the comment that schema public has from its birth; that it has none is told as an empty one."""
        for row in self._answers["schemas"]:
            if row[5] == "public":
                key = (_OBJECTS["schemas"], row[1], row[2])
                item = self._found[key]
                facts = {"comment": "", **item.facts}
                if facts["comment"] == _PUBLIC:
                    del facts["comment"]
                self._found[key] = item._replace(facts=facts)

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


def _list(names: Iterable[str]) -> str:
    """Return names as a JSON list."""
    return f"[{', '.join(map(_quoted, names))}]"


def _texts(facts: dict[str, Any]) -> dict[str, str]:
    """Return facts as text; of a list of options each becomes a fact, any other list stays one, as JSON."""
    if _WITH_LISTS.isdisjoint(facts):
        return facts
    made: dict[str, str] = {}
    for name, value in facts.items():
        if name in _LISTS and isinstance(value, list):
            for option in value:
                key, _, text = str(option).partition("=")
                made[f"{_LISTS[name]} {key}"] = text
        else:
            made[name] = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
    return made


def _in_words(privileges: set[str], major: int) -> str:
    """Return privileges as text. All that there are on a table are ALL: PostgreSQL 17 has one more than 16."""
    every = _ON_TABLES | {"MAINTAIN"} if major >= 17 else _ON_TABLES
    for option in ("", " WITH GRANT OPTION"):
        if privileges == {f"{privilege}{option}" for privilege in every}:
            return f"ALL{option}"
    return ", ".join(sorted(privileges))


def _privileges(entries: Sequence[Sequence[Any]] | None, major: int) -> str:
    """Return what was granted beyond the usual, and what of the usual was revoked, a line each grantee and grantor.

    The usual is what an object of that kind has from its birth: it differs between versions of the server, and what
    its owner may do needs no words. The grantor is told where it is not the owner.
    """
    held: dict[tuple[str, str], set[str]] = {}
    usual: dict[tuple[str, str], set[str]] = {}
    for is_usual, grantee, grantor, privileges in entries or ():
        (usual if is_usual else held).setdefault((grantee, grantor), set()).update(privileges.split(", "))
    lines = []
    for grantee, grantor in held.keys() | usual.keys():
        have, had = held.get((grantee, grantor), set()), usual.get((grantee, grantor), set())
        by = f" (granted by {grantor})" if grantor else ""
        if have - had:
            lines.append(f"{grantee}: {_in_words(have - had, major)}{by}")
        if had - have:
            lines.append(f"{REVOKED}{grantee}: {_in_words(had - have, major)}")
    return "\n".join(sorted(lines))
