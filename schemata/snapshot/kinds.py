"""The kinds of items, how severe a difference in each of their facts is, and what is not compared at all."""

from collections.abc import Mapping
from typing import NamedTuple

STRUCTURE, ACCESS, PERFORMANCE, COSMETIC = "structure", "access", "performance", "cosmetic"
#: From the worst. Structure: a statement of the application may fail or mean something else. Access: who may do what.
#: Performance: the same answers, at another speed. Cosmetic: for readers only.
SEVERITIES = (STRUCTURE, ACCESS, PERFORMANCE, COSMETIC)


class Kind(NamedTuple):
    """A kind of item.

    :param plural: for counts.
    :param presence: how severe it is that one is missing.
    """

    plural: str
    presence: str = STRUCTURE


#: In the order in which they are listed.
KINDS = {
    "schema": Kind("schemas"),
    "extension": Kind("extensions"),
    "language": Kind("languages"),
    "access method": Kind("access methods"),
    "collation": Kind("collations"),
    "shell type": Kind("shell types"),
    "base type": Kind("base types"),
    "enum": Kind("enums"),
    "domain": Kind("domains"),
    "domain constraint": Kind("domain constraints"),
    "composite type": Kind("composite types"),
    "attribute": Kind("attributes"),
    "range type": Kind("range types"),
    "function": Kind("functions"),
    "procedure": Kind("procedures"),
    "aggregate": Kind("aggregates"),
    "operator": Kind("operators"),
    "operator family": Kind("operator families"),
    "operator class": Kind("operator classes"),
    "cast": Kind("casts"),
    "transform": Kind("transforms"),
    "conversion": Kind("conversions"),
    "text search parser": Kind("text search parsers"),
    "text search template": Kind("text search templates"),
    "text search dictionary": Kind("text search dictionaries"),
    "text search configuration": Kind("text search configurations"),
    "foreign data wrapper": Kind("foreign data wrappers"),
    "server": Kind("foreign servers"),
    "user mapping": Kind("user mappings", ACCESS),
    "sequence": Kind("sequences"),
    "table": Kind("tables"),
    "foreign table": Kind("foreign tables"),
    "column": Kind("columns"),
    "constraint": Kind("constraints"),
    "index": Kind("indexes", PERFORMANCE),
    "statistics": Kind("statistics objects", PERFORMANCE),
    "view": Kind("views"),
    "materialized view": Kind("materialized views"),
    "trigger": Kind("triggers"),
    "rule": Kind("rules"),
    "policy": Kind("policies", ACCESS),
    "event trigger": Kind("event triggers"),
    "publication": Kind("publications"),
    "subscription": Kind("subscriptions"),
    "default privileges": Kind("default privileges", ACCESS),
    "grant": Kind("grants on objects of the system and of extensions", ACCESS),
    "setting": Kind("settings of the database and its roles"),
}
ORDER = {name: number for number, name in enumerate(KINDS)}

_BY_FACT = {
    "owner": ACCESS,
    "grants": ACCESS,
    "security labels": ACCESS,
    "row security": ACCESS,
    "force row security": ACCESS,
    "option security_invoker": ACCESS,
    "option security_barrier": ACCESS,
    "comment": COSMETIC,
    "index comment": COSMETIC,
    "not null comment": COSMETIC,
    "not null constraint": COSMETIC,
    "storage": PERFORMANCE,
    "compression": PERFORMANCE,
    "statistics target": PERFORMANCE,
    "statistics targets": PERFORMANCE,
    "tablespace": PERFORMANCE,
    "index tablespace": PERFORMANCE,
    "clustered": PERFORMANCE,
    "access method": PERFORMANCE,
    "cache": PERFORMANCE,
    "persistence": STRUCTURE,
    "option check_option": STRUCTURE,
}
#: Kinds whose other facts are of the same class as their presence.
_ALL_OF_IT = {"policy": ACCESS, "user mapping": ACCESS, "default privileges": ACCESS, "grant": ACCESS}
#: Kinds whose options are storage parameters and the like.
_TUNED = ("table", "materialized view", "index", "constraint", "column")
#: Settings, in small letters, that change what a statement means or whether it is let through; the others change speed
#: or talk.
_MEANING = (
    "search_path", "role", "session_authorization", "row_security", "session_replication_role", "datestyle",
    "intervalstyle", "timezone", "lc_", "default_transaction", "transaction_", "standard_conforming_strings",
    "backslash_quote", "array_nulls", "bytea_output", "client_encoding", "extra_float_digits", "xmlbinary", "xmloption",
    "default_table_access_method", "default_tablespace", "default_toast_compression", "check_function_bodies",
    "transform_null_equals", "quote_all_identifiers", "escape_string_warning", "lo_compat_privileges", "password_",
    "session_preload_libraries", "local_preload_libraries", "default_text_search_config", "plpgsql.",
    "statement_timeout", "lock_timeout", "idle_", "event_triggers", "allow_", "restrict_nonsystem_relation_kind",
)  # fmt: skip


