"""The repository is what it says: its top level, its files, its migrations, its links."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import schemata
from schemata.migrations import files
from tests.conftest import REPOSITORY

NEEDED = {
    ".ci", ".dockerignore", ".env.example", ".github", ".gitignore", ".pre-commit-config.yaml",
    ".pre-commit-hooks.yaml", "CHANGELOG.md",
    "CONTRIBUTING.md", "DEVELOPERS.md", "LICENSE", "README.md", "action.yml", "benchmarks", "compose.yaml", "deploy",
    "docs", "migrations", "noxfile.py", "pyproject.toml", "schemata", "scripts", "services", "tasks.py", "tests",
}  # fmt: skip
# They may come, nothing else may.
PLANNED = {"uv.lock"}

SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def _ignored() -> set[str]:
    lines = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    return {line.rstrip("/") for line in lines if line and not line.startswith("#")} | {".git"}


def _files() -> Iterator[Path]:
    """Yield what belongs to the repository; without git, which a downloaded archive does not have."""
    for folder, folders, names in os.walk(REPOSITORY):
        here = Path(folder)
        folders[:] = [name for name in folders if name not in _ignored() and not name.endswith(".egg-info")]
        for name in names:
            path = here / name
            if name not in _ignored() and path.relative_to(REPOSITORY).as_posix() not in _ignored():
                yield path


def test_the_top_level_is_the_documented_one() -> None:
    """`ls` shows what the design says, and nothing else."""
    found = {path.relative_to(REPOSITORY).parts[0] for path in _files()}
    assert found >= NEEDED - {"benchmarks"}
    assert found <= NEEDED | PLANNED


def test_no_file_names_a_machine_or_a_registry() -> None:
    """Nothing depends on where it was written or on where packages come from."""
    # In pieces, so that this file does not find itself.
    hosts = ["pypi" r"\.org", r"python[h]osted", "registry" r"\.npmjs", "ghcr" r"\.io"]
    paths = ["/" f"{name}" r"(?=[/\s\"'`]|$)" for name in ("work", "root")]
    wrong = re.compile("|".join([*hosts, *(rf"(?<![\w.*}}]){path}" for path in paths)]))
    found = []
    for path in _files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if wrong.search(line):
                found.append(f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}")
    assert found == []


def test_every_migration_says_what_it_is_and_how_it_goes_back() -> None:
    """Each has a good name, a title, and a rollback or the reason why there is none."""
    found = files.with_rollbacks(files.read(REPOSITORY / "migrations", SETTINGS["tool"]["schemata"]["schemas"]))
    assert len(found) >= 25
    for item in found:
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", item.slug), item.id
        assert item.directives.title.endswith("."), item.id
        assert item.rollback_sql.strip() or item.directives.irreversible, item.id


def test_the_package_says_its_licence_and_version() -> None:
    """Licence, types and version are where tools look for them."""
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert SETTINGS["project"]["license"] == "Apache-2.0"
    assert (REPOSITORY / "schemata" / "py.typed").exists()
    assert f"## [{schemata.__version__}]" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def _shell_scripts() -> Iterator[Path]:
    """Yield the scripts of a shell: those that say so in their first line, and what they source."""
    for path in _files():
        if path.suffix == ".sh" or path == REPOSITORY / "scripts/venv":
            yield path
        elif not path.suffix and path.read_bytes()[:2] == b"#!":
            first = path.read_text(encoding="utf-8").partition("\n")[0]
            if re.search(r"\b(ba)?sh\b", first):
                yield path


@pytest.mark.parametrize("path", sorted(_shell_scripts()), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_scripts_parse(path: Path) -> None:
    """Each script is valid for the shell that its first line names, and can be run."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    shell = "bash" if "bash" in first else "sh"
    assert subprocess.run([shell, "-n", path], check=False).returncode == 0
    # `bash .ci/run` is how it is called: a checkout may have lost its modes.
    if first.startswith("#!") and path != REPOSITORY / ".ci/run":
        assert os.access(path, os.X_OK)


def test_the_scripts_of_a_fresh_clone_are_there() -> None:
    """What the README and the CI call is among the scripts that were looked at."""
    found = {path.relative_to(REPOSITORY).as_posix() for path in _shell_scripts()}
    assert found >= {"scripts/onboard", "scripts/test", "scripts/venv", ".ci/run"}


def test_the_hooks_need_no_network_and_name_what_is_there() -> None:
    """Each hook is a program of .venv or git; its files exist, and no hook is fetched from anywhere."""
    repositories = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [item["repo"] for item in repositories] == ["local"]
    hooks = repositories[0]["hooks"]
    assert {"ruff-check", "ruff-format", "mypy", "migrations"} <= {hook["id"] for hook in hooks}
    for hook in hooks:
        program, *arguments = hook["entry"].split()
        assert hook["language"] == "system"
        assert program == "git" or program.startswith(".venv/bin/")
        for word in arguments:
            if word.endswith(".py"):
                assert (REPOSITORY / word).is_file()
        if "files" in hook:
            there = [path.relative_to(REPOSITORY).as_posix() for path in _files()]
            assert any(re.search(hook["files"], name) for name in there), hook["id"]


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("docs/decisions/*.md")), ids=lambda path: path.stem)
def test_a_decision_has_four_parts(path: Path) -> None:
    """A decision says its context, the choice, the consequence, and what would change it."""
    text = path.read_text(encoding="utf-8")
    for part in ("*Context.*", "*Choice.*", "*Consequence.*", "*What would change our mind.*"):
        assert part in text


@pytest.mark.parametrize(
    "path",
    [*sorted(REPOSITORY.glob("*.md")), *sorted(REPOSITORY.glob("docs/**/*.md"))],
    ids=lambda path: path.relative_to(REPOSITORY).as_posix(),
)
def test_links_lead_somewhere(path: Path) -> None:
    """A link to a file of the repository leads to one, and to a heading that it has."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text(encoding="utf-8")):
        name, _, heading = target.partition("#")
        there = path.parent / name if name else path
        assert there.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), flags=re.M)
            assert heading in [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings], target
