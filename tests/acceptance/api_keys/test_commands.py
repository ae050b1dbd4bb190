"""The commands of API keys, and the key that dev-up makes: shown once, stored as a hash, revoked for good."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from services.api_keys import keys
from tests.conftest import REPOSITORY, Project

KEY = re.compile(r"sk_([a-z0-9]{8})_([A-Za-z0-9]{40})")


@pytest.fixture
def ours(project: Project, platform: str) -> Project:
    """Give a project with this repository's settings and commands, on a migrated database."""
    for name in ("pyproject.toml", "tasks.py"):
        shutil.copy(REPOSITORY / name, project.root / name)
    project.url = platform
    return project


def row(url: str, prefix: str) -> tuple[Any, ...]:
    """Return what is stored of a key."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT name, key_hash, scopes, expires_at - k.created_at, revoked_at, email, role, status"
            " FROM public.api_keys AS k JOIN public.users AS u ON u.id = user_id WHERE prefix = %s",
            (prefix,),
        ).fetchone()
    assert found is not None
    return found


def test_a_key_is_shown_once_and_only_its_hash_is_kept(ours: Project, dump: Callable[[str], str]) -> None:
    """The first line is the key; nothing else that is printed or stored has its secret."""
    made = ours.inv("api-key-new", "reporting", "--scopes", "financial:read,trading:read", "--expires", "90d")
    assert made.returncode == 0, made.stderr
    text = made.stdout.splitlines()[0]
    match = KEY.fullmatch(text)
    assert match, made.stdout
    assert made.stdout.count(match[2]) == 1
    assert match[2] not in made.stderr
    name, hashed, scopes, lasts, revoked, email, role, status = row(ours.url, match[1])
    assert (name, scopes, lasts.days, revoked) == ("reporting", ["financial:read", "trading:read"], 90, None)
    assert hashed == hashlib.sha256(text.encode()).digest()
    assert (email, role, status) == ("reporting@service.invalid", "service", "active")
    listed = ours.inv("api-key-list")
    assert re.search(rf"^{match[1]} +reporting ", listed.stdout, re.M)
    for everything in (listed.stdout, ours.inv("api-key-list", "--json").stdout, dump(ours.url)):
        assert match[2] not in everything


def test_a_key_for_programs(ours: Project) -> None:
    """With --json the key and its facts are one document, also what became of it."""
    made = json.loads(ours.inv("api-key-new", "ci", "--scopes", "trading:write", "--json").stdout)
    assert KEY.fullmatch(made["key"])
    assert (made["ok"], made["name"], made["scopes"], made["expires_at"]) == (True, "ci", ["trading:write"], None)
    assert "***" in made["target"]
    (listed,) = json.loads(ours.inv("api-key-list", "--json").stdout)["keys"]
    assert (listed["prefix"], listed["state"], listed["last_used_at"]) == (made["prefix"], "good", None)
    revoked = json.loads(ours.inv("api-key-revoke", made["prefix"], "--json").stdout)
    assert (revoked["ok"], revoked["was_revoked"]) == (True, False)
    assert json.loads(ours.inv("api-key-revoke", "ci", "--json").stdout)["was_revoked"] is True
    (listed,) = json.loads(ours.inv("api-key-list", "--json").stdout)["keys"]
    assert listed["state"] == "revoked"
    with psycopg.connect(ours.url) as connection:
        found = connection.execute(
            "SELECT action, entity_table, actor_id, details ->> 'prefix', details ->> 'database_role'"
            " FROM public.audit_log ORDER BY id"
        ).fetchall()
        role = connection.info.user
    assert found == [(f"api_key.{what}", "api_keys", None, made["prefix"], role) for what in ("create", "revoke")]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("api-key-new", "x"), 2, "--scopes is missing"),
        (("api-key-new", "x", "--scopes", "financial:reed"), 2, "'financial:reed' is not a scope"),
        (("api-key-new", " ", "--scopes", "financial:read"), 2, "name is empty"),
        (("api-key-new", "x", "--scopes", "financial:read", "--expires", "soon"), 2, "--expires soon"),
        (("api-key-new", "x", "--scopes", "financial:read", "--expires", "0d"), 2, "--expires 0d"),
        (("api-key-new", "x", "--scopes", "financial:read", "--user", "no@body"), 1, "there is no user no@body"),
        (("api-key-new", "taken", "--scopes", "financial:read"), 1, "has a key named 'taken' already"),
        (("api-key-new", "x", "--scopes", "financial:read", "--url", "postgresql://u:word@127.0.0.1:1/d"), 3, "***@"),
        (("api-key-revoke", "nobody"), 1, "there is no key with the name or prefix 'nobody'"),
        (("api-key-revoke", "twice"), 1, "2 keys are named 'twice'"),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, tuple) else None,
)
def test_what_is_not_possible_is_refused(ours: Project, arguments: tuple[str, ...], code: int, says: str) -> None:
    """Each refusal names what is wrong and what to type, and changes nothing."""
    with psycopg.connect(ours.url, autocommit=True) as connection:
        for name, users in (("taken", ("taken@service.invalid",)), ("twice", ("a@example.com", "b@example.com"))):
            for email in users:
                made = keys.make()
                connection.execute(
                    "WITH u AS (INSERT INTO public.users (email, display_name, status) VALUES (%s, 'x', 'active')"
                    " RETURNING id) INSERT INTO public.api_keys (user_id, name, prefix, key_hash)"
                    " SELECT id, %s, %s, %s FROM u",
                    (email, name, made.prefix, made.hash),
                )
        before = connection.execute("SELECT count(*), sum(id) FROM public.audit_log").fetchone()
        refused = ours.inv(*arguments)
        assert refused.returncode == code, refused.stdout + refused.stderr
        assert says in refused.stderr
        assert len(refused.stderr.strip().splitlines()) >= 2
        assert "Traceback" not in refused.stderr
        assert "word" not in refused.stderr
        assert connection.execute("SELECT count(*), sum(id) FROM public.audit_log").fetchone() == before
        assert connection.execute("SELECT count(*) FROM public.users").fetchone() == (3,)


def test_a_key_of_a_person(ours: Project) -> None:
    """--user makes it that user's; one who is not active gets none, since it would be refused."""
    with psycopg.connect(ours.url, autocommit=True) as connection:
        connection.execute("INSERT INTO public.users (email, display_name) VALUES ('ada@example.com', 'Ada')")
        arguments = ("api-key-new", "laptop", "--scopes", "financial:read", "--user", "Ada@example.com")
        refused = ours.inv(*arguments)
        assert refused.returncode == 1
        assert "ada@example.com is invited" in refused.stderr
        connection.execute("UPDATE public.users SET status = 'active'")
    made = ours.inv(*arguments)
    assert made.returncode == 0, made.stderr
    assert row(ours.url, made.stdout[3:11])[5] == "ada@example.com"


