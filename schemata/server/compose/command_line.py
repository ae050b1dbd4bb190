"""Docker Compose through its command line: one project, its file, what it says when something is wrong."""

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemata import errors
from schemata.system import processes

#: The name of the file for which Compose also looks for overrides and at COMPOSE_FILE.
DEFAULT_FILE = "compose.yaml"
_TAIL = 15  # lines of a failed build
_MISSING = re.compile(
    r"failed to resolve|pull access denied|manifest unknown|No such image|Error Get|Error response from daemon: Get "
)


@dataclasses.dataclass(frozen=True)
class Project:
    """A Compose project as this call of ours sees it.

    :param environment: variables for the file, beside the caller's own and .env; they win.
    """

    file: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


class DockerNotInstalled(errors.NotAvailable):
    """There is no program `docker`."""

    def __init__(self) -> None:
        super().__init__(
            'the server is "docker", and there is no program docker on PATH',
            "Install Docker with its Compose plugin, or use the embedded server: inv dev-up --server embedded",
        )


class ComposeNotInstalled(errors.NotAvailable):
    """`docker` is there, its plugin `compose` is not, or is the old version 1."""

    def __init__(self) -> None:
        super().__init__(
            "docker has no command `compose`, through which the containers are started",
            "Install the Compose plugin (package docker-compose-plugin or docker-compose-v2), version 2.24 or newer.",
        )


class DockerNotRunning(errors.NotAvailable):
    """Nothing answers where the Docker engine should be."""

    def __init__(self, output: str) -> None:
        self.output = output
        super().__init__(
            f"Docker is installed, but its engine does not answer: {output}",
            "Start it (systemctl start docker, or Docker Desktop), or correct DOCKER_HOST.",
        )


class DockerNotPermitted(errors.NotAvailable):
    """The engine's socket is there, and this user may not use it."""

    def __init__(self, output: str) -> None:
        self.output = output
        super().__init__(
            f"you may not use the Docker engine: {output}",
            "Add yourself to the group that owns the socket (usermod -aG docker NAME) and log in again.",
        )


class InvalidCompose(errors.ConfigError):
    """Compose cannot read the project's file, or a variable in it has no value."""

    def __init__(self, file: Path, output: str, variable: str = "") -> None:
        self.variable = variable
        hint = f"Set {variable} in the environment or in .env (.env.example shows it)." if variable else "Fix it."
        super().__init__(f"{file} cannot be used: {output}", hint)


class PortTaken(errors.NotAvailable):
    """A port that a container is to have on this machine is somebody else's."""

    def __init__(self, port: int, owner: str, variable: str = "") -> None:
        self.port, self.owner = port, owner
        another = f"set {variable} to another one" if variable else "choose another one in the Compose file"
        super().__init__(
            f"port {port} is taken by {owner}, so the container that is to have it cannot start",
            f"Stop that, or {another}, then run it again.",
        )


class BuildFailed(errors.Error):
    """An image could not be built."""

    def __init__(self, output: str, hint: str = "Fix what it names, then run it again.") -> None:
        super().__init__(f"the image could not be built, so nothing was started:\n{output}", hint)


class ImageNotFound(errors.NotAvailable):
    """An image is not on this machine and cannot be fetched."""

    def __init__(self, output: str) -> None:
        super().__init__(
            f"an image is not on this machine and could not be fetched: {output}",
            "Check its name (POSTGRES_IMAGE, PYTHON_IMAGE, APP_IMAGE) and the way to its registry, or build it here.",
        )


