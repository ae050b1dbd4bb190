"""Plain yoyo and we read and write the same history."""

import os
import re
import sys
from pathlib import Path

import psycopg
import pytest

from schemata import config
from schemata.migrations import files
from tests.acceptance.conftest import CommandLine
from tests.conftest import REPOSITORY, Project, confirm

YOYO = Path(sys.executable).with_name("yoyo")


def _yoyo(project: Project, url: str, command: str, *folders: Path) -> str:
    """Return what a plain yoyo prints, once it has ended well."""
    source = f"{url.replace('postgresql://', 'postgresql+psycopg://')}?schema=schemata"
    ended = project.run(
        [str(YOYO), command, "--no-config-file", "--batch", "-d", source, *[os.fspath(folder) for folder in folders]]
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _listed(text: str) -> dict[str, str]:
    """Return the state of each migration in the output of `yoyo list`: A(pplied) or U(napplied)."""
    return {match[2]: match[1] for match in re.finditer(r"(?m)^([AU])\s+(\S+)", re.sub(r"\x1b\[[\d;]*m", "", text))}


def test_yoyo_lists_every_migration_of_the_platform_as_applied(project: Project, platform: str) -> None:
    """`yoyo list` with all folders in one call shows A for each, and U for what we rolled back."""
    settings = config.load(REPOSITORY, {})
    sources = files.read(settings.migrations, settings.schemas)
    folders = [settings.migrations / schema for schema in settings.schemas]
    assert _listed(_yoyo(project, platform, "list", *folders)) == {item.id: "A" for item in sources}
    rollback = ["rollback", confirm(platform), "--url", platform, "--steps", "2"]
    ended = project.run(
        [sys.executable, "-m", "invoke", "-r", str(REPOSITORY), *rollback],
        SCHEMATA_ROOT=str(REPOSITORY),
        SCHEMATA_BACKUPS_POLICY="never",
    )
    assert ended.returncode == 0, ended.stderr
    states = _listed(_yoyo(project, platform, "list", *folders))
    assert states == {item.id: "U" if item in sources[-2:] else "A" for item in sources}


@pytest.fixture
def by_yoyo(project: Project) -> Project:
    """Give a project whose two migrations were applied by a plain yoyo into the schema `schemata`."""
    project.write("app.20250101000001.one", "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
    project.write(
        "app.20250101000002.two",
        "-- Two.\n-- depends: app.20250101000001.one\nCREATE TABLE app.two (id int);\n",
        "DROP TABLE app.two;\n",
    )
    with psycopg.connect(project.url) as connection:
        connection.execute("CREATE SCHEMA schemata; CREATE SCHEMA app")
    _yoyo(project, project.url, "apply", project.root / "migrations" / "app")
    return project


def test_what_a_plain_yoyo_applied_is_seen_and_can_be_adopted(by_yoyo: Project, schemata: CommandLine) -> None:
    """Status calls it unverified and a migrate goes on from it; a baseline accepts the files as what ran."""
    project = by_yoyo
    document = schemata.json("migrate-status")
    assert [(row["state"]) for row in document["migrations"]] == ["unverified", "unverified"]
    assert all(row["applied_at"] for row in document["migrations"])
    project.write("app.20250101000003.three", "-- Three.\nCREATE TABLE app.three ();\n", "DROP TABLE app.three;\n")
    assert [item["id"] for item in schemata.json("migrate")["applied"]] == ["app.20250101000003.three"]
    states = [row["state"] for row in schemata.json("migrate-status")["migrations"]]
    assert states == ["unverified", "unverified", "applied"]
    assert schemata("migrate-baseline", schemata.confirm, "--through", "app.20250101000002.two").returncode == 0
    document = schemata.json("migrate-status")
    assert [row["state"] for row in document["migrations"]] == ["baselined", "baselined", "applied"]
    assert document["findings"] == []
    # From here on an edit is seen.
    project.write("app.20250101000001.one", "-- One.\nCREATE TABLE app.one (id text);\n")
    assert schemata.json("migrate-status", code=1)["migrations"][0]["state"] == "changed"


def test_yoyo_and_we_take_turns(by_yoyo: Project, schemata: CommandLine) -> None:
    """Yoyo lists what we applied after it, and rolls it back; we see that."""
    project = by_yoyo
    folder = project.root / "migrations" / "app"
    three = "app.20250101000003.three"
    project.write(three, "-- Three.\nCREATE TABLE app.three ();\n", "DROP TABLE app.three;\n")
    assert schemata("migrate").returncode == 0
    assert set(_listed(_yoyo(project, project.url, "list", folder)).values()) == {"A"}
    _yoyo(project, project.url, "rollback", "-m", three, folder)  # type: ignore[arg-type]
    assert _listed(_yoyo(project, project.url, "list", folder))[three] == "U"
    document = schemata.json("migrate-status", code=1)
    assert [row["state"] for row in document["migrations"]] == ["unverified", "unverified", "pending"]
    # Yoyo knows nothing of our summary, nor of the structure that we noted.
    assert {finding["code"] for finding in document["findings"]} == {"unverified", "pending", "head", "drift"}
    assert schemata("migrate").returncode == 0
    # What yoyo ran beside us looks like drift, until the migrations were run elsewhere.
    assert schemata("parity").returncode == 0
    assert schemata.json("migrate-status")["ok"] is True


def test_a_yoyo_that_works_is_waited_for(by_yoyo: Project, schemata: CommandLine) -> None:
    """Where yoyo holds its lock row a migrate waits, names its process id, and gives up as busy."""
    project = by_yoyo
    assert schemata("migrate").returncode == 0
    project.write("app.20250101000003.three", "-- Three.\nSELECT 1;\n")
    with psycopg.connect(project.url, autocommit=True) as connection:
        connection.execute("INSERT INTO schemata.yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4711)")
        schemata.refused("migrate", "--lock-wait", "50ms", code=5, says=("yoyo's lock row", "4711", "--lock-wait"))
        ended = schemata("migrate-status")
        assert ended.returncode == 0
        assert "plain yoyo holds its lock row (client pid 4711)" in ended.stdout
        connection.execute("DELETE FROM schemata.yoyo_lock")
    assert schemata("migrate").returncode == 0


def test_what_yoyo_rolled_back_behind_us_is_pending(by_yoyo: Project, schemata: CommandLine) -> None:
    """Its log says so, although our summary still counts it and no attempt of ours knows of it."""
    project = by_yoyo
    two = "app.20250101000002.two"
    assert schemata("migrate").returncode == 0
    _yoyo(project, project.url, "rollback", "-m", two, project.root / "migrations" / "app")  # type: ignore[arg-type]
    document = schemata.json("migrate-status", code=1)
    assert {finding["code"] for finding in document["findings"]} == {"unverified", "pending", "head", "drift"}
    assert [item["id"] for item in schemata.json("migrate")["applied"]] == [two]
    assert schemata("parity").returncode == 0
    assert schemata.json("migrate-status")["ok"] is True


def test_what_yoyo_applied_and_did_not_mark_is_not_applied_again(by_yoyo: Project, schemata: CommandLine) -> None:
    """Yoyo commits a migration, its log and its mark one by one: after a crash in between a person says what is so."""
    two = "app.20250101000002.two"
    with psycopg.connect(by_yoyo.url) as connection:
        connection.execute("DELETE FROM schemata._yoyo_migration WHERE migration_id = %s", [two])
    says = (
        f"{two}: has no row in _yoyo_migration, but the table attempts or yoyo's log has it as applied",
        "migrate-resolve",
    )
    schemata.refused("migrate", code=1, says=says)
    boot = by_yoyo.boot("--", "echo", "started")
    assert (boot.returncode, boot.stdout) == (1, "")
    assert schemata.json("migrate-status", code=1)["migrations"][1]["state"] == "record-lost"
    assert schemata("migrate-resolve", schemata.confirm, two, "--applied").returncode == 0
    assert schemata("migrate").returncode == 0
    assert [row["state"] for row in schemata.json("migrate-status")["migrations"]] == ["unverified", "resolved"]
