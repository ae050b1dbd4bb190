"""Read a snapshot: a few catalog queries in one read-only transaction, so that all of it is of one moment."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from schemata.postgres import queries
from schemata.snapshot import fingerprints, model

_FOLDER = os.path.join(os.path.dirname(__file__), "queries")
_RELATIONS = queries.load("relations", _FOLDER)
_OBJECTS = queries.load("objects", _FOLDER)
_DATABASE = queries.load("database", _FOLDER)
_ANNOTATIONS = queries.load("annotations", _FOLDER)

#: Catalog, oid and number of the column; JSON has oids as text.
_Key = tuple[str, str, int]
# The oids of the catalogs are the same in every server (src/include/catalog).
_CLASS, _TYPE, _NAMESPACE, _EXTENSION, _DEFAULT_ACL, _CONSTRAINT = "1259", "1247", "2615", "3079", "826", "2606"
#: Query of a kind of object, by the catalog in which its rows are.
_BY_CATALOG = (
    (_OBJECTS["schemas"], _NAMESPACE),
    (_OBJECTS["types"], _TYPE),
    (_OBJECTS["functions"], "1255"),
    (_OBJECTS["aggregates"], "1255"),
    (_OBJECTS["operators"], "2617"),
    (_OBJECTS["operator_families"], "2753"),
    (_OBJECTS["operator_classes"], "2616"),
    (_OBJECTS["collations"], "3456"),
    (_OBJECTS["conversions"], "2607"),
    (_RELATIONS["indexes"], _CLASS),
    (_RELATIONS["triggers"], "2620"),
    (_RELATIONS["rules"], "2618"),
    (_RELATIONS["policies"], "3256"),
    (_RELATIONS["statistics"], "3381"),
    (_DATABASE["extensions"], _EXTENSION),
)
_TEXT_SEARCH = {
    "text search parser": "3601",
    "text search template": "3764",
    "text search dictionary": "3600",
    "text search configuration": "3602",
}
#: How a line of grants begins that says what is not there of the usual.
REVOKED = "revoked from "
#: Facts that are lists of `name=value`, and the word before each name.
_LISTS = {"options": "option", "toast options": "toast option", "foreign options": "foreign option"}
_WITH_LISTS = frozenset((*_LISTS, "labels", "operators", "functions", "members"))
#: A definition that was printed while its object went away: the catalog was read at another moment than the printer.
_MOVED = ("XX000", "42P01", "42704", "42703", "42883")
_TRIES = 3


def read(
    ask: queries.Ask,
    schemas: Sequence[str] | None = None,
    *,
    history: str = "schemata",
    lock_wait: float = 5.0,
    dependencies: bool = False,
) -> model.Snapshot:
    """Return the structure of the schemas, and of what belongs to the database as a whole.

    `ask` must not be in a transaction. Without `schemas` every schema is read that is not the system's or the
    history's. With `dependencies` also which item needs which. Changes nothing, works for any role, on a standby too.

    Printing a definition may take a lock that running DDL refuses: after `lock_wait` seconds the server's error 55P03
    is the caller's. DDL that commits while we read is seen whole or not at all, or the read is done again.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _Reading(ask, schemas, history, lock_wait).snapshot(dependencies)
        except Exception as failure:
            # Both drivers' refusals carry an SQLSTATE.
            if not (left and getattr(failure, "sqlstate", "") in _MOVED):
                raise
    raise AssertionError("the last try returns or raises")


def observe(ask: queries.Ask, schemas: Sequence[str], history: str, *, patience: float = 5.0) -> dict[str, str]:
    """Return the fingerprints of the schemas as they are stored, with their form; as `read` otherwise."""
    return fingerprints.of(read(ask, schemas, history=history, lock_wait=patience))


@dataclasses.dataclass(slots=True)
class _Found:
    """An item that is still being put together."""

    kind: str
    schema: str
    of: str
    name: str
    facts: dict[str, str]


