"""config: each setting from the file and the environment, and an error that names it when it cannot be."""

import datetime
from pathlib import Path
from typing import Any

import pytest

from schemata import config, errors
from schemata.config import declared
from tests.unit import cases

ROOT = Path("/project")
PAGE = {"name": "things", "table": "app.things", "order": ["id desc"], "index": "idx_things"}

RULE = {"kind": "table", "reason": "known"}


def parsed(table: dict[str, Any], **environment: str) -> config.Config:
    """Return the settings that a table and the environment give, with one schema unless others are said."""
    return config.parse({"schemas": ["app"], **table}, ROOT, environment)


def test_the_defaults() -> None:
    """A table with the schemas alone is enough."""
    found = parsed({})
    assert found == config.Config(root=ROOT, schemas=("app",), migrations=ROOT / "migrations")
    assert (found.database, found.state_dir) == ("app", ROOT / ".schemata")
    assert found.wait == config.Wait(60, 2.0)


@cases.named(
    ("table", "environment", "read", "expected"),
    [
        ("a duration with a unit", {"locks": {"lock_timeout": "500ms"}}, {}, "locks.lock_timeout", 0.5),
        ("a duration as a number", {"locks": {"wait": 5}}, {}, "locks.wait", 5.0),
        ("the environment wins over the file", {"locks": {"wait": 5}}, {"SCHEMATA_LOCKS_WAIT": "2min"},
         "locks.wait", 120.0),
        ("an empty variable is none", {"locks": {"wait": 5}}, {"SCHEMATA_LOCKS_WAIT": ""}, "locks.wait", 5.0),
        ("a number from the environment", {}, {"SCHEMATA_WAIT_ATTEMPTS": "3"}, "wait.attempts", 3),
        ("a flag from the environment", {}, {"SCHEMATA_CREATE_DATABASE": "Yes"}, "create_database", True),
        ("a list from the environment", {}, {"SCHEMATA_SCHEMAS": "a, b"}, "schemas", ("a", "b")),
        ("another folder", {"migrations": "db/migrations"}, {}, "migrations", ROOT / "db/migrations"),
        ("a folder elsewhere", {"migrations": "/elsewhere"}, {}, "migrations", Path("/elsewhere")),
        ("the database's name from the project's", {"name": "AI Service 2"}, {}, "database", "ai_service_2"),
        ("the database's own name", {"name": "x", "server": {"database": "d"}}, {}, "database", "d"),
        ("a name with nothing usable", {"name": "€"}, {}, "database", "app"),
        ("extensions are a list, in the environment with commas", {},
         {"SCHEMATA_SERVER_EXTENSIONS": "uuid-ossp, citext"}, "server.extensions", ("uuid-ossp", "citext")),
        ("PostgreSQL's settings become text", {"server": {"settings": {"jit": False, "work_mem": "4MB", "port": 1}}},
         {}, "server.settings", {"jit": "off", "work_mem": "4MB", "port": "1"}),
        ("a range with an open end", {"accepts": "20250814221815.."}, {}, "accepts", "20250814221815.."),
        ("a search path", {"search_path": ["{schema}", "public"]}, {}, "search_path", ("{schema}", "public")),
        ("a target", {"targets": {"prod": {"url_env": "PROD_URL"}}}, {}, "targets",
         (declared.Target("prod", "PROD_URL"),)),
        ("a rule until a day of TOML", {"ignore": [RULE | {"until": datetime.date(2026, 12, 31)}]}, {}, "ignore",
         (declared.Ignore(kind="table", reason="known", until=datetime.date(2026, 12, 31)),)),
        ("a rule until a day as text, for the development server", {"ignore": [
            RULE | {"until": "2026-12-31", "target": "dev"}]}, {}, "ignore",
         (declared.Ignore(kind="table", reason="known", until=datetime.date(2026, 12, 31), target="dev"),)),
        ("a page", {"pages": [PAGE]}, {}, "pages", (config.Page("things", "app.things", ("id desc",), "idx_things"),)),
        ("a page on an index in quotes", {"pages": [PAGE | {"index": 'idx "Big" Orders_at'}]}, {}, "pages",
         (config.Page("things", "app.things", ("id desc",), 'idx "Big" Orders_at'),)),
    ],
)  # fmt: skip
def test_a_setting(table: dict[str, Any], environment: dict[str, str], read: str, expected: Any) -> None:
    """A setting is taken from its variable, else from the file, and has its type."""
    found: Any = parsed(table, **environment)
    for part in read.split("."):
        found = getattr(found, part)
    assert found == expected


