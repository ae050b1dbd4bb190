"""`inv check`: green for a project that is in order, and red on the one line that is not."""

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from schemata.checklist import lines
from tests.conftest import Project

PAGE = """
    [tool.schemata.check]
    documents = ["README.md", "docs/*.md"]

    [[tool.schemata.pages]]
    name = "things"
    table = "app.things"
    order = ["id desc"]
    index = "things_pkey"
    """
THINGS = "app.20260101000000.create_things"
FIRST = (
    "-- Things.\nCREATE TABLE app.things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);\n"
)


@pytest.fixture
def ordered(project: Project) -> Project:
    """Return a project that is in order: locked, with a page and a document."""
    project.configure(PAGE)
    project.write(THINGS, FIRST, "DROP TABLE app.things;\n")
    (project.root / "README.md").write_text("The things are in `app.things`.\n")
    (project.root / "docs").mkdir()
    (project.root / "docs" / "notes.md").write_text("Nothing yet.\n")
    locked = project.inv("lock")
    assert locked.returncode == 0, locked.stderr
    return project


def test_a_project_in_order_is_green(ordered: Project) -> None:
    """Every line is answered, on temporary databases: the project's own is not even there."""
    ordered.url = "postgresql://nobody@127.0.0.1:1/nowhere"
    done = ordered.inv("check", "--json", "--junit", "build/check.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["ok"]
    assert {line["name"]: line["result"] for line in found["checks"]} == {
        **{step.name: "ok" for step in lines.STEPS},
        "client": "not asked",
    }
    suite = ElementTree.parse(ordered.root / "build" / "check.xml").getroot()[0]
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["skipped"]) == (
        str(len(lines.STEPS)),
        "0",
        "1",
    )
    assert not (ordered.root / ".schemata" / "data").exists()


def _deletes_all(project: Project) -> None:
    project.write("app.20260102000000.delete_all", "-- All.\nDELETE FROM app.things;\n")


def _unlocked(project: Project) -> None:
    project.write("app.20260102000000.create_more", "-- More.\nCREATE TABLE app.more (id int PRIMARY KEY);\n")


def _does_not_run(project: Project) -> None:
    project.write("app.20260102000000.create_more", "-- More.\nALTER TABLE app.absent ADD COLUMN one int;\n")


def _expects_another_structure(project: Project) -> None:
    path = project.root / "migrations" / "manifest"
    told = [line.split(" ") for line in path.read_text().splitlines()]
    (line,) = [words for words in told if words[2:3] == ["app"]]
    line[3] = line[3][::-1]
    path.write_text("\n".join(" ".join(words) for words in told) + "\n")


def _page_without_index(project: Project) -> None:
    project.configure(PAGE.replace('["id desc"]', '["name", "id"]'))


def _not_mentioned(project: Project) -> None:
    (project.root / "README.md").write_text("The things are in app.things_of_old and my.app.things.\n")


def _rewrites(project: Project) -> None:
    sql = "-- Tokens.\nALTER TABLE app.things ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();\n"
    project.write("app.20260102000000.add_token", sql, "ALTER TABLE app.things DROP COLUMN token;\n")


def _forgets_a_column(project: Project) -> None:
    sql = "-- Two more.\nALTER TABLE app.things ADD COLUMN one int, ADD COLUMN two int;\n"
    project.write("app.20260102000000.add_two", sql, "ALTER TABLE app.things DROP COLUMN one;\n")


def _stale_client(project: Project) -> None:
    project.configure(f'{PAGE}\n    [tool.schemata.client]\n    package = "things_client"\n')


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("lint", _deletes_all, "app.20260102000000.delete_all"),
        ("lock-file", _unlocked, "app.20260102000000.create_more"),
        ("fresh-database", _does_not_run, 'relation "app.absent" does not exist'),
        ("existing-database", _rewrites, "app.20260102000000.add_token"),
        ("rollbacks", _forgets_a_column, "app.20260102000000.add_two"),
        ("smoke", _expects_another_structure, "than the migrations make"),
        ("query-plans", _page_without_index, "things"),
        ("documents", _not_mentioned, "app.things"),
        ("client", _stale_client, "things_client"),
    ],
)
def test_a_line_goes_red(ordered: Project, name: str, damage: Callable[[Project], None], told: str) -> None:
    """What is not in order is red on its own line, with what to do; nothing else is."""
    damage(ordered)
    done = ordered.inv("check", "--only", name)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 of 1 checks failed." in done.stdout
    assert told in done.stdout
    assert "Traceback" not in done.stderr


def test_what_is_accepted_on_record_is_green_also_when_it_is_rehearsed_again(ordered: Project) -> None:
    """The reason on record counts for those very files, and is not asked for once more; the finding names the file."""
    _rewrites(ordered)
    refused = ordered.inv("check", "--only", "existing-database")
    assert refused.returncode == 1
    assert "rewrite: migrations/app/app.20260102000000.add_token.sql:2: " in refused.stdout
    attested = ordered.inv("rehearse", "--all", "--attest", "--accept", "the table is small")
    assert attested.returncode == 0, attested.stdout + attested.stderr
    again = ordered.inv("check", "--again", "--json", "--only", "existing-database")
    assert again.returncode == 0, again.stdout
    (line,) = json.loads(again.stdout)["checks"]
    assert "1 error" in line["found"]
    assert "1 migration accepted on record" in line["found"]
    sql = "-- Tokens.\nALTER TABLE app.things ADD COLUMN key uuid DEFAULT gen_random_uuid();\n"
    ordered.write("app.20260102000000.add_token", sql, "ALTER TABLE app.things DROP COLUMN key;\n")
    assert ordered.inv("check", "--again", "--only", "existing-database").returncode == 1


def test_what_a_failed_line_would_have_made_is_not_asked(ordered: Project) -> None:
    """Migrations that do not run leave no database for the lines after them: those say so, and are not green."""
    _does_not_run(ordered)
    done = ordered.inv("check", "--json", "--only", "fresh-database,smoke,documents")
    assert done.returncode == 1
    results = {line["name"]: line["result"] for line in json.loads(done.stdout)["checks"]}
    assert results == {"fresh-database": "FAILED", "smoke": "not asked", "documents": "not asked"}


def test_what_is_attested_is_not_rehearsed_again(ordered: Project) -> None:
    """A proof on record counts until the file is edited; --again asks for a new one."""
    attested = ordered.inv("rehearse", "--all", "--attest")
    assert attested.returncode == 0, attested.stdout + attested.stderr
    (line,) = (ordered.root / "migrations" / "attestations").read_text().splitlines()[2:]
    assert "lint=ok rehearsal=ok rollback=proved" in line
    names = ("--json", "--only", "existing-database,rollbacks")

    def found(*flags: str) -> list[str]:
        return [line["found"] for line in json.loads(ordered.inv("check", *names, *flags).stdout)["checks"]]

    assert found() == ["1 migration attested", "1 migration attested"]
    assert found("--again") == ["1 rehearsed: no finding", "1 rollback proved"]
    ordered.write(THINGS, FIRST, "DROP TABLE app.things; -- edited\n")
    assert found() == ["1 rehearsed: no finding", "1 rollback proved"]


def test_a_check_that_does_not_exist_is_refused(ordered: Project) -> None:
    """A misspelt name is no check that passed."""
    done = ordered.inv("check", "--only", "lock-fil")
    assert done.returncode == 2
    assert "Did you mean lock-file?" in done.stderr
    ordered.configure(PAGE.replace("docs/*.md", "absent/*.md"))
    done = ordered.inv("check", "--only", "documents")
    assert done.returncode == 2
    assert "absent/*.md" in done.stdout
