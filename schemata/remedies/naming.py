"""Remedies for names: what is there already, and what is not found."""

import re
from collections.abc import Callable, Mapping

from schemata.remedies import remedy, rewriting

# What the contrib modules that migrations use most bring along.
_OF_EXTENSIONS = {
    "uuid_generate_v1": "uuid-ossp", "uuid_generate_v4": "uuid-ossp", "uuid_generate_v5": "uuid-ossp",
    "gen_salt": "pgcrypto", "crypt": "pgcrypto", "digest": "pgcrypto", "hmac": "pgcrypto",
    "pgp_sym_encrypt": "pgcrypto", "gen_random_bytes": "pgcrypto", "citext": "citext", "hstore": "hstore",
    "ltree": "ltree", "unaccent": "unaccent", "similarity": "pg_trgm", "gin_trgm_ops": "pg_trgm",
    "gist_trgm_ops": "pg_trgm", "vector": "vector", "geometry": "postgis", "geography": "postgis",
}  # fmt: skip


def extension_of(name: str) -> str:
    """Return the extension that makes a function, type or operator class of this name; empty where none is known.

    >>> extension_of("uuid_generate_v4"), extension_of("lower")
    ('uuid-ossp', '')
    """
    return _OF_EXTENSIONS.get(name, "")


def _dotted(text: str) -> str:
    return text.split("(")[0].rpartition(".")[2].strip('"')


def _about(kind: str) -> Callable[[remedy.Case], Mapping[str, str]]:
    return lambda case: {"kind": kind, "name": _dotted(case.names["of"])}


def _not_found(case: remedy.Case) -> str:
    """Say where something of that name is, as it must be written; else which extension brings it."""
    wanted = _dotted(case.names["of"])
    places = [(str(row[0]), str(row[1])) for row in case.answers]
    same = [place for place in places if place[1] == wanted]
    path = ", ".join(case.search_path)
    if same:
        written = " or ".join(remedy.name(*place) for place in same)
        return f"It exists as {written}: write that name. (A name without a schema is looked for in {path} only.)"
    if places:
        written = " or ".join(remedy.name(*place) for place in places)
        return (
            f"There is {written}: a name with capital letters has to be in double quotes, and PostgreSQL reads one "
            "without quotes in lower case. Write it so."
        )
    extension = _OF_EXTENSIONS.get(wanted)
    if extension:
        return remedy.paste(
            f"{wanted} comes with the extension {extension}. Make it in this file before the statement, or in an "
            f"earlier migration, in a schema of the search_path ({path}), or write its schema in front of the name:",
            f"CREATE EXTENSION IF NOT EXISTS {remedy.name(extension)} SCHEMA {remedy.name(case.schema)};",
        )
    return ""


def _no_relation(case: remedy.Case) -> str:
    return _not_found(case) or (
        f"No schema of the database has it (it was looked for in {', '.join(case.search_path)}, unless the statement "
        "says a schema). If a migration makes it, let this one say `-- depends: ID` with that one's id; if a later "
        "statement of this file does, move it up."
    )


def _nothing_to_drop(case: remedy.Case) -> str:
    """Say where something of that name is; else how the statement passes over it."""
    if case.answers:
        return _not_found(case)
    assert case.parsed is not None
    return remedy.paste(
        "There is nothing of that name to drop: its name or schema is misspelt, something removed it before (another "
        "migration, or somebody by hand), or the migration that makes it has not run (then `-- depends: ID`). Where it "
        "is right that it may be gone, write:",
        rewriting.if_exists(case.parsed.node),
    )


def _no_function(case: remedy.Case) -> str:
    # One that was looked at and is not it takes other arguments.
    seen = any(row[0] in case.search_path and row[1] == _dotted(case.names["of"]) for row in case.answers)
    found = "" if seen or "." in case.names["of"] else _not_found(case)
    return found or (
        "No function of that name takes those arguments: compare their types, cast them if need be "
        "(value::text), or make the function in a migration before this one."
    )


def _no_column(case: remedy.Case) -> str:
    wanted = _dotted(case.names["of"])
    alike = [str(row[1]) for row in case.answers if row[1] != wanted and str(row[1]).lower() == wanted.lower()]
    if alike:
        return (
            f"There is a column {remedy.name(alike[0])}: a name with capital letters has to be in double quotes, and "
            "PostgreSQL reads one without quotes in lower case. Write it so."
        )
    if case.answers and case.on():
        columns = ", ".join(remedy.name(str(row[1])) for row in case.answers if row[2])
        return f"{case.on()} has these columns: {columns}." if columns else ""
    return ""


def _about_column(case: remedy.Case) -> Mapping[str, str]:
    return {"name": _dotted(case.names["of"]), "relation": case.on()}


def _exists(case: remedy.Case) -> str:
    found = remedy.name(*map(str, case.answers[0])) if case.answers else remedy.name(case.names["of"])
    return (
        f"{found} was made by something else: another migration, another tool, or by hand. If it is what this file "
        f"makes, and everything before it is there too, record it without running it: "
        f"inv migrate-baseline --through {case.migration_id}\n"
        "If it is left over, drop it; if it is something else, choose another name. (IF NOT EXISTS would take "
        "whatever is there for the right one.)"
    )


def _role_exists(case: remedy.Case) -> str:
    role = remedy.name(case.names["of"])
    return remedy.paste(
        "Roles belong to the whole server, so another database may have made it. Make it only where it is missing:",
        f"DO $$ BEGIN\n    CREATE ROLE {role};\nEXCEPTION WHEN duplicate_object THEN NULL;\nEND $$;",
    )