@cases.named(
    ("table", "environment", "where", "words"),
    [
        ("an unknown setting", {"shcemas": 1}, {}, "[tool.schemata] shcemas", "Did you mean schemas?"),
        ("an unknown setting of a section", {"locks": {"lock_timout": 1}}, {}, "[tool.schemata.locks] lock_timout",
         "Did you mean lock_timeout?"),
        ("nothing like it", {"zzz": 1}, {}, "[tool.schemata] zzz", "Known: accepts, "),
        ("no schema", {"schemas": []}, {}, "[tool.schemata] schemas", "at least one schema"),
        ("a schema twice", {"schemas": ["a", "a"]}, {}, "[tool.schemata] schemas", "'a' is listed twice"),
        ("a schema that needs quotes", {"schemas": ["my app"]}, {}, "schemas[0]", "without quotes"),
        ("a schema too long", {"schemas": ["a" * 64]}, {}, "schemas[0]", "without quotes"),
        ("the history in a schema of the application", {"history_schema": "app"}, {}, "history_schema",
         "one of the application's schemas"),
        ("a number as text", {"name": 1}, {}, "[tool.schemata] name", "Put it in quotes"),
        ("a flag that is none", {"prisma_lock": "perhaps"}, {}, "prisma_lock", "neither true nor false"),
        ("a tool that is none", {"adoption": {"tool": "prism"}}, {}, "adoption] tool", "prism"),
        ("a ledger kept, but whose", {"adoption": {"mirror": True}}, {}, "adoption] tool", "is not named"),
        ("a ledger that cannot be kept", {"adoption": {"tool": "sqitch", "mirror": True}}, {}, "adoption] mirror",
         "cannot be kept"),
        ("a lock that is none", {"adoption": {"tool": "diesel", "hold_lock": True}}, {}, "adoption] hold_lock",
         "takes no lock"),
        ("a ledger without its schema", {"adoption": {"tool": "goose", "ledger": "x"}}, {}, "adoption] ledger",
         "SCHEMA.TABLE"),
        ("a duration that is none", {"locks": {"wait": "soon"}}, {}, "[tool.schemata.locks] wait", '"500ms"'),
        ("a negative duration", {"locks": {"wait": -1}}, {}, "[tool.schemata.locks] wait", "not a duration"),
        ("an infinite duration", {"locks": {"wait": float("inf")}}, {}, "[tool.schemata.locks] wait", "not a duration"),
        ("longer than PostgreSQL can wait", {"locks": {"wait": "600h"}}, {}, "[tool.schemata.locks] wait",
         "not a duration"),
        ("a strange digit", {"locks": {"wait": "²"}}, {}, "[tool.schemata.locks] wait", "not a duration"),
        ("a flag as a duration", {"locks": {"wait": True}}, {}, "[tool.schemata.locks] wait", "not a duration"),
        ("no lock_timeout", {"locks": {"lock_timeout": 0}}, {}, "[tool.schemata.locks] lock_timeout", "queue behind"),
        ("no attempts", {"wait": {"attempts": 0}}, {}, "[tool.schemata.wait] attempts", "whole number from 1"),
        ("half an attempt", {"wait": {"attempts": 1.5}}, {}, "[tool.schemata.wait] attempts", "whole number"),
        ("the variable is named, not the file", {"wait": {"attempts": 3}}, {"SCHEMATA_WAIT_ATTEMPTS": "many"},
         "SCHEMATA_WAIT_ATTEMPTS", "'many'"),
        ("a port too high", {"server": {"port": 70000}}, {}, "[tool.schemata.server] port", "0 to 65535"),
        ("an unknown kind", {"server": {"kind": "embeded"}}, {}, "[tool.schemata.server] kind",
         "Did you mean embedded?"),
        ("a section that is no table", {"wait": 3}, {}, "[tool.schemata.wait]", "is not a table"),
        ("a range without dots", {"accepts": "20250814221815"}, {}, "accepts", "not a range"),
        ("a range upside down", {"accepts": "20250814221815..20240101000000"}, {}, "accepts", "not a range"),
        ("settings that are no table", {"server": {"settings": 1}}, {}, "settings", "not a table of PostgreSQL"),
        ("a quoted extension", {"server": {"extensions": ['"a"']}}, {}, "extensions[0]", "is not the name"),
        ("a setting with a bad name", {"server": {"settings": {"a b": 1}}}, {}, "settings.a b", "not a value"),
        ("pages that are no array", {"pages": {}}, {}, "[[tool.schemata.pages]]", "not an array"),
        ("a page that is no table", {"pages": [1]}, {}, "[[tool.schemata.pages]] 1", "not a table"),
        ("a page without an index", {"pages": [{k: v for k, v in PAGE.items() if k != "index"}]}, {},
         "[[tool.schemata.pages]] 1", "index is missing"),
        ("a page on a name that is too long", {"pages": [PAGE | {"index": 32 * "é"}]}, {}, "pages]] 1 index",
         "is not a name of 1 to 63 bytes"),
        ("a page of no schema of ours", {"pages": [PAGE | {"table": "other.things"}]}, {}, "pages]] 1 table",
         "not a table of the schemas"),
        ("a page with a strange order", {"pages": [PAGE | {"order": ["id sideways"]}]}, {}, "pages]] 1 order",
         "asc or desc"),
        ("a page without an order", {"pages": [PAGE | {"order": []}]}, {}, "pages]] 1 order", "at least one column"),
        ("a page twice", {"pages": [PAGE, PAGE]}, {}, "pages]] 2 name", "is listed twice"),
        ("a client that hides the standard library", {"client": {"package": "json"}}, {}, "client] package",
         "'json' is a module that programs import already"),
        ("a client that hides us", {}, {"SCHEMATA_CLIENT_PACKAGE": "schemata"}, "SCHEMATA_CLIENT_PACKAGE",
         "such as schemata_client"),
        ("a client that cannot be imported", {"client": {"package": "app$client"}}, {}, "client] package",
         "not a name that Python can import"),
        ("a client with a keyword's name", {"client": {"package": "class"}}, {}, "client] package", "can import"),
        ("a client at an absolute place", {"client": {"folder": "/srv/client"}}, {}, "client] folder",
         "is outside the project's folder"),
        ("a client beside the project", {"client": {"folder": "a/../../client"}}, {}, "client] folder",
         "SCHEMATA_CLIENT_DIR may be anywhere"),
        ("targets that are no table", {"targets": []}, {}, "[tool.schemata.targets]", "not a table of targets"),
        ("a target without a variable", {"targets": {"prod": {}}}, {}, "targets.prod]", "url_env is missing"),
        ("a target with a strange name", {"targets": {"a b": {"url_env": "X"}}}, {}, "targets.a b]", "valid name"),
        ("a password in the file", {"targets": {"prod": {"url_env": "X", "url": "postgresql://u:secret@h/d"}}}, {},
         "targets.prod] url", "does not belong in the file"),
        ("a URL as a variable", {"targets": {"prod": {"url_env": "postgresql://u:secret@h/d"}}}, {},
         "targets.prod] url_env", "not the name of an environment variable"),
        ("rules that are no array", {"ignore": {}}, {}, "[[tool.schemata.ignore]]", "not an array"),
        ("a rule without a reason", {"ignore": [{"kind": "table"}]}, {}, "ignore]] 1", "reason is missing"),
        ("a rule with an empty reason", {"ignore": [{"kind": "table", "reason": " "}]}, {}, "ignore]] 1 reason", "why"),
        ("a rule for everything", {"ignore": [{"target": "dev", "reason": "x"}]}, {}, "ignore]] 1",
         "ignore every difference"),
        ("a rule for an unknown target", {"ignore": [{"kind": "table", "target": "prd", "reason": "x"}]}, {},
         "ignore]] 1 target", "Known: dev"),
        ("a rule until no day", {"ignore": [{"kind": "table", "reason": "x", "until": "soon"}]}, {},
         "ignore]] 1 until", "not a date"),
        ("an unknown key of a page", {"pages": [PAGE | {"indx": "i"}]}, {}, "pages]] 1 indx", "Did you mean index?"),
    ],
)  # fmt: skip
def test_a_wrong_setting(table: dict[str, Any], environment: dict[str, str], where: str, words: str) -> None:
    """A wrong setting is named with its place, and the exit code says that the settings are wrong."""
    with pytest.raises(config.values.InvalidSetting) as caught:
        parsed(table, **environment)
    assert where in caught.value.where
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == errors.WRONG_SETTINGS


