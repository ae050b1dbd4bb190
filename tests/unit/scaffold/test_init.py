"""`schemata init` on folders: what is missing is written, what is there is kept, a second run writes nothing."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from schemata import config, errors
from schemata.migrations import files as migration_files
from schemata.scaffold import contents, init
from schemata.system import directories
from tests.conftest import REPOSITORY


def actions(root: Path, **flags: object) -> dict[str, str]:
    """Run init and return what became of each file."""
    return {step.path: step.action for step in init.init(root, **flags).steps}  # type: ignore[arg-type]


def everything(root: Path) -> dict[str, str]:
    """Return every file below a folder with its text."""
    return {str(path.relative_to(root)): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


def test_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    """The settings are valid, tasks.py has the commands, and each schema has a folder."""
    found = actions(tmp_path, schemas="app,billing", name="shop", compose=True, dockerfile=True)
    assert set(found.values()) == {"create"}
    settings = config.load(tmp_path, {})
    assert (settings.name, settings.schemas) == ("shop", ("app", "billing"))
    assert migration_files.read(settings.migrations, settings.schemas) == ()
    assert (tmp_path / "migrations/billing").is_dir()
    assert {"compose.yaml", "Dockerfile", "tasks.py", ".github/workflows/schemata.yml"} <= found.keys()


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    """Every file is as it should be, and to the letter what it was."""
    actions(tmp_path, compose=True)
    before = everything(tmp_path)
    assert set(actions(tmp_path, compose=True).values()) == {"there"}
    assert everything(tmp_path) == before


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It says what would be written."""
    found = init.init(tmp_path, dry_run=True)
    assert {step.action for step in found.steps} == {"create"}
    assert everything(tmp_path) == {}


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    """Settings of others stay to the letter, lines are added at the end, and the result says what is lacking."""
    theirs = {
        "pyproject.toml": '[project]\nname = "their-shop"\n\n[tool.ruff]\nline-length = 99',
        "tasks.py": "from invoke import task\n",
        ".gitignore": "*.pyc\n.env",
        ".pre-commit-config.yaml": "repos: []\n",
        "compose.yaml": "services: {}\n",
    }
    for name, text in theirs.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    result = init.init(tmp_path, schemas="app", compose=True)
    after = everything(tmp_path)
    assert after["pyproject.toml"].startswith(theirs["pyproject.toml"] + "\n")
    assert tomllib.loads(after["pyproject.toml"])["tool"]["schemata"] == {"name": "their-shop", "schemas": ["app"]}
    assert after[".gitignore"] == "*.pyc\n.env\n.schemata/\nmigrations/seal\n"
    assert [after[name] for name in ("tasks.py", ".pre-commit-config.yaml", "compose.yaml")] == [
        theirs[name] for name in ("tasks.py", ".pre-commit-config.yaml", "compose.yaml")
    ]
    notes = {step.path: step.note for step in result.steps if step.action == "kept"}
    assert "schemata.tasks" in notes["tasks.py"]
    assert notes[".pre-commit-config.yaml"].count("- id: schemata-") == 2
    assert "postgres:18" in notes["compose.yaml"]
    before = everything(tmp_path)
    init.init(tmp_path, compose=True)
    assert everything(tmp_path) == before


def test_hooks_and_a_workflow_of_theirs_are_judged_by_what_they_hold(tmp_path: Path) -> None:
    """Both hooks, of wherever, and a step that asks the checklist are enough; else what is lacking is shown."""
    hooks, workflow = tmp_path / ".pre-commit-config.yaml", tmp_path / ".github/workflows/schemata.yml"
    hooks.write_text("repos:\n  - repo: x\n    hooks:\n      - {id: schemata-lint}\n", encoding="utf-8")
    workflow.parent.mkdir(parents=True)
    workflow.write_text("name: theirs\n", encoding="utf-8")
    notes = {step.path: step.note for step in init.init(tmp_path).steps if step.action == "kept"}
    lacking = yaml.safe_load(notes[hooks.name])[0]["hooks"]
    assert [hook["id"] for hook in lacking] == ["schemata-check"]
    assert "run: inv check" in notes[".github/workflows/schemata.yml"]
    hooks.write_text("repos:\n  - hooks: [{id: schemata-lint}, {id: 'schemata-check'}]\n", encoding="utf-8")
    workflow.write_text("steps:\n  - run: schemata check --junit x.xml\n", encoding="utf-8")
    found = actions(tmp_path)
    assert {found[hooks.name], found[".github/workflows/schemata.yml"]} == {"there"}


