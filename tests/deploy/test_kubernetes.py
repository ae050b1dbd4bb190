"""The Kubernetes objects: valid for the API, equal to compose.yaml where both say it, as closed as promised."""

import ast
import copy
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from schemata import boot, config
from services.api_keys import commands, keys
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "deploy/kubernetes"
# The schemas of versions before 1.29 demand a key of podFailurePolicy that their servers did not.
VERSIONS = ("1.29", "1.31", "1.33", "1.35", "1.37")
SETTINGS = config.load(REPOSITORY, {})
NAMES = [service.name for service in SETTINGS.services]


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _objects() -> Iterator[dict[str, Any]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from _documents(path)


def _object(kind: str, name: str) -> dict[str, Any]:
    (found,) = (item for item in _objects() if (item["kind"], item["metadata"]["name"]) == (kind, name))
    return found


def _pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield each workload's name, its pod and its only container."""
    for item in _objects():
        if item["kind"] in ("Deployment", "Job"):
            pod = item["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield item["metadata"]["name"], pod, container


def _compose() -> dict[str, Any]:
    return dict(yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8")))["services"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str) -> None:
    """The API's own schema accepts each object, with no key that it does not know."""
    for item in _objects():
        # Its answer is the version that it used: never an older one than was asked for.
        assert kubernetes_validate.validate(item, version, strict=True) == version, item["metadata"]["name"]


def test_the_schema_can_refuse() -> None:
    """A slip in a key deep inside is found by it."""
    item = copy.deepcopy(_object("Deployment", "financial-svc"))
    item["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(item, VERSIONS[-1], strict=True)


def test_kustomize_finds_every_file_but_the_examples() -> None:
    """The list of resources is the folder's, without the Secrets that hold no secret; nothing names a namespace."""
    (kustomization,) = _documents(FOLDER / "kustomization.yaml")
    there = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    there -= {path.name for path in FOLDER.glob("*.example.yaml")}
    assert sorted(kustomization["resources"]) == sorted(there)
    (image,) = kustomization["images"]
    assert {container["image"] for _, _, container in _pods()} == {f"{image['name']}:{image['newTag']}"}
    assert [item for item in (*_objects(), kustomization) if "namespace" in {**item, **item.get("metadata", {})}] == []


def test_the_example_holds_no_secret() -> None:
    """The only values of the examples are empty, or a URL without a password."""
    assert all(item["kind"] == "Secret" for item in _documents(FOLDER / "secret.example.yaml"))
    for item in _objects():
        if item["kind"] != "Secret":
            continue
        assert "data" not in item
        for value in item["stringData"].values():
            assert value == "" or re.fullmatch(r"postgresql://\w+@[\w.]+:\d+/\w+", value)


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_started_as_compose_starts_it(name: str) -> None:
    """Image, command, variables and port are those of compose.yaml; only that it waits for the Job is its own."""
    compose = _compose()[name]
    (container,) = (container for workload, _, container in _pods() if workload == name)
    assert container["image"] == re.sub(r"\$\{\w+:-(.*)\}", r"\1", compose["image"])
    arguments = boot.parse([str(word) for word in container["args"]])
    wanted = boot.parse([str(word) for word in compose["command"]])
    assert (arguments.service, arguments.command) == (wanted.service, wanted.command)
    assert arguments.wait_only
    assert not wanted.wait_only
    assert {str(port["containerPort"]) for port in container["ports"]} == {
        port.rpartition(":")[2] for port in compose["ports"]
    }
    secret, _ = _documents(FOLDER / "secret.example.yaml")
    values = _object("ConfigMap", "ai-service")["data"]
    assert values.keys() | secret["stringData"].keys() == compose["environment"].keys()
    assert not values.keys() & secret["stringData"].keys()
    assert values["DATABASE_URL"] == compose["environment"]["DATABASE_URL"]
    limits = compose["deploy"]["resources"]["limits"]
    assert container["resources"]["limits"]["memory"] == f"{limits['memory']}i"
    assert float(container["resources"]["limits"]["cpu"]) == float(limits["cpus"])


@pytest.mark.parametrize("name", NAMES)
def test_the_probes_ask_what_the_service_serves(name: str) -> None:
    """Ready decides about traffic, alive about restarts; the start may take as long as the entrypoint waits."""
    (container,) = (container for workload, _, container in _pods() if workload == name)
    (service,) = (service for service in SETTINGS.services if service.name == name)
    probes = {kind: container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}
    assert probes["readiness"]["httpGet"]["path"] == service.ready
    assert probes["liveness"]["httpGet"]["path"] == probes["startup"]["httpGet"]["path"] == "/health"
    (port,) = container["ports"]
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {port["name"]}
    patience = SETTINGS.wait.attempts * SETTINGS.wait.delay
    assert probes["startup"]["failureThreshold"] * probes["startup"]["periodSeconds"] >= patience + 10
    deployment = _object("Deployment", name)["spec"]
    assert deployment["progressDeadlineSeconds"] > patience
    served = {
        node.value
        for path in (REPOSITORY / "services").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {probe["httpGet"]["path"] for probe in probes.values()} <= served


def test_the_four_deployments_differ_in_nothing_but_what_they_run() -> None:
    """With the names taken away they are one, but that requests are drained where there are some."""
    shapes = []
    for name in NAMES:
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        for word in (name, name.replace("-", "_")):
            text = text.replace(word, "NAME")
        deployment, budget, *services = yaml.safe_load_all(text)
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        drained = container.pop("lifecycle", None)
        seconds = pod.pop("terminationGracePeriodSeconds")
        stop = float(str(_compose()[name]["stop_grace_period"]).rstrip("s"))
        assert bool(drained) == bool(services) == name.endswith("-svc")
        before = float(drained["preStop"]["exec"]["command"][1]) if drained else 0
        assert seconds >= before + stop
        shapes.append((deployment, budget))
    assert all(shape == shapes[0] for shape in shapes)


def test_names_lead_from_one_object_to_another() -> None:
    """Selectors, budgets and Services select the pods of their Deployment, which has more replicas than the budget."""
    for name in NAMES:
        deployment = _object("Deployment", name)["spec"]
        labels = deployment["template"]["metadata"]["labels"]
        budget = _object("PodDisruptionBudget", name)["spec"]
        assert deployment["selector"]["matchLabels"].items() <= labels.items()
        assert budget["selector"] == deployment["selector"]
        assert deployment["replicas"] > budget["minAvailable"] >= 1
        if name.endswith("-svc"):
            assert _object("Service", name)["spec"]["selector"].items() <= labels.items()
    for name, pod, container in _pods():
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}, name
        for source in container["envFrom"]:
            for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if key in source:
                    assert _object(kind, source[key]["name"])


def test_a_container_may_nothing_that_it_need_not() -> None:
    """No root, no capability, no writable file but in memory, no token, no variables of other Services."""
    for name, pod, container in _pods():
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}, name
        # Links would set FINANCIAL_SVC_PORT to a URL.
        assert pod["enableServiceLinks"] is False, name
        assert pod["automountServiceAccountToken"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {volume["emptyDir"]["medium"] for volume in pod["volumes"]} == {"Memory"}, name
        assert {"requests", "limits"} <= container["resources"].keys()


def test_the_image_puts_a_newer_client_where_a_volume_is() -> None:
    """The folder that the image names in SCHEMATA_CLIENT_DIR is a mount of every service, in Compose too."""
    dockerfile = (REPOSITORY / "services/Dockerfile").read_text(encoding="utf-8")
    (place,) = set(re.findall(r"SCHEMATA_CLIENT_DIR=(\S+)", dockerfile))
    for name, _, container in _pods():
        if name in NAMES:
            assert place in [mount["mountPath"] for mount in container["volumeMounts"]]
            assert place in [text.partition(":")[0] for text in _compose()[name]["tmpfs"]]


def test_the_job_migrates_and_gives_up_where_a_person_is_needed() -> None:
    """It runs the entrypoint without a command, and tries again only for exit codes that a new try can change."""
    (container,) = (container for name, _, container in _pods() if name == "ai-service-migrate")
    options = boot.parse(container["args"])
    assert (options.command, options.wait_only, options.until) == ([], False, "")
    policy = _object("Job", "ai-service-migrate")["spec"]["podFailurePolicy"]["rules"]
    (codes,) = (rule["onExitCodes"] for rule in policy if "onExitCodes" in rule)
    assert codes["values"] == [1, 2]
    assert codes["containerName"] == container["name"]
    assert _object("Job", "ai-service-migrate")["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["schemata"]["name"] == "ai-service"


def test_the_example_of_a_key_is_one_that_can_be_registered() -> None:
    """Its Job runs the program that stores a key, with scopes that there are, after the Job that migrates."""
    (container,) = (container for name, _, container in _pods() if name == "ai-service-api-key")
    options = boot.parse(container["args"])
    assert options.wait_only
    assert options.service == ""
    *program, name, scopes = options.command
    assert program == ["python", "-m", "services.api_keys.register"]
    assert commands.name_of(name) == name
    assert set(commands.scopes_of(scopes)) <= set(keys.SCOPES)
    compose = _compose()["api-key"]
    *same, _, everything = boot.parse(compose["command"]).command
    assert same == program
    assert set(commands.scopes_of(everything)) == set(keys.SCOPES)
    variable = compose["environment"].keys() - _compose()["financial-svc"]["environment"].keys()
    assert variable == _object("Secret", "ai-service-api-key")["stringData"].keys()
