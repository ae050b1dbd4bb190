"""A Docker engine that nobody else needs meanwhile, and the order of the tests that share it."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest

from tests.conftest import REPOSITORY
from tests.deploy import releases
from tests.patience import until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests/docker behind the tests here.

    Both keep the engine for themselves, tests/docker until its session ends: in the other order, in one process, a
    test here would wait for its own end.
    """
    items.sort(key=lambda item: REPOSITORY / "tests/docker" in item.path.parents)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of tests/docker/conftest.py: one session at a time uses the engine."""
    with Path(tempfile.gettempdir(), f"schemata-docker-{os.getuid()}.lock").open("w") as lock:

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        until(taken, f"the lock {lock.name} of another session of tests is released", 600)
        yield


@pytest.fixture
def engine() -> Iterator["docker.DockerClient"]:
    """Connect to an engine that has the images to build on, and hold it; in CI there has to be one."""
    with contextlib.ExitStack() as held:
        lacking = ""
        try:
            client = held.enter_context(contextlib.closing(docker.from_env()))
            client.ping()
            held.enter_context(_alone())
            releases.bases()
        except docker.errors.DockerException as error:
            lacking = f"no Docker engine answers here: {error}"
        except releases.Lacking as error:
            lacking = str(error)
        refuse(lacking)
        yield client


def refuse(reason: str) -> None:
    """Skip the test for a reason, if there is one; in CI it fails."""
    if reason and os.environ.get("CI"):
        pytest.fail(f"CI has to have Docker: {reason}")
    if reason:
        pytest.skip(reason)
