"""Three releases as images: the platform as it is, one with a migration that adds, one with a migration that fails."""

import contextlib
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import docker.errors

from tests.conftest import REPOSITORY

GOOD = "public.20990101000000.add_swarm_notes"
BAD = "public.20990101000001.add_what_fails"
ACCEPTS = "20250101000000.."

_GOOD_SQL = """\
-- A table for the notes of the second release.
--
-- Why: a release that only adds may be rolled out while the one before it serves.
CREATE TABLE public.swarm_notes (
    id bigint GENERATED ALWAYS AS IDENTITY,
    CONSTRAINT swarm_notes_pkey PRIMARY KEY (id)
);
"""
_BAD_SQL = """\
-- What cannot be.
--
-- Why: to see what a swarm does with a release whose migration fails.
CREATE TABLE public.never_there (id bigint);
SELECT 1 / 0;
"""


@dataclass(frozen=True)
class Images:
    """The names of the three."""

    first: str
    good: str
    bad: str


#: What the images are built on: its variable, our CI's stand-in for it, Compose's default.
_BASES = (
    ("POSTGRES_IMAGE", "localhost/standin-postgres:18", "postgres:18"),
    ("PYTHON_IMAGE", "localhost/standin-python:3.13", "python:3.13-slim"),
)


class Lacking(Exception):
    """An image is neither here nor can be pulled."""


def bases() -> dict[str, str]:
    """Return the images to build on, by variable: the one that is named, else the stand-in, else the default."""
    found = {}
    for variable, stand_in, usual in _BASES:
        named = os.environ.get(variable)
        image = named or (stand_in if _run("image", "inspect", stand_in).returncode == 0 else usual)
        if _run("image", "inspect", image).returncode != 0:
            pulled = _run("pull", "--quiet", image)
            if pulled.returncode != 0:
                raise Lacking(f"the image {image} is not here and cannot be pulled: {pulled.stderr.strip()}")
        found[variable] = image
    return found


@contextlib.contextmanager
def built(engine: "docker.DockerClient", folder: Path) -> Iterator[Images]:
    """Build the three, as Compose builds the first; they are removed afterwards."""
    name = f"localhost/schemata-test-{uuid.uuid4().hex[:8]}"
    images = Images(f"{name}:first", f"{name}:good", f"{name}:bad")
    try:
        _docker(
            ["compose", "build", "financial-svc"],
            COMPOSE_PROJECT_NAME=name.partition("/")[2], APP_IMAGE=images.first, **bases(), POSTGRES_PASSWORD="none",
        )  # fmt: skip
        _release(folder / "good", images.first, images.good, GOOD, _GOOD_SQL, "DROP TABLE public.swarm_notes;\n")
        _release(folder / "bad", images.good, images.bad, BAD, _BAD_SQL, "DROP TABLE public.never_there;\n")
        yield images
    finally:
        for image in (images.bad, images.good, images.first):
            with contextlib.suppress(docker.errors.APIError):
                engine.images.remove(image, force=True)


def _release(folder: Path, base: str, name: str, migration: str, sql: str, rollback: str) -> None:
    folder.mkdir()
    schema = migration.partition(".")[0]
    (folder / f"{migration}.sql").write_text(sql, encoding="utf-8")
    (folder / f"{migration}.rollback.sql").write_text(rollback, encoding="utf-8")
    (folder / "Dockerfile").write_text(
        f"FROM {base}\n"
        f"COPY --chmod=644 *.sql migrations/{schema}/\n"
        "USER 0\n"
        # The lock file is of the release before; without one the seal writes its own.
        'RUN ["python", "-c", "import os; os.remove(\'migrations/manifest\')"]\n'
        'RUN ["schemata", "seal"]\n'
        "USER 10001:10001\n",
        encoding="utf-8",
    )
    _docker(["build", "--quiet", "--tag", name, str(folder)])


def _docker(arguments: list[str], **environment: str) -> None:
    done = _run(*arguments, **environment)
    assert done.returncode == 0, done.stdout + done.stderr


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "DOCKER_BUILDKIT": "1", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