class ComposeFailed(errors.NotAvailable):
    """Compose failed in a way that is not known here; its own words follow."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"docker compose {command} failed: {output}", "Run it by hand to see its whole output.")


def config(project: Project) -> dict[str, Any]:
    """Return the project as Compose understands it, variables filled in. Needs no engine.

    Raises InvalidCompose; its `variable` names one that the file demands and nobody sets.
    """
    done = call(project, "config", "--format", "json")
    if done.code != 0:
        raise _explained(project, "config", done)
    found: dict[str, Any] = json.loads(done.output)
    return found


def up(project: Project, patience: float) -> processes.Completed:
    """Build, create and start everything and wait until it is healthy, at most `patience` seconds.

    Where that did not come about but the containers were made (one is unhealthy, or exits), the result has another
    exit code than 0 and the words of Compose. All else that can go wrong is an error.
    """
    done = call(project, "up", "--detach", "--build", "--wait", "--wait-timeout", str(max(1, round(patience))))
    if done.code != 0 and not _is_about_health(done.complaint):
        raise _explained(project, "up", done)
    return done


def down(project: Project, *, volumes: bool = False) -> None:
    """Stop and remove the project's containers and networks; with `volumes` its volumes too."""
    done = call(project, "down", "--remove-orphans", *(["--volumes"] if volumes else []))
    if done.code != 0:
        raise _explained(project, "down", done)


def call(project: Project, *arguments: str) -> processes.Completed:
    """Run `docker compose` on the project to its end; the exit code is not judged, but there is a Compose."""
    command = ["docker", "compose", "--ansi", "never", "--progress", "plain"]
    # Said by name, Compose would not look for compose.override.yaml beside it, nor at COMPOSE_FILE.
    if project.file.name != DEFAULT_FILE:
        command += ["--file", str(project.file)]
    try:
        done = processes.run([*command, *arguments], cwd=project.file.parent, env={**os.environ, **project.environment})
    except errors.NotAvailable as error:
        raise DockerNotInstalled from error
    # Without the plugin, docker takes the words after `compose` for its own.
    if done.code != 0 and re.search(
        r"is not a docker command|unknown flag: --ansi|unknown shorthand flag", done.complaint
    ):
        raise ComposeNotInstalled
    return done


def versions() -> tuple[str, str]:
    """Return the versions of the Docker engine and of Compose. Raises NotAvailable where either is not there."""
    try:
        engine = processes.run(["docker", "version", "--format", "{{.Server.Version}}"])
        compose = processes.run(["docker", "compose", "version", "--short"])
    except errors.NotAvailable as error:
        raise DockerNotInstalled from error
    if compose.code != 0:
        raise ComposeNotInstalled
    if engine.code != 0:
        raise _of_engine(engine.complaint) or DockerNotRunning(_last(engine.complaint))
    return engine.output.strip(), compose.output.strip()


def host() -> str:
    """Return where the engine is that the command line uses: of DOCKER_HOST or of the context that is chosen."""
    done = processes.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return done.output.strip() if done.code == 0 else ""


def _is_about_health(output: str) -> bool:
    return bool(re.search(r"is unhealthy|exited \(\d+\)|didn't complete successfully|application not healthy", output))


def _explained(project: Project, command: str, done: processes.Completed) -> errors.Error:
    """Return the error that says what Compose's words mean."""
    output = done.complaint
    if found := re.search(r"required variable (\w+) is missing a value", output):
        return InvalidCompose(project.file, f"the variable {found[1]} has no value", found[1])
    if found := re.search(
        r"(?:Bind for|listen tcp4?) \S*?:(\d+)(?: failed)?: (?:port is already allocated|bind: address already in use)",
        output,
    ):
        port = int(found[1])
        return PortTaken(port, processes.user_of_port(port))
    missing = [line.strip() for line in output.splitlines() if _MISSING.search(line)]
    if "failed to solve" in output:
        hint = "Fix what it names, then run it again."
        if missing:
            hint = "The base image could not be fetched: check PYTHON_IMAGE and the way to its registry."
        return BuildFailed(_tail(output), hint)
    # Before the engine: where a fetch fails, the build beside it is called off, and says that there is no engine.
    if missing:
        return ImageNotFound(missing[-1])
    if engine := _of_engine(output):
        return engine
    if command == "config":
        return InvalidCompose(project.file, _last(output))
    return ComposeFailed(command, _last(output))


def _of_engine(output: str) -> errors.NotAvailable | None:
    for line in output.splitlines():
        if "permission denied while trying to connect" in line:
            return DockerNotPermitted(line.partition(": Get ")[0].strip())
        if re.search(r"Cannot connect to the Docker daemon|error during connect|docker daemon is not running", line):
            return DockerNotRunning(line.strip())
    return None


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"


def _tail(output: str) -> str:
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_TAIL:])