def _extension_exists(case: remedy.Case) -> str:
    return remedy.paste(
        "An extension may have been made by an administrator or another schema's migration. Write:",
        f"CREATE EXTENSION IF NOT EXISTS {remedy.name(case.names['of'])};",
    )


def _enum_value_exists(case: remedy.Case) -> str:
    value = case.names["of"].replace("'", "''")
    alter = re.match(r"ALTER\s+TYPE\s+\S+", case.text, re.IGNORECASE)
    return remedy.paste(
        "The type has that value. Where that is right, write:",
        f"{alter[0] if alter else 'ALTER TYPE ...'} ADD VALUE IF NOT EXISTS '{value}';",
    )


_DROPS = ("drop_stmt", "drop_role_stmt")
ROWS = (
    remedy.Remedy(
        "relation-to-drop-not-found",
        "42P01",
        _nothing_to_drop,
        message='"(?P<of>.+)" does not exist',
        nodes=_DROPS,
        question="named",
        about=_about("relation"),
    ),
    remedy.Remedy(
        "type-to-drop-not-found",
        "42704",
        _nothing_to_drop,
        message='type "(?P<of>.+)" does not exist',
        nodes=_DROPS,
        question="named",
        about=_about("type"),
    ),
    # An index is a relation that has a code of its own.
    remedy.Remedy(
        "index-to-drop-not-found",
        "42704",
        _nothing_to_drop,
        message='index "(?P<of>.+)" does not exist',
        nodes=_DROPS,
        question="named",
        about=_about("relation"),
    ),
    remedy.Remedy("object-to-drop-not-found", "42704", _nothing_to_drop, message="does not exist", nodes=_DROPS),
    remedy.Remedy("function-to-drop-not-found", "42883", _nothing_to_drop, message="does not exist", nodes=_DROPS),
    remedy.Remedy("schema-to-drop-not-found", "3F000", _nothing_to_drop, message="does not exist", nodes=_DROPS),
    remedy.Remedy(
        "relation-not-found",
        "42P01",
        _no_relation,
        message='relation "(?P<of>.+)" does not exist',
        question="named",
        about=_about("relation"),
    ),
    remedy.Remedy(
        "from-clause-missing",
        "42P01",
        "The statement uses a table, or an alias, that its FROM does not name: write the alias, not the table, "
        "where the table has one.",
        message="FROM-clause",
    ),
    remedy.Remedy(
        "function-not-found",
        "42883",
        _no_function,
        question="named",
        about=_about("function"),
        message=r"(?:function|procedure) (?P<of>.+?)(?:\(.*\))? does not",
    ),
    remedy.Remedy(
        "operator-not-found",
        "42883",
        "The operator's two sides have types that it is not made for: cast one of them (value::text). An operator "
        "of an extension is found only where its schema is in the search_path: write OPERATOR(public.=), or set "
        "`search_path` in [tool.schemata].",
        message="operator does not exist",
    ),
    remedy.Remedy(
        "type-not-found",
        "42704",
        _not_found,
        question="named",
        about=_about("type"),
        message='type "(?P<of>.+)" does not exist',
    ),
    remedy.Remedy(
        "operator-class-not-found",
        "42704",
        _not_found,
        message='operator class "(?P<of>.+)" does not exist',
        question="named",
        about=_about("operator class"),
    ),
    remedy.Remedy(
        "role-not-found",
        "42704",
        "Roles belong to the server, not to the database: make it there before, or in this file:\n"
        "    CREATE ROLE {of};",
        message='role "(?P<of>.+)" does not exist',
    ),
    remedy.Remedy(
        "object-not-found",
        "42704",
        "Nothing of that name is there. Compare the name, and the order of the migrations (`-- depends: ID`); where "
        "it may be gone already, write DROP ... IF EXISTS.",
        message="does not exist",
    ),
    remedy.Remedy(
        "schema-not-found",
        "3F000",
        "Add it to `schemas` in [tool.schemata], then the engine makes it; or make it in a migration before this "
        "one:\n    CREATE SCHEMA {of};",
        message='schema "(?P<of>.+)" does not exist',
        first="Correct the settings or the file",
    ),
    remedy.Remedy(
        "column-not-found",
        "42703",
        _no_column,
        message='column "?(?P<of>[^" ]+)"?.* does not exist',
        question="columns",
        about=_about_column,
    ),
    remedy.Remedy(
        "relation-exists",
        "42P07",
        _exists,
        message='relation "(?P<of>.+)" already exists',
        question="named",
        about=_about("relation"),
    ),
    remedy.Remedy("role-exists", "42710", _role_exists, message='role "(?P<of>.+)" already exists'),
    remedy.Remedy("extension-exists", "42710", _extension_exists, message='extension "(?P<of>.+)" already exists'),
    remedy.Remedy("enum-value-exists", "42710", _enum_value_exists, message='enum label "(?P<of>.+)" already exists'),
    remedy.Remedy("object-exists", "42710", _exists, message='"(?P<of>[^"]+)".* already exists'),
    remedy.Remedy(
        "schema-exists",
        "42P06",
        "The engine makes the schemas of [tool.schemata] before the first migration. Remove the statement, or "
        "write:\n    CREATE SCHEMA IF NOT EXISTS {of};",
        message='schema "(?P<of>.+)" already exists',
    ),
    remedy.Remedy("column-exists", "42701", _exists, message='column "(?P<of>[^"]+)"'),
    remedy.Remedy(
        "function-exists", "42723", "Write CREATE OR REPLACE FUNCTION, or drop the other one before.", message=""
    ),
)