class _Reading:
    """One read. Items are found by the address of what they are about: catalog, oid, number of the column."""

    def __init__(self, ask: queries.Ask, schemas: Sequence[str] | None, history: str, lock_wait: float) -> None:
        self._ask = ask
        self._history = history
        self._schemas = schemas
        self._lock_wait = lock_wait
        self._found: dict[_Key, _Found] = {}
        # What has comments of its own but is told with another item, and the fact that such a comment is.
        self._behind: dict[_Key, tuple[_Found, str]] = {}
        self._loose: list[model.Item] = []
        self._fill: dict[str, str] = {}
        self._major = 0

    def snapshot(self, dependencies: bool) -> model.Snapshot:
        """Read everything and put it together."""
        try:
            self._ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._ask(
                "SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off;"
                f" SET LOCAL lock_timeout = {max(1, round(self._lock_wait * 1000))}"
            )
            meta = self._begin()
            self._objects()
            self._others()
            self._annotations()
            edges = self._dependencies() if dependencies else ()
        except BaseException:
            with contextlib.suppress(Exception):
                self._ask("ROLLBACK")
            raise
        self._ask("COMMIT")
        items = [model.Item(one.kind, one.schema, one.name, one.of, one.facts) for one in self._found.values()]
        return model.Snapshot(
            database=meta["database"],
            version=meta["version"].split(" ")[0],
            major=self._major,
            schemas=tuple(self._chosen),
            items=model.ordered([*items, *self._loose]),
            deployer=meta["deployer_name"],
            left_out=tuple(name for name in meta["schemas"] if name not in set(self._chosen)),
            dependencies=tuple(edges),
        )

    def _begin(self) -> dict[str, Any]:
        text = self._ask(_DATABASE["meta"].format(history=queries.literal(self._history)))[0][0]
        meta: dict[str, Any] = json.loads(str(text))
        self._major = meta["number"] // 10000
        self._chosen: list[str] = list(dict.fromkeys(meta["schemas"] if self._schemas is None else self._schemas))
        names = ", ".join(map(queries.literal, self._chosen)) or "NULL"
        self._fill = {
            "chosen": f"n.nspname IN ({names})",
            "deployer": str(meta["deployer"]),
            "history": queries.literal(self._history),
            "subscription": meta["subscription"],
            "publication_schemas": _DATABASE["publication_schemas"] if self._major >= 15 else "NULL",
            "publication_filters": _DATABASE["publication_filters"] if self._major >= 15 else "",
        }
        return meta

    def _rows(self, query: str) -> list[Any]:
        sql = f"SELECT coalesce(json_agg(r), '[]')::text FROM ({query.format(**self._fill)}) q(r)"
        rows: list[Any] = json.loads(str(self._ask(sql)[0][0]))
        return rows

    def _add(self, catalog: str, row: Sequence[Any]) -> _Found:
        kind, oid, subid, schema, of, name, facts = row[:7]
        found = _Found(kind, schema, of, name, _texts(facts))
        self._found[catalog, oid, subid] = found
        return found

    def _objects(self) -> None:
        for row in self._rows(_RELATIONS["relations"]):
            self._add(_CLASS, row)
        for query in ("sequences", "foreign_tables"):
            for oid, facts in self._rows(_RELATIONS[query]):
                if (_CLASS, oid, 0) in self._found:
                    self._found[_CLASS, oid, 0].facts.update(_texts(facts))
        for row in self._rows(_RELATIONS["constraints"]):
            found = self._add(_CONSTRAINT, row)
            if row[7]:
                self._behind[_CLASS, row[7], 0] = found, "index comment"
        for query, catalog in _BY_CATALOG:
            for row in self._rows(query):
                self._add(catalog, row)
        self._columns()
        for row in self._rows(_OBJECTS["text_search"]):
            self._add(_TEXT_SEARCH[row[0]], row)

    def _columns(self) -> None:
        """Read columns and attributes, and tell their order with the table or type that they are of."""
        order: dict[str, list[str]] = {}
        for row in self._rows(_RELATIONS["columns"]):
            self._add(_CLASS, row)
            order.setdefault(row[1], []).append(row[5])
        for oid, names in order.items():
            relation = self._found.get((_CLASS, oid, 0))
            if relation is not None and relation.kind in ("table", "foreign table"):
                relation.facts["column order"] = json.dumps(names, ensure_ascii=False)
        if self._major >= 18:
            for catalog, oid, number, constraint, name, text in self._rows(_RELATIONS["not_nulls"]):
                found = self._found.get((catalog, oid, number))
                if found is not None:
                    found.facts["not null"] = text
                    if name:
                        found.facts["not null constraint"] = name
                    self._behind[_CONSTRAINT, constraint, 0] = found, "not null comment"
        attributes: dict[tuple[str, str], list[str]] = {}
        for row in self._rows(_OBJECTS["attributes"]):
            self._add(_CLASS, row)
            attributes.setdefault((row[3], row[4]), []).append(row[5])
        for one in list(self._found.values()):
            if one.kind == "composite type":
                names = attributes.get((one.schema, one.name), [])
                one.facts["attribute order"] = json.dumps(names, ensure_ascii=False)

    def _others(self) -> None:
        for row in self._rows(_DATABASE["others"]):
            self._add(row[7], row)
        for oid, schema, name in self._rows(_DATABASE["default_privileges"]):
            self._add(_DEFAULT_ACL, ("default privileges", oid, 0, schema, "", name, {}))
        settings: dict[str, dict[str, str]] = {}
        for name, values in self._rows(_DATABASE["settings"]):
            settings[name or "everywhere"] = dict(str(value).split("=", 1) for value in values)
        self._loose += [model.Item("setting", "", name, "", facts) for name, facts in settings.items()]

    def _annotations(self) -> None:
        for catalog, oid, subid, text in self._rows(_ANNOTATIONS["comments"]):
            found = self._found.get((catalog, oid, subid))
            if found is not None:
                found.facts["comment"] = text
            elif (catalog, oid, subid) in self._behind:
                found, fact = self._behind[catalog, oid, subid]
                found.facts[fact] = text
        for one in self._found.values():
            if one.kind == "schema" and one.name == "public":
                if one.facts.get("comment") == "standard public schema":
                    del one.facts["comment"]
                else:
                    one.facts.setdefault("comment", "")
        for query, fact in (("labels", "security labels"), ("extensions_needed", "depends on extension")):
            for catalog, oid, subid, text in self._rows(_ANNOTATIONS[query]):
                if (catalog, oid, subid) in self._found:
                    self._found[catalog, oid, subid].facts[fact] = text
        for catalog, oid, subid, foreign, name, entries in self._rows(_ANNOTATIONS["grants"]):
            text = _privileges(entries)
            if text and foreign:
                self._loose.append(model.Item("grant", "", name, "", {"grants": text}))
            elif text and (catalog, oid, subid) in self._found:
                self._found[catalog, oid, subid].facts["grants"] = text

    def _dependencies(self) -> Iterable[model.Dependency]:
        stands_for: dict[_Key, _Key] = {}
        for one in self._rows(_ANNOTATIONS["stand_ins"]):
            stands_for[one[0], one[1], one[2]] = (one[3], one[4], one[5])
        seen: dict[model.Dependency, None] = {}
        for row in self._rows(_ANNOTATIONS["dependencies"]):
            item, needs = (self._known((row[at], row[at + 1], row[at + 2]), stands_for) for at in (0, 3))
            if item and needs and item != needs:
                seen[model.Dependency(item, needs)] = None
        return seen

    def _known(self, key: _Key, stands_for: dict[_Key, _Key]) -> tuple[str, str, str, str] | None:
        """Return the key of the item at an address: its own, that of what it stands for, or of the whole relation."""
        for address in (key, stands_for.get(key), stands_for.get((key[0], key[1], 0)), (key[0], key[1], 0)):
            found = self._found.get(address) if address else None
            if found is not None:
                return found.schema, found.kind, found.of, found.name
        return None


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


def _privileges(entries: Sequence[Sequence[Any]] | None) -> str:
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
            lines.append(f"{grantee}: {', '.join(sorted(have - had))}{by}")
        if had - have:
            lines.append(f"{REVOKED}{grantee}: {', '.join(sorted(had - have))}")
    return "\n".join(sorted(lines))