def test_without_the_tables_it_says_what_to_type(ours: Project, database: str) -> None:
    """A database that is not migrated is exit 1 with the command that does it."""
    for arguments in (("api-key-new", "x", "--scopes", "financial:read"), ("api-key-list",), ("api-key-revoke", "x")):
        refused = ours.inv(*arguments, "--url", database)
        assert refused.returncode == 1
        assert "inv migrate" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_whole_key_is_revoked_without_being_shown(ours: Project) -> None:
    """Somebody who found a key may paste it; the answer has its prefix."""
    made = json.loads(ours.inv("api-key-new", "leaked", "--scopes", "trading:read", "--json").stdout)
    done = ours.inv("api-key-revoke", made["key"])
    assert done.returncode == 0
    assert made["key"] not in done.stdout + done.stderr
    assert row(ours.url, made["prefix"])[4] is not None


def run(module: str, project: Project, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a module of services.api_keys."""
    return project.run([sys.executable, "-m", f"services.api_keys.{module}", *arguments], **extra)


def test_a_key_of_a_secret_is_registered_once(ours: Project, tmp_path: Path) -> None:
    """The key of a file is stored; again changes nothing; one that was revoked, or may do less, is refused."""
    made = keys.make()
    secret = tmp_path / "secret"
    secret.write_text(f"{made.text}\n")
    first = run("register", ours, "edge", "financial:read", str(secret))
    assert (first.returncode, first.stderr) == (0, "")
    assert "is stored now" in first.stdout
    assert row(ours.url, made.prefix)[1:3] == (made.hash, ["financial:read"])
    again = run("register", ours, "edge", "financial:read", str(secret))
    assert "was stored already" in again.stdout
    more = run("register", ours, "edge", "financial:read,financial:write", str(secret))
    assert more.returncode == 1
    assert "it has only the scopes financial:read" in more.stderr
    assert ours.inv("api-key-revoke", "edge").returncode == 0
    revoked = run("register", ours, "edge", "financial:read", str(secret))
    assert revoked.returncode == 1
    assert "it was revoked" in revoked.stderr
    secret.write_text(keys.make().text)
    assert run("register", ours, "edge", "financial:read", str(secret)).returncode == 0
    from_variable = run("register", ours, "edge", "financial:read", SERVICES_API_KEY=keys.make().text)
    assert "is stored now" in from_variable.stdout
    assert run("register", ours, "edge", "financial:read").returncode == 2
    for text, code in (("", 2), ("secret\nword", 2), (None, 2)):
        if text is None:
            secret.unlink()
        else:
            secret.write_text(text)
        refused = run("register", ours, "edge", "financial:read", str(secret))
        assert refused.returncode == code
        assert "Traceback" not in refused.stderr
        assert "word" not in refused.stderr
    for done in (first, again, more, revoked):
        assert made.text not in done.stdout + done.stderr


def test_the_key_for_development(ours: Project, tmp_path: Path) -> None:
    """It is made once, in a file for its owner alone; it follows to another database; a revoked one is replaced."""
    folder = tmp_path / "kept"
    folder.mkdir()
    file = folder / "api-key"
    given = {"SCHEMATA_AFTER_UP_DIR": str(folder), "FINANCIAL_SVC_URL": "http://127.0.0.1:1"}
    first = run("development", ours, **given)
    assert first.returncode == 0, first.stderr
    assert file.stat().st_mode & 0o777 == stat.S_IRUSR | stat.S_IWUSR
    text = file.read_text().strip()
    match = KEY.fullmatch(text)
    assert match
    assert set(row(ours.url, match[1])[2]) == set(keys.SCOPES)
    assert text not in first.stdout, "the key is in the file, not in what a CI job keeps"
    assert first.stdout.splitlines()[-1].strip() == (
        f'curl -H "Authorization: Bearer $(cat {file})" http://127.0.0.1:1/clients'
    )
    assert run("development", ours, **given).stdout == first.stdout
    elsewhere = run("development", ours, **given, SCHEMATA_SERVER_KIND="external")
    assert "inv api-key-new" in elsewhere.stdout, "an external server is perhaps not for development"
    assert file.read_text().strip() == text
    assert ours.inv("api-key-revoke", "development").returncode == 0
    assert run("development", ours, **given).returncode == 0
    assert file.read_text().strip() != text
    with psycopg.connect(ours.url) as connection:
        count = connection.execute("SELECT count(*), count(revoked_at) FROM public.api_keys").fetchone()
        assert count == (2, 1)
        # Another database that is migrated and knows no key, as after a change of the server.
        connection.execute("DELETE FROM public.api_keys")
    text = file.read_text()
    assert run("development", ours, **given).returncode == 0
    assert file.read_text() == text
    assert os.listdir(folder) == ["api-key"]