def test_the_project_is_found_from_a_folder_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest pyproject.toml with the table counts, as git finds its repository; others are passed by."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "outer"\n[tool.schemata]\nschemas = ["app"]\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "inner"\n')
    monkeypatch.chdir(inner)
    found = config.load(environ={})
    assert (found.root, found.name) == (tmp_path, "outer")
    assert config.load(environ={"SCHEMATA_ROOT": str(tmp_path)}).root == tmp_path


@cases.named(
    ("content", "words"),
    [
        ("not TOML", b"[tool.schemata\n", "is not TOML"),
        ("not UTF-8", b"# caf\xe9\n", "is not TOML in UTF-8"),
        ("no table", b"[tool.other]\n", "has no [tool.schemata]"),
        ("not a table", b"[tool]\nschemata = 1\n", "is not a table"),
        ("tool is no table", b"tool = 1\n", "has no [tool.schemata]"),
    ],
)
def test_a_broken_file(tmp_path: Path, content: bytes, words: str) -> None:
    """A pyproject.toml that cannot be read stops with exit code 2 and its path, not with a traceback."""
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(errors.ConfigError) as caught:
        config.load(tmp_path, {})
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == errors.WRONG_SETTINGS


def test_no_project_at_all(tmp_path: Path) -> None:
    """Without any project the error shows the table to add."""
    with pytest.raises(errors.ConfigError, match=r"no pyproject\.toml") as caught:
        config.find_root(tmp_path / "nowhere")
    assert "[tool.schemata]\n" in caught.value.hint
    with pytest.raises(errors.ConfigError, match="does not exist"):
        config.load(tmp_path / "nowhere", {})
