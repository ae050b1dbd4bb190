"""docs/cold-start.md: what cannot run as it stands there, because it needs Docker or a cluster, is true."""

import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from schemata import boot, errors
from tests.coldstart import cells
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs/cold-start.md").read_text(encoding="utf-8")


def _rows(heading: str) -> list[list[str]]:
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _block(name: str) -> list[list[str]]:
    """Return the words of each command of a block, without its comments and line ends."""
    found = re.search(rf"<!-- runs: {re.escape(name)} -->\n```text\n(.*?)```", TEXT, flags=re.S)
    assert found, name
    lines = found[1].replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def _yaml(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8")))


def test_the_states_are_those_of_the_matrix() -> None:
    """The table has each starting state that is tested, in its order and with its meaning, and no other."""
    listed = [(row[0], row[1]) for row in _rows("Starting states, and what must come of them") if len(row) == 3]
    assert [name for name, _ in listed] == [state.name for state in cells.STATES]
    for (_, said), state in zip(listed, cells.STATES, strict=True):
        meaning = re.sub(r": (refused|starts).*", "", state.meaning)
        assert said.replace("×", "x") == meaning


def test_the_exit_codes_are_those_of_the_code() -> None:
    """Each exit code of a cold start has its row; 0 needs none, and 4 is of another command."""
    listed = {int(code) for row in _rows("How it fails") for code in row[0].split(", ")}
    known = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}
    assert listed == known - {errors.DONE, errors.PENDING}


def test_the_picture_is_a_picture_that_says_what_it_shows() -> None:
    """The SVG is well formed, says in words what it shows, needs nothing from elsewhere, and has each step."""
    source = (REPOSITORY / "docs/cold-start.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(source)
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title")
    assert len(root.findtext(f"{space}desc") or "") > 100
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", source) == []
    drawn = " ".join(item.text or "" for item in root.iter(f"{space}text"))
    for step, *_ in _rows("The sequence"):
        assert step in drawn
    assert "(cold-start.svg)" in TEXT


def test_the_entrypoint_knows_its_flags() -> None:
    """The usage that stands at the top names each option of the entrypoint but --url, and no other."""
    usage = TEXT.partition("```text\n")[2].partition("```")[0]
    assert set(re.findall(r"--[a-z-]+", usage)) == set(re.findall(r"--[a-z-]+", boot.USAGE)) - {"--url", "--help"}


def test_the_compose_commands_name_what_there_is() -> None:
    """The services, profiles and variables that are typed are those of compose.yaml."""
    services = _yaml("compose.yaml")["services"]
    source = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    ran = scaled = 0
    for words in _block("compose"):
        for word in words:
            if found := re.fullmatch(r"([A-Z_]+)=.*", word):
                assert "${" + found[1] in source
        if "run" in words:
            assert services[words[-1]]["profiles"] == ["tools"]
            ran += 1
        if "--scale" in words:
            assert words[words.index("--scale") + 1].partition("=")[0] in services
            scaled += 1
        if words[0] == "cp":
            assert (REPOSITORY / words[1]).is_file()
    assert (ran, scaled) == (2, 1)


def test_the_docker_commands_name_what_there_is() -> None:
    """The Dockerfile is there, and the service that is run is started as compose.yaml starts it."""
    build, run = _block("tests/docker")
    assert (REPOSITORY / build[build.index("-f") + 1]).is_file()
    image = build[build.index("-t") + 1]
    assert _yaml("compose.yaml")["services"]["financial-svc"]["image"] == f"${{APP_IMAGE:-{image}}}"
    assert run[run.index(image) + 1 :] == _yaml("compose.yaml")["services"]["financial-svc"]["command"]


def test_the_swarm_is_deployed_as_the_test_of_the_swarm_does() -> None:
    """The command is the one that test_swarm.py runs, and the variables are those of the stack."""
    (deploy,) = (words for words in _block("swarm") if words[:3] == ["docker", "stack", "deploy"])
    file = deploy[deploy.index("-c") + 1]
    stack = (REPOSITORY / file).read_text(encoding="utf-8")
    test = Path(__file__).with_name("test_swarm.py").read_text(encoding="utf-8")
    head = ", ".join(f'"{word}"' for word in deploy[: deploy.index("-c") + 1])
    assert head in test
    assert " ".join(deploy) in stack
    for variable in ("APP_IMAGE", "FINANCIAL_SVC_REPLICAS", "UPDATE_MONITOR"):
        assert "${" + variable in stack
        assert variable in TEXT
    assert "${FINANCIAL_SVC_REPLICAS:-2}" in stack
    assert "${UPDATE_MONITOR:-45s}" in stack


def test_the_cluster_commands_name_what_there_is() -> None:
    """Folder, Job, Deployment and Secret are those of deploy/kubernetes, whose own comment says the same commands."""
    folder = REPOSITORY / "deploy/kubernetes"
    objects = [
        item
        for path in folder.glob("*.yaml")
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if path.name != "kustomization.yaml"
    ]
    names = {(item["kind"].lower(), item["metadata"]["name"]) for item in objects}
    comment = (folder / "kustomization.yaml").read_text(encoding="utf-8")
    for words in _block("kubernetes"):
        for word in words:
            if re.fullmatch(r"(job|deployment)/[a-z-]+", word):
                assert tuple(word.split("/")) in names
        if "-k" in words:
            assert (REPOSITORY / words[-1] / "kustomization.yaml").is_file()
        if "secret" in words:
            assert ("secret", words[words.index("generic") + 1]) in names
            given = {word.partition("=")[2].partition("=")[0] for word in words if word.startswith("--from-literal")}
            (secret,) = (
                item for item in objects if item["metadata"]["name"] == "ai-service" and item["kind"] == "Secret"
            )
            assert given == secret["stringData"].keys()
        if "undo" not in words:
            assert " ".join(words) in comment


def test_the_files_of_the_matrix_are_those_that_the_report_writes() -> None:
    """Each file that the table of results names is one that the matrix's own code names."""
    code = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests/coldstart").glob("*.py"))
    code += (REPOSITORY / "noxfile.py").read_text(encoding="utf-8")
    table = TEXT.partition("| file | what it is |")[2].partition("\n\n")[0]
    names = re.findall(r"`([\w.-]+\.(?:json|xml|html))`", table)
    assert len(names) == 5
    for name in names:
        assert name.replace("pg17", "{server}") in code or name.replace("pg17", "{name}") in code or name in code, name


@pytest.mark.parametrize("command", re.findall(r"^(nox .*?|python -m pytest .*?)(?: {2,}|$)", TEXT, flags=re.M))
def test_the_sessions_of_the_matrix_exist(command: str) -> None:
    """Each nox session and test folder that is typed there is there."""
    words = shlex.split(command)
    if words[0] == "nox":
        source = (REPOSITORY / "noxfile.py").read_text(encoding="utf-8")
        assert re.search(rf"^def {words[2].partition('(')[0]}\(", source, flags=re.M) or words[1] == "-t"
    else:
        assert (REPOSITORY / words[3]).is_dir()
        assert words[-1] in [state.name for state in cells.STATES]