def test_the_hooks_look_where_the_migrations_are(tmp_path: Path) -> None:
    """The folder of the settings, to the letter; and what they run is what the hooks of this repository run."""
    (tmp_path / "pyproject.toml").write_text('[tool.schemata]\nschemas = ["app"]\nmigrations = "db/a.b"\n')
    init.init(tmp_path)
    (local,) = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert all(re.match(hook["files"], "db/a.b/app/app.20260101000000.x.sql") for hook in local["hooks"])
    assert not any(re.match(hook["files"], "db/aXb/app/app.20260101000000.x.sql") for hook in local["hooks"])
    published = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    facts = ("id", "entry", "pass_filenames", "require_serial")
    assert [[hook.get(fact) for fact in facts] for hook in local["hooks"]] == [
        [hook.get(fact) for fact in facts] for hook in published
    ]


def test_settings_that_cannot_be_appended_are_said(tmp_path: Path) -> None:
    """`tool` as an inline table takes no second table: the file stays, and the lines are shown."""
    (tmp_path / "pyproject.toml").write_text("tool = { other = {} }\n", encoding="utf-8")
    (step,) = [step for step in init.init(tmp_path).steps if step.path == "pyproject.toml"]
    assert step.action == "kept"
    assert "[tool.schemata]" in step.note


@pytest.mark.parametrize(
    ("text", "flags", "says"),
    [
        ("[tool", {}, "is not TOML"),
        ('[tool.schemata]\nschemas = ["app"]\n', {"schemas": "other"}, "--schemas says"),
        ('[tool.schemata]\nschemes = ["app"]\n', {}, "no such setting"),
        ("", {"schemas": "app,,x y"}, "--schemas"),
        ("", {"schemas": "schemata"}, "history_schema"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_written(
    tmp_path: Path, text: str, flags: dict[str, str], says: str
) -> None:
    """Settings that do not parse, other schemas than those that are there, names that no schema has."""
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(errors.ConfigError, match=says):
        init.init(tmp_path, **flags)  # type: ignore[arg-type]
    assert everything(tmp_path) == {"pyproject.toml": text}


def test_a_failure_leaves_what_a_second_run_goes_on_from(tmp_path: Path) -> None:
    """A file where a folder is wanted stops it; without it the rest is written, and nothing twice."""
    (tmp_path / "migrations").write_text("", encoding="utf-8")
    with pytest.raises(errors.ConfigError, match="cannot be written"):
        init.init(tmp_path)
    assert (tmp_path / "tasks.py").is_file()
    (tmp_path / "migrations").unlink()
    found = actions(tmp_path)
    assert found["tasks.py"] == "there"
    assert found["migrations/app/.gitkeep"] == found[".github/workflows/schemata.yml"] == "create"


def test_the_first_migrations_come_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where one cannot be written the folder is what it was."""
    folder = tmp_path / "migrations"
    (folder / "app").mkdir(parents=True)
    (folder / "app/.gitkeep").write_text("", encoding="utf-8")
    with pytest.raises(errors.ConfigError, match="no migration was written"):
        directories.put(folder, {"app/one.sql": "SELECT 1;\n", f"app/{'x' * 300}.sql": ""})
    assert everything(folder) == {"app/.gitkeep": ""}
    directories.put(folder, {"app/one.sql": "SELECT 1;\n"})
    assert everything(folder) == {"app/.gitkeep": "", "app/one.sql": "SELECT 1;\n"}


def test_what_is_written_for_others_is_valid(tmp_path: Path) -> None:
    """A name with quotes and a backslash is the same name when it is read again."""
    name = 'a "b" \\ c'
    assert tomllib.loads(contents.settings(name, ["app"]))["tool"]["schemata"]["name"] == name


@pytest.mark.parametrize("schema", ["pg_catalog", "information_schema", "pg_toast", "pg_mine"])
def test_a_schema_of_the_system_is_refused(tmp_path: Path, schema: str) -> None:
    """On the command line and in the settings alike; nothing is written."""
    with pytest.raises(errors.ConfigError, match=f"--schemas.*'{schema}' is a schema of the system"):
        init.init(tmp_path, schemas=f"app,{schema}")
    assert everything(tmp_path) == {}
    with pytest.raises(errors.ConfigError, match=f"'{schema}' is a schema of the system"):
        config.parse({"schemas": [schema]}, tmp_path, {})


def test_files_that_are_no_migrations_are_named(tmp_path: Path) -> None:
    """Those of another tool stand where this one does not look."""
    (tmp_path / "migrations").mkdir()
    assert not init.init(tmp_path).notes
    for number in (1, 2):
        (tmp_path / f"migrations/00{number}_old.sql").write_text("SELECT 1;\n")
    (note,) = init.init(tmp_path).notes
    assert note.startswith("migrations/001_old.sql and 1 more will not be applied")
