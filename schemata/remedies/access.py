"""Remedies for what a role may not do, and for what the server does not have."""

from collections.abc import Mapping

from schemata.remedies import remedy

_GRANT = "Grant the role what it lacks"
_SUPERUSER = "Have it done"
# What a statement needs on a table that is not its own.
_PRIVILEGES = {
    "select_stmt": "SELECT", "insert_stmt": "SELECT, INSERT", "update_stmt": "SELECT, UPDATE",
    "delete_stmt": "SELECT, DELETE", "truncate_stmt": "TRUNCATE", "alter_table_stmt": "REFERENCES",
    "create_stmt": "REFERENCES", "create_trig_stmt": "TRIGGER", "lock_stmt": "SELECT, UPDATE",
    "merge_stmt": "SELECT, INSERT, UPDATE, DELETE", "copy_stmt": "SELECT, INSERT",
    "create_table_as_stmt": "SELECT", "view_stmt": "SELECT",
}  # fmt: skip


def _read_only(case: remedy.Case) -> str:
    """Say where default_transaction_read_only comes from, and what takes it back there."""
    undo = []
    reset = "RESET default_transaction_read_only;"
    for role, database, _ in case.answers:
        if role and database:
            undo.append(f"ALTER ROLE {remedy.name(role)} IN DATABASE {remedy.name(database)} {reset}")
        elif role:
            undo.append(f"ALTER ROLE {remedy.name(role)} {reset}")
        elif database:
            undo.append(f"ALTER DATABASE {remedy.name(database)} {reset}")
    if not undo:
        return ""
    return remedy.paste(
        f"Every session of {remedy.name(case.role)} here is read-only (default_transaction_read_only). Somebody set "
        "that, so it is not overridden. Deploy as another role; or for this deploy only, write at the end of the URL: "
        "?options=-c%20default_transaction_read_only%3Doff; or take the setting back:",
        *undo,
    )


def _owner(case: remedy.Case) -> str:
    kind, what = case.names["kind"], case.names["of"]
    owners = {str(row[0]) for row in case.answers if row[0]}
    if len(owners) == 1:
        owner = remedy.name(owners.pop())
        return remedy.paste(
            f"The {kind} belongs to {owner}. Deploy as that role, or make this one a member of it:",
            f"GRANT {owner} TO {remedy.name(case.role)};",
        )
    keyword = {"relation": "TABLE"}.get(kind, kind.upper())
    return remedy.paste(
        f"Deploy as the role that owns the {kind}, or have its owner or a superuser give it away:",
        f"ALTER {keyword} {remedy.name(what)} OWNER TO {remedy.name(case.role)};",
    )


def _about_owner(case: remedy.Case) -> Mapping[str, str]:
    kind = case.names["kind"]
    relation = case.on() if kind not in ("schema", "function", "type") else ""
    return {"kind": kind, "name": case.names["of"].rpartition(".")[2], "relation": relation}


def _grant_on_table(case: remedy.Case) -> str:
    what = "SEQUENCE " if case.names["kind"] == "sequence" else ""
    rights = "USAGE, SELECT" if what else _PRIVILEGES.get(case.node, "SELECT, INSERT, UPDATE, DELETE")
    schema = str(case.answers[0][0]) if len(case.answers) == 1 else ""
    return remedy.paste(
        f"As its owner or a superuser{'' if schema else ' (with its schema in front, where it needs one)'}:",
        f"GRANT {rights} ON {what}{remedy.name(schema, case.names['of'])} TO {remedy.name(case.role)};",
    )


def _about_table(case: remedy.Case) -> Mapping[str, str]:
    return {"kind": "relation", "name": case.names["of"]}


def _extension_rights(case: remedy.Case) -> str:
    extension = case.names["of"]
    trusted = any(row[1] == "t" for row in case.answers)
    trust = [f"GRANT CREATE ON DATABASE {remedy.name(case.database)} TO {remedy.name(case.role)};"] if trusted else []
    either = "one of these" if trusted else "this"
    return remedy.paste(
        f"Have a superuser (on a hosted server: its administrator's role) run {either} in "
        f"{remedy.name(case.database)}, once; the file's CREATE EXTENSION has to say "
        "IF NOT EXISTS, and then does nothing:",
        *trust,
        f"CREATE EXTENSION IF NOT EXISTS {remedy.name(extension)} SCHEMA {remedy.name(case.schema)};",
    )


def _about_extension(case: remedy.Case) -> Mapping[str, str]:
    return {"name": case.names["of"]}


def _parameter(case: remedy.Case) -> str:
    parameter = remedy.name(*case.names["of"].split("."))
    if case.server < 150000:
        return (
            "Only a superuser may set it. Take the statement out of the file, and have a superuser set it for the "
            "role, the database or the server."
        )
    return remedy.paste(
        "Have a superuser grant it, or set it for the whole server:",
        f"GRANT SET ON PARAMETER {parameter} TO {remedy.name(case.role)};",
    )


def _not_available(case: remedy.Case) -> str:
    extension = case.names["of"]
    versions = ", ".join(str(row[0]) for row in case.answers if row[0])
    if versions:
        return f"The server has it in these versions only: {versions}. Write one of them, or leave VERSION out."
    return remedy.paste(
        f"The server does not have the files of {extension}. Install them there (on Debian and Ubuntu: the package "
        "postgresql-contrib, or the extension's own), use a server that has them, or do without. What it has:",
        "SELECT name FROM pg_available_extensions ORDER BY name;",
    )


def _superuser(case: remedy.Case) -> str:
    if "superuser" not in (case.message + case.hint).lower():
        return ""
    return "Only a superuser may do that. Have one do it once, by hand, and take it out of the file; or deploy as one."