def severity(kind: str, fact: str) -> str:
    """Return how severe a difference in this fact of such an item is."""
    known = _BY_FACT.get(fact)
    if known is not None:
        return known
    if kind in _ALL_OF_IT:
        return _ALL_OF_IT[kind]
    if kind == "setting":
        return STRUCTURE if fact.lower().startswith(_MEANING) else PERFORMANCE
    if kind in ("index", "statistics") and fact not in ("unique", "valid"):  # not of a unique index: see `graded`
        return PERFORMANCE
    if fact.startswith(("option ", "toast option ")) and kind in _TUNED:
        return PERFORMANCE
    return STRUCTURE


def graded(kind: str, facts: Mapping[str, str]) -> str:
    """Return the kind as `severity` takes it: what a unique index is over decides which rows are let in."""
    return "unique index" if kind == "index" and "unique" in facts else kind


def presence(kind: str, facts: Mapping[str, str]) -> str:
    """Return how severe it is that this item is missing: as its kind says, or as the worst of its facts."""
    # A view's column and the settings of a role are items only where something is said of them.
    only_said = kind == "setting" or (kind == "column" and "type" not in facts)
    usual = COSMETIC if only_said else KINDS[kind].presence
    if usual == STRUCTURE:
        return usual
    key = graded(kind, facts)
    return min(usual, *(severity(key, fact) for fact in facts), usual, key=SEVERITIES.index)


_RANKS = {name: number for number, name in enumerate(SEVERITIES)}
_CACHE: dict[tuple[str, str], int] = {}


def rank(kind: str, fact: str) -> int:
    """Return the severity of a fact as its place in SEVERITIES."""
    key = (kind, fact)
    found = _CACHE.get(key)
    if found is None:
        found = _CACHE[key] = _RANKS[severity(kind, fact)]
    return found


def rank_of_presence(kind: str, facts: Mapping[str, str]) -> int:
    """Return the severity of a missing item as its place in SEVERITIES."""
    return _RANKS[presence(kind, facts)]


#: What a snapshot leaves out, in one line. Printed with every report.
NOT_COMPARED_IN_SHORT = "rows; what is of the server, the system or an extension; secrets; orders without a meaning"
#: The same as a list, with the reasons.
NOT_COMPARED = (
    ("rows, and the values that sequences have reached", "data, not structure"),
    ("whether a materialized view is populated, and planner statistics", "data, not structure"),
    ("large objects", "data, not structure"),
    ("roles, role memberships and tablespaces themselves", "they belong to the server, not to the database"),
    (
        "the database's own encoding, locale, owner, grants, comment and connection limit",
        "they are chosen when a database is made, not by its migrations",
    ),
    ("the server's configuration, and settings of roles for every database", "they belong to the server"),
    ("what an extension made, beyond its name, schema, version and grants", "its version stands for it"),
    ("objects in pg_catalog (except their grants), information_schema and temporary schemas", "the system's own"),
    ("grants on the languages sql, c and internal", "they are the system's own, and pg_dump leaves them out"),
    ("the type of an identity column's sequence", "it is the column's as soon as the column is made again"),
    ("the history's schema", "it is compared with the files by inv migrate-status"),
    ("connection strings of subscriptions", "they hold secrets, and differ between environments on purpose"),
    ("the versions of collations as the operating system reports them", "they belong to the machine"),
    ("clones of a partitioned table's triggers and foreign keys on its partitions", "they follow their parent"),
    ("whether lines of a function's body end as on Windows", "a checkout decides about it, not who wrote the function"),
    ("the order in which privileges were granted", "it has no meaning"),
    ("the order of storage parameters, and of a subscription's publications", "it has no meaning"),
    ("the order of an event trigger's tags", "it has no meaning"),
)