ROWS = (
    remedy.Remedy(
        "read-only-by-setting",
        "25006",
        _read_only,
        message="read-only",
        question="read_only",
        first="When it is writable",
    ),
    remedy.Remedy(
        "read-only",
        "25006",
        "The transaction is read-only: the URL or the server's configuration says default_transaction_read_only, the "
        "file does (SET TRANSACTION READ ONLY), or the server is a standby: connect to the primary.",
        first="When it is writable",
    ),
    remedy.Remedy(
        "extension-needs-rights",
        "42501",
        _extension_rights,
        question="extension",
        about=_about_extension,
        message='permission denied to create extension "(?P<of>.+)"',
        first=_SUPERUSER,
    ),
    remedy.Remedy(
        "not-owner",
        "42501",
        _owner,
        question="owner",
        about=_about_owner,
        first=_GRANT,
        message=r'must be owner of (?P<kind>[a-z ]+?) "?(?P<of>[^"]+)"?$',
    ),
    remedy.Remedy(
        "no-right-on-schema",
        "42501",
        "As its owner or a superuser:\n    GRANT USAGE, CREATE ON SCHEMA {of} TO {role};",
        message='permission denied for schema "?(?P<of>[^"]+)"?$',
        first=_GRANT,
    ),
    remedy.Remedy(
        "no-right-on-database",
        "42501",
        "As its owner or a superuser:\n    GRANT CREATE ON DATABASE {of} TO {role};",
        message='permission denied for database "?(?P<of>[^"]+)"?$',
        first=_GRANT,
    ),
    remedy.Remedy(
        "no-right-to-temporary-tables",
        "42501",
        "As its owner or a superuser:\n    GRANT TEMPORARY ON DATABASE {of} TO {role};",
        message='permission denied to create temporary tables in database "?(?P<of>[^"]+)"?$',
        first=_GRANT,
    ),
    remedy.Remedy(
        "no-right-on-table",
        "42501",
        _grant_on_table,
        question="named",
        about=_about_table,
        first=_GRANT,
        message='permission denied for (?P<kind>table|view|sequence|materialized view|relation) "?(?P<of>[^"]+)"?$',
    ),
    remedy.Remedy(
        "no-right-on-function",
        "42501",
        "As its owner or a superuser, with the types of its arguments:\n    GRANT EXECUTE ON FUNCTION {of} TO {role};",
        message='permission denied for (?:function|procedure) "?(?P<of>[^"]+)"?$',
        first=_GRANT,
    ),
    remedy.Remedy(
        "no-right-on-type",
        "42501",
        # The server writes a type's name as SQL already.
        lambda case: remedy.paste(
            "As its owner or a superuser:", f"GRANT USAGE ON TYPE {case.names['of']} TO {remedy.name(case.role)};"
        ),
        message="permission denied for type (?P<of>.+)$",
        first=_GRANT,
    ),
    remedy.Remedy(
        "not-member-of-role",
        "42501",
        "As a superuser, or a role with ADMIN on it:\n    GRANT {of} TO {role};",
        message='(?:must be (?:member of role|able to SET ROLE)|permission denied to set role) "(?P<of>.+)"',
        first=_GRANT,
    ),
    remedy.Remedy(
        "no-right-to-set", "42501", _parameter, first=_GRANT, message='permission denied to set parameter "(?P<of>.+)"'
    ),
    remedy.Remedy(
        "no-right-to-make-roles",
        "42501",
        "Roles belong to the whole server. As a superuser:\n    ALTER ROLE {role} CREATEROLE;",
        message="permission denied to (?:create|alter|drop|grant) role",
        first=_GRANT,
    ),
    remedy.Remedy(
        "no-right-to-read-files",
        "42501",
        "Reading a file of the server's needs a superuser or the role pg_read_server_files. Put the rows into the "
        "migration instead.",
        message="COPY",
    ),
    remedy.Remedy(
        "needs-superuser",
        "42501",
        _superuser,
        first=_SUPERUSER,
    ),
    remedy.Remedy(
        "extension-not-available",
        "0A000",
        _not_available,
        message='extension "(?P<of>.+)" is not available',
        question="extension",
        about=_about_extension,
        first="When the server has it",
    ),
    remedy.Remedy(
        "extension-file-missing",
        "58P01",
        _not_available,
        question="extension",
        about=_about_extension,
        message=r'extension control file ".*/(?P<of>[^/]+)\.control"',
        first="When the server has it",
    ),
    remedy.Remedy(
        "server-file-missing",
        "58P01",
        "COPY reads a file on the server's machine, and there is none of this name. Put the rows into the migration:\n"
        "    COPY ... FROM stdin;\nthen a line for each row, and `\\.` on a line after the last.",
        message='could not open file "(?P<of>.+)" for reading',
    ),
    remedy.Remedy(
        "extension-version-missing",
        "22023",
        _not_available,
        question="extension",
        about=_about_extension,
        message='extension "(?P<of>.+)" has no (?:installation script|update path)',
    ),
    remedy.Remedy(
        "library-missing",
        "58P01",
        "The server lacks a library that the function or extension is made of: install it there, in the version that "
        "fits the server, or use a server that has it.",
        message="could not access file",
        first="When the server has it",
    ),
    remedy.Remedy(
        "library-not-preloaded",
        "55000",
        "The extension works only where the server loads its library when it starts. As a superuser; then start the "
        "server again:\n    ALTER SYSTEM SET shared_preload_libraries = '{of}';  -- and those that are set already",
        message='(?P<of>\\S+) must be loaded via "?shared_preload_libraries',
        first="When the server has it",
    ),
)
